"""Resources from a file: JSON (a list, the register call's body, or discovery's tree) or CSV, checked line by line."""

import csv
import io
import json
import re
from collections.abc import Iterator
from typing import Any

from fini_admin.fini.errors import NotUnderstood
from fini_admin.fini.providers import PROVIDERS, nested
from fini_admin.fini.routes import Resource, is_url
from fini_admin.fini.secrets import looks_like_key
from fini_admin.fini.wire import IDENTITY, clean

FIELDS = {
    "externalId": "external_id",
    "title": "title",
    "originalUrl": "original_url",
    "mimeType": "mime_type",
    "object": "object",
}
REQUIRED = ("originalUrl", "title", "externalId")
MIME_TYPE = re.compile(r"[\w.+-]+/[\w.+-]+(\s*;.*)?")


class Unreadable(ValueError):
    """The file as a whole cannot be read."""


def read(content: bytes, provider: str) -> tuple[list[Resource], dict[int, str]]:
    """The file's resources in their order, and what is wrong by line number (an item's number in JSON, from 1).

    A line without mimeType gets the provider's default (trap 9). Raises Unreadable.
    """
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise Unreadable(f"not UTF-8 text (byte {error.start})") from error
    if not text.strip():
        raise Unreadable("it is empty")
    rows = json_rows(text, provider) if text.lstrip()[0] in "[{" else csv_rows(text)
    return checked(rows, provider)


def json_rows(text: str, provider: str) -> Iterator[tuple[int, Any]]:
    """The items of a list, of `resources`, or the leaves of discovery's tree."""
    try:
        value = json.loads(text)
    except ValueError as error:
        raise Unreadable(f"not JSON: {error}") from error
    except RecursionError as error:
        raise Unreadable("not JSON that can be read: nested too deeply") from error
    if isinstance(value, dict):
        value = value.get("resources")
    if not isinstance(value, list):
        raise Unreadable("neither a list of resources nor an object with `resources`")
    if any(isinstance(item, dict) and nested(item) for item in value):
        value = leaves(value, provider)
    yield from enumerate(value, 1)


def leaves(value: list[Any], provider: str) -> list[dict[str, str]]:
    """Discovery's tree as the resources in it."""
    try:
        tree = PROVIDERS[provider].tree(value)
    except NotUnderstood as error:
        raise Unreadable(str(error)) from error
    return [
        {wire: getattr(leaf, own) for wire, own in FIELDS.items()} for node in tree for leaf in node.leaves()
    ]


def csv_rows(text: str) -> Iterator[tuple[int, Any]]:
    """The lines below the header, by their number in the file."""
    first_line = text.splitlines()[0]
    reader = csv.DictReader(io.StringIO(text), delimiter=max(",;\t", key=first_line.count), strict=True)
    try:
        names = [name.strip() for name in reader.fieldnames or []]
        missing = [name for name in REQUIRED if name not in names]
        if missing:
            raise Unreadable(f"the header has no column {', '.join(missing)}")
        reader.fieldnames = names
        for row in reader:
            yield reader.line_num, row
    except csv.Error as error:
        raise Unreadable(f"not CSV: line {reader.line_num}: {error}") from error


def checked(rows: Iterator[tuple[int, Any]], provider: str) -> tuple[list[Resource], dict[int, str]]:
    """The good rows as resources, and the problem of each bad one."""
    resources: list[Resource] = []
    problems: dict[int, str] = {}
    seen: dict[str, int] = {}
    for line, row in rows:
        problem = problem_of(row, seen)
        if problem:
            problems[line] = problem
            continue
        resource = resource_of(row, provider)
        seen[resource.external_id] = line
        resources.append(resource)
    return resources, problems


def resource_of(row: dict[str, Any], provider: str) -> Resource:
    """A checked row as a resource."""
    values = {own: clean(str(row.get(wire) or "")).strip() for wire, own in FIELDS.items()}
    values["mime_type"] = values["mime_type"] or PROVIDERS[provider].mime_type
    return Resource(**values)


def problem_of(row: Any, seen: dict[str, int]) -> str:
    """What is wrong with a row; empty when nothing is."""
    if not isinstance(row, dict):
        return "not an object"
    if None in row:
        return "more values than the header has columns"
    return wrong_types(row) or wrong_values({name: str(row.get(name) or "").strip() for name in FIELDS}, seen)


def wrong_types(row: dict[str, Any]) -> str:
    """Values that are no text; an ID may be a number."""
    for name in FIELDS:
        value = row.get(name)
        number = name == "externalId" and isinstance(value, int) and not isinstance(value, bool)
        if value is not None and not isinstance(value, str) and not number:
            return f"{name} is not a text"
    return ""


def wrong_values(values: dict[str, str], seen: dict[str, int]) -> str:
    """Values that Fini would refuse, or that must not be sent (trap 4, P5)."""
    external_id = values["externalId"]
    problems = {
        f"{', '.join(name for name in REQUIRED if not values[name])} is missing": not all(
            map(values.get, REQUIRED)
        ),
        "it holds what looks like an API key": any(map(looks_like_key, values.values())),
        "originalUrl is not an http(s) address": not is_url(values["originalUrl"]),
        "mimeType is not a type like text/html": bool(values["mimeType"])
        and not MIME_TYPE.fullmatch(values["mimeType"]),
        f"externalId is longer than {IDENTITY} characters": len(external_id) > IDENTITY,
        f"externalId stands in line {seen.get(external_id)} already": external_id in seen,
    }
    return next((problem for problem, holds in problems.items() if holds), "")
