"""What a person typed to search for, as a condition: the same for the sources, the queue and discovery's tree."""

from django.db.models import Q

MOST_WORDS = 8
LISTED_FIELDS = ("title", "original_url", "external_id")
SOURCE_FIELDS = (*LISTED_FIELDS, "fini_id")


def search(text: str, fields: tuple[str, ...], path: str = "") -> Q:
    """Each word stands in one of the fields, in any case; `path` leads to the model that has them (`source__`)."""
    every = Q()
    for word in text.split()[:MOST_WORDS]:
        every &= Q(
            *((f"{path}{name}__icontains", form) for form in _spellings(word) for name in fields),
            _connector=Q.OR,
        )
    return every


def _spellings(word: str) -> list[str]:
    """A word as texts may spell it: SQLite, and PostgreSQL in the C locale, fold the case of ASCII letters only."""
    return [word] if word.isascii() else sorted({word, word.lower(), word.upper(), word.capitalize()})
