"""What a source is called where it is shown: never a text of which nothing can be seen."""

from fini_admin.fini.external_ids import strip_unseen
from fini_admin.sources.models import Source


def visible(text: str | None) -> str:
    """The text; empty if nothing of it can be seen."""
    return text if text and strip_unseen(text) else ""


def source_name(source: Source) -> str:
    """The title; the external ID or Fini's ID where nothing of the title can be seen."""
    return visible(source.title) or visible(source.external_id) or source.fini_id
