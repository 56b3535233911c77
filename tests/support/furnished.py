"""A workspace that holds something of everything, made without a sandbox, for tests that walk over all pages at once.

Every text of it carries `mark`, so that what is shown of it can be told from what is shown of another; the IDs that
tests send (`ids`) do not, for they may come back.
"""

from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import cached_property
from typing import Any
from uuid import uuid4

from allauth.account.models import EmailAddress
from allauth.mfa.models import Authenticator
from allauth.usersessions.models import UserSession
from django.db import transaction

from fini_admin.audit.recording import Context
from fini_admin.fini import routes
from fini_admin.fini.errors import for_status
from fini_admin.fini.providers import Node
from fini_admin.fini.routes import Resource
from fini_admin.ingestion import queue_moves, schedules
from fini_admin.ingestion.entries import enqueue
from fini_admin.ingestion.kinds import (
    crawls,
    deletions,
    discovery,
    ingestions,
    refreshes,
    registrations,
    retries,
    web,
)
from fini_admin.ingestion.kinds.web_addresses import read_addresses
from fini_admin.ingestion.models import (
    Item,
    ItemOutcome,
    Lane,
    Preview,
    QueueEntry,
    Run,
    RunKind,
    RunState,
    Schedule,
    Stage,
    Step,
    StepState,
    Worker,
)
from fini_admin.people import invitations
from fini_admin.people.models import Invitation
from fini_admin.sources import mirror
from fini_admin.sources.mirror import Observation
from fini_admin.sources.models import DiscoveredResource as Listed
from fini_admin.sources.models import Source
from fini_admin.sources.states import State
from fini_admin.workspaces.keys import switch_off_key
from fini_admin.workspaces.models import ApiKey, KeyState, Membership, User, Workspace
from fini_admin.workspaces.vault import Secret
from tests.support import people, rows
from tests.support.discovered import listed
from tests.support.who import by

ROLES = ("viewer", "editor", "admin")
MIME_TYPE = "text/html"


@dataclass
class Furnished:
    """A workspace and one of each thing in it."""

    workspace: Workspace
    mark: str
    members: dict[str, User] = field(default_factory=dict)
    keys: dict[str, ApiKey] = field(default_factory=dict)
    runs: dict[str, Run] = field(default_factory=dict)
    calls: dict[str, str] = field(default_factory=dict)
    entries: dict[str, QueueEntry] = field(default_factory=dict)
    previews: dict[str, Preview] = field(default_factory=dict)
    invitation: Invitation = field(init=False)
    invited: str = ""

    @property
    def slug(self) -> str:
        """Its name in addresses."""
        return self.workspace.slug

    @property
    def actor(self) -> str:
        """Who did it all."""
        return self.members["admin"].email

    @property
    def who(self) -> dict[str, Any]:
        """The same, as actions take it."""
        return {"by": by(self.actor, "browser")}

    @property
    def sources(self) -> list[Source]:
        """Its sources, the oldest first."""
        return list(Source.objects.filter(workspace=self.workspace).order_by("pk"))

    @cached_property
    def ids(self) -> list[str]:
        """An ID of every kind, and several where several can be picked, as they are sent."""
        resources = Listed.objects.filter(workspace=self.workspace).values_list("pk", flat=True)
        sources = Source.objects.filter(workspace=self.workspace).values_list("pk", flat=True)
        sessions = UserSession.objects.filter(user__in=self.members.values()).values_list("pk", flat=True)
        found = [self.workspace.pk, self.slug, f"{self.slug}-source-1", f"{self.slug}-1"]
        found += [*resources, *sources[:3], *sources.order_by("-pk")[:7], *sessions]
        items = Item.objects.filter(run=self.runs["crawl"]).values_list("pk", flat=True)
        found += [*items]
        found += [row.pk for row in (*self.keys.values(), *self.entries.values(), *self.members.values())]
        found += [self.membership(role).pk for role in ROLES] + [run.number for run in self.runs.values()]
        found += [*self.calls.values(), *(preview.token for preview in self.previews.values())]
        return [str(one) for one in (*found, self.invitation.pk)]

    def membership(self, role: str) -> Membership:
        """A role's membership."""
        return Membership.objects.get(workspace=self.workspace, user=self.members[role])


@transaction.atomic
def furnish(slug: str, mark: str, *, more_runs: int = 0) -> Furnished:
    """A workspace with everything; `more_runs`: so many more runs, whose numbers a smaller one has not."""
    made = Furnished(people.workspace(slug, f"{mark} Company"), mark)
    for role in (*ROLES, "leaving"):
        email = f"{role}.{mark}@example.com".lower()
        made.members[role] = people.member(made.workspace, "viewer" if role == "leaving" else role, email)
    leaving = made.members["leaving"]
    Authenticator.objects.create(user=leaving, type=Authenticator.Type.TOTP, data={"secret": ""})
    EmailAddress.objects.create(user=leaving, email=f"new.{mark}@example.com".lower(), verified=False)
    made.invitation, made.invited = invitations.invite(
        **made.who, workspace=made.workspace, email=f"guest.{mark}@example.com".lower(), role="viewer"
    )
    add_keys(made)
    add_resources(made)
    add_sources(made)
    add_queue(made)
    add_calls(made)
    add_previews(made)
    add_web(made)
    add_schedules(made)
    made.runs["last"] = made.runs["register"]
    for number in range(more_runs):
        made.runs["last"] = discovery.start_discover(
            **made.who, workspace=made.workspace, provider="notion", reason=f"{mark} {number}"
        )
    add_second_chances(made)
    made.runs["going"] = registrations.start_register(
        **made.who,
        workspace=made.workspace,
        provider="zendesk",
        resources=[one.body() for one in resources(made, 75)],
        then_ingest=False,
    )
    at = datetime.now(UTC)
    Worker.objects.get_or_create(pk="worker", defaults={"seen_at": at + timedelta(hours=1)})
    return made


def add_keys(made: Furnished) -> None:
    """A key in each state; the one that waits was verified, the live one never."""
    for label in ("live", "waiting", "off"):
        plain = f"fini_{label}_{made.mark}_{'k' * 20}"
        made.keys[label] = people.key(made.workspace, f"{made.mark} {label}", plain)
    ApiKey.objects.filter(pk=made.keys["waiting"].pk).update(
        scopes="read write", verified_at=datetime.now(UTC)
    )
    switch_off_key(**made.who, key=made.keys["off"])
    assert {key.state for key in ApiKey.objects.filter(workspace=made.workspace)} == set(KeyState)


def add_resources(made: Furnished) -> None:
    """What two providers hold: branches, leaves, and one that has no type."""
    leaves = [node(made, str(n)) for n in range(4)]
    branch = node(made, "section", *leaves[:2])
    made.runs["zendesk"] = listed(made.workspace, [branch, *leaves[2:]])
    made.runs["discover"] = listed(made.workspace, [node(made, "page")], "notion")


def node(made: Furnished, name: str, *children: Node) -> Node:
    """A resource as discovery lists it, or a branch that holds some."""
    url = "" if children else f"https://{made.mark}.example/{name}"
    return Node(
        f"{made.slug}-{name}",
        f"{made.mark} {name}",
        url,
        "",
        "page",
        children=list(children),
        leaf=not children,
    )


def resources(made: Furnished, *numbers: int) -> list[Resource]:
    """Resources as register takes them."""
    return [
        Resource(f"{made.slug}-{n}", f"{made.mark} page {n}", f"https://{made.mark}.example/{n}", MIME_TYPE)
        for n in numbers
    ]


def add_sources(made: Furnished) -> None:
    """A register run that has ended, and sources in each state, with their history."""
    run = registrations.start_register(
        **made.who,
        workspace=made.workspace,
        provider="zendesk",
        resources=[one.body() for one in resources(made, *range(len(State)))],
        then_ingest=False,
        reason=f"{made.mark} reason",
    )
    ids = [f"{made.slug if n == 1 else made.mark}-source-{n}" for n in range(len(State))]
    found = mirror.ensure_sources(
        made.workspace, "zendesk", ids, Observation(str(uuid4()), datetime.now(UTC), run.number)
    )
    for number, (source, state) in enumerate(zip(found, State.values, strict=True)):
        source.external_id, source.title = f"{made.slug}-{number}", f"{made.mark} title {number}"
        source.original_url, source.mime_type = f"https://{made.mark}.example/{number}", MIME_TYPE
        source.error, source.excerpt = f"{made.mark} error", f"{made.mark} excerpt"
        source.read_at = datetime.now(UTC)
        source.save()
        mirror.move_all([source], State(state), Observation("", datetime.now(UTC)), f"{made.mark} note")
    items = Item.objects.filter(run=run)
    for item, source in zip(items.order_by("position"), found, strict=True):
        Item.objects.filter(pk=item.pk).update(source=source)
    items.update(stage=Stage.ENDED, outcome=ItemOutcome.DONE, reason=f"{made.mark} outcome")
    Step.objects.filter(run=run).update(state=StepState.DONE)
    Run.objects.filter(pk=run.pk).update(state=RunState.ENDED, ended_at=datetime.now(UTC))
    made.runs["register"] = run


def add_queue(made: Furnished) -> None:
    """An entry in each lane, one that a run has taken, one that was taken out."""
    waiting = mirror.ensure_sources(
        made.workspace,
        "zendesk",
        [f"{made.mark}-waiting-{n}" for n in range(6)],
        Observation("", datetime.now(UTC)),
    )
    enqueue(waiting, made.runs["register"])
    for source in waiting:
        source.title, source.read_at = f"{made.mark} {source.fini_id}", datetime.now(UTC)
        source.save()
    mirror.move_all(waiting, State.QUEUED, Observation("", datetime.now(UTC)), f"{made.mark} note")
    names = ("add", "more", "refresh", "unread", "taken", "out")
    entries = QueueEntry.objects.filter(source__in=waiting).order_by("pk")
    made.entries = dict(zip(names, entries, strict=True))
    for name, entry in made.entries.items():
        lane = {"refresh": Lane.REFRESH, "unread": ""}.get(name, Lane.ADD)
        QueueEntry.objects.filter(pk=entry.pk).update(lane=lane)
    queue_moves.remove_entries(**made.who, workspace=made.workspace, entries=[made.entries["out"].pk])
    taken = [made.entries["taken"].pk]
    made.runs["ingest"] = ingestions.start_ingest(
        **made.who, workspace=made.workspace, entries=list(enumerate(taken)), reason=made.mark
    )


def add_calls(made: Furnished) -> None:
    """An answered call of a run, with bodies; a refused one; one in flight."""
    key = made.keys["live"]
    run = made.runs["register"]
    context = Context(
        str(made.workspace.pk), by(made.actor, "worker"), key.label, str(key.pk), Secret("-"), run=run.number
    )
    request = routes.register("zendesk", [one.body() for one in resources(made, 1, 2)])
    made.calls["answered"] = rows.answered(context, request, status=201, kept=f'["{made.mark}"]')
    made.calls["refused"] = rows.answered(context, request, status=400, said=f"{made.mark} refused")
    made.calls["flying"] = rows.asked(context, request)
    assert for_status(400, "", None).outcome == "refused"
    touched = Source.objects.get(workspace=made.workspace, fini_id=f"{made.slug}-source-1")
    touched.history.update(call=made.calls["answered"])
    Step.objects.filter(run=run).update(call=made.calls["answered"])


def add_previews(made: Furnished) -> None:
    """One of each kind; in the first what is new, what will be updated, what stays out."""
    notes = registrations.RegisterNotes(
        unit="line",
        problems=[(7, f"{made.mark} is wrong")],
        duplicates=[(8, 2)],
        choose=True,
        notes=[f"{made.mark} note"],
    )
    renamed = [
        Resource(f"{made.slug}-{n}", f"{made.mark} new {n}", f"https://new.example/{n}", MIME_TYPE)
        for n in (1, 2)
    ]
    kinds: dict[str, dict[str, Any]] = {
        "import": {"resources": [*renamed, *resources(made, 71, 72)], "then_ingest": False, "notes": notes},
        "register": {"resources": resources(made, 73), "then_ingest": False},
        "both": {"resources": resources(made, 74), "then_ingest": True},
    }
    for name, content in kinds.items():
        made.previews[name] = registrations.freeze_register(
            workspace=made.workspace, provider="zendesk", **content
        )
    entries = [made.entries[name] for name in ("add", "refresh")]
    made.previews["ingest"] = ingestions.freeze_ingest(workspace=made.workspace, entries=entries)


def add_web(made: Furnished) -> None:
    """A crawl that has ended, what it found, and a preview of addresses: new, a twin, wrong."""
    run = made.runs["crawl"] = crawls.start_crawl(
        **made.who, workspace=made.workspace, links=[f"https://{made.mark}.example/"], include=["/"]
    )
    Item.objects.bulk_create(
        Item(
            run=run,
            position=number,
            provider="web",
            external_id=f"https://{made.mark}.example/found/{number}",
            stage=Stage.ENDED,
            outcome=ItemOutcome.DONE,
        )
        for number in range(2)
    )
    Step.objects.filter(run=run).update(state=StepState.DONE)
    Run.objects.filter(pk=run.pk).update(
        state=RunState.ENDED,
        ended_at=datetime.now(UTC),
        total=2,
        done=2,
        crawl={**(run.crawl or {}), "returned": 2},
    )
    pasted = read_addresses(
        f"https://{made.mark}.example/new\nhttps://{made.mark}.example/1/\n{made.mark}-wrong"
    )
    made.previews["web"] = web.freeze_web(workspace=made.workspace, pasted=pasted)


def add_second_chances(made: Furnished) -> None:
    """Runs that did not end well and that deleted something, and a preview of each thing that is done about sources."""
    states = {source.state: source for source in made.sources[: len(State)]}
    add_ended_runs(made, states)
    Source.objects.filter(pk=states["usable"].pk).update(knowledge_id=f"{made.mark}-knowledge", job_id="job")
    keys, failed = [states["usable"].pk], [states["failed"].pk]
    made.previews["refresh"] = refreshes.freeze(workspace=made.workspace, sources=keys)
    made.previews["delete"] = deletions.freeze(workspace=made.workspace, sources=keys)
    made.previews["retry"] = retries.freeze_sources(workspace=made.workspace, sources=failed)


def add_ended_runs(made: Furnished, states: dict[str, Source]) -> None:
    """A register that failed, and a deletion that names it as what it retries."""
    failed = made.runs["failed"] = registrations.start_register(
        **made.who,
        workspace=made.workspace,
        provider="zendesk",
        resources=[one.body() for one in resources(made, 6)],
        then_ingest=True,
    )
    deleted = made.runs["deleted"] = Run.objects.create(
        workspace=made.workspace,
        number=failed.number + 1,
        kind=RunKind.DELETE,
        actor=made.actor,
        origin="browser",
        total=1,
        retry_of=failed,
        created_at=datetime.now(UTC),
    )
    Item.objects.create(
        run=deleted, position=0, stage=Stage.ENDED, outcome=ItemOutcome.DONE, source=states["gone"]
    )
    said = {
        "sources": [{"id": states["gone"].fini_id, "title": f"{made.mark} title"}],
        "articles": [{"id": f"{made.mark}-a", "title": f"{made.mark} article"}],
    }
    now, done = datetime.now(UTC), StepState.DONE
    Step.objects.create(run=deleted, number=1, kind=RunKind.DELETE, state=done, due_at=now, deleted=said)
    Item.objects.filter(run=failed).update(
        source=states["failed"], stage=Stage.ENDED, outcome=ItemOutcome.FAILED, reason=f"{made.mark} error"
    )
    Step.objects.filter(run=failed).update(state=StepState.DONE)
    ended = {"state": RunState.ENDED, "ended_at": datetime.now(UTC)}
    Run.objects.filter(pk=failed.pk).update(failed=1, **ended)
    Run.objects.filter(pk=deleted.pk).update(done=1, **ended)


def add_schedules(made: Furnished) -> None:
    """One that its owner keeps, and one whose owner has left."""
    schedules.change(**made.who, workspace=made.workspace, hours={"notion": 24, "zendesk": 1})
    former = f"former.{made.mark}@example.com".lower()
    Schedule.objects.filter(workspace=made.workspace, provider="zendesk").update(set_by=former)
