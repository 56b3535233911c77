"""Changing keys: whose key it is, when it may be switched to, and the way back when Fini refuses it."""

from datetime import UTC, datetime, timedelta

import pytest
from django.core.exceptions import ValidationError
from django.test import Client

from fini_admin.audit.models import Entry, Head
from fini_admin.cli.management.commands import run_worker
from fini_admin.fini.errors import KeyRefused
from fini_admin.ingestion.engine import key_check, loop
from fini_admin.ingestion.home_facts import home_facts
from fini_admin.sources.models import Source
from fini_admin.web.wording.home import needs_of_work
from fini_admin.workspaces import queries
from fini_admin.workspaces.keys import end_fallbacks, fallback, switch_key
from fini_admin.workspaces.models import ApiKey, Workspace
from tests.support import people
from tests.support.sandbox import Sandbox
from tests.support.who import by
from tests.support.work import Start, drive, ends, requests, resources, verified

BY = by("ada@example.com", "browser")
PAGE = "/w/acme/keys/"
LIST = "/v2/documents/public"


@pytest.fixture
def main(acme: Workspace) -> ApiKey:
    return ApiKey.objects.get(workspace=acme)


@pytest.fixture
def second(acme: Workspace, main: ApiKey, sandbox: Sandbox) -> ApiKey:
    """A waiting key of the same workspace."""
    sandbox.add_key(people.KEY)
    return people.key(acme, "second")


@pytest.fixture
def foreign(acme: Workspace, main: ApiKey, sandbox: Sandbox) -> ApiKey:
    """A waiting key of another Fini workspace, which has sources."""
    sandbox.seed(3, workspace="elsewhere")
    sandbox.add_key(people.KEY, workspace="elsewhere")
    return people.key(acme, "foreign")


@pytest.fixture
def mirrored(acme: Workspace, register: Start) -> None:
    """Our mirror knows sources."""
    register(resources(2))
    drive(acme)


def verify(key: ApiKey) -> key_check.Progress:
    return key_check.verify(by=BY, key=key)


def stored(key: ApiKey) -> ApiKey:
    return ApiKey.objects.get(pk=key.pk)


def states() -> dict[str, str]:
    return dict(ApiKey.objects.values_list("label", "state"))


def test_a_key_that_lists_what_we_know_is_of_the_same_workspace(acme, second, mirrored, sandbox):
    sandbox.clear_log()
    assert verify(second).same is True
    assert stored(second).same_workspace is True
    assert people.trail(acme)[-1][2]["same_workspace"] is True
    assert len(sandbox.log()) == 2


def test_a_key_that_opens_another_workspace_is_found_out_and_cannot_be_switched_to(acme, foreign, mirrored):
    assert verify(foreign).same is False
    assert people.trail(acme)[-1][2]["same_workspace"] is False
    with pytest.raises(ValidationError, match="belongs to another Fini workspace"):
        switch_key(by=BY, key=foreign)
    assert states() == {"main": "live", "foreign": "waiting"}


def test_new_sources_that_we_do_not_know_yet_are_no_sign_of_another_workspace(second, mirrored, sandbox):
    sandbox.seed(25)
    assert verify(second).same is True


@pytest.mark.parametrize(("workspace", "same"), [("demo", True), ("elsewhere", False)])
def test_the_mirror_tells_also_when_the_live_key_is_revoked(foreign, mirrored, sandbox, workspace, same):
    sandbox.add_key(people.KEY, workspace=workspace)
    sandbox.revoke(sandbox.key)
    assert verify(foreign).same is same


@pytest.mark.parametrize(("seeded", "same"), [(2, True), (0, None)])
def test_without_a_mirror_the_live_key_is_the_measure(second, sandbox, seeded, same):
    sandbox.remove(document["id"] for document in sandbox.documents())
    if seeded:
        sandbox.seed(seeded)
    assert not Source.objects.exists()
    assert verify(second).same is same


@pytest.mark.parametrize(("seeded", "same"), [(2, False), (0, None)])
def test_without_a_mirror_the_live_key_tells_another_workspace(foreign, sandbox, seeded, same):
    sandbox.remove(document["id"] for document in sandbox.documents())
    if seeded:
        sandbox.seed(seeded)
    assert verify(foreign).same is same


def test_without_a_mirror_and_a_live_key_that_fini_takes_nothing_tells(main, second, sandbox):
    sandbox.seed(2)
    sandbox.revoke(sandbox.key)
    assert verify(second).same is None
    assert stored(main).refused_at
    assert stored(second).verified_at
    switch_key(by=BY, key=second)
    assert states() == {"main": "waiting", "second": "live"}


def test_a_key_without_the_scope_read_tells_nothing_of_its_workspace(acme, sandbox, mirrored):
    sandbox.add_key(people.KEY, scopes=["write"])
    assert verify(people.key(acme, "second")).same is None


def test_what_a_verification_found_of_the_workspace_stands_on_the_page(
    acme, client: Client, second, mirrored
):
    people.sign_in(client, people.member(acme, "admin"))
    assert "belongs to this workspace" not in client.get(PAGE).content.decode()
    verified(client, second)
    assert "It belongs to this workspace." in client.get(PAGE).content.decode()


def test_a_key_of_another_workspace_is_said_to_be_one_and_its_button_is_off(
    acme, client: Client, foreign, mirrored
):
    people.sign_in(client, people.member(acme, "admin"))
    assert "none of the sources here is in it" in verified(client, foreign)
    row = next(row for row in client.get(PAGE).context["rows"] if row["key"] == foreign)
    assert "belongs to another Fini workspace" in row["why_not"]
    client.post(f"{PAGE}{foreign.pk}/switch/")
    assert states() == {"main": "live", "foreign": "waiting"}


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"verified_at": None}, "Verify the key second first"),
        ({"verified_at": datetime.now(UTC) - timedelta(minutes=61)}, "of the last hour"),
        ({"scopes": "read"}, "may not write"),
        ({"scopes": "write"}, "may not read"),
        ({"scopes": ""}, "may not read or write"),
        ({"same_workspace": False}, "another Fini workspace"),
        ({"refused_at": datetime.now(UTC)}, "Fini refused the key"),
    ],
)
def test_a_switch_needs_a_fresh_verification_that_found_read_and_write(acme, second, changes, said):
    people.verified(second)
    ApiKey.objects.filter(pk=second.pk).update(**changes)
    before = people.trail(acme)
    with pytest.raises(ValidationError, match=said):
        switch_key(by=BY, key=second)
    assert states() == {"main": "live", "second": "waiting"}
    assert people.trail(acme) == before


def test_a_key_whose_workspace_nothing_tells_may_be_switched_to(second):
    switch_key(by=BY, key=people.verified(second, same=None))
    assert states() == {"main": "waiting", "second": "live"}


def test_the_key_before_is_the_fallback_for_an_hour_and_the_page_says_so(acme, client: Client, main, second):
    people.sign_in(client, people.member(acme, "admin"))
    switch_key(by=BY, key=people.verified(second))
    until = stored(main).fallback_until
    assert until
    assert timedelta(minutes=59) < until - datetime.now(UTC) <= timedelta(hours=1)
    page = client.get(PAGE).content.decode()
    assert "Fallback until" in page
    assert until.isoformat() in page


def test_a_fallback_whose_time_is_over_needs_a_verification_as_every_key(main, second):
    switch_key(by=BY, key=people.verified(second))
    passed = datetime.now(UTC) - timedelta(minutes=1)
    ApiKey.objects.filter(pk=main.pk).update(fallback_until=passed)
    with pytest.raises(ValidationError, match="Verify the key main first"):
        switch_key(by=BY, key=main)
    assert states() == {"main": "waiting", "second": "live"}


def test_a_switch_back_leaves_no_end_on_either_key(main, second):
    switch_key(by=BY, key=people.verified(second))
    switch_key(by=BY, key=main)
    assert states() == {"main": "live", "second": "waiting"}
    assert not ApiKey.objects.exclude(fallback_until=None).exists()


def test_a_refused_key_is_no_fallback(main, second):
    ApiKey.objects.filter(pk=main.pk).update(refused_at=datetime.now(UTC))
    switch_key(by=BY, key=people.verified(second))
    assert stored(main).fallback_until is None


def test_when_its_time_is_over_the_fallback_is_off_and_recorded(acme, main, second):
    switch_key(by=BY, key=people.verified(second))
    run_worker.sweep()
    assert states() == {"main": "waiting", "second": "live"}
    ApiKey.objects.filter(pk=main.pk).update(fallback_until=datetime.now(UTC))
    for _ in range(2):
        run_worker.sweep()
    assert states() == {"main": "off", "second": "live"}
    assert bytes(stored(main).sealed) == b""
    kind, actor, detail = people.trail(acme)[-1]
    assert (kind, actor, detail["label"], detail["was"]) == (
        "key.switched_off",
        "Fini Admin",
        "main",
        "waiting",
    )
    assert [row[0] for row in people.trail(acme)].count("key.switched_off") == 1


def test_a_fallback_that_cannot_end_stops_no_other_workspace(acme, main, second):
    other = people.workspace("other")
    people.key(other, plain="fini_other_aaaaaaaaaaaaaaaaaaaaaaaa")
    its_second = people.key(other, "second", "fini_other_bbbbbbbbbbbbbbbbbbbbbbbb")
    for key in (second, its_second):
        switch_key(by=BY, key=people.verified(key))
    ApiKey.objects.exclude(fallback_until=None).update(fallback_until=datetime.now(UTC))
    Head.objects.filter(chain=str(acme.pk)).update(mac="0" * 72)
    assert end_fallbacks() == 1
    assert dict(ApiKey.objects.filter(label="main").values_list("workspace__slug", "state")) == {
        "acme": "waiting",
        "other": "off",
    }


@pytest.mark.parametrize("changes", [{"refused_at": datetime.now(UTC)}, {"state": "off"}])
def test_the_last_key_there_is_does_not_go_off_by_itself(main, second, changes):
    switch_key(by=BY, key=people.verified(second))
    ApiKey.objects.filter(pk=main.pk).update(fallback_until=datetime.now(UTC))
    ApiKey.objects.filter(pk=second.pk).update(**changes)
    assert end_fallbacks() == 0
    assert stored(main).state == "waiting"


def test_refused_by_fini_the_work_goes_back_to_the_key_before_by_itself(
    acme, client: Client, main, second, sandbox, register
):
    switch_key(by=BY, key=people.verified(second))
    sandbox.revoke(people.KEY)
    run = register(resources(3), then_ingest=True)
    drive(acme)
    assert ends(run) == {"done": 3}
    assert states() == {"main": "live", "second": "waiting"}
    assert queries.live_key(acme) == main
    fell = [row for row in people.trail(acme) if row[0] == "key.fallen_back"]
    detail = {
        "key": str(main.pk),
        "label": "main",
        "state": "live",
        "before": "second",
        "before_key": str(second.pk),
    }
    assert fell == [("key.fallen_back", "Fini Admin", detail)]
    calls = Entry.objects.filter(outcome__isnull=False).values_list("key", "status")
    assert [key for key, status in calls if status == 401] == ["second"]
    assert len(requests(sandbox, "POST", f"{LIST}/resources/notion")) == 2
    people.sign_in(client, people.member(acme, "admin"))
    assert "the work went back to the key before by itself" in " ".join(
        client.get(PAGE).content.decode().split()
    )
    assert ("Fini refused the key second", "The work went back to the key main by itself.") in [
        (need.text, need.why) for need in needs_of_work(home_facts(acme), worker=True)
    ]


def test_a_refused_ingest_goes_out_again_with_the_key_before_and_only_once(
    acme, main, second, sandbox, register, ingest
):
    register(resources(2))
    drive(acme)
    switch_key(by=BY, key=people.verified(second))
    sandbox.revoke(people.KEY)
    run = ingest()
    drive(acme)
    assert ends(run) == {"done": 2}
    assert [entry["status"] for entry in requests(sandbox, "POST", LIST)] in ([401, 200], [200])
    assert Entry.objects.filter(route="ingest", outcome="done").count() == 1


def test_without_a_fallback_the_work_waits(acme, main, second, sandbox, register):
    switch_key(by=BY, key=people.verified(second))
    ApiKey.objects.filter(pk=main.pk).update(fallback_until=datetime.now(UTC) - timedelta(seconds=1))
    sandbox.revoke(people.KEY)
    register(resources(1))
    while loop.work_once(acme.pk, "w"):
        pass
    assert states() == {"main": "waiting", "second": "live"}
    assert stored(second).refused_at
    assert loop.due_workspaces() == []


def test_an_answer_that_refuses_the_key_before_changes_nothing_for_the_new_one(acme, main, second, sandbox):
    switch_key(by=BY, key=people.verified(second))
    sandbox.revoke(sandbox.key)
    with pytest.raises(KeyRefused):
        verify(main)
    assert states() == {"main": "waiting", "second": "live"}
    assert fallback(acme) is None


def test_taken_by_fini_again_the_mark_of_the_way_back_goes(acme, main, second, sandbox, register):
    switch_key(by=BY, key=people.verified(second))
    sandbox.revoke(people.KEY)
    register(resources(1))
    drive(acme)
    assert stored(second).fallen_back_at
    assert stored(second).last_refused_at == stored(second).refused_at
    sandbox.add_key(people.KEY)
    verify(second)
    assert (stored(second).fallen_back_at, stored(second).refused_at) == (None, None)
    assert stored(second).last_refused_at
    switch_key(by=BY, key=second)
    assert states() == {"main": "waiting", "second": "live"}
