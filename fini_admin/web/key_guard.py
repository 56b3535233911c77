"""Replaces text that looks like a key in every request, before anything reads it (P5).

The key itself is replaced, not the value around it: in the URL, in headers and cookies, and in each field except those
that the view declares with `as_typed`. `GuardedFields.with_key` names the fields that held one; the base of all forms
turns these names into errors (forms.base.KeylessForm).
"""

from collections.abc import Callable, Collection, Mapping, MutableMapping
from typing import Any, TypeVar

from django.http import HttpRequest, QueryDict
from django.http.request import UnreadablePostError
from django.http.response import HttpResponseBase

from fini_admin.lib.key_text import LONGEST, PREFIX, bare_key, looks_like_key, without_keys
from fini_admin.web.body_size import too_large

V = TypeVar("V", bound=Callable[..., Any])

# WSGI variables with the URL; headers are searched too.
ADDRESS = ("PATH_INFO", "RAW_URI", "REQUEST_URI")
HEADER = "HTTP_"


class GuardedFields(QueryDict):
    """A QueryDict in which keys were replaced; `with_key` has the names of the fields that held one."""

    with_key: frozenset[str] = frozenset()

    def __copy__(self) -> "GuardedFields":
        copied: GuardedFields = super().__copy__()
        copied.with_key = self.with_key
        return copied

    def __deepcopy__(self, memo: MutableMapping[int, Any]) -> "GuardedFields":
        copied: GuardedFields = super().__deepcopy__(memo)
        copied.with_key = self.with_key
        return copied


def fields_with_key(data: Mapping[str, Any]) -> frozenset[str]:
    """The names of the fields in which a key was replaced; empty for other data."""
    return data.with_key if isinstance(data, GuardedFields) else frozenset()


def as_typed(*fields: str) -> Callable[[V], V]:
    """Exempt a view's fields from the search for keys: the key's own field, and existing passwords."""

    def declare(view: V) -> V:
        view.__dict__["as_typed"] = frozenset(fields)
        return view

    return declare


def remove_keys(data: QueryDict, own: Collection[str] = ()) -> QueryDict:
    """The fields without keys. A key typed into one of the `own` fields is removed from all others too.

    Returns `data` itself when nothing has to be replaced.
    """
    known = [key for name in own for typed in data.getlist(name) if (key := _typed_key(typed))]
    texts = [text for name, values in data.lists() for text in (name, *values)]
    if not known and not looks_like_key("\n".join(texts)):
        return data
    kept, held = GuardedFields("", mutable=True, encoding=data.encoding), set()
    changed = False
    for name, values in data.lists():
        clean_name = without_keys(name, *known)
        clean = values if name in own else [without_keys(value, *known) for value in values]
        for value in clean:
            kept.appendlist(clean_name, value)
        if clean != values:
            held.add(clean_name)
        changed = changed or clean != values or clean_name != name
    if not changed:
        return data
    kept.with_key, kept._mutable = frozenset(held), False  # noqa: SLF001 - as Django ends the making of one
    return kept


def _typed_key(typed: str) -> str:
    """The text of a key's own field if it may be a key, however short; else empty."""
    key = bare_key(typed) if len(typed) <= LONGEST else ""
    return key if key.startswith(PREFIX) and key != PREFIX else ""


class KeyGuard:
    """The middleware for URL and headers. It is the first: others repeat the URL before a view is known."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponseBase]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        _guard_meta(request)
        _guard_query(request)
        return self.get_response(request)


class FieldGuard:
    """The middleware for posted fields. It comes behind the log-in: there no stranger's body is parsed."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponseBase]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        return self.get_response(request)

    def process_view(
        self, request: HttpRequest, view: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]
    ) -> None:
        """Replace keys in the posted fields. A body that is too large is left unread (middleware.Answers)."""
        if request.method != "POST" or too_large(request, view):
            return
        try:
            request.POST = remove_keys(request.POST, getattr(view, "as_typed", ()))  # type: ignore[assignment]  # the stubs want their immutable class
        except UnreadablePostError:  # the browser disconnected; the next reader gets the same error
            return


def _guard_meta(request: HttpRequest) -> None:
    """Replace keys in the URL's path, the headers and cookies. One search over all finds that most hold none."""
    texts = {name: text for name, text in request.META.items() if name in ADDRESS or name.startswith(HEADER)}
    if looks_like_key("\n".join((request.path, request.path_info, *texts.values()))):
        request.META |= {name: without_keys(text) for name, text in texts.items()}
        request.path, request.path_info = without_keys(request.path), without_keys(request.path_info)


def _guard_query(request: HttpRequest) -> None:
    """Replace keys in QUERY_STRING and in GET. Both are searched, since a key may contain an equals sign."""
    written = request.META.get("QUERY_STRING", "")
    query = remove_keys(request.GET)
    clean = without_keys(written if query is request.GET else query.urlencode())
    if clean == written:
        return
    kept: Any = GuardedFields(clean, encoding=request.encoding)
    kept.with_key = fields_with_key(query)
    request.META["QUERY_STRING"], request.GET = clean, kept
