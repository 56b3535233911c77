"""Verifying a key: what Fini answers, what stays on the key, and whether the work goes on."""

import importlib
import re
from datetime import UTC, datetime, timedelta

import pytest
from django.apps import apps
from huey.contrib.djhuey import HUEY

from fini_admin.audit.models import Entry, OpenCall
from fini_admin.fini.errors import TimedOut
from fini_admin.ingestion.engine import key_check, loop
from fini_admin.ingestion.models import Slot
from fini_admin.workspaces.keys import note_use, switch_key, switch_off_key
from fini_admin.workspaces.models import ApiKey, Workspace
from tests.support import people
from tests.support.who import by
from tests.support.work import OWNER, Start, drive, requests, resources, verified

PAGE = "/w/acme/keys/"
BY = by("ada@example.com", "browser")


@pytest.fixture
def main(acme: Workspace) -> ApiKey:
    return ApiKey.objects.get(workspace=acme)


def stored(key: ApiKey) -> tuple[str, bool, bool]:
    """Scopes, whether it was verified, whether it is refused."""
    found = ApiKey.objects.get(pk=key.pk)
    return found.scopes, found.verified_at is not None, found.refused_at is not None


def found(workspace: Workspace) -> tuple[str, str, dict]:
    """The last row that says what a verification found."""
    return next(row for row in reversed(people.trail(workspace)) if row[0] == "key.verified")


def test_a_good_key_is_verified_and_says_what_it_may(admin, acme, main, sandbox):
    before = sandbox.documents()
    assert verified(admin, main) == "Fini accepts the key main. It may read and write."
    assert stored(main) == ("read write", True, False)
    assert sandbox.documents() == before
    assert len(requests(sandbox, "GET", "/v2/documents/public")) == 1
    detail = {
        "key": str(main.pk),
        "label": "main",
        "scopes": ["read", "write"],
        "was": None,
        "was_refused": False,
        "same_workspace": None,
    }
    assert found(acme) == ("key.verified", "ada@example.com", detail)
    asked = Entry.objects.filter(kind="call.asked").values_list("actor", "origin", "key", "run")
    assert list(asked) == [("ada@example.com", "browser", "main", None)] * 2
    main.refresh_from_db()
    used = main.last_used_at
    assert used is not None
    assert used > datetime.now(UTC) - timedelta(minutes=1)


def test_a_read_only_key_is_told_what_will_be_refused(admin, acme, sandbox):
    sandbox.add_key(people.KEY, workspace="empty", scopes=["read"])
    key = people.key(acme, "second")
    said = verified(admin, key)
    assert "may read, may not write: registering and ingesting will be refused" in said
    assert "Make a key with the scopes read and write" in said
    assert stored(key) == ("read", True, False)


def test_a_key_without_any_scope_is_taken_and_told(admin, acme, sandbox):
    sandbox.add_key(people.KEY, scopes=[])
    key = people.key(acme, "second")
    assert "may neither read nor write" in verified(admin, key)
    assert stored(key) == ("", True, False)


def test_a_key_that_fini_does_not_know_is_told_and_marked(admin, acme):
    key = people.key(acme, "second")
    said = verified(admin, key)
    assert "The key second is not verified. Fini refused the API key" in said
    assert "asking again will not help" in said
    assert stored(key) == ("", False, True)
    assert people.trail(acme)[-1][0] == "call.answered"
    assert "key.refused" in [row[0] for row in people.trail(acme)]


def test_fini_out_of_reach_is_told_and_nothing_is_noted(admin, main, settings):
    settings.FINI_API_BASE_URL = "http://127.0.0.1:9"
    said = verified(admin, main)
    assert "Fini cannot be reached" in said
    assert "Verify again later" in said
    assert stored(main) == ("", False, False)
    assert not OpenCall.objects.exists()


@pytest.mark.parametrize(
    ("fault", "said"),
    [
        ({"status": 500}, "Fini failed"),
        ({"status": 429, "headers": {"Retry-After": "7"}}, "Verify again in a minute"),
        ({"body": "no JSON"}, "Fini's answer cannot be read"),
        ({"delay": 2}, "Fini did not answer in time"),
        ({"drop": "before"}, "The connection was lost"),
        ({"status": 302, "headers": {"Location": "http://127.0.0.1:9/"}}, "cannot be read"),
        # Another service answers at FINI_API_BASE_URL.
        ({"status": 404, "body": '{"detail": "Not Found"}'}, "Fini does not know this"),
        ({"status": 404, "message": "Cannot GET /v2/documents/public"}, "Fini failed: Cannot GET"),
    ],
)
def test_every_way_to_fail_is_told_and_safe_to_repeat(admin, main, sandbox, fault, said):
    sandbox.fault(method="GET", path="public", **fault)
    assert said in verified(admin, main)
    assert stored(main) == ("", False, False)
    assert not OpenCall.objects.exists()


def test_a_404_of_the_write_probe_leaves_open_what_the_key_may_do(admin, main, sandbox):
    sandbox.fault(method="POST", status=404, message="Cannot POST /v2/documents/public/crawl")
    assert "Fini does not know this" in verified(admin, main)
    assert stored(main) == ("", False, False)


def test_a_spent_budget_is_told_with_the_wait_and_nothing_is_asked(admin, acme, main, sandbox, settings):
    settings.FINI_CALLS_PER_MINUTE = 2
    verified(admin, main)
    before = len(sandbox.log())
    said = verified(admin, main)
    assert re.search(r"Nothing was asked: the budget of calls is spent. Verify again in \d+ s.", said)
    assert len(sandbox.log()) == before
    assert Slot.objects.count() == 2


def test_a_key_sealed_with_a_lost_encryption_key_is_told(admin, main, settings, sandbox):
    settings.ENCRYPTION_KEYS = [b"n" * 32]
    with pytest.MonkeyPatch.context() as patch:
        # The trail's head is signed with the lost key as well; here only the vault is looked at.
        patch.setattr("fini_admin.audit.chain.head_mac", lambda *_: "x")
        said = verified(admin, main)
    assert "Nothing was asked" in said
    assert "ENCRYPTION_KEYS" in said
    assert sandbox.log() == []


def test_without_a_worker_an_answer_after_the_call_was_closed_is_told(main, sandbox, monkeypatch):
    def close(*_):
        OpenCall.objects.all().delete()

    monkeypatch.setattr("fini_admin.ingestion.engine.credentials.settle", close)
    with pytest.raises(TimedOut, match="the answer came when the call was closed already"):
        key_check.verify(by=BY, key=main)
    assert stored(main) == ("", False, False)


def test_the_lease_of_the_call_outlasts_the_longest_answer(main, sandbox, settings, monkeypatch):
    settings.FINI_TIMEOUT = 30
    leases = []
    monkeypatch.setattr(
        "fini_admin.ingestion.engine.credentials.settle",
        lambda *_: leases.append(OpenCall.objects.get().lease_until),
    )
    key_check.verify(by=BY, key=main)
    assert leases[0] > datetime.now(UTC) + timedelta(seconds=60)


def test_what_fini_says_of_the_key_does_not_show_it(admin, main, sandbox):
    sandbox.fault(method="GET", path="public", status=401, message=f"{sandbox.key} was revoked")
    said = verified(admin, main)
    assert "[key removed] was revoked" in said
    assert sandbox.key not in said
    assert sandbox.key not in admin.get(PAGE).content.decode()


def test_a_refused_live_key_that_fini_takes_again_wakes_the_work(
    admin, acme, main, sandbox, register, django_capture_on_commit_callbacks
):
    ApiKey.objects.update(refused_at=datetime.now(UTC))
    run = register(resources(2))
    HUEY.flush()
    with django_capture_on_commit_callbacks() as asking:
        admin.post(f"{PAGE}{main.pk}/verify/")
    with django_capture_on_commit_callbacks(execute=True):
        loop.work_once(acme.pk, OWNER)
        loop.work_once(acme.pk, OWNER)
    assert len(asking) == 1
    assert stored(main) == ("read write", True, False)
    assert found(acme)[2]["was_refused"] is True
    assert HUEY.pending_count() == 1
    drive(acme)
    run.refresh_from_db()
    assert run.state == "ended"
    HUEY.flush()


def test_a_switch_wakes_the_work_that_waited_for_another_key(
    admin, acme, main, sandbox, register, django_capture_on_commit_callbacks
):
    sandbox.add_key(people.KEY)
    ApiKey.objects.update(refused_at=datetime.now(UTC))
    run = register(resources(2))
    second = people.verified(people.key(acme, "second"))
    HUEY.flush()
    with django_capture_on_commit_callbacks(execute=True):
        admin.post(f"{PAGE}{second.pk}/switch/")
    assert HUEY.pending_count() == 1
    drive(acme)
    run.refresh_from_db()
    assert run.state == "ended"
    assert set(Entry.objects.filter(kind="call.asked").values_list("key", flat=True)) == {"second"}
    HUEY.flush()


def test_work_waits_while_no_key_is_live_and_loses_nothing(acme, main, sandbox, register):
    run = register(resources(2))
    switch_off_key(by=BY, key=main)
    assert loop.due_workspaces() == []
    assert sandbox.log() == []
    second = people.key(acme, "second", "fini_second_key_of_the_sandbox")
    sandbox.add_key("fini_second_key_of_the_sandbox")
    key_check.verify(by=BY, key=second)
    switch_key(by=BY, key=second)
    drive(acme)
    run.refresh_from_db()
    assert run.state == "ended"


def test_a_second_verification_says_what_the_first_one_found(acme, main, sandbox):
    key_check.verify(by=BY, key=main)
    sandbox.add_key(sandbox.key, scopes=["read"])
    key_check.verify(by=BY, key=main)
    detail = found(acme)[2]
    assert (detail["scopes"], detail["was"]) == (["read"], ["read", "write"])


def test_the_migration_gives_each_key_that_opens_its_fingerprint(acme, main):
    other = people.workspace("other")
    waiting = people.key(other, "waiting", "fini_waiting")
    off = switch_off_key(by=BY, key=people.key(other, "off", "fini_off"))
    broken = people.key(other, "broken", "fini_broken")
    wanted = {main.pk: main.fingerprint, waiting.pk: waiting.fingerprint, off.pk: None, broken.pk: None}
    ApiKey.objects.update(fingerprint=None)
    ApiKey.objects.filter(pk=broken.pk).update(sealed=b"nothing that opens")
    importlib.import_module("fini_admin.workspaces.migrations.0003_fill_fingerprints").fill(apps, None)
    assert dict(ApiKey.objects.values_list("pk", "fingerprint")) == wanted


def test_a_keys_last_use_is_noted_at_most_once_a_minute(acme: Workspace) -> None:
    key = ApiKey.objects.get()
    at = datetime(2026, 11, 24, 12, 0, tzinfo=UTC)

    def noted(seconds: int) -> datetime | None:
        note_use(str(key.pk), at + timedelta(seconds=seconds))
        key.refresh_from_db()
        return key.last_used_at

    assert noted(0) == at
    assert noted(59) == at
    assert noted(60) == at + timedelta(seconds=60)
    assert noted(0) == at + timedelta(seconds=60)


def test_a_call_notes_the_use_of_its_key(acme: Workspace, register: Start) -> None:
    assert ApiKey.objects.get().last_used_at is None
    register(resources(1))
    drive(acme)
    used = ApiKey.objects.get().last_used_at
    assert used
    assert datetime.now(UTC) - used < timedelta(minutes=1)
