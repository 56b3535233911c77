"""The queue's page as its tests use it: entries without asking Fini, what is shown, what is posted and said."""

import html
import re
from datetime import UTC, datetime
from typing import Any

from django.test import Client

from fini_admin.ingestion.models import Lane, Preview, QueueEntry
from fini_admin.sources.models import Source
from fini_admin.sources.states import State
from fini_admin.workspaces.models import Workspace

PAGE = "/w/acme/queue/"
HTMX = {"HX-Request": "true"}


def many(workspace: Workspace, number: int) -> list[QueueEntry]:
    """So many entries, without asking Fini."""
    now = datetime.now(UTC)
    made = [
        Source(
            workspace=workspace,
            fini_id=f"doc-{n}",
            provider="notion",
            external_id=f"n-{n}",
            title=f"Page {n}",
            state=State.QUEUED,
            state_since=now,
            first_seen=now,
            last_seen=now,
            read_at=now,
        )
        for n in range(number)
    ]
    Source.objects.bulk_create(made, batch_size=1000)
    opened = [
        QueueEntry(
            workspace=workspace, source=source, lane=Lane.ADD, opened_at=now, opened_by="ada@example.com"
        )
        for source in made
    ]
    QueueEntry.objects.bulk_create(opened, batch_size=1000)
    return opened


def waiting(workspace: Workspace) -> list[QueueEntry]:
    found = QueueEntry.objects.filter(workspace=workspace, closed_at=None)
    return list(found.select_related("source").order_by("pk"))


def shown(client: Client, query: str = "") -> list[str]:
    """The external IDs on the page."""
    rows = client.get(f"{PAGE}?{query}").context["page"].rows
    return [getattr(row, "source", row).external_id for row in rows]


def numbers(client: Client, query: str = "") -> dict[str, str]:
    """What the tabs count."""
    part = client.get(f"{PAGE}?{query}&part=counts", headers=HTMX).content.decode()
    return dict(re.findall(r'id="tab-(\w+)".*?class="tab-number">([^<]*)<', part, re.DOTALL))


def offer(client: Client, query: str = "") -> tuple[str, str]:
    """What *Select all N* names, and the address it asks for what it selects; both empty without the button."""
    part = client.get(f"{PAGE}?{query}&part=counts", headers=HTMX).content.decode()
    button = re.search(r'data-all="([^"]*)"[^>]*>Select all ([^<]*)<', part)
    return (button[2], html.unescape(button[1])) if button else ("", "")


def select_all(client: Client, query: str = "") -> str:
    """What *Select all N* selects: numbers with commas between; nothing without the button."""
    address = offer(client, query)[1]
    return client.get(f"{PAGE}{address}", headers=HTMX).content.decode() if address else ""


def send_button(client: Client, query: str = "") -> tuple[str, str, dict[str, str]]:
    """The page's own button once its number came: what it says, where it leads, and what it sends."""
    part = client.get(f"{PAGE}?{query}&part=counts", headers=HTMX).content.decode()
    form = re.search(r'<form id="send-all-form".*?</form>', part, re.DOTALL)
    assert form
    says = re.search(r">\s*(Send [^<]*?)\s*</button>", form[0])
    leads = re.search(r'action="([^"]*)"', form[0])
    assert says
    assert leads
    fields = dict(re.findall(r'type="hidden" name="(do|upto)" value="([^"]*)"', form[0]))
    return says[1], html.unescape(leads[1]), fields


def pks(entries: list[QueueEntry]) -> list[int]:
    return [entry.pk for entry in entries]


def post(client: Client, do: str, ids: list[int] | str, query: str = "", **more: str) -> Any:
    return client.post(f"{PAGE}?{query}", {"do": do, "id": ids, **more}, follow=True)


def said(answer: Any) -> str:
    """The messages of the page that one is led to."""
    return " ".join(str(message) for message in answer.context["messages"])


def preview_of(answer: Any) -> Preview:
    assert answer.redirect_chain[0][1] == 303
    token = answer.redirect_chain[0][0].rstrip("/").rpartition("/")[2]
    return Preview.objects.get(token=token)
