"""Exporting the trail: rows in order, with the columns that the stable export format names."""

from collections.abc import Iterator
from typing import Any

from fini_admin.audit import bodies
from fini_admin.audit.chain import COLUMNS
from fini_admin.audit.models import Entry

CHUNK = 1_000


def exported_rows(
    chain: str, *, since: str = "", until: str = "", after: int = 0
) -> Iterator[dict[str, Any]]:
    """The rows of a chain after number `after`, in order; `since` inclusive, `until` exclusive, as UTC text."""
    while True:
        wanted = Entry.objects.filter(chain=chain, seq__gt=after)
        wanted = wanted.filter(at__gte=since) if since else wanted
        wanted = wanted.filter(at__lt=until) if until else wanted
        page = list(wanted.order_by("seq").values(*COLUMNS, "hash")[:CHUNK])
        yield from page
        if len(page) < CHUNK:
            return
        after = page[-1]["seq"]


def with_bodies(row: dict[str, Any]) -> dict[str, Any]:
    """A row with what is kept of its bodies, which its hash does not cover."""
    kept = {
        f"{name}_text": bodies.load_text(row["chain"], row[f"{name}_body"]) if row[f"{name}_body"] else None
        for name in ("request", "answer")
    }
    return row | kept
