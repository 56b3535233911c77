"""What may be wrong with a resource's fields: one set of rules for forms, files and commands."""

import re
from collections.abc import Callable, Iterable

from fini_admin.fini import wire
from fini_admin.fini.external_ids import holds_unseen, strip_unseen
from fini_admin.fini.providers import MIME_TYPE
from fini_admin.fini.routes import Resource, is_sendable, is_url
from fini_admin.lib.key_text import REPLACEMENT, looks_like_key, without_keys

# The wire's name of each field of fini.routes.Resource.
FIELDS = {
    "externalId": "external_id",
    "title": "title",
    "originalUrl": "original_url",
    "mimeType": "mime_type",
    "object": "object",
}
# The replacement character.
LOST = "\ufffd"
REQUIRED = ("original_url", "title", "external_id")
LONGEST = {
    "external_id": wire.IDENTITY,
    "title": wire.TITLE,
    "original_url": wire.ADDRESS,
    "mime_type": wire.WORD,
    "object": wire.WORD,
}

_MARKED = f"holds “{REPLACEMENT}”, which stands where a key was taken out: write something else in its place"

# Each rule with what is said, after the field's name, of a value that breaks it.
_RULES: tuple[tuple[str, Callable[[str], bool]], ...] = (
    ("holds what looks like an API key: take it out, and revoke that key in Fini", looks_like_key),
    (_MARKED, lambda value: REPLACEMENT in value),
    ("holds a NUL character: take it out", lambda value: "\x00" in value),
    (
        "holds a damaged character, which is no UTF-8: type it again",
        lambda value: not is_sendable(value),
    ),
)
_TOO_LONG = "was too long to be kept whole"
_OWN_RULES: dict[str, tuple[tuple[str, Callable[[str], bool]], ...]] = {
    "external_id": ((_TOO_LONG, wire.is_shortened),),
    "title": ((f"{_TOO_LONG}: write one of at most {wire.TITLE:,} characters", wire.is_shortened),),
    "original_url": (
        (_TOO_LONG, wire.is_shortened),
        (
            "holds a character that cannot be seen: type or copy the address again",
            holds_unseen,
        ),
        (
            "holds white space: write it as %20",
            lambda value: is_url(re.sub(r"\s", "", value)) and re.search(r"\s", value) is not None,
        ),
        (
            "is not an http(s) address: write it in full, starting with https://",
            lambda value: not is_url(value),
        ),
    ),
    "mime_type": (("is not a type like text/html", lambda value: not MIME_TYPE.fullmatch(value)),),
}


def tidied(field: str, value: str) -> str:
    """A field's text without unseen characters at its ends; a text more than twice too long is left as it is."""
    return value if len(value) > 2 * LONGEST[field] else strip_unseen(value)


def fault(field: str, value: str) -> str:
    """What is wrong with a field of fini.routes.Resource, to be said after its name; empty if nothing is."""
    value = tidied(field, value)
    if not value:
        return "is missing" if field in REQUIRED else ""
    most = LONGEST[field]
    if len(value) > most:
        return f"is longer than {most:,} characters: it has {len(value):,}, shorten it"
    rules = (*_RULES, *_OWN_RULES.get(field, ()))
    return next((said for said, broken in rules if broken(value)), "")


def typed_fault(field: str, value: str) -> str:
    """The same of what was typed, where browsers send U+FFFD for half of a surrogate pair."""
    return "holds � where a character was lost" if LOST in value else fault(field, value)


def without_faults(resources: Iterable[Resource]) -> tuple[list[Resource], list[tuple[int, str]]]:
    """Resources without faults, and the numbers of the others, counted from 1, with what is wrong.

    A missing title is no fault: the preview asks for it.
    """
    good, problems = [], []
    for number, resource in enumerate(resources, 1):
        said = _faults(resource)
        if said:
            problems.append((number, f"{without_keys(resource.external_id)[:80]}: {said}"))
        else:
            good.append(resource)
    return good, problems


def _faults(resource: Resource) -> str:
    """What is wrong with a resource's fields, by the wire's names; empty if nothing is."""
    asked = {name: own for name, own in FIELDS.items() if name != "title" or resource.title}
    said = {name: fault(own, getattr(resource, own)) for name, own in asked.items()}
    return "; ".join(f"{name} {problem}" for name, problem in said.items() if problem)
