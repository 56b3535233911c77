"""A verification is work of the worker's: first in turn, call by call, and a killed worker's is taken up again."""

from collections import Counter
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.core.management import call_command
from django.db.models import F
from django.test import Client

from fini_admin.audit import transport
from fini_admin.audit.models import Entry, OpenCall
from fini_admin.ingestion import verifications
from fini_admin.ingestion.engine import key_check, loop
from fini_admin.ingestion.kinds import discovery
from fini_admin.ingestion.models import Budget, Verification
from fini_admin.workspaces.keys import switch_off_key
from fini_admin.workspaces.models import ApiKey, Workspace
from tests.support import people
from tests.support.sandbox import Sandbox
from tests.support.who import by
from tests.support.work import OWNER, Start, alive, resources, verified

BY = by("ada@example.com", "browser")
PAGE = "/w/acme/keys/"
ANOTHER = "00000000-0000-0000-0000-000000000002"


class Killed(BaseException):
    """What ends a process in the middle of a call."""


@pytest.fixture
def main(acme: Workspace) -> ApiKey:
    return ApiKey.objects.get(workspace=acme)


def card(client: Client) -> str:
    return " ".join(client.get(PAGE).content.decode().split())


def fifteen_seconds_pass() -> None:
    for model in (Verification, OpenCall):
        model.objects.update(lease_until=F("lease_until") - timedelta(seconds=16))


def outcomes() -> list[tuple[str, str]]:
    """Each call's route and how it ended, in order; every call has exactly one outcome."""
    rows = Entry.objects.exclude(call=None).order_by("seq")
    asked = rows.filter(kind="call.asked").values_list("call", flat=True)
    ended = rows.exclude(kind="call.asked").values_list("call", "route", "kind")
    assert Counter(asked) == Counter(call for call, _, _ in ended)
    return [(str(route), str(kind)) for _, route, kind in ended]


def test_pressing_verify_asks_fini_nothing_and_the_page_says_what_it_waits_for(admin, acme, main, sandbox):
    answer = admin.post(f"{PAGE}{main.pk}/verify/")
    assert (answer.status_code, answer["Location"]) == (303, PAGE)
    assert sandbox.log() == []
    assert "The verification waits. No worker is running. Start one with manage.py run_worker." in card(admin)
    alive(OWNER)
    page = card(admin)
    assert "Verifying… Fini is asked whether it accepts the key, and which scopes the key has." in page
    button = page[page.index(f'id="verify-{main.pk}"') :].split(">")[0]
    assert "disabled" in button
    assert f"verifying-{main.pk}" in button


def test_pressed_twice_a_key_is_verified_once(admin, main, sandbox):
    for _ in range(2):
        admin.post(f"{PAGE}{main.pk}/verify/")
    assert "Fini accepts the key main." in verified(admin, main)
    assert outcomes() == [("list", "call.answered"), ("crawl", "call.answered")]


def test_it_comes_before_a_discovery_and_each_call_is_a_piece(acme, main, sandbox, register: Start):
    register(resources(2))
    discovery.start_discover(by=BY, workspace=acme, provider="notion")
    other = people.workspace("other")
    sandbox.add_key(people.KEY, "other")
    verifications.ask(by=BY, key=people.key(other))
    verifications.ask(by=BY, key=main)
    Budget.objects.filter(pk=acme.pk).update(served_at=datetime.now(UTC))
    assert loop.due_workspaces() == [other.pk, acme.pk]
    for number in (1, 2):
        assert loop.work_once(acme.pk, OWNER)
        assert len(sandbox.log()) == number
    assert [route for route, _ in outcomes()] == ["list", "crawl"]
    assert ApiKey.objects.get(pk=main.pk).scopes == "read write"
    assert loop.work_once(acme.pk, OWNER)
    assert outcomes()[-1][0] == "discover"


def test_a_first_key_in_a_new_workspace_is_due_at_once(db: None, sandbox: Sandbox):
    acme = people.workspace()
    assert not loop.anything_due()
    verifications.ask(by=BY, key=people.key(acme, plain=sandbox.key))
    assert loop.anything_due()
    assert loop.due_workspaces() == [acme.pk]


@pytest.mark.parametrize("calls", [0, 1])
def test_a_killed_workers_is_taken_up_where_it_was(acme, admin, main, sandbox, monkeypatch, calls: int):
    verifications.ask(by=BY, key=main)
    for _ in range(calls):
        loop.work_once(acme.pk, OWNER)

    def killed(*_: Any) -> Any:
        raise Killed

    with monkeypatch.context() as patch:
        patch.setattr(transport, "_attempt", killed)
        patch.setattr(verifications, "give_back", lambda *_: None)
        with pytest.raises(Killed):
            loop.work_once(acme.pk, OWNER)
    assert not loop.work_once(acme.pk, ANOTHER)
    fifteen_seconds_pass()
    loop.recover()
    while loop.work_once(acme.pk, ANOTHER):
        pass
    routes = ["list", "crawl"]
    answered = [(route, "call.answered") for route in routes]
    assert outcomes() == [*answered[:calls], (routes[calls], "call.lost"), *answered[calls:]]
    assert Verification.objects.get().ended_at
    assert ApiKey.objects.get(pk=main.pk).scopes == "read write"


def test_a_worker_that_died_before_its_call_holds_nobody_up(acme, main, sandbox):
    verifications.ask(by=BY, key=main)
    assert verifications.take(main.pk, OWNER)
    assert not verifications.take(main.pk, ANOTHER)
    assert not loop.anything_due()
    fifteen_seconds_pass()
    assert loop.work_once(acme.pk, ANOTHER)
    key_check.advance(main.pk, OWNER)
    assert len(sandbox.log()) == 1


def test_a_call_that_another_worker_closed_is_made_again(acme, admin, main, sandbox, monkeypatch):
    plain, closed = transport._attempt, list[int]()

    def slow(*args: Any) -> Any:
        if not closed:
            closed.append(1)
            loop.recover(OWNER)
        return plain(*args)

    monkeypatch.setattr(transport, "_attempt", slow)
    assert "Fini accepts the key main." in verified(admin, main)
    assert outcomes() == [
        ("list", "call.lost"),
        ("list", "call.answered"),
        ("crawl", "call.answered"),
    ]


def test_the_heartbeat_keeps_what_is_in_hand(acme, main, sandbox, monkeypatch):
    plain = transport._attempt

    def slow(*args: Any) -> Any:
        for _ in range(3):
            Verification.objects.update(lease_until=F("lease_until") - timedelta(seconds=10))
            OpenCall.objects.update(lease_until=F("lease_until") - timedelta(seconds=10))
            loop.beat(OWNER)
            loop.recover()
        return plain(*args)

    monkeypatch.setattr(transport, "_attempt", slow)
    verifications.ask(by=BY, key=main)
    loop.work_once(acme.pk, OWNER)
    assert outcomes() == [("list", "call.answered")]


def test_a_worker_that_is_told_to_stop_leaves_it_to_the_next(acme, main, sandbox):
    verifications.ask(by=BY, key=main)
    assert verifications.take(main.pk, OWNER)
    loop.abandon(OWNER)
    assert loop.work_once(acme.pk, ANOTHER)
    assert len(sandbox.log()) == 1


def test_a_fault_of_ours_ends_it_and_the_page_says_so(acme, admin, main, sandbox, monkeypatch):
    monkeypatch.setattr(key_check, "_settle", lambda *_: 1 / 0)
    assert "Verifying failed here, and the log says why." in verified(admin, main)
    assert outcomes() == [("list", "call.lost")]
    assert not loop.anything_due()


def test_a_key_that_is_switched_off_meanwhile_is_not_asked_about(acme, main, sandbox):
    verifications.ask(by=BY, key=main)
    switch_off_key(by=BY, key=main)
    assert loop.work_once(acme.pk, OWNER)
    assert "off for good" in Verification.objects.get().error
    assert sandbox.log() == []


def test_nothing_is_asked_in_an_archived_workspace(acme, main):
    verifications.ask(by=BY, key=main)
    Workspace.objects.update(archived_at=F("created_at"))
    assert not loop.anything_due()


def test_what_was_found_is_news_for_five_minutes_and_why_nothing_was_stays(admin, main, sandbox):
    assert verified(admin, main)
    Verification.objects.update(ended_at=F("ended_at") - timedelta(minutes=6))
    assert "Fini accepts" not in card(admin)
    sandbox.fault(method="GET", path="public", status=500)
    verified(admin, main)
    Verification.objects.update(ended_at=F("ended_at") - timedelta(minutes=6))
    assert "The key main is not verified. Fini failed" in card(admin)


def test_a_key_is_added_without_a_worker_and_verified_by_command_in_its_own_process(
    acme, sandbox, monkeypatch, capsys
):
    sandbox.add_key(people.KEY)
    monkeypatch.setattr("fini_admin.cli.base.read_secret_from_stdin", lambda _: people.KEY)
    call_command("add_key", "acme", label="next", verify=True)
    assert ApiKey.objects.get(label="next").scopes == "read write"
    assert not Verification.objects.exists()
