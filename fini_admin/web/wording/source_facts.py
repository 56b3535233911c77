"""The fields of a source's page, each with our name and the API's."""

from dataclasses import dataclass
from datetime import datetime

from fini_admin.fini.routes import is_url
from fini_admin.sources.models import Source


@dataclass(frozen=True, slots=True)
class SourceField:
    """`wire` is the API's name, empty for a field of ours; `shown` chooses how the template formats the value."""

    name: str
    wire: str
    value: object
    shown: str = "text"


@dataclass(frozen=True, slots=True)
class FieldGroup:
    """Fields under one heading."""

    name: str
    fields: list[SourceField]


def field_groups(source: Source) -> list[FieldGroup]:
    """All groups, in the order of the page."""
    groups = {
        "Record": _record,
        "Latest job": _job,
        "Linked knowledge": _knowledge,
        "Content": _content,
        "As seen from here": _own_record,
    }
    return [FieldGroup(name, told(source)) for name, told in groups.items()]


def _record(source: Source) -> list[SourceField]:
    return [
        SourceField("Title", "title", source.title),
        SourceField("Original", "originalUrl", source.original_url, _url_display(source.original_url)),
        SourceField("Provider", "source", source.provider),
        SourceField("External ID", "externalId", source.external_id, "mono"),
        SourceField("Fini's ID", "id", source.fini_id, "mono"),
        SourceField("MIME type", "mimeType", source.mime_type, "mono"),
        SourceField("Type", "type", source.kind),
        SourceField("English", "english", source.english, "flag"),
        SourceField("Baser", "baser", source.baser, "flag"),
        SourceField("Created in Fini", "createdAt", *_time_display(source.created_at)),
        SourceField("Updated in Fini", "updatedAt", *_time_display(source.updated_at)),
    ]


def _job(source: Source) -> list[SourceField]:
    return [
        SourceField("Job status", "linkedJobStatus", source.job_status, "mono"),
        SourceField("Success", "success", source.success, "flag"),
        SourceField("Error", "error", source.error),
        SourceField("Job", "linkedJobId", source.job_id, "mono"),
    ]


def _knowledge(source: Source) -> list[SourceField]:
    return [
        SourceField("Article or node", "linkedKnowledgeId", source.knowledge_id, "mono"),
        SourceField("Operation", "linkedOperation", source.operation, "mono"),
        SourceField("Reason", "linkedReason", source.reason),
        SourceField("Original changed since", "changed", source.changed, "flag"),
    ]


def _content(source: Source) -> list[SourceField]:
    """Counts and a hash; the text itself is not stored (T10)."""
    return [
        SourceField("Paragraphs with text", "paragraphs", source.paragraphs, "number"),
        SourceField("Characters", "", source.characters, "number"),
        SourceField("SHA-256 of the text", "", source.content_sha256, "mono"),
    ]


def _own_record(source: Source) -> list[SourceField]:
    """When it was seen, and the latest run that had it."""
    return [
        SourceField("First seen", "", source.first_seen, "time"),
        SourceField("Last seen", "", source.last_seen, "time"),
        SourceField("Record read", "", source.read_at, "time"),
        SourceField("Followed since", "", source.sent_at, "time"),
        SourceField("Latest run", "", source.run, "run"),
    ]


def _url_display(url: str) -> str:
    """How to show a URL: "link" if a browser may open it, else "text"."""
    return "link" if is_url(url) else "text"


def _time_display(text: str) -> tuple[datetime | str, str]:
    """An API time with how to show it; an unreadable one stays text."""
    try:
        at = datetime.fromisoformat(text)
        return (at, "time") if at.tzinfo else (text, "text")
    except ValueError:
        return text, "text"
