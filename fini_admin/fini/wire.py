"""What goes over the wire, read tolerantly: every field may be missing, every enum may grow (contract 2, 13)."""

import hashlib
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from fini_admin.fini import external_ids
from fini_admin.fini.errors import NotUnderstood

EXCERPT = 300
# How many characters of a text are kept; a longer one is cut by `kept`, and only there.
TITLE = 2_500
ADDRESS = 8_000
IDENTITY = external_ids.LONGEST
SOURCE = 40
WORD = 200
MESSAGE = 2_000
CUT = " […] "
DIGEST = 16
IS_CUT = re.compile(rf"{re.escape(CUT)}[0-9a-f]{{{DIGEST}}}\Z")
# So many more than were asked for are still taken: what Fini returns becomes a source (P3), within bounds.
SURPLUS = 100
SOURCE_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,127}")
Json = Any


def clean(value: str) -> str:
    """A text that every database gives back as it got it: no NUL, no lone surrogate."""
    return value.replace("\x00", "\ufffd").encode("utf-8", "replace").decode()


def kept(value: str, most: int) -> str:
    """A text of at most `most` characters.

    A longer one is cut, and ends in CUT and the beginning of its SHA-256: two that differ stay different. One that
    names something is shown so and never sent (`is_cut`).
    """
    if len(value) <= most:
        return value
    digest = hashlib.sha256(value.encode("utf-8", "replace")).hexdigest()[:DIGEST]
    return f"{value[: most - len(CUT) - DIGEST]}{CUT}{digest}"


def is_cut(value: str) -> bool:
    """Whether a text is the beginning of one that was too long to be kept."""
    return IS_CUT.search(value) is not None


def text(value: Json, most: int = WORD) -> str:
    """A wire value as text of at most so many characters: null is empty, a number is its digits."""
    if value is None:
        return ""
    return kept(clean(value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)), most)


def at_most(found: int, asked: int, what: str) -> None:
    """Raises NotUnderstood for an answer with far more in it than was asked for: nothing of it can be believed."""
    if found > asked + SURPLUS:
        raise NotUnderstood(f"it holds {found:,} {what}, and {asked:,} were asked for")


def flag(value: Json) -> bool | None:
    """A wire boolean; anything else is unknown."""
    return value if isinstance(value, bool) else None


def strings(value: Json) -> list[str]:
    """The texts of a list; what is no text is left out."""
    return [item for item in value if isinstance(item, str)] if isinstance(value, list) else []


def source_ids(value: Json) -> list[str]:
    """A list of source IDs, null as none; anything else in it cannot be understood."""
    ids = [] if value is None else value
    if not isinstance(ids, list) or not all(
        isinstance(item, str) and SOURCE_ID.fullmatch(item) for item in ids
    ):
        raise NotUnderstood("a list of source IDs was expected")
    return ids


def mapping(value: Json) -> Mapping[str, Json]:
    """An object, or NotUnderstood."""
    if not isinstance(value, dict):
        raise NotUnderstood(f"an object was expected, not {type(value).__name__}")
    return value


@dataclass(frozen=True, slots=True)
class Content:
    """A source's text as we keep it: never the text itself (trap 10). `paragraphs` counts those with text."""

    paragraphs: int
    characters: int
    sha256: str
    excerpt: str

    @classmethod
    def of(cls, paragraphs: list[str]) -> "Content":
        """What is kept of these paragraphs."""
        whole = "\n".join(paragraphs)
        digest = hashlib.sha256(whole.encode("utf-8", "replace")).hexdigest() if whole.strip() else ""
        return cls(sum(bool(part.strip()) for part in paragraphs), len(whole), digest, clean(whole[:EXCERPT]))


@dataclass(frozen=True, slots=True)
class Document:
    """One source record as *list* and *get* answer it (contract 2); `source` is the wire's word for provider."""

    id: str
    source: str
    external_id: str
    title: str
    original_url: str
    mime_type: str
    kind: str
    english: bool | None
    baser: bool | None
    success: bool
    error: str
    job_id: str
    job_status: str
    knowledge_id: str
    operation: str
    reason: str
    changed: bool | None
    created_at: str
    updated_at: str
    content: Content

    @classmethod
    def parse(cls, value: Json) -> "Document":
        """A record; only its ID is needed. Raises NotUnderstood."""
        record = mapping(value)
        identity = record.get("id")
        if not isinstance(identity, str) or not SOURCE_ID.fullmatch(identity):
            raise NotUnderstood("a record without a usable ID")
        return cls(
            id=identity,
            source=text(record.get("source"), SOURCE),
            external_id=text(record.get("externalId"), IDENTITY),
            title=text(record.get("title"), TITLE),
            original_url=text(record.get("originalUrl"), ADDRESS),
            mime_type=text(record.get("mimeType")),
            kind=text(record.get("type")),
            english=flag(record.get("english")),
            baser=flag(record.get("baser")),
            success=record.get("success") is True,
            error=text(record.get("error"), EXCERPT),
            job_id=text(record.get("linkedJobId")),
            job_status=text(record.get("linkedJobStatus")),
            knowledge_id=text(record.get("linkedKnowledgeId")),
            operation=text(record.get("linkedOperation")),
            reason=text(record.get("linkedReason"), TITLE),
            changed=flag(record.get("changed")),
            created_at=text(record.get("createdAt")),
            updated_at=text(record.get("updatedAt")),
            content=Content.of(strings(record.get("paragraphs"))),
        )


@dataclass(frozen=True, slots=True)
class ListPage:
    """One page of the list (contract 3)."""

    documents: list[Document]
    has_more: bool

    @classmethod
    def parse(cls, value: Json, limit: int) -> "ListPage":
        """A page of about `limit` records; one that cannot be read spoils it, for nothing may be skipped silently."""
        page = mapping(value)
        documents = page.get("documents")
        if not isinstance(documents, list):
            raise NotUnderstood("a list page without documents")
        at_most(len(documents), limit, "records")
        return cls([Document.parse(item) for item in documents], page.get("hasMore") is True)


@dataclass(frozen=True, slots=True)
class IdLists:
    """The answer of register and ingest: two bare lists, order unstated (trap 1)."""

    added: list[str]
    updated: list[str]

    @property
    def all(self) -> list[str]:
        """Every ID once."""
        return list(dict.fromkeys(self.added + self.updated))

    @classmethod
    def parse(cls, value: Json, asked: int) -> "IdLists":
        """Both lists, of about as many IDs as were `asked` for; one may be missing, not both."""
        body = mapping(value)
        if not isinstance(body.get("addedDocumentIds", body.get("updatedDocumentIds")), list):
            raise NotUnderstood("neither addedDocumentIds nor updatedDocumentIds")
        lists = cls(source_ids(body.get("addedDocumentIds")), source_ids(body.get("updatedDocumentIds")))
        at_most(len(lists.all), asked, "IDs")
        return lists


@dataclass(frozen=True, slots=True)
class Deleted:
    """The answer of delete: what Fini says it deleted (contract 9)."""

    documents: list[str]
    articles: list[str]

    @classmethod
    def parse(cls, value: Json, asked: int) -> "Deleted":
        """The IDs of both lists; a source may have many articles."""
        body = mapping(value)
        if not isinstance(body.get("deletedDocuments"), list):
            raise NotUnderstood("no deletedDocuments")
        at_most(len(body["deletedDocuments"]), asked, "IDs")
        return cls(ids_of(body.get("deletedDocuments")), ids_of(body.get("deletedArticles")))


def ids_of(records: Json) -> list[str]:
    """The `id` of each record of a list."""
    if not isinstance(records, list):
        return []
    return [
        clean(item["id"]) for item in records if isinstance(item, dict) and isinstance(item.get("id"), str)
    ]


def refreshed(value: Json, asked: int) -> list[str]:
    """The answer of refresh: a bare list of about as many IDs as were `asked` for."""
    if not isinstance(value, list):
        raise NotUnderstood("a list of source IDs was expected")
    at_most(len(value), asked, "IDs")
    return source_ids(value)


def crawled(value: Json, limit: int) -> list[str]:
    """The answer of crawl: the addresses found, about `limit` at most."""
    found = mapping(value).get("data")
    if not isinstance(found, list):
        raise NotUnderstood("no data")
    at_most(len(found), limit, "addresses")
    return [clean(address) for address in strings(found)]


def message(value: Json) -> str:
    """An error envelope's text: `message` may be a text or a list of texts (contract 1)."""
    if not isinstance(value, dict):
        return ""
    said = value.get("message")
    if isinstance(said, list):
        return kept("; ".join(text(part, MESSAGE) for part in said), MESSAGE)
    return text(said, MESSAGE) or text(value.get("error"), MESSAGE)
