"""Search in titles, IDs and addresses: a folded text of each row, found by substring.

An index of trigrams (search_index.py) narrows a search among many sources; without it the same is found, more slowly.
"""

import unicodedata
from collections.abc import Iterator
from uuid import UUID

from django.db.models import Q
from django.db.models.expressions import RawSQL

from fini_admin.sources import search_index

MOST_WORDS = 8
# Before each word of a title and each ID: it makes the start of a word with one or two letters a trigram.
_START = "\n\n"


def search_text(workspace_id: UUID, names: list[str], address: str) -> str:
    """What a row is found by: `names` are its title and IDs. Begins with three characters that name the workspace."""
    words = "".join(f"{_START}{word}" for name in names for word in folded_words(name))
    return f"{search_index.workspace_mark(workspace_id)}{words}\t{' '.join(folded_words(address))}"


def folded_words(text: str) -> list[str]:
    """A text's words as they are compared: without case and variants of characters."""
    return unicodedata.normalize("NFKC", text).casefold().split()


def matches(text: str, path: str = "") -> Q:
    """Each word stands in a title, ID or address; one of one or two letters starts an ID or a word of a title.

    `path` leads to the model that has the text (`source__`).
    """
    return Q(*((f"{path}search_text__contains", part) for part in _parts(text)))


def search(workspace_id: UUID, text: str, path: str = "") -> Q:
    """As `matches`, for a workspace's sources, narrowed by the index. One query, if there is anything to search for."""
    found = matches(text, path)
    keys = search_index.candidates(workspace_id, list(_parts(text)))
    if keys is None:
        return found
    return found & Q(**{f"{path}pk__in": RawSQL("SELECT value FROM json_each(%s)", [keys])})


def _parts(text: str) -> Iterator[str]:
    """The words, each with what must stand before a short one."""
    for word in folded_words(text)[:MOST_WORDS]:
        yield _START[len(word) - 1 :] + word
