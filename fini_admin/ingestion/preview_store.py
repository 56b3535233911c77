"""Storing previews: their rows in several transactions, and how many IDs they hold."""

import secrets
from collections import Counter
from collections.abc import Iterable
from datetime import UTC, datetime

from fini_admin.ingestion.models import Preview, PreviewRow, PreviewState
from fini_admin.lib.paging import chunks

_PORTION = 2000  # rows a transaction: everyone else who writes waits for it


def new_token() -> str:
    """A one-time number for a form that starts a run."""
    return secrets.token_urlsafe(24)


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
