"""The register page for tests: what is sent to it, and what it says."""

import re
from datetime import UTC, datetime
from typing import Any

from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client

from fini_admin.ingestion.models import Preview
from fini_admin.sources.models import Source
from fini_admin.workspaces.models import Workspace

PAGE = "/w/acme/register/"
HTMX = {"HX-Request": "true"}
KEY = "fini_live_abcdefghijklmnopqrstuvwxyz1234"
HEADER = "title,externalId,originalUrl\n"
ROW = {
    "provider": "zendesk",
    "row": "1",
    "1-original_url": "https://acme.zendesk.com/hc/en-us/articles/360012-Parcel-is-late",
    "1-title": "Parcel is late",
    "1-external_id": "360012",
    "1-mime_type": "text/html",
    "do": "register",
}


def text_of(answer: Any) -> str:
    """What the answer says, without its markup."""
    return " ".join(re.sub(r"<[^>]+>", " ", answer.content.decode()).split())


def errors(answer: Any) -> list[str]:
    """What stands beside the fields."""
    page = re.sub(r"<template.*?</template>", "", answer.content.decode(), flags=re.DOTALL)
    found = re.findall(r'<p class="wrong"[^>]*>(.*?)</p>', page, re.DOTALL)
    return [" ".join(re.sub(r"<svg.*?</svg>|<[^>]+>", " ", text, flags=re.DOTALL).split()) for text in found]


def rows_of(answer: Any) -> list[str]:
    """The names of the rows that it shows."""
    return re.findall(r'name="row"\s+value="([^"]*)"', answer.content.decode())


def imported(client: Client, text: str = "", file: bytes | None = None, **fields: Any) -> Any:
    """Send a text or a file, as the page's button does."""
    held: dict[str, Any] = {"provider": "zendesk", "row": "1", "text": text, "do": "preview"} | fields
    if file is not None:
        held["file"] = SimpleUploadedFile("resources.csv", file)
    return client.post(PAGE, held)


def preview_of(answer: Any) -> Preview:
    assert answer.status_code == 303, errors(answer)
    return Preview.objects.get(token=answer.headers["Location"].split("/")[-2])


def groups(client: Client, preview: Preview) -> dict[str, int]:
    """How many resources the preview tells of each group."""
    page = client.get(f"/w/acme/previews/{preview.token}/")
    return {group.name: group.total for group in page.context["groups"]}


def known(acme: Workspace, number: int, title: str) -> Source:
    now = datetime.now(UTC)
    return Source.objects.create(
        workspace=acme,
        fini_id=f"fini-{number}",
        provider="zendesk",
        external_id=str(number),
        title=title,
        original_url=f"https://a.example/{number}",
        mime_type="text/html",
        state_since=now,
        first_seen=now,
        last_seen=now,
    )
