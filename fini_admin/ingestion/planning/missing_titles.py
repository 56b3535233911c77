"""Resources that discovery lists without a title: Fini needs one, so the preview has a field for it beside each row."""

from collections.abc import Iterable, Sequence
from dataclasses import replace

from fini_admin.fini.routes import Resource
from fini_admin.ingestion.planning.comparison import Comparison
from fini_admin.ingestion.resource_rules import typed_fault
from fini_admin.sources.selection import UNTITLED

_FIELD = "title-"


def fill_titles(resources: Sequence[Resource]) -> tuple[list[Resource], set[int]]:
    """The resources with UNTITLED where no title is, and the positions at which it was filled in."""
    untitled = {position for position, resource in enumerate(resources) if not resource.title}
    return [
        resource if resource.title else replace(resource, title=UNTITLED) for resource in resources
    ], untitled


def keep_known_titles(resources: list[Resource], untitled: Iterable[int], found: Comparison) -> None:
    """Give an untitled resource, in place, the title that its source has in Fini, so that it is no change."""
    for position in untitled:
        known = found.changes.get(position, {}).pop("title", "")
        if known:
            resources[position] = replace(resources[position], title=known)


def title_field(position: int) -> str:
    """The name of the field for a resource's title."""
    return f"{_FIELD}{position}"


def titled_position(field: str) -> str | None:
    """The position, in digits, that a title's field is of; None for any other field."""
    return field.removeprefix(_FIELD) if field.startswith(_FIELD) else None


def title_fault(title: str) -> str:
    """What is wrong with a title that was written, as a sentence; empty when nothing is."""
    what = typed_fault("title", title)
    return f"Title {what}." if what else ""
