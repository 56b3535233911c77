"""Reads resources from a file or a text: CSV, JSON, JSON Lines or an Excel workbook. Every line is taken or named."""

from collections import Counter
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from fini_admin.fini import external_ids
from fini_admin.fini.addresses import hint_of
from fini_admin.fini.external_ids import AmbiguousId
from fini_admin.fini.providers import PROVIDERS
from fini_admin.fini.routes import SOURCES, Resource
from fini_admin.fini.wire import clean
from fini_admin.ingestion.resource_rules import FIELDS, LOST, fault, tidied
from fini_admin.ingestion.uploads import file_types
from fini_admin.ingestion.uploads.decoding import decode
from fini_admin.ingestion.uploads.delimited import read_csv
from fini_admin.ingestion.uploads.json_records import is_json, kind_of, read_json
from fini_admin.ingestion.uploads.rows import FileRow, FileRows, Unreadable, check_number
from fini_admin.ingestion.uploads.workbook import read_workbook
from fini_admin.sources.states import State

# Which of these external IDs are those of sources, letter for letter.
Known = Callable[[Collection[str]], Collection[str]]
_NAMED = 5


class Problem(NamedTuple):
    """A line that is left out: its number, what is wrong and what to do, and how it reads."""

    line: int
    said: str
    text: str


class Duplicate(NamedTuple):
    """A line whose external ID stands in an earlier line, `first`."""

    line: int
    first: int
    text: str


@dataclass(slots=True)
class Reading:
    """What a file holds: its good resources with where each stands, and every line that is left out.

    Positions count lines, rows of a sheet, or items of a JSON document (`unit`), from 1. A resource without mimeType
    or object has none yet. `notes` are sentences about the file as a whole.
    """

    unit: str = "line"
    resources: list[Resource] = field(default_factory=list)
    lines: list[int] = field(default_factory=list)
    texts: list[str] = field(default_factory=list)
    problems: list[Problem] = field(default_factory=list)
    duplicates: list[Duplicate] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)

    def said_of_duplicates(self) -> list[Problem]:
        """Duplicates as problems, for a command that stops at them."""
        return [
            Problem(
                line, f"its externalId stands in {self.unit} {first:,} already: take one of them out", text
            )
            for line, first, text in self.duplicates
        ]


def read_bytes(
    content: bytes, provider: str, *, most: int | None = None, known: Known | None = None
) -> Reading:
    """Read a file's bytes; as `read_text`. Raises Unreadable."""
    if file_types.is_workbook(content):
        left_out, rows = read_workbook(content)
        try:
            found = _sort_rows(rows, provider, "row", most, known)
        except Unreadable as error:
            # The list may stand in another sheet.
            raise Unreadable(". ".join([str(error), *left_out]).removesuffix(".")) from error
        found.notes += left_out
        return found
    if refused := file_types.refusal(content):
        raise Unreadable(f"it is {refused}")
    decoded = decode(content)
    found = read_text(decoded.text, provider, most=most, known=known)
    if decoded.guessed:
        words = ", ".join(f"“{word}”" for word in decoded.guessed)
        found.notes.insert(
            0, f"Read as Windows-1252, for it is not UTF-8: check the accents. It holds {words}."
        )
    return found


def read_text(text: str, provider: str, *, most: int | None = None, known: Known | None = None) -> Reading:
    """Read a text of at most `most` lines. Raises Unreadable.

    `known` says which external IDs a source has exactly as written: those are taken as they are.
    """
    text = _without_marks(text)
    if not text.strip():
        raise Unreadable("it is empty")
    if refused := file_types.refusal_of_text(text):
        raise Unreadable(f"it is {refused}")
    if not is_json(text):
        return _sort_rows(read_csv(text), provider, "line", most, known)
    unit, rows, notes = read_json(text, PROVIDERS[provider], most)
    found = _sort_rows(rows, provider, unit, most, known)
    found.notes += notes
    return found


def _without_marks(text: str) -> str:
    """A text without unseen characters in front that hide its format. Lines and tabs stay, because they count."""
    start = 0
    while start < len(text) and text[start] not in "\t\n\r " and external_ids.is_unseen(text[start]):
        start += 1
    return text[start:]


def _sort_rows(rows: FileRows, provider: str, unit: str, most: int | None, known: Known | None) -> Reading:
    """Sort rows into resources, duplicates and problems."""
    found = Reading(unit)
    good: list[FileRow] = []
    for number, row in enumerate(rows, 1):
        check_number(number, most, unit)
        problem = row.problem or _problem(row, provider)
        if problem:
            found.problems.append(Problem(row.line, problem, row.text))
        else:
            good.append(row)
    if not good and not found.problems:
        raise Unreadable("it names no resource")
    _add_resources(found, good, provider, known)
    found.notes += _doubts(found.resources, provider)
    found.problems.sort()
    return found


def _add_resources(found: Reading, rows: list[FileRow], provider: str, known: Known | None) -> None:
    """Add rows without faults, each ID once; an unclear or repeated ID is named."""
    values = [{own: tidied(own, _text(row.values.get(wire))) for wire, own in FIELDS.items()} for row in rows]
    read = [_read_id(row, value["original_url"]) for row, value in zip(rows, values, strict=True)]
    written = [clean(_text(row.values.get("externalId"))) for row in rows]
    changed = {was for was, (now, _) in zip(written, read, strict=True) if was != now}
    as_written = set(known(changed)) if known and changed else set()
    first_lines: dict[str, int] = {}
    taken_as: list[str] = []
    for row, value, was, (now, unclear) in zip(rows, values, written, read, strict=True):
        if was in as_written:
            value["external_id"] = was
        elif unclear:
            found.problems.append(Problem(row.line, f"externalId {unclear}", row.text))
            continue
        elif now != value["external_id"]:
            taken_as.append(f"“{value['external_id'][:80]}” in {found.unit} {row.line:,} as {now[:80]}")
            value["external_id"] = now
        key = external_ids.comparison_key(provider, value["external_id"])
        if key in first_lines:
            found.duplicates.append(Duplicate(row.line, first_lines[key], row.text))
            continue
        first_lines[key] = row.line
        found.resources.append(Resource(**value))
        found.lines.append(row.line)
        found.texts.append(row.text)
    if taken_as:
        more = f", and {len(taken_as) - _NAMED:,} more" if len(taken_as) > _NAMED else ""
        found.notes.append(f"External IDs were read: {', '.join(taken_as[:_NAMED])}{more}.")


def _doubts(resources: Sequence[Resource], provider: str) -> list[str]:
    """What to check before anything is sent: lost characters, and URLs of another provider."""
    said = []
    lost = sum(LOST in resource.title for resource in resources)
    if lost:
        said.append(f"Titles that hold {LOST} in place of a character that was lost: {lost:,}.")
    of = Counter(hint_of(resource.original_url).provider for resource in resources)
    for name, count in of.items():
        if name and name != provider:
            labels = PROVIDERS[name].label, PROVIDERS[provider].label
            said.append(
                f"Addresses that look like {labels[0]}, not {labels[1]}: {count:,} of {len(resources):,}."
            )
    return said


def _read_id(row: FileRow, address: str) -> tuple[str, str]:
    """The ID that a row's value stands for; or empty, with why it cannot be told."""
    value = row.values["externalId"]
    try:
        if isinstance(value, str):
            meant = external_ids.read(value, hint_of(address).external_id)
            # What was taken off may have hidden a fault: a key with an unseen character in it is none until then.
            wrong = fault("external_id", meant)
            return ("", wrong) if wrong else (meant, "")
        digits = external_ids.of_number(value)
        if not external_ids.is_exact(value) and digits not in address:
            return "", "is a number too long to be exact: write the ID in quotes"
        return external_ids.read(digits, digits if digits in address else ""), ""
    except AmbiguousId as error:
        return "", str(error)


def _text(value: Any) -> str:
    return "" if value is None else str(value)


def _problem(row: FileRow, provider: str) -> str:
    """What is wrong with a row; empty if nothing is."""
    other = row.values.get("source")
    if isinstance(other, str) and other in SOURCES and other != provider:
        todo = "register it there" if other in PROVIDERS else "Fini takes it by other ways, take the line out"
        return f"its source is {other}, not {provider}: {todo}"
    if row.values.get("state") == State.GONE:  # as an export says it
        return "is no longer in Fini: to register it again, take its state out"
    said = {wire: _wrong_type(row, wire) for wire in FIELDS}
    said |= {wire: fault(own, _text(row.values.get(wire))) for wire, own in FIELDS.items() if not said[wire]}
    return "; ".join(f"{wire} {problem}" for wire, problem in said.items() if problem)


def _wrong_type(row: FileRow, wire: str) -> str:
    """Why a value is not text; empty if it is. A number is taken for `externalId`, and anywhere in a workbook."""
    value = row.values.get(wire)
    number = isinstance(value, int | float) and not isinstance(value, bool)
    if value is None or isinstance(value, str) or (number and (wire == "externalId" or row.from_workbook)):
        return ""
    shown = f" ({value})" if number else ""
    return f"is {kind_of(value)}{shown}, not a text" + (": write it in quotes" if number else "")
