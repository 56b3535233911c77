"""Activities as sentences, and what their details hold besides, formatted for people."""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass

from fini_admin.audit.chain import time_of
from fini_admin.audit.models import Entry
from fini_admin.audit.names import ANCHOR, HEAD_RECORDED, Activity
from fini_admin.ingestion.models import Run, RunKind
from fini_admin.web.wording.runs import title

MOMENT = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?\+00:00")


# What the actor did; a name in braces is a value of the detail, or the row's run. What no sentence tells, stays.
SENTENCES: dict[str, str] = {
    Activity.WORKSPACE_CREATED: "made the workspace {name}",
    Activity.WORKSPACE_RENAMED: "renamed the workspace from {was} to {name}",
    Activity.WORKSPACE_ARCHIVED: "archived the workspace {name}",
    Activity.WORKSPACE_RESTORED: "restored the workspace {name}",
    Activity.MEMBER_ADDED: "added {email} as {role}",
    Activity.MEMBER_INVITED: "invited {email} as {role}",
    Activity.INVITATION_WITHDRAWN: "withdrew the invitation of {email}",
    Activity.INVITATION_ACCEPTED: "accepted the invitation as {role}",
    Activity.MEMBER_CHANGED: "changed {email} from {was} to {role}",
    Activity.MEMBER_REMOVED: "removed {email}, who was {was}",
    Activity.KEY_ADDED: "added the key {label}",
    Activity.KEY_CHANGED: "changed the notes of the key {label}",
    Activity.KEY_SWITCHED: "switched to the key {label}",
    Activity.KEY_SWITCHED_OFF: "switched off the key {label}",
    Activity.KEY_VERIFIED: "verified the key {label}",
    Activity.KEY_REFUSED: "refused the key {label}",
    Activity.KEY_FALLEN_BACK: "went back to the key {label}",
    Activity.RUN_STARTED: "started run {run}: {doing}",
    Activity.RUN_PAUSED: "paused run {run}",
    Activity.RUN_RESUMED: "resumed run {run}",
    Activity.RUN_STOPPED: "stopped run {run}",
    Activity.WORK_HELD: "held everything that this workspace sends",
    Activity.WORK_RELEASED: "resumed everything",
    Activity.QUEUE_REMOVED: "removed {sources} from the queue",
    Activity.QUEUE_PUT_BACK: "put {sources} back into the queue",
    Activity.SEARCH_SHARED: "shared the search {name}",
    Activity.SEARCH_WITHDRAWN: "withdrew the shared search {name}",
    Activity.SETTINGS_CHANGED: "changed the settings",
    Activity.AUDIT_EXPORTED: "exported the audit trail",
}
# Values that a sentence tells in other words, and keys by which nobody knows anything.
TOLD_OTHERWISE: dict[str, set[str]] = {
    Activity.RUN_STARTED: {"kind", "provider", "total", "then_ingest"},
    Activity.QUEUE_REMOVED: {"number"},
    Activity.QUEUE_PUT_BACK: {"number"},
    Activity.WORKSPACE_ARCHIVED: {"slug"},
    Activity.WORKSPACE_RESTORED: {"slug"},
    **{kind: {"key", "before_key", "state"} for kind in Activity if kind.startswith("key.")},
}
PLACES = re.compile(r"{(\w+)}")


@dataclass(frozen=True, slots=True)
class Told:
    """An activity: the sentence after the actor, empty for a kind without one; and the rest of its detail."""

    sentence: str
    rest: list[tuple[str, str]]


def told(row: Entry) -> Told:
    """An activity in words. A row that lacks what its sentence needs shows all its values instead."""
    detail = _as_object(row.detail)
    sentence = SENTENCES.get(row.kind, "")
    needed = set(PLACES.findall(sentence))
    values = {name: str(value) for name, value in detail.items()} | _made_up(row, detail)
    if not sentence or not needed <= values.keys():
        return Told("", detail_pairs(row))
    hidden = needed | TOLD_OTHERWISE.get(row.kind, set())
    rest = {name: value for name, value in detail.items() if name not in hidden}
    return Told(sentence.format(**{name: values[name] for name in needed}), _changes(rest))


def _changes(rest: dict[str, object]) -> list[tuple[str, str]]:
    """Names and values; of *before* and *after* each value that changed, as "90 → 50"."""
    before, after = rest.get("before"), rest.get("after")
    if not isinstance(before, dict) or not isinstance(after, dict):
        return _named_values(rest)
    changed = [
        (name.replace("_", " "), f"{_value_in_words(before.get(name))} → {_value_in_words(value)}")
        for name, value in after.items()
    ]
    return changed + _named_values({k: v for k, v in rest.items() if k not in ("before", "after")})


def _as_object(detail: str | None) -> dict[str, object]:
    """A detail's names and values; empty where it is no JSON object."""
    try:
        read = json.loads(detail or "")
    except ValueError:
        return {}
    return read if isinstance(read, dict) else {}


def _made_up(row: Entry, detail: dict[str, object]) -> dict[str, str]:
    """The values of sentences that are made of several: the run, what it does, how many sources."""
    made = {"run": str(row.run)} if row.run else {}
    if row.kind == Activity.RUN_STARTED and "kind" in detail:
        made["doing"] = _doing(detail)
    if isinstance(number := detail.get("number"), int):
        made["sources"] = f"{number:,} source{'' if number == 1 else 's'}"
    return made


def _doing(detail: dict[str, object]) -> str:
    """What a run that begins will do, as its page calls it: "register 12 resources", "retry 3 sources"."""
    kind, total = str(detail["kind"]), detail.get("total")
    if kind not in RunKind.values:  # of a newer version
        return kind
    number = total if isinstance(total, int) else None
    if number is None and kind != RunKind.DISCOVER:
        return kind
    run = Run(kind=kind, provider=str(detail.get("provider") or ""), total=number or 0)
    run.then_ingest = bool(detail.get("then_ingest"))
    run.retry_of_id = 0 if "retry_of" in detail else None
    told = title(run).strip()
    return told[:1].lower() + told[1:]


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
    return _named_values(read if isinstance(read, dict) else {"detail": read})


def _named_values(values: Mapping[str, object]) -> list[tuple[str, str]]:
    """Names and values in words; empty values are left out."""
    return [
        (name.replace("_", " "), _value_in_words(value))
        for name, value in values.items()
        if value not in (None, "")
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
    moment = time_of(value) if isinstance(value, str) and MOMENT.fullmatch(value) else None
    return f"{moment:%Y-%m-%d %H:%M} UTC" if moment else str(value)
