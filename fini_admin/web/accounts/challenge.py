"""The question who one is, before a dangerous act: its ways, its form, its page and its dialog.

The dialog (reauthentication.js) opens over the form that needs it, which is sent afterwards. Without a script the
question is the answer to the form: the page holds what was sent in hidden fields, and sends it again together with the
password. Keys and passwords are not among them (P5), only their fields' names, so that the form asks for them once
more (`forms.base.MISSING`).
"""

from dataclasses import dataclass, field
from typing import Any, cast

from allauth.account.adapter import get_adapter
from django import forms
from django.conf import settings
from django.contrib.auth import REDIRECT_FIELD_NAME
from django.http import HttpRequest, HttpResponse, QueryDict
from django.shortcuts import render
from django.views.decorators.debug import sensitive_variables

from fini_admin.people import reauthentication
from fini_admin.people.allauth_internals import within_rate
from fini_admin.web.accounts.forms import AgainForm, AskForm
from fini_admin.web.forms.base import MISSING
from fini_admin.web.key_guard import fields_with_key
from fini_admin.workspaces.models import User

PASSWORD, CODE, PROVIDER = "password", "code", "provider"
# allauth's IDs of the ways, with our names.
WAYS = {"reauthenticate": PASSWORD, "mfa_reauthenticate": CODE, "provider": PROVIDER}
FORMS: dict[str, Any] = {PASSWORD: AskForm, CODE: AgainForm}
# The prefix of the question's own fields among those of another form.
AMONG = "again"
# A password that exists may look like a key: the guard leaves it as it was typed.
OWN_PASSWORD = f"{AMONG}-{PASSWORD}"
SECRET = frozenset({"key", PASSWORD, CODE})
TOKEN = "csrfmiddlewaretoken"  # noqa: S105 - a field's name
ASKED, WRONG, TOO_MANY = 200, 422, 429
TRIES = "Too many tries. Nothing was done. Wait a few minutes, at most an hour, then try again."
NOT_YET = "{name} has not confirmed yet that it is you. Log in there first, then go on here."


@dataclass(frozen=True, slots=True)
class Way:
    """A way to prove who one is, and the words that offer it."""

    name: str
    words: str


@dataclass(frozen=True, slots=True)
class QuestionPlace:
    """Where the question is asked: the address of its form, the hidden fields, and the page to go on to.

    `among`: its fields are among those of another form, and have a prefix. `missing`: fields that are not sent again.
    """

    action: str
    kept: list[tuple[str, str]] = field(default_factory=list, repr=False)
    missing: list[str] = field(default_factory=list)
    among: bool = False
    onward: str = ""

    @property
    def names(self) -> dict[str, str]:
        """The names of the question's own fields."""
        return {name: f"{AMONG}-{name}" if self.among else name for name in ("way", "do")}


def ways(user: User) -> list[Way]:
    """The ways a person has, the usual one first."""
    known = get_adapter().get_reauthentication_methods(user)
    return [Way(WAYS[one["id"]], str(one["description"])) for one in known if one["id"] in WAYS]


def in_place_of_answer(request: HttpRequest) -> QuestionPlace:
    """The question as the answer to a form that was sent."""
    kept: list[tuple[str, str]] = []
    missing = set(request.POST.getlist(MISSING))
    left = SECRET | fields_with_key(request.POST)
    for name, values in request.POST.lists():
        if name == TOKEN or name.startswith(f"{AMONG}-"):
            continue
        if name not in left:
            kept += [(name, value) for value in values]
        elif any(values):
            missing.add(name)
    return QuestionPlace(request.get_full_path(), kept, sorted(missing), among=True)


def on_its_own(request: HttpRequest, onward: str) -> QuestionPlace:
    """The question on its own page, which leads on to `onward`, or in the dialog."""
    return QuestionPlace(request.path, [(REDIRECT_FIELD_NAME, onward)] if onward else [], onward=onward)


def brings_answer(request: HttpRequest) -> bool:
    """Whether a form was sent by the page that asked the question in place of an answer."""
    return f"{AMONG}-way" in request.POST


def unwrap(request: HttpRequest) -> None:
    """Remove the question's own fields from what was sent, but for MISSING, which the form reads."""
    kept = request.POST.copy()
    for name in list(kept):
        if name != MISSING and name.startswith(f"{AMONG}-"):
            del kept[name]
    request.POST = kept  # type: ignore[assignment]  # the stubs want one that nobody may change


def ask(
    request: HttpRequest, place: QuestionPlace, way: str = "", *, answer: bool = False
) -> HttpResponse | None:
    """The question as a page, or for htmx as the dialog's content; None once it is answered.

    `way` is offered first. `answer`: one was sent; a wrong one is 422, too many are 429, and both ask again. The
    person must have a way.
    """
    found = {one.name: one for one in ways(cast(User, request.user))}
    other = request.POST.get(place.names["do"], "")
    wanted = other or request.POST.get(place.names["way"], "") or way
    chosen = wanted if wanted in found else next(iter(found))
    form, status, trouble = _form(chosen, request, place), WRONG if place.among else ASKED, ""
    if answer and not other:
        form, status, trouble = _check(chosen, request, place)
        if status == ASKED:
            return None
    context = {
        "way": chosen,
        "others": [one for name, one in found.items() if name != chosen],
        "form": form,
        "place": place,
        "trouble": trouble,
        "provider": settings.OIDC_NAME,
        "missing": MISSING,
    }
    part = "#question" if getattr(request, "htmx", False) else ""
    return render(request, f"account/reauthenticate.html{part}", context, status=status)


@sensitive_variables()
def _check(way: str, request: HttpRequest, place: QuestionPlace) -> tuple[forms.Form | None, int, str]:
    """Check an answer and note a right one; returns the form, the status (ASKED when right) and what went wrong."""
    if way == PROVIDER:  # noted when the provider led back here
        if reauthentication.recent(request):
            return None, ASKED, ""
        return None, WRONG, NOT_YET.format(name=settings.OIDC_NAME)
    if not within_rate(request, "reauthenticate", user=cast(User, request.user)):
        return _form(way, request, place), TOO_MANY, TRIES
    form = _form(way, request, place, request.POST)
    if form is None or not form.is_valid():
        return form, WRONG, ""
    if isinstance(form, AgainForm):
        form.save()
    else:
        reauthentication.note_password(request)
    return form, ASKED, ""


def _form(
    way: str, request: HttpRequest, place: QuestionPlace, data: QueryDict | None = None
) -> forms.Form | None:
    """The form for a password or a code; None for the log-in provider, which has pages of its own."""
    if way == PROVIDER:
        return None
    prefix = AMONG if place.among else None
    # The dialog stands on a page that may have a field of the same name.
    auto_id = "again_%s" if getattr(request, "htmx", False) else "id_%s"
    form: forms.Form = FORMS[way](data, user=request.user, prefix=prefix, auto_id=auto_id)
    return form
