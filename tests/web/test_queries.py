"""How many queries each page makes: few, and as many for many rows as for few."""

import sys
from datetime import UTC, datetime
from uuid import uuid4

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from fini_admin.audit.recording import Context
from fini_admin.ingestion.entries import enqueue
from fini_admin.ingestion.kinds import registrations
from fini_admin.ingestion.models import Item, ItemOutcome, Run, RunState, Stage
from fini_admin.ingestion.runs.forecast import ENOUGH
from fini_admin.people import invitations
from fini_admin.sources import mirror
from fini_admin.sources.mirror import Observation
from fini_admin.sources.states import State
from fini_admin.web import urls
from fini_admin.workspaces.vault import Secret
from tests.support import people, rows
from tests.support.discovered import listed
from tests.support.furnished import Furnished, furnish, node, resources
from tests.support.who import by

MOST = 8
HTMX = {"HX-Request": "true"}
NEW = 5


def pages(made: Furnished) -> dict[str, str]:
    """Each page of a workspace with what it needs in its address, by name."""
    slug = made.slug
    found = {
        name: reverse(name, args=[slug])
        for name in (
            "register",
            "web",
            "sources",
            "runs",
            "queue",
            "activity",
            "keys",
            "members",
            "settings",
            "searches",
        )
    }
    return found | {
        "home": reverse("workspace", args=[slug]),
        "audit": reverse("calls", args=[slug]),
        "discover": reverse("discover", args=[slug, "zendesk"]),
        "source": reverse("source", args=[slug, made.sources[1].fini_id]),
        "run": reverse("run", args=[slug, made.runs["register"].number]),
        "a run that goes on": reverse("run", args=[slug, made.runs["going"].number]),
        "call": reverse("call", args=[slug, made.calls["answered"]]),
        "body": reverse("call_body", args=[slug, made.calls["answered"], "request"]),
        "key": reverse("key_edit", args=[slug, made.keys["waiting"].pk]),
        **{
            f"preview {name}": reverse("preview", args=[slug, made.previews[name].token])
            for name in ("register", "import", "both", "ingest", "refresh", "retry", "web")
        },
        "preview delete": reverse("deletion", args=[slug, made.previews["delete"].token]),
    }


# What comes without a page of its own.
LEAD_ON = {
    "palette_results",
    "sources_sync",
    "runs_hold",
    "run_steer",
    "run_retry",
    "run_register_again",
    "key_verify",
    "key_switch",
    "key_off",
    "member_role",
    "member_remove",
    "invitation_withdraw",
    "invitation_renew",
    "schedule_take_over",
}
NAMED = {
    "workspace": "home",
    "calls": "audit",
    "call_body": "body",
    "key_edit": "key",
    "preview": "preview register",
    "deletion": "preview delete",
}
# What loads after a page.
LATE = {
    "home trends": ("home", "?part=trends&trends=day"),
    "sources counts": ("sources", "?part=counts"),
    "queue counts": ("queue", "?part=counts"),
    "key uses": ("keys", "?part=calls"),
}


@pytest.fixture
def company(db: None) -> Furnished:
    """Runs of each kind have ended often enough for a preview to tell its time."""
    made = furnish("acme", "Acme")
    now, last = datetime.now(UTC), max(run.number for run in made.runs.values())
    ended = {
        "workspace": made.workspace,
        "state": RunState.ENDED,
        "total": 1,
        "created_at": now,
        "ended_at": now,
    }
    alike = {(one.kind, one.provider, way) for one in made.previews.values() for way in (True, False)}
    Run.objects.bulk_create(
        Run(**ended, number=last + number, kind=kind, provider=provider, then_ingest=way, actor=made.actor)
        for number, (kind, provider, way) in enumerate(sorted(alike) * ENOUGH, start=1)
    )
    return made


@pytest.fixture
def client(company: Furnished) -> Client:
    client = Client()
    people.log_in(client, company.members["admin"])
    return client


def counted(client: Client, made: Furnished) -> dict[str, int]:
    """How many queries each page makes, and what loads after it."""
    addresses = pages(made)
    late = {name: addresses[page] + query for name, (page, query) in LATE.items()}
    return {name: queries(client, url) for name, url in addresses.items()} | {
        name: queries(client, url, HTMX) for name, url in late.items()
    }


def queries(client: Client, url: str, headers: dict[str, str] | None = None) -> int:
    with CaptureQueriesContext(connection) as made:
        assert client.get(url, headers=headers or {}).status_code == 200, url
    return len(made)


def grow(made: Furnished) -> None:
    """More of everything that pages show in rows."""
    workspace = made.workspace
    seen = Observation("", datetime.now(UTC))
    more = mirror.ensure_sources(workspace, "zendesk", [str(uuid4()) for _ in range(NEW)], seen)
    enqueue(more, made.runs["register"])
    mirror.move_all(more, State.QUEUED, seen, "note")
    made.sources[1].history.model.objects.bulk_create(
        made.sources[1].history.model(
            source=made.sources[1], at=datetime.now(UTC), new="failed", call=str(uuid4())
        )
        for _ in range(NEW)
    )
    for run in (made.runs["register"], made.runs["going"]):
        Item.objects.bulk_create(
            Item(
                run=run,
                position=1000 + number,
                provider="zendesk",
                external_id=f"more-{number}",
                source=source,
                stage=Stage.ENDED,
                outcome=ItemOutcome.DONE,
            )
            for number, source in enumerate(more)
        )
    key = made.keys["live"]
    context = Context(str(workspace.pk), by(made.actor, "worker"), key.label, str(key.pk), Secret("-"))
    for number in range(NEW):
        rows.answered(context)
        bodies = [one.body() for one in resources(made, 80 + number)]
        registrations.start_register(
            **made.who, workspace=workspace, provider="zendesk", resources=bodies, then_ingest=False
        )
        people.member(workspace, "editor", f"more{number}@example.com")
        people.key(workspace, f"more {number}", f"fini_more_{number}_{'k' * 20}")
        invitations.invite(**made.who, workspace=workspace, email=f"guest{number}@example.com", role="viewer")
    listed(workspace, [node(made, f"more-{number}") for number in range(NEW)])


def test_each_page_makes_few_queries(client: Client, company: Furnished) -> None:
    found = counted(client, company)
    sys.stderr.write("".join(f"{number:3} queries: {name}\n" for name, number in found.items()))
    assert {name: number for name, number in found.items() if number > MOST} == {}


def test_no_page_makes_more_queries_for_more_rows(client: Client, company: Furnished) -> None:
    before = counted(client, company)
    grow(company)
    assert counted(client, company) == before


def test_no_page_of_a_workspace_is_left_out(company: Furnished) -> None:
    named = {
        pattern.name for pattern in urls.urlpatterns if str(pattern.pattern).startswith("w/<slug:slug>/")
    }
    assert {NAMED.get(name or "", name) for name in named - LEAD_ON} <= pages(company).keys()
