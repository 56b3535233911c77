"""What is kept of a call's bodies: no keys (P5), no text of sources (T10), equal bodies once."""

import hashlib
import json
import zlib
from typing import Any

from django.db.models import OuterRef, Subquery

from fini_admin.audit.models import Body
from fini_admin.fini.client import Answer
from fini_admin.lib.key_text import without_keys
from fini_admin.lib.prepared import prepared

MOST = 1024 * 1024
LARGEST = 16 * MOST  # 1 MiB of characters, each at most 4 bytes, and escaped
EXCERPT = 300
TEXT_KEYS = ("paragraphs", "oldParagraphs")


def kept_request(payload: bytes, secret: str) -> str:
    """A request's body with keys replaced, whole up to 1 MiB."""
    return _truncated(without_keys(payload.decode("utf-8", "replace"), secret), len(payload))


def kept_answer(answer: Answer) -> str:
    """An answer with the text of sources replaced by its measure; an excerpt of one that is not JSON.

    Empty for an empty answer; of bytes that are no text, only their number.
    """
    if not answer.size:
        return ""
    if answer.fault:
        return _excerpt(answer.text[:EXCERPT], answer.size, answer.sha256)
    try:
        text = json.dumps(_without_source_text(answer.value), ensure_ascii=False, separators=(",", ":"))
    except RecursionError:
        return _excerpt("", answer.size, answer.sha256)
    return _truncated(text, answer.size)


def _without_source_text(value: Any) -> Any:
    """A JSON value with each list of paragraphs replaced by count, length and hash."""
    if isinstance(value, list):
        return [_without_source_text(item) for item in value]
    if not isinstance(value, dict):
        return value
    return {
        name: _text_measure(held) if name in TEXT_KEYS else _without_source_text(held)
        for name, held in value.items()
    }


def _text_measure(paragraphs: Any) -> Any:
    """Count, characters and SHA-256 of paragraphs, whatever their type; nothing is measured of empty ones."""
    if not paragraphs:
        return paragraphs
    parts = paragraphs if isinstance(paragraphs, list) else [paragraphs]
    text = "\n".join(map(str, parts))
    digest = hashlib.sha256(text.encode("utf-8", "replace")).hexdigest()
    return {"paragraphs": len(parts), "characters": len(text), "sha256": digest}


def _truncated(text: str, size: int) -> str:
    """The text, or if it is over 1 MiB its beginning with length and hash of the whole."""
    if len(text) <= MOST:
        return text
    return _excerpt(text[:MOST], size, hashlib.sha256(text.encode("utf-8", "replace")).hexdigest())


def _excerpt(start: str, size: int, digest: str) -> str:
    return json.dumps({"begins": start, "bytes": size, "sha256": digest}, ensure_ascii=False)


def store_text(chain: str, text: str) -> str | None:
    """Store a text once per chain, and return its hash; None for an empty text.

    Call it with the chain's head locked, so that two calls do not store the same text at once.
    """
    if not text:
        return None
    raw = text.encode("utf-8", "replace")
    sha256 = hashlib.sha256(raw).hexdigest()
    if not _STORED(chain, sha256):
        Body.objects.create(chain=chain, sha256=sha256, content=zlib.compress(raw, 6))
    return sha256


_STORED = prepared(
    lambda _, chain, sha256: Body.objects.filter(chain=chain, sha256=sha256).values_list("pk")[:1]
)


class BodyDamaged(Exception):
    """A body that a row of the trail names is missing, or damaged beyond reading."""


def load_text(chain: str, sha256: str) -> str:
    """A stored text. Raises BodyDamaged."""
    body = Body.objects.filter(chain=chain, sha256=sha256).first()
    return text_of(body.content if body else None)


def content_of(column: str) -> Subquery:
    """The stored content of the body whose hash is in a row's column, None when it is missing."""
    named = Body.objects.filter(chain=OuterRef("chain"), sha256=OuterRef(column))
    return Subquery(named.values("content")[:1])


def text_of(content: bytes | memoryview | None) -> str:
    """The text of a stored content. Raises BodyDamaged, also for None."""
    if content is None:
        raise BodyDamaged
    try:
        return zlib.decompress(content).decode("utf-8", "replace")
    except (zlib.error, TypeError) as error:
        raise BodyDamaged from error
