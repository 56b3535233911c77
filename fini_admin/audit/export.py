"""Exporting the trail: rows in order, with the columns that the stable export format names."""

from collections.abc import Callable, Iterable, Iterator
from typing import Any

from fini_admin.audit import bodies
from fini_admin.audit.chain import COLUMNS, in_pages
from fini_admin.audit.models import Entry


def exported_rows(
    chain: str, *, since: str = "", until: str = "", after: int = 0
) -> Iterator[dict[str, Any]]:
    """The rows of a chain after number `after`, in order; `since` inclusive, `until` exclusive, as UTC text."""
    wanted = Entry.objects.filter(chain=chain)
    wanted = wanted.filter(at__gte=since) if since else wanted
    wanted = wanted.filter(at__lt=until) if until else wanted
    return in_pages(wanted, after, *COLUMNS, "hash")


def with_bodies(rows: Iterable[dict[str, Any]], damaged: Callable[[str], object]) -> Iterator[dict[str, Any]]:
    """Rows with what is kept of their bodies, which no row's hash covers.

    A body that is missing or damaged is None, and `damaged` is told of it in words.
    """
    for row in rows:
        yield row | {f"{name}_text": _text(row, name, damaged) for name in ("request", "answer")}


def _text(row: dict[str, Any], name: str, damaged: Callable[[str], object]) -> str | None:
    sha256 = row[f"{name}_body"]
    if sha256 is None:
        return None
    try:
        return bodies.load_text(row["chain"], sha256)
    except bodies.BodyDamaged:
        damaged(f"row {row['seq']}: the {name}'s body is missing or damaged")
        return None
