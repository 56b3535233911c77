"""Pages that keep themselves up to date: one request a tick serves a page and its frame (live.js).

The request's header X-Seen holds the mark of what is shown, the names of the page's live parts, and digests of the
pieces that it has. While the mark holds the answer is 204; else it has the pieces whose digests differ, as
`<hx-partial>`, each with its digest in `data-d`, and the new mark in its own X-Seen. A piece is what a part holds
between `<!--piece hx-target="…"-->` and `<!--/piece-->`, a row of its table with an `id`, and the rest of it.

To render rows is most of the work, and few of them change at a time: the tag `cells` makes the digest of what a row
shows, and leaves out the cells of a row that the page has. Only a part whose shape is new needs all of them.
"""

import re
import time
from base64 import urlsafe_b64encode
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from datetime import datetime
from hashlib import blake2b
from typing import Any

from django.db.models import Model
from django.http import HttpRequest, HttpResponse
from django.template.loader import render_to_string

from fini_admin.ingestion.now import Now
from fini_admin.lib.paging import whole_number
from fini_admin.web.wording.times import moment

HEADER = "X-Seen"
# Some of what pages show changes with time alone: it is looked at again after so many seconds.
AGE = 60
_PARTIAL = re.compile(r'<hx-partial\s+hx-target="([^"]+)"\s+hx-swap="(\w+)">(.*?)</hx-partial>', re.DOTALL)
_MARKED = re.compile(r'<!--piece hx-target="([^"]+)"-->(.*?)<!--/piece-->', re.DOTALL)
_ROW = re.compile(r'<tr\s+id="([^"]+)".*?</tr>', re.DOTALL)
_VERSION = re.compile(r"<!--cells (\S+)-->")
_LEFT_OUT = re.compile(r"<!--cells \S+-->\s*</tr>")
# The name in a template's context of the digests that the page has.
KNOWN = "known_cells"
# What the page itself keeps right of a time (live.js).
_KEPT = r"(?:just now|\d+ min ago|for \d+ (?:s|min))"
_WORDS_KEPT = re.compile(_KEPT)
# What differs each time, and what the page keeps right, are no part of a digest.
_VOLATILE = re.compile(rf'(name="(?:csrfmiddlewaretoken|token)" value=")[^"]*|(>){_KEPT}(?=</time>)')


@dataclass(frozen=True, slots=True)
class Seen:
    """What a page shows: the mark, the names of its live parts, and the digests of their pieces."""

    mark: str
    parts: tuple[str, ...]
    digests: frozenset[str]

    def holds(self, now: Now) -> bool:
        """Whether nothing happened since, and not too much time went by."""
        before, _, at = self.mark.rpartition(".")
        recent = 0 <= time.time() - (whole_number(at) or 0) < AGE
        return recent and before == _state(now)


def seen_by(request: HttpRequest) -> Seen | None:
    """What the page that asks shows; None for every other request."""
    mark, _, rest = request.headers.get(HEADER, "").partition(" ")
    if request.method != "GET" or not mark:
        return None
    parts, _, digests = rest.partition(" ")
    return Seen(mark, tuple(filter(None, parts.split(","))), frozenset(digests.split(",")))


def mark_of(now: Now) -> str:
    """The mark of a page that is read after `now`: `<version>.<running runs>.<seconds since 1970>`."""
    return f"{_state(now)}.{int(time.time())}"


def _state(now: Now) -> str:
    return f"{now.version}.{now.running}"


def early_answer(request: HttpRequest) -> HttpResponse | None:
    """The answer to a page that asks for news, if its view has none to give: no news, or news of the frame alone."""
    seen: Seen | None = request.seen  # type: ignore[attr-defined]  # set by permissions.requires
    if seen is None:
        return None
    if seen.holds(request.now):  # type: ignore[attr-defined]  # the same
        return _nothing()
    return None if seen.parts else news(request, "", {}, ())


def news(
    request: HttpRequest, template: str, context: dict[str, Any], parts: tuple[str, ...]
) -> HttpResponse:
    """The pieces of the frame and of these parts of the page that differ from what is shown."""
    seen: Seen = request.seen  # type: ignore[attr-defined]  # set by permissions.requires
    texts = {f"#{part}": _part(request, f"{template}#{part}", context, seen.digests) for part in parts}
    texts[""] = render_to_string("components/_frame.html", {}, request)
    fresh = "".join(piece for part, text in texts.items() for piece in _fresh(part, text, seen.digests))
    answer = HttpResponse(fresh) if fresh else _nothing()
    answer.headers[HEADER] = mark_of(request.now)  # type: ignore[attr-defined]  # the same
    return _without_policy(answer)


def _part(request: HttpRequest, part: str, context: dict[str, Any], known: frozenset[str]) -> str:
    """The text of a part, without the cells of rows that the page has unless the part's shape is new."""
    text: str = render_to_string(part, context | {KNOWN: known}, request)
    target = f"#{part.partition('#')[2]}"
    if _LEFT_OUT.search(text) and _shape(target, _PARTIAL.sub("", text)).digest not in known:
        text = render_to_string(part, context | {KNOWN: frozenset()}, request)
    return text


def row_version(shown: Iterable[object]) -> str:
    """The digest of a row that shows these: rows of tables, of which each field counts, times, and words."""
    return _digest(repr([_told(value) for value in shown]))


def _told(value: object) -> object:
    """A value as far as a row may show it.

    A time that moves on is news once a minute, as its words are; what the page keeps right of them is none.
    """
    if isinstance(value, Model):
        held = vars(value)
        return [
            _of_time(held[name]) if isinstance(held[name], datetime) else held[name]
            for name in held
            if name != "_state"
        ]
    if isinstance(value, str):
        return "" if _WORDS_KEPT.fullmatch(value) else value
    return _of_time(value) if isinstance(value, datetime) else value


def _of_time(at: datetime) -> tuple[datetime, str]:
    words = moment(at)
    return at.replace(second=0, microsecond=0), "" if _WORDS_KEPT.fullmatch(words) else words


def _digest(text: str) -> str:
    return urlsafe_b64encode(blake2b(text.encode(), digest_size=3).digest()).decode()


@dataclass(frozen=True, slots=True)
class Piece:
    """What goes into one element of the page. `digest` differs when it looks different."""

    target: str
    swap: str
    text: str
    digest: str

    @property
    def html(self) -> str:
        """The piece as htmx takes it."""
        place = f'hx-target="{self.target}" hx-swap="{self.swap}" data-d="{self.digest}"'
        return f"<hx-partial {place}>{self.text}</hx-partial>"


def _piece(target: str, swap: str, text: str, steady: str = "") -> Piece:
    """`steady`: the text as far as it counts for the digest."""
    steady = _VOLATILE.sub(r"\1\2", steady or text)
    return Piece(target, swap, text, _digest(f"{target} {steady}"))


def _fresh(target: str, text: str, known: frozenset[str]) -> Iterator[str]:
    """The pieces of a part that the page does not have yet, and of what the part holds for other places of it."""
    rest = _PARTIAL.sub("", text)
    pieces = [_piece(*found.groups()) for found in _PARTIAL.finditer(text)]
    shape = _shape(target, rest)
    if rest.strip() and shape.digest not in known:
        told = _ROW.sub(lambda found: _row(found).text, _MARKED.sub(_mark_with_digest, rest))
        yield replace(shape, text=told).html
    else:
        pieces += [_marked(found) for found in _MARKED.finditer(rest)]
        pieces += [_row(found) for found in _ROW.finditer(_MARKED.sub("", rest))]
    yield from (piece.html for piece in pieces if piece.digest not in known)


def _shape(target: str, text: str) -> Piece:
    """A part without its pieces: which there are, and what stands around them."""
    return _piece(target, "innerMorph", text, _ROW.sub(r"<\1>", _MARKED.sub(r"<\1>", text)))


def _marked(found: re.Match[str]) -> Piece:
    return _piece(found[1], "innerMorph", found[2])


def _row(found: re.Match[str]) -> Piece:
    """A row with its digest in it: that of its cells, else of its text."""
    target, version = f"#{found[1]}", _VERSION.search(found[0])
    digest = version[1] if version else _piece(target, "", found[0]).digest
    text = _VERSION.sub("", found[0]).replace("<tr", f'<tr data-d="{digest}"', 1)
    return Piece(target, "outerMorph", text, digest)


def _mark_with_digest(found: re.Match[str]) -> str:
    return found[0].replace("-->", f' data-d="{_marked(found).digest}"-->', 1)


def _nothing() -> HttpResponse:
    answer = HttpResponse(status=204)
    del answer.headers["Content-Type"]
    return _without_policy(answer)


def _without_policy(answer: HttpResponse) -> HttpResponse:
    """No browser shows such an answer as a page, and the policy would be a third of what an idle page costs."""
    answer._csp_exempt = True  # type: ignore[attr-defined]  # noqa: SLF001 - as csp.decorators.csp_exempt does
    return answer
