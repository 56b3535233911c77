"""Resources from a file: JSON (a list, register's body, discovery's tree, an object a line) or CSV, all checked."""

import csv
import json
import re
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from typing import Any

from fini_admin.fini.errors import NotUnderstood
from fini_admin.fini.providers import PROVIDERS, Provider, nested
from fini_admin.fini.routes import Resource
from fini_admin.ingestion.checking import REQUIRED, fault
from fini_admin.ingestion.decoding import Unreadable, decode

FIELDS = {
    "externalId": "external_id",
    "title": "title",
    "originalUrl": "original_url",
    "mimeType": "mime_type",
    "object": "object",
}
# A CSV's header may name a column as the form does, in whatever case: External ID, URL.
COLUMNS = {name.lower(): name for name in FIELDS} | {"url": "originalUrl"}
NEEDED = [wire for wire, own in FIELDS.items() if own in REQUIRED]
NAMES = f"The first line must name the columns: {', '.join(NEEDED)}, and mimeType where it differs"
LINES = re.compile(r"[^\r\n]*(?:\r\n|\n|\r)|[^\r\n]+")
Rows = Iterator[tuple[int, Any]]

# Columns that nobody asked for may be long, a page's whole text for instance. The limit is one for the process.
csv.field_size_limit(2**31 - 1)


@dataclass(slots=True)
class Reading:
    """What a file holds: its good resources with where each stands, what is wrong where, and what stands twice.

    Positions count lines, or in JSON items (`unit`), from 1.
    """

    unit: str = "line"
    resources: list[Resource] = field(default_factory=list)
    lines: list[int] = field(default_factory=list)
    problems: dict[int, str] = field(default_factory=dict)
    duplicates: dict[int, int] = field(default_factory=dict)


def read(content: bytes, provider: str, mime_type: str = "") -> tuple[list[Resource], dict[int, str]]:
    """The file's resources in their order, and what is wrong by line number (an item's number in JSON, from 1).

    A line without mimeType gets `mime_type`, or the provider's default (trap 9). Raises Unreadable.
    """
    found = read_text(decode(content).text, provider, mime_type=mime_type)
    twice = {line: f"externalId stands in line {first} already" for line, first in found.duplicates.items()}
    return found.resources, dict(sorted((found.problems | twice).items()))


def read_text(text: str, provider: str, *, most: int | None = None, mime_type: str = "") -> Reading:
    """The resources in a text, at most so many lines of it; `mime_type` for those without. Raises Unreadable."""
    adapter = PROVIDERS[provider]
    adapter = replace(adapter, mime_type=mime_type or adapter.mime_type)
    text = text.lstrip("\ufeff")
    if not text.strip():
        raise Unreadable("it is empty")
    found = Reading()
    rows = csv_rows(text)
    if is_json(text):
        found.unit, rows = json_rows(text, adapter)
    seen: dict[str, int] = {}
    number = 0
    for number, (line, row) in enumerate(rows, 1):
        if most is not None and number > most:
            raise Unreadable(f"it has more than {most:,} {found.unit}s: cut it into parts")
        take(found, line, row, adapter, seen)
    if not number:
        raise Unreadable("it names no resource")
    return found


def is_json(text: str) -> bool:
    """Whether a text begins as JSON does; everything else is taken for CSV."""
    return text.lstrip().startswith(("[", "{"))


def take(found: Reading, line: int, row: Any, provider: Provider, seen: dict[str, int]) -> None:
    """Put one row where it belongs: a resource, a duplicate, or a problem."""
    problem = problem_of(row, provider.name)
    if problem:
        found.problems[line] = problem
        return
    resource = resource_of(row, provider)
    first = seen.setdefault(resource.external_id, line)
    if first != line:
        found.duplicates[line] = first
        return
    found.resources.append(resource)
    found.lines.append(line)


def json_rows(text: str, provider: Provider) -> tuple[str, Rows]:
    """The items of a list, of `resources`, or the leaves of discovery's tree; or an object a line. With their unit."""
    try:
        value = json.loads(text)
    except RecursionError as error:
        raise Unreadable("it is not JSON that can be read: nested too deeply") from error
    except ValueError as error:
        if text.lstrip().startswith("{") and "Extra data" in str(error):
            return "line", json_lines(text)
        raise Unreadable(f"it is not JSON: {error}") from error
    if isinstance(value, dict):
        value = value.get("resources", [value] if "externalId" in value else None)
    if not isinstance(value, list):
        raise Unreadable("it is neither a list of resources nor an object with `resources`")
    if any(isinstance(item, dict) and nested(item) for item in value):
        value = leaves(value, provider)
    return "item", enumerate(value, 1)


def json_lines(text: str) -> Rows:
    """An object a line, as `export_sources` prints them."""
    for number, line in enumerate(text.split("\n"), 1):
        if not line.strip():
            continue
        try:
            row = json.loads(line)
        except (ValueError, RecursionError) as error:
            raise Unreadable(f"it is not JSON: line {number}: {error}") from error
        yield number, row


def leaves(value: list[Any], provider: Provider) -> list[dict[str, str]]:
    """Discovery's tree as the resources in it."""
    try:
        tree = provider.tree(value)
    except NotUnderstood as error:
        raise Unreadable(str(error)) from error
    return [
        {wire: getattr(leaf, own) for wire, own in FIELDS.items()} for node in tree for leaf in node.leaves()
    ]


def csv_rows(text: str) -> Rows:
    """The lines below the header, each by the number of the line that it begins in; empty ones are passed over."""
    first_line = next(line for line in lines_of(text) if line.strip())
    delimiter = max(",;\t", key=first_line.count)
    reader = csv.reader(lines_of(text), delimiter=delimiter, strict=True)
    columns: list[str] = []
    while True:
        line = reader.line_num + 1
        try:
            values = next(reader, None)
        except csv.Error as error:
            raise Unreadable(f"it is not CSV: the line that begins in line {line}: {error}") from error
        if values is None:
            return
        if not any(value.strip() for value in values):
            continue
        if columns:
            yield line, dict(zip(columns, values, strict=False)) | surplus(values[len(columns) :])
        else:
            columns = columns_of(values)


def lines_of(text: str) -> Iterator[str]:
    """A text's lines with their ends, whichever system wrote them."""
    return (match[0] for match in LINES.finditer(text))


def columns_of(header: list[str]) -> list[str]:
    """A header's columns by the wire's names. Raises Unreadable where one is missing or stands twice."""
    named = [COLUMNS.get(re.sub(r"[\s_-]", "", name).lower(), name.strip()) for name in header]
    missing = [name for name in NEEDED if name not in named]
    if missing:
        raise Unreadable(f"the header has no column {', '.join(missing)}. {NAMES}")
    twice = [name for name in FIELDS if named.count(name) > 1]
    if twice:
        raise Unreadable(f"the header names {', '.join(twice)} twice")
    return named


def surplus(values: list[str]) -> dict[Any, list[str]]:
    """What a line holds beyond the header's columns, under None; nothing when it is empty."""
    return {None: values} if any(value.strip() for value in values) else {}


def resource_of(row: dict[str, Any], provider: Provider) -> Resource:
    """A checked row as a resource."""
    values = {own: text_of(row.get(wire)).strip() for wire, own in FIELDS.items()}
    values["mime_type"] = values["mime_type"] or provider.mime_type
    return Resource(**values)


def text_of(value: Any) -> str:
    """A value as text; an ID may be a number, 0 too."""
    return "" if value is None else str(value)


def problem_of(row: Any, provider: str) -> str:
    """What is wrong with a row; empty when nothing is."""
    if not isinstance(row, dict):
        return "it is not an object"
    if None in row:
        return "it has more values than the header has columns"
    other = row.get("source")
    if isinstance(other, str) and other in PROVIDERS and other != provider:
        return f"its source is {other}, not {provider}"
    faults = {wire: wrong_type(wire, row.get(wire)) for wire in FIELDS}
    faults |= {wire: fault(FIELDS[wire], text_of(row.get(wire))) for wire in FIELDS if not faults[wire]}
    return "; ".join(f"{wire} {said}" for wire, said in faults.items() if said)


def wrong_type(wire: str, value: Any) -> str:
    """Whether a value is no text; an ID may be a number."""
    number = wire == "externalId" and isinstance(value, int) and not isinstance(value, bool)
    return "" if value is None or isinstance(value, str) or number else "is not a text"
