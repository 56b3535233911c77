"""Reading Fini's answers. Fields may be missing and enumerations may grow, as the API's description allows.

An answer that cannot be read at all raises NotUnderstood.
"""

import hashlib
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from fini_admin.fini import external_ids
from fini_admin.fini.errors import NotUnderstood
from fini_admin.lib.key_text import without_keys

EXCERPT = 300
# Longest stored text per kind of field, in characters (`shortened`).
TITLE = 2_500
ADDRESS = 8_000
IDENTITY = external_ids.LONGEST
SOURCE = 40
WORD = 200
MESSAGE = 2_000
SHORTENED_MARK = " […] "
DIGEST = 16
_IS_SHORTENED = re.compile(rf"{re.escape(SHORTENED_MARK)}[0-9a-f]{{{DIGEST}}}\Z")
# How many unasked-for items an answer may hold: what Fini returns becomes a source (P3), within limits.
SURPLUS = 100
SOURCE_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,127}")
Json = Any


def clean(value: str) -> str:
    """A text that both databases return as they got it: NUL and lone surrogates replaced."""
    return value.replace("\x00", "\ufffd").encode("utf-8", "replace").decode()


def clean_values(values: dict[str, Any]) -> dict[str, Any]:
    """The same mapping with every text in it cleaned."""
    return {name: clean(value) if isinstance(value, str) else value for name, value in values.items()}


def shortened(value: str, most: int) -> str:
    """A text of at most `most` characters.

    A longer one is cut, and ends in a mark and the start of its SHA-256, so that different texts stay different. It
    may be shown, and is never sent to Fini (`is_shortened`).
    """
    if len(value) <= most:
        return value
    digest = hashlib.sha256(value.encode("utf-8", "replace")).hexdigest()[:DIGEST]
    # A key through which the cut goes would not be known for one after it.
    return f"{without_keys(value)[: most - len(SHORTENED_MARK) - DIGEST]}{SHORTENED_MARK}{digest}"


def is_shortened(value: str) -> bool:
    """Whether `shortened` cut this text."""
    return _IS_SHORTENED.search(value) is not None


def field_text(value: Json, most: int = WORD) -> str:
    """A field as text of at most `most` characters: null is empty, a number is its digits."""
    if value is None:
        return ""
    return shortened(clean(value if isinstance(value, str) else json_text(value)), most)


def json_text(value: Json) -> str:
    """A value as JSON; empty for one that is nested too deeply to be written, though it could be read."""
    try:
        return json.dumps(value, ensure_ascii=False)
    except RecursionError:
        return ""


def time_text(at: datetime) -> str:
    """A time as Fini's records write it: such texts sort as the times do."""
    return f"{at.astimezone(UTC):%Y-%m-%dT%H:%M:%S}.{at.microsecond // 1000:03d}Z"


def _check_count(found: int, asked: int, what: str) -> None:
    """Raise NotUnderstood for far more items than were asked for: such an answer is not trusted at all."""
    if found > asked + SURPLUS:
        raise NotUnderstood(f"it holds {found:,} {what}, and {asked:,} were asked for")


def _boolean(value: Json) -> bool | None:
    """A boolean field; None for anything else."""
    return value if isinstance(value, bool) else None


def _strings(value: Json) -> list[str]:
    """The texts of a list; other values are left out."""
    return [item for item in value if isinstance(item, str)] if isinstance(value, list) else []


def _source_ids(value: Json) -> list[str]:
    """A list of source IDs, empty for null; raises NotUnderstood when anything else is in it."""
    ids = [] if value is None else value
    if not isinstance(ids, list) or not all(
        isinstance(item, str) and SOURCE_ID.fullmatch(item) for item in ids
    ):
        raise NotUnderstood("a list of source IDs was expected")
    return ids


def _object(value: Json) -> Mapping[str, Json]:
    if not isinstance(value, dict):
        raise NotUnderstood(f"an object was expected, not {type(value).__name__}")
    return value


@dataclass(frozen=True, slots=True)
class Content:
    """What is kept of a source's text: never the text itself (T10). `paragraphs` counts those that are not blank."""

    paragraphs: int
    characters: int
    sha256: str
    excerpt: str

    @classmethod
    def of(cls, paragraphs: list[str]) -> "Content":
        whole = "\n".join(paragraphs)
        digest = hashlib.sha256(whole.encode("utf-8", "replace")).hexdigest() if whole.strip() else ""
        return cls(sum(bool(part.strip()) for part in paragraphs), len(whole), digest, clean(whole[:EXCERPT]))


@dataclass(frozen=True, slots=True)
class Document:
    """A source record as *list* and *get* answer it; `source` is the provider."""

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
        """Read a record; only its ID is required. Raises NotUnderstood."""
        record = _object(value)
        identity = record.get("id")
        if not isinstance(identity, str) or not SOURCE_ID.fullmatch(identity):
            raise NotUnderstood("a record without a usable ID")
        return cls(
            id=identity,
            source=field_text(record.get("source"), SOURCE),
            external_id=field_text(record.get("externalId"), IDENTITY),
            title=field_text(record.get("title"), TITLE),
            original_url=field_text(record.get("originalUrl"), ADDRESS),
            mime_type=field_text(record.get("mimeType")),
            kind=field_text(record.get("type")),
            english=_boolean(record.get("english")),
            baser=_boolean(record.get("baser")),
            success=record.get("success") is True,
            error=field_text(record.get("error"), EXCERPT),
            job_id=field_text(record.get("linkedJobId")),
            job_status=field_text(record.get("linkedJobStatus")),
            knowledge_id=field_text(record.get("linkedKnowledgeId")),
            operation=field_text(record.get("linkedOperation")),
            reason=field_text(record.get("linkedReason"), TITLE),
            changed=_boolean(record.get("changed")),
            created_at=field_text(record.get("createdAt")),
            updated_at=field_text(record.get("updatedAt")),
            content=Content.of(_strings(record.get("paragraphs"))),
        )

    @classmethod
    def parse_that(cls, identity: str, value: Json) -> "Document":
        """Read the record of this ID. Raises NotUnderstood, for another record as well."""
        record = cls.parse(value)
        if record.id != identity:
            raise NotUnderstood("the record of another ID")
        return record


@dataclass(frozen=True, slots=True)
class ListPage:
    """One page of the list."""

    documents: list[Document]
    has_more: bool

    @classmethod
    def parse(cls, value: Json, limit: int) -> "ListPage":
        """Read a page; one unreadable record spoils it, because no source may be skipped silently."""
        page = _object(value)
        documents = page.get("documents")
        if not isinstance(documents, list):
            raise NotUnderstood("a list page without documents")
        _check_count(len(documents), limit, "records")
        return cls([Document.parse(item) for item in documents], page.get("hasMore") is True)


@dataclass(frozen=True, slots=True)
class IdLists:
    """The answer of register and ingest: two lists of IDs in no stated order (T1)."""

    added: list[str]
    updated: list[str]

    @property
    def all(self) -> list[str]:
        """Every ID once."""
        return list(dict.fromkeys(self.added + self.updated))

    @classmethod
    def parse(cls, value: Json, asked: int) -> "IdLists":
        """Read both lists; one of them may be missing. `asked` is the number of IDs or resources sent."""
        body = _object(value)
        if not isinstance(body.get("addedDocumentIds", body.get("updatedDocumentIds")), list):
            raise NotUnderstood("neither addedDocumentIds nor updatedDocumentIds")
        lists = cls(_source_ids(body.get("addedDocumentIds")), _source_ids(body.get("updatedDocumentIds")))
        _check_count(len(lists.all), asked, "IDs")
        return lists


@dataclass(frozen=True, slots=True)
class Removed:
    """A source or an article that Fini says it deleted."""

    id: str
    title: str


@dataclass(frozen=True, slots=True)
class Deleted:
    """The answer of delete: the deleted sources and articles."""

    documents: list[Removed]
    articles: list[Removed]

    @classmethod
    def parse(cls, value: Json, asked: int) -> "Deleted":
        """Read both lists; `asked` limits the sources only, since a source may have many articles."""
        body = _object(value)
        if not isinstance(body.get("deletedDocuments"), list):
            raise NotUnderstood("no deletedDocuments")
        _check_count(len(body["deletedDocuments"]), asked, "IDs")
        return cls(_removed(body.get("deletedDocuments")), _removed(body.get("deletedArticles")))


def _removed(records: Json) -> list[Removed]:
    """The records of a list that have an `id`, with their titles."""
    if not isinstance(records, list):
        return []
    return [
        Removed(field_text(item["id"]), field_text(item.get("title"), TITLE))
        for item in records
        if isinstance(item, dict) and isinstance(item.get("id"), str)
    ]


def parse_refreshed(value: Json, asked: int) -> list[str]:
    """The answer of refresh: a list of source IDs."""
    if not isinstance(value, list):
        raise NotUnderstood("a list of source IDs was expected")
    _check_count(len(value), asked, "IDs")
    return _source_ids(value)


def parse_crawled(value: Json, limit: int) -> list[str]:
    """The answer of crawl: a list of URLs."""
    found = _object(value).get("data")
    if not isinstance(found, list):
        raise NotUnderstood("no data")
    _check_count(len(found), limit, "addresses")
    return [clean(address) for address in _strings(found)]


def error_message(value: Json) -> str:
    """The text of an error answer: `message`, a text or a list of texts, or `error`."""
    if not isinstance(value, dict):
        return ""
    said = value.get("message")
    if isinstance(said, list):
        return shortened("; ".join(field_text(part, MESSAGE) for part in said), MESSAGE)
    return field_text(said, MESSAGE) or field_text(value.get("error"), MESSAGE)
