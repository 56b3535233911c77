"""Activities and their details, formatted for people."""

import json
import re
from datetime import datetime

from fini_admin.audit.models import Entry
from fini_admin.audit.names import ANCHOR, HEAD_RECORDED

MOMENT = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?\+00:00")


def activity_name(kind: str) -> str:
    """An activity's kind as a phrase: key.added is "Key added"."""
    return kind.replace(".", " ").replace("_", " ").capitalize()


def pairs(detail: str | None) -> list[tuple[str, str]]:
    """A JSON detail as names and values; empty values are left out.

    A change keeps all its values in *before* and *after*, where a removed one is *none*.
    """
    if not detail:
        return []
    try:
        read = json.loads(detail)
    except ValueError:
        return [("detail", detail)]
    named = read.items() if isinstance(read, dict) else [("detail", read)]
    return [
        (name.replace("_", " "), _value_in_words(value)) for name, value in named if value not in (None, "")
    ]


def detail_pairs(row: Entry) -> list[tuple[str, str]]:
    """A row's detail as names and values. An anchor says what was deleted and why, a head where its chain was."""
    if row.kind == HEAD_RECORDED:
        return _head_pairs(pairs(row.detail))
    if row.kind != ANCHOR or not isinstance(row.covers, int):
        return pairs(row.detail)
    said = dict(pairs(row.detail))
    what = f"Rows 1 to {row.covers:,} went: they were older than {said.get('days', 'some')} days."
    return [("", what), *((name, said[name]) for name in ("hash",) if name in said)]


def _head_pairs(found: list[tuple[str, str]]) -> list[tuple[str, str]]:
    """The detail of `audit.head_recorded`, as a sentence and the hash."""
    said = dict(found)
    if not {"chain", "seq", "hash"} <= said.keys():
        return found
    return [("", f"Row {said['seq']} was the newest of chain {said['chain']}."), ("hash", said["hash"])]


def _value_in_words(value: object) -> str:
    """Text as it is, a time to the minute, a list with commas, nothing as *none*."""
    if value in (None, "", []):
        return "none"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, list):
        return ", ".join(map(_value_in_words, value))
    if isinstance(value, dict):
        return ", ".join(f"{name} {_value_in_words(held)}" for name, held in value.items())
    if isinstance(value, str) and MOMENT.fullmatch(value):
        return f"{datetime.fromisoformat(value):%Y-%m-%d %H:%M} UTC"
    return str(value)
