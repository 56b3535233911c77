"""Every field that is kept of a source's record, named as people read it and as the wire has it."""

from dataclasses import dataclass
from datetime import datetime

from fini_admin.fini.routes import is_url
from fini_admin.sources.models import Source


@dataclass(frozen=True, slots=True)
class Fact:
    """A field: its name, the wire's where it has one, its value, and how that is shown."""

    name: str
    wire: str
    value: object
    shown: str = "text"


@dataclass(frozen=True, slots=True)
class Group:
    """Fields that belong together."""

    name: str
    facts: list[Fact]


def facts(source: Source) -> list[Group]:
    """The groups in the order in which they are read."""
    groups = {
        "Record": record,
        "Latest job": job,
        "Linked knowledge": knowledge,
        "Content": content,
        "As seen from here": seen,
    }
    return [Group(name, told(source)) for name, told in groups.items()]


def record(source: Source) -> list[Fact]:
    """What it is and where it comes from."""
    return [
        Fact("Title", "title", source.title),
        Fact("Original", "originalUrl", source.original_url, address(source.original_url)),
        Fact("Provider", "source", source.provider),
        Fact("External ID", "externalId", source.external_id, "mono"),
        Fact("Fini's ID", "id", source.fini_id, "mono"),
        Fact("MIME type", "mimeType", source.mime_type, "mono"),
        Fact("Type", "type", source.kind),
        Fact("English", "english", source.english, "flag"),
        Fact("Baser", "baser", source.baser, "flag"),
        Fact("Created in Fini", "createdAt", *moment(source.created_at)),
        Fact("Updated in Fini", "updatedAt", *moment(source.updated_at)),
    ]


def job(source: Source) -> list[Fact]:
    """How the latest job went."""
    return [
        Fact("Job status", "linkedJobStatus", source.job_status, "mono"),
        Fact("Success", "success", source.success, "flag"),
        Fact("Error", "error", source.error),
        Fact("Job", "linkedJobId", source.job_id, "mono"),
    ]


def knowledge(source: Source) -> list[Fact]:
    """What Fini made of it, or means to."""
    return [
        Fact("Article or node", "linkedKnowledgeId", source.knowledge_id, "mono"),
        Fact("Operation", "linkedOperation", source.operation, "mono"),
        Fact("Reason", "linkedReason", source.reason),
        Fact("Original changed since", "changed", source.changed, "flag"),
    ]


def content(source: Source) -> list[Fact]:
    """What is kept of its text (trap 10)."""
    return [
        Fact("Paragraphs with text", "paragraphs", source.paragraphs, "number"),
        Fact("Characters", "", source.characters, "number"),
        Fact("SHA-256 of the text", "", source.content_sha256, "mono"),
    ]


def seen(source: Source) -> list[Fact]:
    """When it was seen, and the latest run that touched it."""
    return [
        Fact("First seen", "", source.first_seen, "time"),
        Fact("Last seen", "", source.last_seen, "time"),
        Fact("Record read", "", source.read_at, "time"),
        Fact("Followed since", "", source.sent_at, "time"),
        Fact("Latest run", "", source.run, "run"),
    ]


def address(url: str) -> str:
    """A link only where a browser may be sent to it."""
    return "link" if is_url(url) else "text"


def moment(text: str) -> tuple[datetime | str, str]:
    """A time of the wire; what is none is shown as it came."""
    try:
        at = datetime.fromisoformat(text)
        return (at, "time") if at.tzinfo else (text, "text")
    except ValueError:
        return text, "text"
