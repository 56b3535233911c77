"""Reads records from JSON and JSON Lines at any depth, or the leaves of discovery's tree if there are no records.

A record is complete if it has the three names that every resource needs. If a text holds any complete record, only
records are read, and whatever else they carry or stand in is ignored. An item beside records in the same list that is
none, and holds none, is a bad line.
"""

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

from fini_admin.fini.external_ids import strip_unseen
from fini_admin.fini.providers import CHILDREN, DEEPEST, IDS, KINDS, Node, Provider, Why
from fini_admin.ingestion.resource_rules import FIELDS
from fini_admin.ingestion.uploads.delimited import NEEDED
from fini_admin.ingestion.uploads.lines import LineStart, line_at, line_end, next_line
from fini_admin.ingestion.uploads.rows import FileRow, FileRows, Unreadable, beginning, check_number, excerpt

_SHOWN_NAMES, _SHOWN_VALUE = 8, 60
_FIRST_LINES, _OBJECT_IN = 5, 2
# Of values in lists and objects for each line that may be read: what they cost is far more than their length.
_VALUES_OF_A_LINE = 100
_COMMENT = re.compile(r"\s*(//|/\*|#)")
_TREE = "Needed are records with originalUrl, title and externalId, or discovery's answer as Fini gave it"


# What discovery's adapter leaves out, as a bad line.
_UNREADABLE = {
    Why.NO_ID: "externalId is missing: add it, or take the item out",
    Why.UNCLEAR_ID: "externalId is a number with a fraction or too long to be exact: write the ID in quotes",
    Why.NO_OBJECT: "it is no object: take it out",
    Why.TOO_DEEP: f"it stands in more than {DEEPEST} levels: give a list of records",
}


def is_json(text: str) -> bool:
    """Whether a text begins as JSON does, after a comment if there is one; all other text is taken for CSV."""
    start = text.lstrip()
    if _COMMENT.match(start):
        first = next(
            (line for line in start[:4_096].splitlines() if line.strip() and not _COMMENT.match(line)), ""
        )
        return first.lstrip().startswith(("[", "{"))
    return start.startswith(("[", "{"))


def read_json(text: str, provider: Provider, most: int | None) -> tuple[str, FileRows, list[str]]:
    """The unit that rows are counted in (item or line), the rows, and notes on the whole file.

    Raises Unreadable, also for more than `most` items in the outermost list.
    """
    try:
        whole = _parsed(text)
    except RecursionError as error:
        raise Unreadable("it is JSON that is nested too deeply: give a list of records") from error
    except ValueError as error:
        if not _is_lines(text):
            raise Unreadable(_what_is_wrong(text, error)) from error
        unit, values = "line", list(_values_of_lines(text, most))
    else:
        outermost = _outermost(whole)
        check_number(len(outermost), most, "item")
        unit, values = "item", [_Value(0, item) for item in outermost]
    _check_values(values, most)
    holding = _holding(values)
    rows = _records(values, provider, holding) if holding else iter(_leaves(values, provider))
    if unit == "item":
        rows = (replace(row, line=number) for number, row in enumerate(rows, 1))
    return unit, rows, _containers_left_out(values, provider, holding)


@dataclass(frozen=True, slots=True)
class _Value:
    """A value of the outermost list, with its line (0 if lines are not counted); or a line that is no JSON."""

    line: int
    value: Any
    text: str = ""
    problem: str = ""


def _is_lines(text: str) -> bool:
    """Whether the first lines are JSON values by themselves: an object in one of two, or two values in five.

    Of five, some may be broken, and objects may stand in lists.
    """
    place, whole = next_line(text, LineStart()), 0
    for number in range(_FIRST_LINES):
        if place is None:
            return False
        line = strip_unseen(line_at(text, place))
        value = _loaded(line) if line.startswith(("{", "[")) else None
        whole += bool(value)
        if whole > 1 or (number < _OBJECT_IN and isinstance(value, dict)):
            return True
        place = next_line(text, place.after(text, line_end(text, place.start)))
    return False


class _NameTwice(ValueError):
    """An object names a field twice, and the value of one would be lost."""


class _Ambiguous(dict[str, Any]):
    """A record that gives a field two values: a bad line."""

    twice = ""


def _parsed(text: str) -> Any:
    """Parse JSON. Raises ValueError; _NameTwice if a list or an object would be lost.

    NaN, which programs write for an empty cell, is null.
    """
    return json.loads(text, object_pairs_hook=_object, parse_constant=lambda _: None)


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """An object of these pairs. JSON's reader would silently keep the last value of a repeated name."""
    held = dict(pairs)
    if len(held) == len(pairs):
        return held
    lost = {name: value for name, value in pairs if value != held[name]}
    hiding = [name for name, value in lost.items() if isinstance(value, list | dict)]
    if hiding:
        raise _NameTwice(hiding[0])
    record = _Ambiguous(held)
    record.twice = next((name for name in lost if name in FIELDS), "")
    return record


def _twice(name: str) -> str:
    return f"names “{excerpt(beginning(name, _SHOWN_VALUE))}” twice, with different values: leave one of them"


def _loaded(line: str) -> Any:
    try:
        return _parsed(line)
    except (ValueError, RecursionError):
        return None


def _values_of_lines(text: str, most: int | None) -> Iterator[_Value]:
    """One value a line; for a line that is no JSON, what is wrong with it. Raises Unreadable for too many lines."""
    place, number = next_line(text, LineStart()), 0
    while place:
        number += 1
        check_number(number, most, "line")
        line = strip_unseen(line_at(text, place))  # files that were put together have marks inside
        try:
            if line:
                yield _Value(place.line, _parsed(line), excerpt(line))
        except RecursionError:
            yield _Value(place.line, None, excerpt(line), "it is nested too deeply")
        except ValueError as error:
            yield _Value(place.line, None, excerpt(line), _what_is_wrong(line, error))
        place = next_line(text, place.after(text, line_end(text, place.start)))


def _outermost(whole: Any) -> list[Any]:
    """The document's list: itself, or the only one in its object if no record stands beside it."""
    if isinstance(whole, dict) and not _is_record(whole):
        lists = [held for held in whole.values() if isinstance(held, list)]
        named = whole.get("resources")
        if isinstance(named, list) and len(lists) == 1:
            return named
        if len(lists) == 1 and not any(isinstance(held, dict) for held in whole.values()):
            return lists[0]
    return whole if isinstance(whole, list) else [whole]


def _is_record(value: Any) -> bool:
    return isinstance(value, dict) and all(name in value for name in NEEDED)


def _inside(value: Any) -> list[Any]:
    if isinstance(value, list):
        return value
    return list(value.values()) if isinstance(value, dict) else []


def _nested(value: Any) -> list[Any]:
    """The non-empty lists and objects in a list or an object."""
    return [inner for inner in _inside(value) if inner and isinstance(inner, list | dict)]


def _check_values(values: list[_Value], most: int | None) -> None:
    """Raise Unreadable for more values than can be searched in a short time."""
    if most is None:
        return
    number, waiting = 0, [value.value for value in values]
    while waiting:
        held = waiting.pop()
        number += len(_inside(held))
        if number > most * _VALUES_OF_A_LINE:
            raise Unreadable(
                f"its lists and objects hold more than {most * _VALUES_OF_A_LINE:,} values: cut it into parts, or"
                " leave out what is not needed"
            )
        waiting += _nested(held)


def _holding(values: list[_Value]) -> set[int]:
    """Identities of all lists and objects that are or contain a complete record."""
    found: set[int] = set()
    above: list[int] = []
    waiting: list[tuple[Any, bool]] = [(value.value, False) for value in values]
    while waiting:
        held, left = waiting.pop()
        if left:
            above.pop()
            continue
        above.append(id(held))
        if _is_record(held):
            for identity in reversed(above):
                if identity in found:
                    break
                found.add(identity)
        waiting.append((held, True))
        waiting += [(inner, False) for inner in _nested(held)]
    return found


def _records(values: list[_Value], provider: Provider, holding: set[int]) -> FileRows:
    """Every complete record in document order, and the bad items beside them."""
    beside = any(_is_record(value.value) for value in values)
    waiting = [(value.value, value, beside) for value in reversed(values)]
    while waiting:
        held, of, beside = waiting.pop()
        container = _is_container(held, provider)
        if of.problem:
            yield FileRow(of.line, None, of.text, of.problem)
        elif _is_record(held) and not container:
            twice = held.twice if isinstance(held, _Ambiguous) else ""
            yield FileRow(of.line, held, of.text or _shown(held), f"it {_twice(twice)}" if twice else "")
        elif beside and not container and id(held) not in holding:
            yield FileRow(of.line, None, of.text or _shown(held), _lacks(held))
            continue
        inner = _inside(held)
        among = isinstance(held, list) and any(_is_record(item) for item in inner)
        waiting += [(item, of, among) for item in reversed(inner if among else _nested(held))]


def _is_container(value: Any, provider: Provider) -> bool:
    """Whether an item only holds others: a category, a section, a space.

    A Confluence space says so only by its key: a page's ID is a number.
    """
    if not isinstance(value, dict):
        return False
    if value.get("object") in provider.kinds[:-1]:
        return True
    key = value.get("externalId")
    bare = "object" not in value and "mimeType" not in value and isinstance(value.get("pages"), list)
    return bare and provider.name == "confluence" and isinstance(key, str) and not key.isdigit()


def _lacks(value: Any) -> str:
    """Why an item beside records is none."""
    if not isinstance(value, dict):
        return f"it is {kind_of(value)}, not a record: take it out"
    return (
        f"{', '.join(name for name in NEEDED if name not in value)} is missing: add it, or take the item out"
    )


def _containers_left_out(values: list[_Value], provider: Provider, holding: set[int]) -> list[str]:
    """A note on complete records that are left out because they only hold others."""
    number, waiting = 0, [value.value for value in values]
    while waiting and holding:
        held = waiting.pop()
        number += _is_record(held) and _is_container(held, provider)
        waiting += _nested(held)
    kinds = " or ".join(provider.kinds[:-1])
    return [f"Left out because they only hold others ({kinds}): {number:,}."] if number else []


def _leaves(values: list[_Value], provider: Provider) -> list[FileRow]:
    """The leaves of discovery's tree as rows, and lines that are no JSON. Raises Unreadable."""
    rows = []
    for value in values:
        if value.problem:
            rows.append(FileRow(value.line, None, value.text, value.problem))
            continue
        if not isinstance(value.value, dict) or not _could_be_node(value.value):
            raise Unreadable(f"it holds no resources, but {_shown(value.value)}. {_TREE}")
        # Without the type that it offers where none is stated: the workspace has one of its own.
        listing = replace(provider, mime_type="").listing([value.value])
        if not listing.remarks and _comes_to_nothing(listing.nodes, value.value, provider):
            rows.append(FileRow(value.line, None, value.text or _shown(value.value), _lacks(value.value)))
        doubted = {remark.external_id for remark in listing.remarks if remark.why == Why.LONG_NUMBER}
        for leaf in listing.leaves():
            row = {wire: getattr(leaf, own) for wire, own in FIELDS.items()}
            inexact = leaf.external_id in doubted and leaf.external_id not in leaf.original_url
            problem = _UNREADABLE[Why.UNCLEAR_ID] if inexact else ""
            rows.append(FileRow(value.line, row, value.text or _shown(row), problem))
        rows += [
            FileRow(value.line, None, excerpt(f"{remark.title} {remark.beside}"), _UNREADABLE[remark.why])
            for remark in listing.remarks
            if remark.why in _UNREADABLE
        ]
    return rows


def _comes_to_nothing(nodes: list[Node], item: dict[str, Any], provider: Provider) -> bool:
    """Whether an item is no resource, and does not say that it may hold some: by its kind, or by a list for them."""
    if any(node.leaf or node.children for node in nodes) or any(name in item for name in CHILDREN):
        return False
    return not any(item.get(name) in provider.kinds[:-1] for name in KINDS)


def _could_be_node(item: dict[str, Any]) -> bool:
    """Whether an object has an ID by any known name, or holds others."""
    return any(name in item for name in IDS) or any(isinstance(held, list) for held in item.values())


def _shown(value: Any) -> str:
    """An item for a message: its own names and values, not what it holds."""
    if not isinstance(value, dict):
        return excerpt(json.dumps(value if not isinstance(value, list) else [], ensure_ascii=False))
    own = {
        beginning(name, _SHOWN_VALUE): beginning(held, _SHOWN_VALUE) if isinstance(held, str) else held
        for name, held in list(value.items())[: _SHOWN_NAMES * 3]
        if not isinstance(held, list | dict)
    }
    return excerpt(json.dumps(dict(list(own.items())[:_SHOWN_NAMES]), ensure_ascii=False))


def kind_of(value: Any) -> str:
    if value is None:
        return "null"
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, dict):
        return "an object"
    names = {str: "a text", int: "a number", float: "a number", list: "a list"}
    return names[type(value)]


def _what_is_wrong(text: str, error: ValueError) -> str:
    """The JSON error in words, with its line and what to change."""
    if isinstance(error, _NameTwice):
        return f"an object in it {_twice(str(error))}"
    if not isinstance(error, json.JSONDecodeError):
        return "it is JSON with a number that is too long: write it as a text, in quotes"
    line, column = error.lineno, error.colno
    start = error.pos - column + 1
    shown = excerpt(line_at(text, LineStart(start, line)), max(0, column - 60))
    return f"it is not JSON: line {line}, character {column}: {_cause(text, error)}. It says: {shown}"


def _cause(text: str, error: json.JSONDecodeError) -> str:
    before, at = text[: error.pos].rstrip()[-1:], text[error.pos :].lstrip()[:4]
    if _COMMENT.match(at):
        return "a comment stands there, which JSON does not have: take it out"
    if before == "," and at[:1] in ("]", "}"):
        return f"the comma before {at[:1]} is one too many: take it out"
    if at[:1] == "'" or before == "'":
        return 'a text stands in single quotes: write it in double quotes (")'
    if at[:1] in ("“", "”", "„"):
        return 'typographic quotes stand there: write plain double quotes (")'
    if not at:
        return "it ends in the middle: close it, or get the whole file"
    causes = {
        "Extra data": "something follows the end of the list: join it all into one list, or put one object a line",
        "Invalid control character": "a line break or tab stands inside a text: write it as \\n or \\t",
        "Invalid \\": "a \\ stands before a letter that needs none: write it as \\\\",
        "Expecting ',' delimiter": "a comma or a closing bracket is missing before it",
        "Expecting property name": 'a name in double quotes (") is missing',
        "Unterminated string": 'a text is not closed by a "',
    }
    found = next((said for start, said in causes.items() if error.msg.startswith(start)), "")
    return found or "a value is missing or is none that JSON has: texts stand in double quotes"
