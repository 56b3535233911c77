"""An activity's name and detail as people read them."""

import json
import re
from datetime import datetime

from fini_admin.audit.models import Entry
from fini_admin.audit.names import ANCHOR, HEAD_RECORDED

MOMENT = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?\+00:00")


def in_words(kind: str) -> str:
    """An activity's name as people read it."""
    return kind.replace(".", " ").replace("_", " ").capitalize()


def pairs(detail: str | None) -> list[tuple[str, str]]:
    """An activity's detail as names and values to be read; what has no value is left out.

    A change has all its values in *before* and *after*, where one that was taken away is *none*.
    """
    if not detail:
        return []
    try:
        read = json.loads(detail)
    except ValueError:
        return [("detail", detail)]
    named = read.items() if isinstance(read, dict) else [("detail", read)]
    return [(name.replace("_", " "), in_short(value)) for name, value in named if value not in (None, "")]


def told(row: Entry) -> list[tuple[str, str]]:
    """What an activity's row tells: its detail; of an anchor what went and why, of a head where it was."""
    if row.kind == HEAD_RECORDED:
        return told_of_head(pairs(row.detail))
    if row.kind != ANCHOR or not isinstance(row.covers, int):
        return pairs(row.detail)
    said = dict(pairs(row.detail))
    what = f"Rows 1 to {row.covers:,} went: they were older than {said.get('days', 'some')} days."
    return [("", what), *((name, said[name]) for name in ("hash",) if name in said)]


def told_of_head(found: list[tuple[str, str]]) -> list[tuple[str, str]]:
    """Where another chain's head was."""
    said = dict(found)
    if not {"chain", "seq", "hash"} <= said.keys():
        return found
    return [("", f"Row {said['seq']} was the newest of chain {said['chain']}."), ("hash", said["hash"])]


def in_short(value: object) -> str:
    """A value in a line: a text as it is, a time to the minute, a list with commas, nothing as *none*."""
    if value in (None, "", []):
        return "none"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, list):
        return ", ".join(map(in_short, value))
    if isinstance(value, dict):
        return ", ".join(f"{name} {in_short(held)}" for name, held in value.items())
    if isinstance(value, str) and MOMENT.fullmatch(value):
        return f"{datetime.fromisoformat(value):%Y-%m-%d %H:%M} UTC"
    return str(value)
