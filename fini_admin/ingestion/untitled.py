"""Resources that discovery lists without a title: Fini needs one, so the preview has a field for it beside each row."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace
from typing import Any

from fini_admin.fini.external_ids import strip_unseen
from fini_admin.fini.routes import Resource
from fini_admin.ingestion.resource_rules import fault
from fini_admin.sources.selection import UNTITLED

LOST = "\ufffd"  # what a browser sends in place of half a character


def filled(resources: Sequence[Resource]) -> tuple[list[Resource], list[int]]:
    """The resources with UNTITLED where no title is, and the positions at which it was filled in."""
    positions = [position for position, resource in enumerate(resources) if not resource.title]
    return [
        resource if resource.title else replace(resource, title=UNTITLED) for resource in resources
    ], positions


def keep_known(content: dict[str, Any]) -> None:
    """In a preview's content, what is known in Fini by a title keeps it; `changes` hold the old values."""
    untitled = set(content["untitled"])
    for position, old in content["changes"]:
        if position in untitled and old.get("title"):
            content["resources"][position]["title"] = old.pop("title")


def untitled_first(content: Mapping[str, Any], positions: Sequence[int]) -> list[int]:
    """Some positions of a preview, those whose title is asked for at the head."""
    untitled = set(content.get("untitled", ()))
    return sorted(positions, key=lambda position: position not in untitled)


def field_of(position: int) -> str:
    """The name of the field for a title."""
    return f"title-{position}"


def typed(content: Mapping[str, Any], data: Mapping[str, Any]) -> dict[int, str]:
    """The titles that a form says, by position; only of resources whose title is asked for."""
    fields = {position: field_of(position) for position in content.get("untitled", ())}
    return {position: strip_unseen(str(data[name])) for position, name in fields.items() if name in data}


def faults(
    titles: Mapping[int, str], left: Collection[int], about_keys: Mapping[int, str] | None = None
) -> dict[int, str]:
    """What is wrong with these titles, by position; those of resources that are left out do not matter.

    `about_keys`: sentences on the keys that were taken out of them, by position.
    """
    said = {
        position: "holds � where a character was lost" if LOST in title else fault("title", title)
        for position, title in titles.items()
        if position not in left
    }
    told = {position: what for position, what in (about_keys or {}).items() if what and position not in left}
    return {position: f"Title {what}." for position, what in said.items() if what} | told
