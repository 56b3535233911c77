"""The page of a workspace's keys. What asks Fini is tested in tests/ingestion/engine/test_key_check.py."""

import re
import uuid
from datetime import UTC, date, datetime
from html import unescape

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from fini_admin.audit.models import Entry
from fini_admin.workspaces.models import ApiKey, Workspace
from tests.support import people
from tests.support.challenge import asks

pytestmark = pytest.mark.django_db
PAGE = "/w/acme/keys/"
OTHER = "fini_live_zyxwvutsrqponmlkjihgfedcba9876"
ACTS = ("verify", "switch", "off", "edit")


@pytest.fixture
def keys(acme: Workspace) -> dict[str, ApiKey]:
    """A live key and one that waits."""
    return {"main": people.key(acme), "next": people.verified(people.key(acme, "next", OTHER))}


def address(key: ApiKey, act: str, slug: str = "acme") -> str:
    return f"/w/{slug}/keys/{key.pk}/{act}/"


def states() -> dict[str, str]:
    return dict(ApiKey.objects.values_list("label", "state"))


def text(content: bytes) -> str:
    """What a page says, without its markup."""
    return unescape(" ".join(re.sub(r"<[^>]*>", " ", content.decode()).split())).replace(" .", ".")


def test_without_a_key_the_page_says_what_one_is_and_asks_for_it(admin):
    page = admin.get(PAGE)
    said = text(page.content)
    assert "made in Fini under Deploy → API Keys, with the scopes read and write" in said
    assert "It is used at once" in said
    field = re.search(rb'<input type="password"[^>]*name="key"[^>]*>', page.content)
    assert field
    assert b'autocomplete="off"' in field[0]
    assert b"value=" not in field[0]


def test_a_key_is_added_sealed_and_said_to_be_live(admin, acme):
    answer = admin.post(PAGE, {"key": f' "Bearer {people.KEY}" ', "label": "main"})
    assert (answer.status_code, answer.url) == (303, PAGE)
    page = admin.get(PAGE)
    assert "The key main is added. It is live; verify it next." in text(page.content)
    assert people.KEY not in page.content.decode()
    assert "…1234" in page.content.decode()
    key = ApiKey.objects.get()
    assert (key.label, key.state, key.created_by) == ("main", "live", "ada@example.com")
    kind, actor, _ = people.trail(acme)[-1]
    assert (kind, actor) == ("key.added", "ada@example.com")
    assert Entry.objects.filter(chain=str(acme.pk)).latest("seq").origin == "browser"


@pytest.mark.parametrize(
    ("typed", "field", "said"),
    [
        ({"key": "", "label": "main"}, "key", "Paste the key from Fini."),
        ({"key": people.KEY, "label": ""}, "label", "Give the key a label."),
        ({"key": "sk_nothing", "label": "main"}, "key", "A key begins with fini_."),
        ({"key": "fini_a b", "label": "main"}, "key", "A key has no white space in it."),
        ({"key": "fini_" + "x" * 5000, "label": "main"}, "key", "at most 4,096 characters"),
        ({"key": "fini_\x00", "label": "main"}, "key", "Null characters are not allowed."),
        ({"key": people.KEY, "label": "l" * 61}, "label", "at most 60 characters"),
        ({"key": people.KEY, "label": "a\tb"}, "label", "one line of text"),
    ],
)
def test_what_is_wrong_is_said_beside_its_field_and_the_rest_is_kept(admin, typed, field, said):
    answer = admin.post(PAGE, typed)
    assert answer.status_code == 422
    assert said in " ".join(answer.context["form"].errors[field])
    assert not ApiKey.objects.exists()
    page = answer.content.decode()
    assert typed["key"] == "" or typed["key"] not in page
    if field == "key":
        assert f'value="{typed["label"]}"' in page


@pytest.mark.parametrize("label", [people.KEY, f"my {people.KEY}", "fini_short", "our fini_short one"])
def test_a_key_in_the_label_is_refused_beside_it_and_shown_nowhere(admin, acme, label):
    before = people.trail(acme)
    answer = admin.post(PAGE, {"key": "fini_short", "label": label})
    assert answer.status_code == 422
    assert answer.context["form"].errors["label"] == [
        "This looks like an API key and was taken out. A key belongs only in the key's own field."
    ]
    assert label not in answer.content.decode()
    assert not ApiKey.objects.exists()
    assert people.trail(acme) == before


def test_a_key_of_another_workspace_is_refused_without_naming_it(admin, other):
    people.key(other)
    answer = admin.post(PAGE, {"key": people.KEY, "label": "main"})
    assert answer.status_code == 422
    assert "Another workspace here holds this key" in text(answer.content)
    assert "Other Company" not in answer.content.decode()
    assert ApiKey.objects.get().workspace == other


def test_a_form_that_was_sent_twice_adds_one_key(admin, acme):
    for _ in range(2):
        assert admin.post(PAGE, {"key": people.KEY, "label": "main"}).status_code == 303
    assert ApiKey.objects.count() == 1
    assert [row[0] for row in people.trail(acme)].count("key.added") == 1


def test_another_key_under_a_label_in_use_is_refused(admin, keys):
    answer = admin.post(PAGE, {"key": "fini_third", "label": "main"})
    assert answer.status_code == 422
    assert answer.context["form"].errors == {"label": ["The workspace has a key with this label already."]}
    assert ApiKey.objects.count() == 2


def test_a_switch_moves_the_calls_to_the_other_key(admin, acme, keys):
    for _ in range(2):
        assert admin.post(address(keys["next"], "switch")).status_code == 303
    assert states() == {"main": "waiting", "next": "live"}
    assert [row[0] for row in people.trail(acme)].count("key.switched") == 1
    assert "Calls go out with the key next from now on." in text(admin.get(PAGE).content)


def test_a_refused_key_cannot_be_switched_to_and_the_page_says_why(admin, keys):
    ApiKey.objects.filter(label="next").update(refused_at=datetime.now(UTC))
    page = admin.get(PAGE).content.decode()
    assert "Verify it once Fini accepts it again; until then it cannot be switched to." in text(page.encode())
    assert re.search(r"<button[^>]*\bdisabled\b[^>]*>Switch to this key", page)
    assert admin.post(address(keys["next"], "switch"), follow=True).context["messages"]
    assert states() == {"main": "live", "next": "waiting"}


def test_a_key_is_switched_off_after_the_page_said_what_happens(admin, acme, keys):
    page = text(admin.get(PAGE).content)
    assert (
        "No call goes out any more, and this workspace's work waits until you switch to another key." in page
    )
    for _ in range(2):
        assert admin.post(address(keys["main"], "off")).status_code == 303
    assert states() == {"main": "off", "next": "waiting"}
    assert [row[0] for row in people.trail(acme)].count("key.switched_off") == 1
    page = text(admin.get(PAGE).content)
    assert "Revoke it in Fini too" in page
    assert "No key is live: this workspace's work waits until you switch to one." in page
    assert "1 switched off" in page


def test_a_key_that_is_here_already_is_refused_until_it_is_off(admin, acme, keys):
    answer = admin.post(PAGE, {"key": people.KEY, "label": "again"})
    assert answer.status_code == 422
    assert "The workspace holds this key already, as main." in answer.context["form"].errors["key"][0]
    admin.post(address(keys["main"], "off"))
    assert admin.post(PAGE, {"key": people.KEY, "label": "again"}).status_code == 303
    assert states() == {"main": "off", "next": "waiting", "again": "waiting"}


def test_a_key_that_is_off_is_neither_switched_to_nor_verified(admin, acme, keys):
    admin.post(address(keys["next"], "off"))
    before = people.trail(acme)
    for act in ("switch", "verify"):
        page = admin.post(address(keys["next"], act), follow=True)
        assert "off for good" in text(page.content)
    assert people.trail(acme) == before


def test_what_is_said_of_a_key_is_changed(admin, acme, keys):
    sent = {"label": "Nightly", "purpose": "imports", "owner": "bo@example.com", "expires_on": "2031-02-03"}
    answer = admin.post(address(keys["main"], "edit"), sent, follow=True)
    assert set(states()) == {"Nightly", "next"}
    page = text(answer.content)
    assert "The label and notes of the key Nightly are saved." in page
    assert "Purpose imports Owner bo@example.com Expires 3 Feb 2031" in page
    assert people.trail(acme)[-1][2]["before"]["label"] == "main"


def test_a_key_that_expired_keeps_its_day_and_takes_no_other_past_one(admin, acme, keys):
    ApiKey.objects.filter(label="main").update(expires_on=date(2026, 1, 2))
    sent = {"label": "main", "purpose": "imports", "expires_on": "2026-01-02"}
    assert admin.post(address(keys["main"], "edit"), sent).status_code == 303
    answer = admin.post(address(keys["main"], "edit"), sent | {"expires_on": "2026-01-03"})
    assert answer.status_code == 422
    assert "This day has passed" in answer.content.decode()
    assert ApiKey.objects.get(label="main").expires_on == date(2026, 1, 2)


def test_the_last_refusal_stays_on_the_card_when_fini_takes_the_key_again(admin, acme, keys):
    ApiKey.objects.filter(label="main").update(last_refused_at=datetime(2025, 1, 3, 10, 0, tzinfo=UTC))
    page = text(admin.get(PAGE).content)
    card = page[page.index("main …1234") : page.index("next …9876")]
    assert "Last refused 3 Jan 2025" in card
    assert page.count("Last refused") == 1


@pytest.mark.parametrize(
    ("label", "shown"), [("", ""), ("next", "next"), (people.KEY, "[key removed]"), ("l" * 61, "l" * 61)]
)
def test_a_label_that_will_not_do_stands_beside_its_reason(admin, keys, label, shown):
    answer = admin.post(address(keys["main"], "edit"), {"label": label, "purpose": "imports"})
    assert answer.status_code == 422
    form = answer.context["form"]
    assert form.errors["label"]
    assert (form["label"].value() or "", form["purpose"].value()) == (shown, "imports")
    assert people.KEY not in answer.content.decode()
    assert set(states()) == {"main", "next"}


def test_what_a_key_is_stands_on_its_card(admin, acme, keys):
    now = datetime.now(UTC)
    used = datetime(2025, 1, 3, 10, 0, tzinfo=UTC)
    ApiKey.objects.filter(label="main").update(
        scopes="read", verified_at=now, refused_at=now, last_used_at=used
    )
    page = text(admin.get(PAGE).content)
    card = page[page.index("main …1234 live refused") : page.index("next …9876 waiting")]
    assert "Fini refused this key just now. This workspace's work waits." in card
    said = "Scopes read Verified just now Last used 3 Jan 2025 Owner test Added just now Added by test"
    assert said in card
    assert "Scopes read and write Verified just now Last used never" in page


@pytest.mark.parametrize(
    ("scopes", "said"),
    [
        ("read", "may read, may not write: registering and ingesting will be refused"),
        ("write", "may write, may not read"),
        ("", "may neither read nor write"),
    ],
)
def test_a_key_that_lacks_a_scope_is_told_with_what_comes_of_it(admin, keys, scopes, said):
    ApiKey.objects.filter(label="main").update(scopes=scopes, verified_at=datetime.now(UTC))
    assert said in text(admin.get(PAGE).content)


def test_titles_and_labels_are_escaped(admin, acme):
    people.key(acme, "<b>bold</b>")
    assert "<b>bold" not in admin.get(PAGE).content.decode()


@pytest.mark.parametrize("act", ["verify", "switch", "off"])
def test_a_get_changes_nothing_and_leads_to_the_page(admin, acme, keys, act):
    before = people.trail(acme)
    assert admin.get(address(keys["next"], act)).url == PAGE
    assert states() == {"main": "live", "next": "waiting"}
    assert people.trail(acme) == before


@pytest.mark.parametrize("act", ACTS)
@pytest.mark.parametrize("role", ["viewer", "editor"])
def test_who_may_not_manage_keys_is_refused(client, acme, keys, act, role):
    people.sign_in(client, people.member(acme, role))
    before = people.trail(acme)
    assert client.post(address(keys["next"], act), {"label": "mine"}).status_code == 403
    assert client.post(PAGE, {"key": "fini_mine", "label": "mine"}).status_code == 403
    assert states() == {"main": "live", "next": "waiting"}
    assert people.trail(acme) == before


@pytest.mark.parametrize("act", ACTS)
def test_another_workspaces_key_is_not_there(admin, acme, other, act):
    theirs = people.key(other)
    people.key(other, "next", OTHER)
    before = people.trail(other)
    assert admin.post(address(theirs, act), {"label": "mine"}).status_code == 404
    assert admin.post(address(theirs, act, "other"), {"label": "mine"}).status_code == 404
    assert admin.post(f"/w/acme/keys/{uuid.uuid4()}/{act}/").status_code == 404
    assert states() == {"main": "live", "next": "waiting"}
    assert people.trail(other) == before
    assert len(people.trail(acme)) == 2


@pytest.mark.parametrize("act", ACTS)
def test_who_is_not_logged_in_is_led_to_the_log_in(client, keys, act):
    assert client.post(address(keys["next"], act)).url.startswith("/accounts/login/")
    assert states() == {"main": "live", "next": "waiting"}


def test_a_post_from_elsewhere_is_refused(acme, keys):
    client = Client(enforce_csrf_checks=True)
    people.sign_in(client, people.member(acme, "admin"))
    assert client.post(address(keys["main"], "off")).status_code == 403
    assert states() == {"main": "live", "next": "waiting"}


def test_the_live_part_is_the_list_alone(admin, keys):
    part = admin.get(PAGE, headers={"HX-Request": "true"}).content.decode()
    assert "main" in part
    assert "<html" not in part
    assert 'name="key"' not in part


def test_three_keys_cost_no_more_queries_than_one(admin, acme):
    people.key(acme)
    one = count(admin)
    for number in range(2):
        people.key(acme, f"key {number}", f"fini_number_{number}")
    assert count(admin) == one


def count(client: Client) -> int:
    """How many queries the page makes."""
    with CaptureQueriesContext(connection) as captured:
        assert client.get(PAGE).status_code == 200
    return len(captured)


def test_no_answer_and_no_row_of_the_trail_ever_holds_a_key(admin, acme):
    answers = [admin.post(PAGE, {"key": people.KEY, "label": "main"}, follow=True)]
    answers += [
        admin.post(PAGE, {"key": OTHER, "label": label}, follow=True) for label in ("main", OTHER, "next")
    ]
    for key in ApiKey.objects.order_by("label"):
        answers += [
            admin.post(address(key, act), {"label": label}, follow=True)
            for act, label in (
                ("switch", ""),
                ("edit", OTHER),
                ("edit", "renamed " + key.label),
                ("off", ""),
            )
        ]
    everything = "".join(answer.content.decode() + str(answer.headers) for answer in answers)
    rows = str(list(Entry.objects.values_list()))
    for secret in (people.KEY, OTHER):
        assert secret not in everything
        assert secret not in rows
    assert states() == {"renamed main": "off", "renamed next": "off"}


@pytest.mark.parametrize("act", ["", "switch", "off"])
def test_who_logged_in_long_ago_is_asked_again_before_a_key_changes(client, acme, keys, act):
    client.force_login(people.member(acme, "admin", "ben@example.com"))
    before = states()
    answer = client.post(address(keys["next"], act) if act else PAGE, {"label": "third", "key": "fini_third"})
    assert asks(answer)
    assert b"fini_third" not in answer.content
    assert states() == before
