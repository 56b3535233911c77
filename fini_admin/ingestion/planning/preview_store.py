"""Storing previews: their rows in several transactions, and reading them back in the order of sending."""

from collections import Counter
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime
from itertools import chain

from fini_admin.ingestion.models import Preview, PreviewRow, PreviewState
from fini_admin.ingestion.runs.starting import new_token
from fini_admin.lib.paging import CHUNK, chunks

_PORTION = 2000  # rows a transaction: everyone else who writes waits for it


def store_preview(preview: Preview, rows: Iterable[PreviewRow]) -> Preview:
    """Store a preview, its rows in several transactions; only then can it be found."""
    preview.token, preview.made_at = new_token(), datetime.now(UTC)
    preview.save(force_insert=True)
    groups: Counter[str] = Counter()
    for part in chunks(rows, _PORTION):
        for row in part:
            row.preview = preview
            groups[str(row.group)] += 1
        PreviewRow.objects.bulk_create(part)
    preview.summary["groups"] = dict(groups)
    preview.state = PreviewState.OPEN
    preview.save(update_fields=["summary", "state"])
    return preview


def number_of_ids(preview: Preview) -> int:
    """How many IDs the run will have, if nothing is left out and no twin let in."""
    return sum(number for _, number in preview.summary["providers"])


def in_sending_order(parts: Iterable[Iterable[PreviewRow]]) -> Iterator[PreviewRow]:
    """Rows with their places: those of a call's kind and provider stand together (T8)."""
    for place, row in enumerate(chain.from_iterable(parts)):
        row.number = row.place = place
        yield row


def rows_in_sending_order(preview: Preview) -> Iterator[list[PreviewRow]]:
    """The rows that have a place, by their places, CHUNK at a time."""
    rows = preview.rows.filter(place__isnull=False).order_by("place")
    part = list(rows[:CHUNK])
    while part:
        yield part
        part = list(rows.filter(place__gt=part[-1].place)[:CHUNK])
