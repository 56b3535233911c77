"""The switches: each choice that the API leaves open, and faults that settings can cause."""

from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from typing import Any

from fini_admin.sandbox.documents import PROVIDERS
from fini_admin.sandbox.validation import is_url

OUTCOMES = ("usable", "failed", "empty", "never")
_LEAF_KEYS = ("externalId", "title", "originalUrl", "object")


@dataclass
class Settings:
    """What PATCH /_sandbox/settings changes."""

    shuffle_ids: bool = True
    retry_after: bool = False
    per_minute: int | None = 100
    latency: float = 0.0
    max_batch: int | None = None
    max_page: int = 100
    partial_acceptance: bool = False
    message_as_array: bool = False
    post_status: int = 200
    connected: list[str] = field(default_factory=lambda: list(PROVIDERS))
    nested_keys: dict[str, Any] = field(
        default_factory=lambda: {"zendesk": "children", "confluence": "pages"}
    )
    leaf_keys: dict[str, str] = field(default_factory=dict)
    refuse_refresh_never_ingested: bool = True
    refuse_add_ingested: bool = False
    pending_seconds: list[float] = field(default_factory=lambda: [0.5, 1.5])
    running_seconds: list[float] = field(default_factory=lambda: [1.0, 4.0])
    weights: dict[str, float] = field(
        default_factory=lambda: {"usable": 0.95, "failed": 0.03, "empty": 0.02, "never": 0.0}
    )
    outcomes: dict[str, str] = field(default_factory=dict)
    linked_share: float = 0.25
    paragraph_bytes: int = 600
    poisoned: list[str] = field(default_factory=list)
    redirects: dict[str, str] = field(default_factory=dict)
    seed_sources: bool = True

    def changed(self, changes: dict[str, Any]) -> "Settings":
        """A copy with the changes; ValueError says what is wrong."""
        values = asdict(self)
        for name, value in changes.items():
            if name not in _CHECKS:
                raise ValueError(f"unknown setting {name}; known: {', '.join(_CHECKS)}")
            if not _CHECKS[name](value):
                raise ValueError(f"{name}: {value!r} is not a value it can take")
            values[name] = {**values[name], **value} if name == "nested_keys" else value
        return Settings(**values)


def _is_bool(value: object) -> bool:
    return isinstance(value, bool)


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and 0 <= value < float("inf")


def _is_share(value: Any) -> bool:
    return _is_number(value) and value <= 1


def _is_count(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and value > 0


def _is_count_or_none(value: object) -> bool:
    return value is None or _is_count(value)


def _is_success(value: object) -> bool:
    return value in {200, 201, 202}


def _is_bounds(value: Any) -> bool:
    return (
        isinstance(value, list) and len(value) == 2 and all(map(_is_number, value)) and value[0] <= value[1]
    )


def _is_texts(value: object) -> bool:
    return isinstance(value, list) and all(isinstance(entry, str) for entry in value)


def _is_redirects(value: Any) -> bool:
    return isinstance(value, dict) and all(is_url(target) for target in value.values())


def _is_providers(value: Any) -> bool:
    return _is_texts(value) and set(value) <= set(PROVIDERS)


def _is_nested_keys(value: object) -> bool:
    """Accepts one name per provider, or one per level."""
    return isinstance(value, dict) and all(
        key in {"zendesk", "confluence"} and (isinstance(name, str) or (bool(name) and _is_texts(name)))
        for key, name in value.items()
    )


def _is_leaf_keys(value: object) -> bool:
    return isinstance(value, dict) and all(
        key in _LEAF_KEYS and isinstance(name, str) for key, name in value.items()
    )


def _is_weights(value: object) -> bool:
    return (
        isinstance(value, dict)
        and set(value) <= set(OUTCOMES)
        and all(map(_is_number, value.values()))
        and sum(value.values()) > 0
    )


def _is_outcomes(value: object) -> bool:
    return isinstance(value, dict) and all(outcome in OUTCOMES for outcome in value.values())


_CHECKS: dict[str, Callable[[Any], bool]] = {
    "shuffle_ids": _is_bool,
    "retry_after": _is_bool,
    "per_minute": _is_count_or_none,
    "latency": _is_number,
    "max_batch": _is_count_or_none,
    "max_page": _is_count,
    "partial_acceptance": _is_bool,
    "message_as_array": _is_bool,
    "post_status": _is_success,
    "connected": _is_providers,
    "nested_keys": _is_nested_keys,
    "leaf_keys": _is_leaf_keys,
    "refuse_refresh_never_ingested": _is_bool,
    "refuse_add_ingested": _is_bool,
    "pending_seconds": _is_bounds,
    "running_seconds": _is_bounds,
    "weights": _is_weights,
    "outcomes": _is_outcomes,
    "linked_share": _is_share,
    "paragraph_bytes": _is_count,
    "poisoned": _is_texts,
    "redirects": _is_redirects,
    "seed_sources": _is_bool,
}
