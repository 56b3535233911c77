"""What a key is for, whose it is, when it ends, how much it is used, and what breaks without it."""

import re
from datetime import timedelta
from html import unescape
from typing import Any

import pytest
from django.core.exceptions import ValidationError
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from fini_admin.ingestion.home_facts import home_facts
from fini_admin.ingestion.kinds import discovery
from fini_admin.web.wording.home import needs_of_work
from fini_admin.workspaces.keys import add_key, switch_key, switch_off_key
from fini_admin.workspaces.models import ApiKey
from tests.support import people
from tests.support.sources import NOW
from tests.support.who import by

pytestmark = pytest.mark.django_db
PAGE = "/w/acme/keys/"
OTHER = "fini_live_zyxwvutsrqponmlkjihgfedcba9876"
HTMX = {"HX-Request": "true"}


def text(content: bytes) -> str:
    return unescape(" ".join(re.sub(r"<[^>]*>", " ", content.decode()).split()))


def typed(**values: str) -> dict[str, str]:
    return {"key": people.KEY, "label": "main"} | values


def test_purpose_owner_and_expiry_are_kept_shown_and_recorded(admin, acme):
    day = timezone.localdate() + timedelta(days=90)
    admin.post(PAGE, typed(purpose="Nightly imports", owner="Knowledge team", expires_on=day.isoformat()))
    key = ApiKey.objects.get()
    assert (key.purpose, key.owner, key.expires_on) == ("Nightly imports", "Knowledge team", day)
    page = text(admin.get(PAGE).content)
    assert f"Purpose Nightly imports Owner Knowledge team Expires {day.day} {day:%b %Y}" in page
    detail = people.trail(acme)[-1][2]
    assert (detail["purpose"], detail["owner"], detail["expires_on"]) == (
        "Nightly imports",
        "Knowledge team",
        day.isoformat(),
    )


def test_left_empty_the_owner_is_who_adds_it(admin):
    admin.post(PAGE, typed())
    key = ApiKey.objects.get()
    assert (key.purpose, key.owner, key.expires_on) == ("", "ada@example.com", None)


@pytest.mark.parametrize("field", ["purpose", "owner"])
@pytest.mark.parametrize("value", [OTHER, f"see {people.KEY}", "x" * 151, "two\nlines"])
def test_what_may_not_stand_there_is_refused_beside_the_field(admin, field, value):
    answer = admin.post(PAGE, typed(**{field: value}))
    assert answer.status_code == 422
    assert answer.context["form"].errors[field]
    assert OTHER not in answer.content.decode()
    assert people.KEY not in answer.content.decode()
    assert not ApiKey.objects.exists()


@pytest.mark.parametrize("field", ["purpose", "owner"])
def test_a_short_key_in_another_field_is_refused_by_the_action_too(acme, field):
    words: Any = {field: "is fini_x"}
    with pytest.raises(ValidationError) as found:
        add_key(by=by("a", "t"), workspace=acme, label="main", plain="fini_x", **words)
    assert set(found.value.message_dict) == {field}


@pytest.mark.parametrize(
    ("value", "said"), [("soon", "Enter a date like"), ("2020-01-01", "This day has passed")]
)
def test_a_day_that_will_not_do_is_said_and_kept(admin, value, said):
    answer = admin.post(PAGE, typed(expires_on=value))
    assert answer.status_code == 422
    assert said in " ".join(answer.context["form"].errors["expires_on"])
    assert value in answer.content.decode()


@pytest.mark.parametrize(
    ("days", "said"), [(15, ""), (14, "expires on"), (0, "expires on"), (-1, "expired on")]
)
def test_home_reminds_from_14_days_before_and_after(acme, monkeypatch, days, said):
    monkeypatch.setattr(timezone, "now", lambda: NOW)
    day = NOW.date() + timedelta(days=days)
    ApiKey.objects.filter(pk=people.key(acme).pk).update(expires_on=day)
    found = [
        need.text for need in needs_of_work(home_facts(acme), worker=True) if "The key main" in need.text
    ]
    wanted = f"The key main {said} {day.day} {day:%b %Y}"
    assert found == ([wanted] if said else [])


def test_home_tells_the_whole_label_of_a_refused_key(admin, acme):
    people.key(acme, "eu: main. No 2")
    ApiKey.objects.update(refused_at=timezone.now())
    page = text(admin.get("/w/acme/").content)
    assert "Fini refused the key eu: main. No 2 The work waits for another one." in page


def test_home_reminds_of_no_key_that_is_off_or_goes_off_anyhow(acme):
    key, later = people.key(acme), people.verified(people.key(acme, "later", OTHER))
    ApiKey.objects.update(expires_on=timezone.localdate())
    switch_key(by=by("a", "t"), key=later)
    assert [
        need.text for need in needs_of_work(home_facts(acme), worker=True) if "The key main" in need.text
    ] == []
    switch_off_key(by=by("a", "t"), key=key)
    assert [
        need.text for need in needs_of_work(home_facts(acme), worker=True) if "The key main" in need.text
    ] == []


def test_the_calls_are_counted_after_the_page(admin, acme):
    people.key(acme)
    page = admin.get(PAGE).content.decode()
    assert 'hx-get="/w/acme/keys/?part=calls"' in page
    assert "Errors in 30 days" not in page
    part = text(admin.get(f"{PAGE}?part=calls", headers=HTMX).content)
    assert part.startswith("Calls by key")
    assert "main 0 0 0 none made" in part


def test_without_script_a_link_counts_them(admin, acme):
    people.key(acme)
    page = admin.get(f"{PAGE}?part=calls").content.decode()
    assert "<html" in page
    assert "main 0 0 0 none made" in text(page.encode())
    assert 'hx-trigger="load"' not in page


def test_what_breaks_without_a_key_is_told_in_its_panel(admin, acme):
    key, waiting = people.key(acme), people.key(acme, "waiting", OTHER)
    run = discovery.start_discover(by=by("ada@example.com"), workspace=acme, provider="notion")
    told = admin.get(f"{PAGE}?part=breaks&key={key.pk}", headers=HTMX)
    assert f"Run {run.number} , discover, waits until another key is live." in text(told.content)
    assert "Nobody used it in the last 30 days." in text(told.content)
    assert f'href="/w/acme/runs/{run.number}/"' in told.content.decode()
    told = text(admin.get(f"{PAGE}?part=breaks&key={waiting.pk}", headers=HTMX).content)
    assert (
        told
        == "What breaks without it: No run: each goes on with the live key. Nobody used it in the last 30 days."
    )


@pytest.mark.parametrize("asked", ["", "nonsense"])
def test_of_no_key_nothing_is_told(admin, acme, asked):
    people.key(acme)
    assert text(admin.get(f"{PAGE}?part=breaks&key={asked}", headers=HTMX).content) == ""


def test_of_another_workspaces_key_nothing_is_told(admin, other):
    theirs = people.key(other)
    assert text(admin.get(f"{PAGE}?part=breaks&key={theirs.pk}", headers=HTMX).content) == ""


@pytest.mark.parametrize("part", ["calls", "breaks"])
def test_who_may_not_manage_keys_is_told_nothing(client, acme, part):
    people.sign_in(client, people.member(acme, "editor"))
    assert client.get(f"{PAGE}?part={part}", headers=HTMX).status_code == 403


def test_three_keys_cost_no_more_queries_than_one_in_the_counted_part(admin, acme):
    people.key(acme)
    counts = []
    for number in range(2):
        with CaptureQueriesContext(connection) as captured:
            admin.get(f"{PAGE}?part=calls", headers=HTMX)
        counts.append(len(captured))
        for more in range(2):
            people.key(acme, f"key {number} {more}", f"fini_number_{number}_{more}")
    assert counts[0] == counts[1]
