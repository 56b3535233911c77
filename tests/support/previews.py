"""What a preview holds, as tests look at it."""

import json
from typing import Any

from fini_admin.ingestion.models import Preview, PreviewRow, RowGroupName
from fini_admin.ingestion.planning import planned_calls


def contents(preview: Preview) -> dict[str, Any]:
    """The summary; of the rows what is sent (`resources`, `entries`) in its order, and what is left out, by group."""
    rows = list(preview.rows.order_by("position", "number"))
    sent = [row for row in rows if row.position is not None]
    lines = {
        group: [_line(row) for row in rows if row.group == group]
        for group in (RowGroupName.INVALID, RowGroupName.DUPLICATE)
    }
    return preview.summary | {
        "resources": [row.content["resource"] for row in sent if row.content],
        "entries": [row.entry_id for row in sent if row.entry_id],
        "twins": {row.position: row.content["twin"] for row in sent if row.content and "twin" in row.content},
        "untitled": [row.position for row in sent if row.content and "untitled" in row.content],
        "problems": lines[RowGroupName.INVALID],
        "duplicates": lines[RowGroupName.DUPLICATE],
    }


def _line(row: PreviewRow) -> tuple[Any, ...]:
    content = row.content or {}
    return tuple(content.get(name, "") for name in ("line", "said", "text"))


def planned_bodies(preview: Preview) -> list[Any]:
    """The bodies of all calls that the preview shows."""
    plan = planned_calls.call_plan(preview)
    requests = [planned_calls.request_of(preview, call) for call in plan.calls(plan.number)]
    return [json.loads(request.payload) for request in requests if request and request.payload]
