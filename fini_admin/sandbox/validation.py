"""Validation of requests, as strict as a NestJS DTO. Where the API is unclear, the stricter reading."""

import json
import re
from collections.abc import Callable, Collection
from typing import Any
from urllib.parse import parse_qs, urlsplit

from fini_admin.sandbox.errors import bad_request

_UUID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", re.IGNORECASE)
REQUIRED = ("originalUrl", "title", "externalId", "mimeType")
_OPTIONAL = ("object", "iconLink")


def is_uuid(value: object) -> bool:
    return isinstance(value, str) and _UUID.fullmatch(value) is not None


def is_url(value: object) -> bool:
    if not isinstance(value, str) or re.search(r"\s", value):
        return False
    try:
        parts = urlsplit(value)
        return parts.scheme in {"http", "https"} and bool(parts.hostname)
    except ValueError:
        return False


def read_json(body: bytes) -> Any:
    """Parse a JSON body; half a surrogate pair, which no answer could carry, becomes a question mark."""
    try:
        data = json.loads(body)
    except ValueError as error:
        raise bad_request(f"The body is not JSON: {error}") from error
    if b"\\ud" in body.lower():
        return json.loads(json.dumps(data, ensure_ascii=False).encode("utf-8", "replace"))
    return data


class Form:
    """Validates one JSON object; collects all complaints before the body is refused."""

    def __init__(self, data: object, known: Collection[str]) -> None:
        if not isinstance(data, dict):
            raise bad_request("the body must be a JSON object")
        self._data: dict[str, Any] = data
        self.complaints = [f"property {key} should not exist" for key in data if key not in known]

    def require(self, condition: object, complaint: str) -> None:
        """Add a complaint unless the condition holds."""
        if not condition:
            self.complaints.append(complaint)

    def done(self) -> None:
        """Raise if there are complaints."""
        if self.complaints:
            raise bad_request(*self.complaints)

    def flag(self, name: str, *, default: bool) -> bool:
        value = self._data.get(name, default)
        self.require(isinstance(value, bool), f"{name} must be a boolean value")
        return value is True

    def integer(self, name: str, default: int) -> int:
        """A whole number from 1 up."""
        value = self._data.get(name, default)
        if isinstance(value, int) and not isinstance(value, bool) and value >= 1:
            return value
        self.complaints.append(f"{name} must be an integer number not less than 1")
        return default

    def choice(self, name: str, options: Collection[str], default: str) -> str:
        value = self._data.get(name, default)
        if isinstance(value, str) and value in options:
            return value
        self.complaints.append(f"{name} must be one of the following values: {', '.join(options)}")
        return default

    def items(self, name: str, *, required: bool, most: int | None) -> list[Any]:
        value = self._data.get(name)
        if value is None and not required:
            return []
        if not isinstance(value, list):
            self.complaints.append(f"{name} must be an array")
            return []
        self.require(value or not required, f"{name} should not be empty")
        self.require(most is None or len(value) <= most, f"{name} must contain no more than {most} elements")
        return value

    def ids(self, name: str, *, required: bool, most: int | None) -> list[str]:
        return self._all(name, self.items(name, required=required, most=most), is_uuid, "a UUID")

    def urls(self, name: str, *, required: bool, most: int | None) -> list[str]:
        return self._all(name, self.items(name, required=required, most=most), is_url, "a URL address")

    def _all(self, name: str, values: list[Any], good: Callable[[object], bool], kind: str) -> list[str]:
        self.require(all(map(good, values)), f"each value in {name} must be {kind}")
        return values


def resources(body: object, most: int | None) -> list[dict[str, Any]]:
    """The resources of a register body: four required keys each, two optional ones, no others."""
    form = Form(body, {"resources"})
    items = form.items("resources", required=True, most=most)
    for index, item in enumerate(items):
        form.complaints += [f"resources.{index}: {text}" for text in _item_complaints(item)]
    form.done()
    names = [item["externalId"] for item in items]
    if len(set(names)) < len(names):
        # Fini does not state this; refusing the batch is the stricter reading.
        raise bad_request("resources must not contain the same externalId twice")
    return items


def _item_complaints(item: object) -> list[str]:
    if not isinstance(item, dict):
        return ["must be an object"]
    complaints = [f"property {key} should not exist" for key in item if key not in REQUIRED + _OPTIONAL]
    missing = [key for key in REQUIRED if item.get(key) in (None, "")]
    if missing:
        complaints.append(f"{', '.join(REQUIRED)} are required (missing: {', '.join(missing)})")
    given = {key: item[key] for key in REQUIRED + _OPTIONAL if item.get(key) is not None}
    return complaints + [
        f"{key} must be a string" for key, value in given.items() if not isinstance(value, str)
    ]


def query_values(query: str, known: Collection[str]) -> dict[str, str]:
    """A query string with known keys only, each once."""
    values = parse_qs(query, keep_blank_values=True)
    complaints = [f"property {key} should not exist" for key in values if key not in known]
    complaints += [f"{key} must be given once" for key, given in values.items() if len(given) > 1]
    if complaints:
        raise bad_request(*complaints)
    return {key: given[0] for key, given in values.items()}
