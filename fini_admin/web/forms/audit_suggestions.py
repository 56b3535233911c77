"""What may be meant while a search of the trail is typed: keys, then values of the key that stands there."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import timedelta
from itertools import islice
from typing import cast

from django import forms
from django.utils import timezone

from fini_admin.audit import distinct, search
from fini_admin.audit.newest import cause_of_error
from fini_admin.audit.search import Term
from fini_admin.ingestion.models import Run
from fini_admin.sources.names import source_name
from fini_admin.sources.queries import matching
from fini_admin.web.forms.audit import FIELDS, KEYS, TrailFilters
from fini_admin.workspaces.models import Workspace

MOST = 8
HELP = {
    "who": "who did it, or part of the name",
    "kind": "what was done",
    "route": "list, register, ingest, …",
    "outcome": "how it ended; error for any but done",
    "status": "500, or 5xx for all of them",
    "since": "from this time on",
    "until": "before this time",
    "method": "GET, POST or DELETE",
    "origin": "the browser, a command, the worker or a schedule",
    "key": "the API key's label",
    "provider": "whose sources it was about",
    "source": "a source: type its title or its ID",
    "external": "a source's ID at its provider",
    "run": "a run's number",
    "call": "a call's ID",
    "duration": ">2s or <100ms",
    "error": "words of the error",
}
Value = tuple[str, str]


@dataclass(frozen=True, slots=True)
class Suggestion:
    """A whole text to search for, the term that it adds, and what that means."""

    text: str
    term: str
    said: str


def suggestions(form: TrailFilters, workspace: Workspace, typed: str) -> list[Suggestion]:
    """What the term at the end of a text may become."""
    before, term = search.last_term(typed[: search.LONGEST])
    sign = "-" if term.excluded else ""
    if not term.key:
        names = [name for name in form.fields if name in HELP]
        keys = [(f"{KEYS.get(name, name)}:", HELP[name]) for name in names]
        found = [(key, said) for key, said in keys if key.startswith(term.value.lower())]
        return [Suggestion(f"{before}{sign}{key}", f"{sign}{key}", said) for key, said in found[: 2 * MOST]]
    name = FIELDS.get(term.key, term.key)
    if name not in form.fields:
        return []
    values = islice(_values(form, workspace, name, term.value), MOST)
    terms = [(str(Term(term.key, value, term.excluded)), said) for value, said in values]
    return [Suggestion(f"{before}{text} ", text, said) for text, said in terms]


def _values(form: TrailFilters, workspace: Workspace, name: str, typed: str) -> Iterable[Value]:
    """Values that hold what was typed. A source is found by its title as well."""
    if name == "source":
        return _sources(workspace, typed)
    field = form.fields[name]
    if isinstance(field, forms.ChoiceField):
        choices = cast("list[tuple[str, str]]", field.choices)
        told = [(key, said if said != key else "") for key, said in choices if key]
    else:
        told = VALUES[name](form, workspace) if name in VALUES else []
    wanted = typed.lower()
    return [(value, said) for value, said in told if wanted in value.lower() or wanted in said.lower()]


def _sources(workspace: Workspace, typed: str) -> Iterable[Value]:
    if not typed.strip():
        return []
    found = matching(workspace, {"q": typed}).order_by("-pk")[:MOST]
    return [(source.fini_id, source_name(source)) for source in found]


def _same(values: Iterable[object]) -> list[Value]:
    return [(str(value), "") for value in values]


def _chain(workspace: Workspace) -> str:
    return str(workspace.pk)


def _days(_form: TrailFilters, _workspace: Workspace) -> list[Value]:
    today = timezone.localdate()
    told = ((0, "today"), (1, "yesterday"), (7, "a week ago"), (30, "30 days ago"))
    return [(f"{today - timedelta(days=back):%Y-%m-%d}", said) for back, said in told]


def _runs(_form: TrailFilters, workspace: Workspace) -> list[Value]:
    newest = Run.objects.filter(workspace=workspace).order_by("-number")[:50]
    return [(str(run.number), f"{run.kind} {run.provider}".strip()) for run in newest]


def _causes(_form: TrailFilters, workspace: Workspace) -> list[Value]:
    return _same(
        sorted({cause_of_error(error) for error in distinct.errors_with(_chain(workspace), "") or []})
    )


VALUES: dict[str, Callable[[TrailFilters, Workspace], list[Value]]] = {
    "who": lambda form, _: _same(form.actors()),
    "key": lambda _, workspace: _same(distinct.of_calls(_chain(workspace), "key")),
    "status": lambda _, workspace: _same(["4xx", "5xx", *distinct.of_calls(_chain(workspace), "status")]),
    "run": _runs,
    "since": _days,
    "until": _days,
    "duration": lambda *_: _same([">1s", ">5s", ">30s", "<100ms"]),
    "error": _causes,
}
