"""Another ENCRYPTION_KEYS: one clear page or line wherever something is sealed or signed, and nothing is written."""

import logging
from typing import Any

import pytest
from django.conf import LazySettings
from django.core.management import CommandError, call_command
from django.test import Client

from fini_admin.audit.models import Entry
from fini_admin.ingestion.engine import loop
from fini_admin.ingestion.kinds import discovery
from fini_admin.ingestion.models import Run, Step
from fini_admin.workspaces.models import ApiKey, User, Workspace
from tests.installation.conftest import Furnished
from tests.support import people
from tests.support.log_ins import code, enrol
from tests.support.who import by

OTHER = bytes(reversed(range(32)))
SAYS = "This installation lacks an encryption key"
LINE = "sealed with a key that ENCRYPTION_KEYS does not hold"
WHO = by("ada@example.com")
KEY = {"label": "another", "key": "fini_live_zzzzzzzzzzzzzzzzzzzzzzzzzz9876"}


def held() -> list[Any]:
    """What must be as it was."""
    keys = ApiKey.objects.order_by("pk").values_list(
        "pk", "label", "state", "fingerprint", "scopes", "refused_at"
    )
    people_ = User.objects.order_by("pk").values_list("email", "is_active")
    counts = [model.objects.count() for model in (Entry, Run, Workspace)]
    return [counts, list(keys), list(people_)]


@pytest.fixture
def lost(settings: LazySettings) -> Any:
    """From now on the key is another."""
    return lambda: setattr(settings, "ENCRYPTION_KEYS", [OTHER])


def test_every_page_opens_or_says_so_and_every_act_says_so_and_does_nothing(
    furnished: Furnished, lost, caplog
):
    addresses = furnished.addresses()
    browser = furnished.seen()
    lost()
    before = held()
    said = {}
    sent = {"do": "off", "role": "viewer", "name": "Other", "slug": "other", "email": "ada@example.com"} | KEY
    for route, address in addresses.items():
        for ask, form in ((browser.get, None), (browser.post, sent)):
            answer = ask(address, form)
            assert answer.status_code != 500, route
            if answer.status_code == 503 and route != "readyz":
                assert SAYS in answer.content.decode(), route
                said[route] = "post" if form else "get"
    assert held() == before
    wanted = ("keys/", "keys/<uuid:key_id>/off/", "keys/<uuid:key_id>/edit/", "previews/<slug:token>/")
    assert {f"w/<slug:slug>/{end}": "post" for end in wanted}.items() <= said.items()
    assert "get" not in said.values()
    assert not [record for record in caplog.records if record.exc_info]


def test_the_keys_page_opens_and_a_verification_says_what_to_do(waiting: Workspace, client: Client, lost):
    people.sign_in(client, people.member(waiting, "admin"))
    key = waiting.keys.get()
    lost()
    before = held()
    assert client.post(f"/w/acme/keys/{key.pk}/verify/").status_code == 303
    assert loop.work_once(waiting.pk, "a worker")
    page = client.get("/w/acme/keys/")
    assert page.status_code == 200
    assert (
        f"Nothing was asked: {LINE}. An operator puts the missing encryption key back"
        in page.content.decode()
    )
    assert held() == before


def test_a_log_in_says_so_and_nobody_is_in(waiting: Workspace, client: Client, lost):
    people.member(waiting, "admin", "ada@example.com")
    lost()
    before = held()
    for password in (people.PASSWORD, "wrong"):
        answer = client.post("/accounts/login/", {"login": "ada@example.com", "password": password})
        assert (answer.status_code, SAYS in answer.content.decode()) == (503, True)
        assert client.get("/w/acme/").status_code == 302
    assert held() == before


def test_a_log_in_with_a_code_says_so_beside_it_and_nobody_is_in(waiting: Workspace, client: Client, lost):
    people.sign_in(client, people.member(waiting, "admin", "ada@example.com"))
    secret, _ = enrol(client)
    client.post("/accounts/logout/")
    client.post("/accounts/login/", {"login": "ada@example.com", "password": people.PASSWORD})
    lost()
    before = held()
    answer = client.post("/accounts/2fa/code/", {"code": code(secret, 1)})
    assert answer.status_code < 500
    assert "The second factor cannot be checked" in answer.content.decode()
    assert client.get("/w/acme/").status_code == 302
    assert held() == before


def test_a_session_that_timed_out_says_so(waiting: Workspace, client: Client, lost, settings):
    people.sign_in(client, people.member(waiting, "admin"))
    settings.SESSION_IDLE_SECONDS = -1
    lost()
    answer = client.get("/w/acme/")
    assert (answer.status_code, SAYS in answer.content.decode()) == (503, True)


def test_a_run_waits_and_the_worker_says_why_in_a_line(waiting: Workspace, lost, caplog):
    run = discovery.start_discover(by=WHO, workspace=waiting, provider="notion")
    lost()
    before = held()
    with caplog.at_level(logging.WARNING):
        assert not loop.work_once(waiting.pk, "00000000-0000-0000-0000-000000000001")
    assert [record.getMessage() for record in caplog.records] == [
        f"acme: the key main cannot be opened: {LINE}"
    ]
    assert not [record for record in caplog.records if record.exc_info]
    assert held() == before
    run.refresh_from_db()
    assert run.state == "running"


def test_a_chain_that_cannot_be_signed_stops_its_step_before_it_is_sent(waiting: Workspace, settings, caplog):
    discovery.start_discover(by=WHO, workspace=waiting, provider="notion")
    # The API key was sealed with a key that is still there; the chain's head was written with one that is not.
    kept = settings.ENCRYPTION_KEYS
    settings.ENCRYPTION_KEYS = [OTHER, *kept]
    people.user("bob@example.com")
    Workspace.objects.get()
    people.join(User.objects.get(email="bob@example.com"), waiting)
    settings.ENCRYPTION_KEYS = kept
    before = held()
    with caplog.at_level(logging.WARNING):
        loop.work_once(waiting.pk, "00000000-0000-0000-0000-000000000001")
    assert [record.getMessage() for record in caplog.records] == [LINE]
    assert held() == before
    assert set(Step.objects.values_list("state", flat=True)) == {"ready"}


@pytest.mark.parametrize(
    "command",
    [
        ("add_workspace", "other", "--name", "Other"),
        ("discover", "acme", "notion"),
        ("export_audit", "acme"),
        ("run_worker",),
    ],
)
def test_a_command_ends_with_a_line(waiting: Workspace, lost, command):
    lost()
    before = held()
    with pytest.raises(CommandError) as error:
        call_command(*command)
    assert str(error.value) == LINE
    assert held() == before


def test_verify_audit_says_that_the_head_cannot_be_believed(waiting: Workspace, lost):
    lost()
    with pytest.raises(CommandError) as error:
        call_command("verify_audit", "--all")
    assert "\n" not in str(error.value)


def test_a_new_password_that_cannot_be_recorded_is_none(waiting: Workspace, client: Client, lost):
    person = people.member(waiting, "admin")
    people.sign_in(client, person)
    typed = {"oldpassword": people.PASSWORD} | dict.fromkeys(
        ("password1", "password2"), "another green parcel"
    )
    lost()
    answer = client.post("/accounts/password/change/", typed)
    assert (answer.status_code, SAYS in answer.content.decode()) == (503, True)
    person.refresh_from_db()
    assert person.check_password(people.PASSWORD)
