"""Whatever changes what pages show moves the version of its workspace, in the same transaction."""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from django.db import connection, transaction

from fini_admin.ingestion import queue_moves, schedules, verifications
from fini_admin.ingestion.kinds import discovery, ingestions
from fini_admin.ingestion.models import QueueEntry, Run
from fini_admin.ingestion.now import now_in
from fini_admin.ingestion.runs import steering
from fini_admin.sources.models import Source
from fini_admin.workspaces import keys, members
from fini_admin.workspaces.models import ApiKey, Workspace
from tests.support import people
from tests.support.sandbox import Sandbox
from tests.support.who import by
from tests.support.work import Start, drive, resources

SHOWN = (
    "sources_source",
    "sources_statechange",
    "sources_count",
    "sources_resource",
    "ingestion_run",
    "ingestion_item",
    "ingestion_queueentry",
    "ingestion_schedule",
    "workspaces_apikey",
    "workspaces_membership",
    "workspaces_workspacesettings",
)
WRITE = re.compile(r'^(?:INSERT(?: OR \w+)? INTO|UPDATE|DELETE FROM) "(\w+)"')
MOVES = re.compile(r'^UPDATE "(?:ingestion_budget" SET "version"|audit_head" SET "seq")')


class Transactions:
    """Which tables each transaction of the product wrote, and whether it moved a version."""

    def __init__(self) -> None:
        self.depth = 0
        self.wrote: set[str] = set()
        self.moved = False
        self.silent: list[set[str]] = []
        self.seen: set[str] = set()

    def statement(self, execute: Any, sql: str, params: Any, many: bool, context: Any) -> Any:
        if found := WRITE.match(sql):
            self.wrote |= {found[1]} & {*SHOWN}
            self.moved |= bool(MOVES.match(sql)) or "audit_head" in sql
            if not self.depth:
                self.commit()
        return execute(sql, params, many, context)

    def commit(self) -> None:
        self.seen |= self.wrote
        if self.wrote and not self.moved:
            self.silent.append(self.wrote)
        self.wrote, self.moved = set(), False


@contextmanager
def watched(monkeypatch: pytest.MonkeyPatch) -> Iterator[Transactions]:
    """What is written meanwhile, by transactions as the product would commit them."""
    watch = Transactions()
    enter, leave = transaction.Atomic.__enter__, transaction.Atomic.__exit__

    def entered(self: Any) -> None:
        enter(self)
        watch.depth += 1

    def left(self: Any, *error: Any) -> None:
        watch.depth -= 1
        if not watch.depth:
            if error[0]:
                watch.wrote = set()
            watch.commit()
        leave(self, *error)

    monkeypatch.setattr(transaction.Atomic, "__enter__", entered)
    monkeypatch.setattr(transaction.Atomic, "__exit__", left)
    with connection.execute_wrapper(watch.statement):
        yield watch


def test_no_transaction_changes_what_is_shown_in_silence(
    acme: Workspace, sandbox: Sandbox, register: Start, monkeypatch: pytest.MonkeyPatch
) -> None:
    who: dict[str, Any] = {"by": by("ada@example.com", "browser")}
    here = {**who, "workspace": acme}
    with watched(monkeypatch) as watch:
        discovery.start_or_join(**here, provider="notion", token="t" * 32)
        drive(acme)
        register(resources(3))
        drive(acme)
        entries = list(QueueEntry.objects.filter(workspace=acme, closed_at=None).order_by("pk"))
        queue_moves.remove_entries(**here, entries=[entries[0].pk])
        queue_moves.put_sources_back(**here, sources=[entries[0].source_id])
        run = ingestions.start_ingest(**here, entries=list(enumerate([entry.pk for entry in entries[1:]])))
        steering.pause(**who, run=run)
        steering.resume(**who, run=run)
        drive(acme)
        steering.hold(**here)
        steering.release(**here)
        schedules.change(**here, hours={"notion": 24})
        person = people.user("new@example.com")
        membership = members.add_member(**here, user=person, role="viewer")
        members.change_role(**who, membership=membership, role="editor")
        members.remove_member(**who, membership=membership)
        key = keys.add_key(**here, plain=f"fini_{'n' * 30}", label="new")
        verifications.ask(**who, key=key)
        keys.describe_key(**who, key=key, label="newer", purpose="", owner="", expires_on=None)
        keys.switch_off_key(**who, key=key)
    assert watch.silent == []
    assert watch.seen == {*SHOWN} - {"workspaces_workspacesettings"}
    assert Source.objects.filter(workspace=acme, state="usable").exists()
    assert ApiKey.objects.filter(workspace=acme).count() == 2


def test_a_workspace_without_work_stays_at_its_version(acme: Workspace, register: Start) -> None:
    register(resources(2))
    drive(acme)
    before = now_in(acme).version.rpartition(".")[0]
    drive(acme)
    assert Run.objects.filter(workspace=acme).exclude(state="ended").count() == 0
    assert now_in(acme).version.rpartition(".")[0] == before
