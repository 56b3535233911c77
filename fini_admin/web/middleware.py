"""Middleware round every answer: no cache keeps it, no page reads a body without end.

A missing encryption key and a database that is away are one page each.
"""

import logging
import sys
from collections.abc import Callable
from functools import cache
from typing import Any

from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.template.loader import render_to_string

from fini_admin.lib import outage
from fini_admin.people.sealing import UNREADABLE
from fini_admin.web.body_size import drain, stated_size, too_large

log = logging.getLogger(__name__)

# How browsers send a form; no page takes anything else.
FORMS = ("application/x-www-form-urlencoded", "multipart/form-data")
NUL = "\x00"
FORWARDED = "HTTP_X_FORWARDED_FOR"
AGAIN = 10  # seconds after which a program may ask again while the database is away
KEY_MISSING = (
    "This installation lacks an encryption key that its data was sealed with. An operator puts the key back into"
    " ENCRYPTION_KEYS."
)


class Answers:
    """Every view's answer goes through here; static files do not."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponseBase]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        # The database takes no NUL, and an octal escape brings one into a cookie: such a cookie is nobody's.
        request.COOKIES = {name: text for name, text in request.COOKIES.items() if NUL not in text}
        if holds_nul(request):
            return plain_page(400)
        if not through_all_proxies(request):
            del request.META[FORWARDED]
        answer = self.get_response(request)
        # A page holds what its reader may see; the next one at this machine, or behind this proxy, may not.
        answer.headers.setdefault("Cache-Control", "private, no-store")
        return answer

    def process_view(
        self, request: HttpRequest, view: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]
    ) -> HttpResponse | None:
        """A body that is too large for the view, or no form's, is not parsed.

        Django bounds fields, but would put files of any size on the disk. A view without Django's own check of the
        token, which reads everything, looks at the size itself.
        """
        size = stated_size(request)
        if too_large(request, view) and not getattr(view, "csrf_exempt", False):
            if size <= settings.DATA_UPLOAD_MAX_MEMORY_SIZE:
                drain(request, size)
            return plain_page(413)
        return plain_page(415) if size and request.content_type not in FORMS else None

    def process_exception(self, request: HttpRequest, exception: Exception) -> HttpResponse | None:
        """Wrong ENCRYPTION_KEYS are the operator's to mend: a page that says so, a line in the log, no traceback.

        A NUL that no form refused is the sender's.
        """
        if isinstance(exception, UNREADABLE):
            return keys_do_not_fit(exception)
        return plain_page(400) if outage.refuses_nul(exception) else None


def holds_nul(request: HttpRequest) -> bool:
    """Whether a NUL stands in the address or in a header; what a form sends, the form looks at."""
    texts = [request.path, *request.GET, *(text for _, held in request.GET.lists() for text in held)]
    texts += [text for name, text in request.META.items() if name.startswith("HTTP_")]
    return any(NUL in text for text in texts)


def plain_page(status: int, **context: object) -> HttpResponse:
    """The page of this status, without anything that is read for the person."""
    return HttpResponse(render_to_string(f"{status}.html", context), status=status)


def failed(request: HttpRequest) -> HttpResponse:
    """What nothing else answered, in a view or round it (urls.py: handler500): a database that is away, else a fault.

    Django logs both: the one as a line, the other with its traceback (lib/redaction.py).
    """
    found = outage.outage_of(sys.exc_info()[1])
    if found is None:
        return plain_page(400 if outage.refuses_nul(sys.exc_info()[1]) else 500)
    answer = plain_page(503, title=found.what, why=found.cure)
    answer.headers["Retry-After"] = str(AGAIN)
    return answer


def through_all_proxies(request: HttpRequest) -> bool:
    """Whether X-Forwarded-For, if there is one, names as many addresses as TRUSTED_PROXIES has proxies.

    Each proxy adds one. With fewer the header may be forged, so the address that asked this process counts instead,
    which nobody can choose. It is no 400: a wrong TRUSTED_PROXIES would take the whole site down.
    """
    named = request.META.get(FORWARDED)
    if named is None or named.count(",") + 1 >= settings.TRUSTED_PROXIES:
        return True
    tell_of_missing_proxies(named.count(",") + 1, settings.TRUSTED_PROXIES)
    return False


@cache
def tell_of_missing_proxies(named: int, expected: int) -> None:
    """A line in the log, once for each process: limits are counted for a proxy's address until this is mended."""
    log.warning("X-Forwarded-For names %d of TRUSTED_PROXIES=%d: the peer's address counts", named, expected)


def keys_do_not_fit(error: Exception) -> HttpResponse:
    """The page that says so; its text says nothing of what is sealed."""
    log.error("%s", error)
    return plain_page(503, title="Encryption key missing", why=KEY_MISSING)
