"""Middleware round every view: Cache-Control, limits on bodies, pages for outages and missing encryption keys."""

import logging
import re
import sys
from collections.abc import Callable
from functools import cache
from typing import Any

from django.conf import settings
from django.http import HttpRequest, HttpResponse, HttpResponsePermanentRedirect
from django.http.response import HttpResponseBase
from django.middleware.common import CommonMiddleware
from django.middleware.gzip import GZipMiddleware
from django.template.loader import render_to_string

from fini_admin.lib import outage
from fini_admin.people.sealing import UNREADABLE
from fini_admin.web.body_size import discard_body, stated_size, too_large

log = logging.getLogger(__name__)

# The content types of forms; no view accepts others.
FORMS = ("application/x-www-form-urlencoded", "multipart/form-data")
NUL = "\x00"
FORWARDED = "HTTP_X_FORWARDED_FOR"
RETRY_AFTER = 10  # seconds, in an outage of the database
KEY_MISSING = (
    "This installation lacks an encryption key that its data was sealed with. An operator puts the key back into"
    " ENCRYPTION_KEYS."
)


class Answers:
    """Checks each request, and completes the response. Static files do not pass through here."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponseBase]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        # PostgreSQL stores no NUL, and an octal escape puts one into a cookie. Such a cookie is dropped.
        request.COOKIES = {name: text for name, text in request.COOKIES.items() if NUL not in text}
        if not _names_all_proxies(request):
            del request.META[FORWARDED]
        answer = _plain_page(400) if _has_nul(request) else self.get_response(request)
        # A page shows what this person may see; the next one at this browser or behind this proxy may not.
        answer.headers.setdefault("Cache-Control", "private, no-store")
        return answer

    def process_view(
        self, request: HttpRequest, view: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]
    ) -> HttpResponse | None:
        """Refuse a body that is too large for the view (413) or is no form (415), before it is parsed.

        Django limits fields, but writes files of any size to disk. A view with `csrf_exempt` checks the size itself,
        because Django's CSRF check would read the whole body.
        """
        size = stated_size(request)
        if too_large(request, view) and not getattr(view, "csrf_exempt", False):
            if size <= settings.DATA_UPLOAD_MAX_MEMORY_SIZE:
                discard_body(request, size)
            return _plain_page(413)
        return _plain_page(415) if size and request.content_type not in FORMS else None

    def process_exception(self, request: HttpRequest, exception: Exception) -> HttpResponse | None:
        """A missing encryption key gets a page and one line in the log; a NUL that no form refused is 400."""
        if isinstance(exception, UNREADABLE):
            return encryption_key_missing(exception)
        return _plain_page(400) if outage.refuses_nul(exception) else None


class Common(CommonMiddleware):
    """As Django's, but a probe may have any Host, which its answer does not use: a load balancer asks by address."""

    def process_request(self, request: HttpRequest) -> HttpResponsePermanentRedirect | None:
        path = request.path_info.removeprefix("/")
        is_probe = any(re.search(probe, path) for probe in settings.SECURE_REDIRECT_EXEMPT)
        return None if is_probe else super().process_request(request)


class Compress(GZipMiddleware):
    """Compresses answers, but not those under /accounts/: they may show secrets, which a length could tell (BREACH).

    Padding of random length makes lengths tell less everywhere (docs/security.md).
    """

    def process_response(self, request: HttpRequest, response: HttpResponseBase) -> HttpResponseBase:
        return (
            response if request.path.startswith("/accounts/") else super().process_response(request, response)
        )


def _has_nul(request: HttpRequest) -> bool:
    """Whether the URL or a header has a NUL; forms check their fields themselves."""
    texts = [request.path, *request.GET, *(text for _, held in request.GET.lists() for text in held)]
    texts += [text for name, text in request.META.items() if name.startswith("HTTP_")]
    return any(NUL in text for text in texts)


def _plain_page(status: int, **context: object) -> HttpResponse:
    """Render an error page without a query to the database."""
    return HttpResponse(render_to_string(f"{status}.html", context), status=status)


def server_error(request: HttpRequest) -> HttpResponse:
    """The handler for uncaught exceptions (urls.py: handler500): 503 in an outage of the database, else 500.

    Django logs both: an outage as one line, anything else with its traceback (lib/redaction.py).
    """
    found = outage.outage_of(sys.exc_info()[1])
    if found is None:
        return _plain_page(400 if outage.refuses_nul(sys.exc_info()[1]) else 500)
    answer = _plain_page(503, title=found.what, why=found.cure)
    answer.headers["Retry-After"] = str(RETRY_AFTER)
    return answer


def _names_all_proxies(request: HttpRequest) -> bool:
    """Whether X-Forwarded-For, if present, has at least as many addresses as TRUSTED_PROXIES says.

    Each proxy adds one. A shorter header may be forged, so the peer's address is used instead, which nobody can choose.
    It is no 400, because a wrong TRUSTED_PROXIES would take the whole site down.
    """
    named = request.META.get(FORWARDED)
    if named is None or named.count(",") + 1 >= settings.TRUSTED_PROXIES:
        return True
    warn_of_missing_proxies(named.count(",") + 1, settings.TRUSTED_PROXIES)
    return False


@cache
def warn_of_missing_proxies(named: int, expected: int) -> None:
    """Log once per process that rate limits count by a proxy's address until TRUSTED_PROXIES is corrected."""
    log.warning("X-Forwarded-For names %d of TRUSTED_PROXIES=%d: the peer's address counts", named, expected)


def encryption_key_missing(error: Exception) -> HttpResponse:
    """The 503 page for a missing encryption key. The error goes to the log only."""
    log.error("%s", error)
    return _plain_page(503, title="Encryption key missing", why=KEY_MISSING)
