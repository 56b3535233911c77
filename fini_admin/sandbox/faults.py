"""Faults between Fini and its caller, made on request."""

import codecs
import re
from dataclasses import dataclass, field
from typing import Any

from fini_admin.sandbox.chance import fraction
from fini_admin.sandbox.errors import phrase


def _number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and value >= 0


def _whole(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and value >= 0


def _text(value: object) -> bool:
    return isinstance(value, str)


def _flag(value: object) -> bool:
    return isinstance(value, bool)


def _status(value: object) -> bool:
    return _whole(value) and value in range(200, 600)


def _texts(value: object) -> bool:
    return isinstance(value, dict) and all(isinstance(text, str) for text in value.values())


def _encoding(value: object) -> bool:
    try:
        return isinstance(value, str) and codecs.lookup(value).name.startswith("utf")
    except LookupError:
        return False


_CHECKS = {
    "method": _text,
    "path": _text,
    "count": lambda value: value is None or (_whole(value) and value > 0),
    "skip": _whole,
    "probability": _number,
    "status": _status,
    "message": lambda value: _text(value) or isinstance(value, list),
    "error": _text,
    "headers": _texts,
    "delay": _number,
    "drop": lambda value: value in {"before", "after"},
    "truncate": _flag,
    "body": _text,
    "content_type": _text,
    "encoding": _encoding,
    "escaped": _flag,
    "huge": _whole,
    "drip": _number,
    "after": _flag,
    "half": _flag,
}
_SELECTION = {
    "method",
    "path",
    "count",
    "skip",
    "probability",
    "after",
    "half",
    "message",
    "error",
    "content_type",
}


@dataclass
class Fault:
    """A fault, and how often it will still strike."""

    number: int
    given: dict[str, Any]
    pattern: re.Pattern[str]
    left: int | None
    skip: int
    seen: int = 0
    effect: dict[str, Any] = field(init=False)

    def __post_init__(self) -> None:
        chosen = {"method", "path", "count", "skip", "probability"}
        self.effect = {key: value for key, value in self.given.items() if key not in chosen}

    def strikes(self, method: str, path: str) -> bool:
        """Whether it strikes this request; counts the strike."""
        if self.given.get("method", method) != method or not self.pattern.search(path):
            return False
        if self.skip:
            self.skip -= 1
            return False
        self.seen += 1
        if fraction("fault", self.number, self.seen) >= self.given.get("probability", 1.0):
            return False
        if self.left is not None:
            self.left -= 1
        return True

    def envelope(self) -> dict[str, object]:
        status = self.effect["status"]
        error = self.effect.get("error", phrase(status))
        return {"statusCode": status, "message": self.effect.get("message", phrase(status)), "error": error}

    def rest(self) -> dict[str, object]:
        return {**self.given, "number": self.number, "count": self.left, "skip": self.skip}


class Faults:
    """The pending faults; of several that match a request, the oldest strikes."""

    def __init__(self) -> None:
        self._waiting: list[Fault] = []
        self._number = 0

    def add(self, given: dict[str, Any]) -> Fault:
        """Add a fault; ValueError says what is wrong with it."""
        for name, value in given.items():
            if name not in _CHECKS:
                raise ValueError(f"unknown field {name}; known: {', '.join(_CHECKS)}")
            if not _CHECKS[name](value):
                raise ValueError(f"{name}: {value!r} is not a value it can take")
        if not set(given) - _SELECTION:
            raise ValueError(
                "a fault needs a status, delay, drop, truncate, body, encoding, escaped, huge, drip or headers"
            )
        try:
            pattern = re.compile(given.get("path", ""))
        except re.error as error:
            raise ValueError(f"path: {error}") from error
        self._number += 1
        fault = Fault(self._number, given, pattern, given.get("count", 1), given.get("skip", 0))
        self._waiting.append(fault)
        return fault

    def take(self, method: str, path: str) -> Fault | None:
        for fault in self._waiting:
            if fault.strikes(method, path):
                if fault.left == 0:
                    self._waiting.remove(fault)
                return fault
        return None

    def left(self) -> list[dict[str, object]]:
        return [fault.rest() for fault in self._waiting]

    def clear(self) -> None:
        self._waiting.clear()
