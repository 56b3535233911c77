"""What is kept of a call's bodies: free of keys (P5) and of the sources' text (trap 10), equal ones once."""

import hashlib
import json
import zlib
from typing import Any

from fini_admin.audit.models import Body
from fini_admin.fini.client import Answer
from fini_admin.lib.key_text import without_keys

MOST = 1024 * 1024
LARGEST = 16 * MOST  # no kept text is longer: 1 MiB of characters, escaped and described
EXCERPT = 300
TEXT_KEYS = ("paragraphs", "oldParagraphs")


def kept_request(payload: bytes, secret: str) -> str:
    """A request's body, whole up to 1 MiB."""
    return cut(without_keys(payload.decode("utf-8", "replace"), secret), len(payload))


def kept_answer(answer: Answer) -> str:
    """An answer with the sources' text replaced by its measure; one that is no JSON keeps an excerpt.

    Nothing is kept of an empty one, and of bytes that are no text only how many there were.
    """
    if not answer.size:
        return ""
    if answer.fault:
        return described(answer.text[:EXCERPT], answer.size, answer.sha256)
    try:
        text = json.dumps(measured(answer.value), ensure_ascii=False, separators=(",", ":"))
    except RecursionError:
        return described("", answer.size, answer.sha256)
    return cut(text, answer.size)


def measured(value: Any) -> Any:
    """The same value, each list of paragraphs replaced by count, length and hash."""
    if isinstance(value, list):
        return [measured(item) for item in value]
    if not isinstance(value, dict):
        return value
    return {name: measure(held) if name in TEXT_KEYS else measured(held) for name, held in value.items()}


def measure(paragraphs: Any) -> Any:
    """Count, characters and SHA-256 of a list of paragraphs, or of what stands there instead; an empty one stays."""
    if not paragraphs:
        return paragraphs
    parts = paragraphs if isinstance(paragraphs, list) else [paragraphs]
    text = "\n".join(map(str, parts))
    digest = hashlib.sha256(text.encode("utf-8", "replace")).hexdigest()
    return {"paragraphs": len(parts), "characters": len(text), "sha256": digest}


def cut(text: str, size: int) -> str:
    """The text, or where it is over 1 MiB its beginning with the length and hash of the whole."""
    if len(text) <= MOST:
        return text
    return described(text[:MOST], size, hashlib.sha256(text.encode("utf-8", "replace")).hexdigest())


def described(start: str, size: int, digest: str) -> str:
    """A beginning, and the measure of what it is the beginning of."""
    return json.dumps({"begins": start, "bytes": size, "sha256": digest}, ensure_ascii=False)


def store(chain: str, text: str) -> str | None:
    """Keep a text once per chain and return its hash; nothing is kept of an empty one.

    Call it with the chain's head locked, so that two calls never store the same text at once.
    """
    if not text:
        return None
    raw = text.encode("utf-8", "replace")
    sha256 = hashlib.sha256(raw).hexdigest()
    if not Body.objects.filter(chain=chain, sha256=sha256).exists():
        Body.objects.create(chain=chain, sha256=sha256, content=zlib.compress(raw, 6))
    return sha256


def load(chain: str, sha256: str) -> str | None:
    """A kept text; None when it is not there. Raises zlib.error when it was damaged."""
    body = Body.objects.filter(chain=chain, sha256=sha256).first()
    return zlib.decompress(bytes(body.content)).decode("utf-8", "replace") if body else None
