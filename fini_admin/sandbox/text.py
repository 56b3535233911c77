"""Invented content of sources, generated on demand, so that 100,000 of them fit in memory."""

import hashlib
from collections.abc import Iterator
from itertools import count, islice

_SENTENCES = (
    "This page covers {title} and who to ask about it.",
    "Read it once from start to end before the first change.",
    "Most questions about {title} are answered in the first section.",
    "Changes take effect within a day, later on weekends.",
    "If a step fails, note the message and the time, then try it once more.",
    "Only members of the team can change these settings.",
    "The examples below use invented names and numbers.",
    "Support can see the same screen and will walk through it on request.",
    "Older versions behave differently; the table at the end lists how.",
    "Keep the reference number: every later message about it needs it.",
    "There is no charge for the first correction of an order.",
    "A summary of {title} is sent by mail on the first of each month.",
    "Nothing is deleted for thirty days, so a mistake can be undone.",
    "The limits are the same for all plans unless stated otherwise.",
    "For anything not mentioned here, write to the address at the bottom.",
    "Version {version} of this text replaces all earlier ones.",
)
_SENTENCE_BYTES = 64
_SENTENCES_PER_PARAGRAPH = 4


def paragraphs(title: str, external_id: str, version: int, size: int) -> list[str]:
    """About `size` bytes of text, the same for the same arguments."""
    chosen = islice(_bytes(f"{external_id}:{version}"), _sentence_count(size))
    sentences = [_SENTENCES[byte % len(_SENTENCES)].format(title=title, version=version) for byte in chosen]
    step = _SENTENCES_PER_PARAGRAPH
    return [" ".join(sentences[start : start + step]) for start in range(0, len(sentences), step)]


def paragraph_count(size: int) -> int:
    """The number of those paragraphs, without generating them."""
    return -(-_sentence_count(size) // _SENTENCES_PER_PARAGRAPH)


def _sentence_count(size: int) -> int:
    return max(1, round(size / _SENTENCE_BYTES))


def _bytes(seed: str) -> Iterator[int]:
    for block in count():
        yield from hashlib.sha256(f"{seed}:{block}".encode()).digest()
