"""What a browser sends, freed of text that looks like a key before anything reads it (P5).

The key itself is replaced, not the value around it: in the address, in the headers with their cookies, and in each
field that is sent, except those that the view takes `as_typed`. The names of the fields that held one are noted with
the data (`Guarded.with_key`); the base of all forms makes errors of them (forms.KeylessForm).
"""

from collections.abc import Callable, Collection, Mapping, MutableMapping
from typing import Any, TypeVar

from django.http import HttpRequest, QueryDict
from django.http.request import UnreadablePostError
from django.http.response import HttpResponseBase

from fini_admin.lib.key_text import LONGEST, PREFIX, bare_key, without_keys
from fini_admin.web.body_size import too_large

V = TypeVar("V", bound=Callable[..., Any])

# Of what WSGI hands over; every header besides.
ADDRESS = ("PATH_INFO", "RAW_URI", "REQUEST_URI")
HEADER = "HTTP_"


class Guarded(QueryDict):
    """Fields without keys; `with_key` has the names of those that held one."""

    with_key: frozenset[str] = frozenset()

    def __copy__(self) -> "Guarded":
        copied: Guarded = super().__copy__()
        copied.with_key = self.with_key
        return copied

    def __deepcopy__(self, memo: MutableMapping[int, Any]) -> "Guarded":
        copied: Guarded = super().__deepcopy__(memo)
        copied.with_key = self.with_key
        return copied


def fields_with_key(data: Mapping[str, Any]) -> frozenset[str]:
    """The names of the fields of a form's data in which a key was replaced."""
    return data.with_key if isinstance(data, Guarded) else frozenset()


def as_typed(*fields: str) -> Callable[[V], V]:
    """Declare the fields of a view whose text is not searched for keys: the key's own, and passwords that exist."""

    def declare(view: V) -> V:
        view.__dict__["as_typed"] = frozenset(fields)
        return view

    return declare


def guarded(data: QueryDict, own: Collection[str] = ()) -> QueryDict:
    """The same fields without keys, a key that is typed into one of the `own` fields taken out of the others too.

    It is `data` itself where nothing has to go.
    """
    known = [key for name in own for typed in data.getlist(name) if (key := typed_key(typed))]
    kept, held = Guarded("", mutable=True, encoding=data.encoding), set()
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


def typed_key(typed: str) -> str:
    """What was typed into the key's own field as far as it may be one, however short; empty where it cannot."""
    key = bare_key(typed) if len(typed) <= LONGEST else ""
    return key if key.startswith(PREFIX) and key != PREFIX else ""


class KeyGuard:
    """The middleware. It stands first: others repeat an address in a redirect, before any view is asked."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponseBase]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        for name, value in request.META.items():
            if name in ADDRESS or name.startswith(HEADER):
                request.META[name] = without_keys(value)
        request.path, request.path_info = without_keys(request.path), without_keys(request.path_info)
        guard_query(request)
        return self.get_response(request)

    def process_view(
        self, request: HttpRequest, view: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]
    ) -> None:
        """The fields, now that the view is known. What is too large is read by nobody (middleware.Answers)."""
        if request.method != "POST" or too_large(request, view):
            return
        try:
            request.POST = guarded(request.POST, getattr(view, "as_typed", ()))  # type: ignore[assignment]  # the stubs want their immutable class
        except UnreadablePostError:  # the browser went away; whoever reads it next finds out, too
            return


def guard_query(request: HttpRequest) -> None:
    """The query as it was written and as it is read: a key may hold an equals sign."""
    written = request.META.get("QUERY_STRING", "")
    query = guarded(request.GET)
    clean = without_keys(written if query is request.GET else query.urlencode())
    if clean == written:
        return
    kept: Any = Guarded(clean, encoding=request.encoding)
    kept.with_key = fields_with_key(query)
    request.META["QUERY_STRING"], request.GET = clean, kept
