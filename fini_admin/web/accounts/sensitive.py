"""The rule for dangerous acts: the person proves once more who they are."""

from functools import wraps
from typing import Any

from django.contrib.auth import logout
from django.http import HttpRequest
from django.http.response import HttpResponseBase
from django.shortcuts import resolve_url
from django.utils.cache import add_never_cache_headers

from fini_admin.people import reauthentication
from fini_admin.web.accounts import challenge
from fini_admin.web.permissions import SignedInRequest, View, redirect_first


def reauthenticated(view: View, *, reading: bool = False) -> View:
    """Decorate a dangerous act: it asks again who one is, unless that was proved a few minutes ago.

    It goes below the view's rule. With a script a dialog asks before the form leaves its page: forms and links that
    lead here need `data-asks` (reauthentication.js), which a test checks. Without one the question is the answer to
    the form, and confirming sends the form on (challenge.py). `reading`: a GET asks too, and no browser keeps the page.
    """

    @wraps(view)
    def checked(request: SignedInRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        if reading or request.method not in ("GET", "HEAD", "OPTIONS"):
            question = _question(request)
            if question is not None:
                return question
        answer = view(request, *args, **kwargs)
        if reading:
            add_never_cache_headers(answer)
        return answer

    typed = getattr(view, "as_typed", frozenset()) | {challenge.OWN_PASSWORD}
    checked.__dict__.update(asks=True, as_typed=typed)
    return checked


def _question(request: SignedInRequest) -> HttpResponseBase | None:
    """The question before a dangerous act; None when it is answered."""
    recent = reauthentication.recent(request)
    if not recent and not challenge.ways(request.user):
        return begin_anew(request)
    if request.method == "POST" and challenge.brings_answer(request):
        place = challenge.in_place_of_answer(request)
        question = None if recent else challenge.ask(request, place, answer=True)
        if question is None:
            challenge.unwrap(request)
        return question
    if recent:
        return None
    if request.method == "POST" and not request.htmx:
        return challenge.ask(request, challenge.in_place_of_answer(request))
    return redirect_first(request, reauthentication.url(request.user))


def begin_anew(request: HttpRequest) -> HttpResponseBase:
    """Log out a person who can only prove who they are by logging in, and lead them there."""
    logout(request)
    return redirect_first(request, resolve_url("account_login"))
