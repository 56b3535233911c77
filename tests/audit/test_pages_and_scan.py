"""What the pages of a search show is what a plain scan of the export finds, in order, each call once (P7)."""

import json
from collections.abc import Callable
from dataclasses import replace
from datetime import datetime
from functools import partial
from typing import Any
from uuid import uuid4

import pytest
from django.db import transaction
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from fini_admin.audit import call_names, export, matching, queries, recording
from fini_admin.audit import chain as trail
from fini_admin.audit.matching import TrailFilter
from fini_admin.audit.models import Entry
from fini_admin.audit.names import CallKind
from fini_admin.audit.recording import Context
from fini_admin.fini import routes
from fini_admin.fini.errors import for_status
from fini_admin.fini.routes import Resource
from fini_admin.lib.paging import Page
from fini_admin.web.forms.audit import ActivityFilters, CallFilters
from tests.support import rows
from tests.support.who import by

PEOPLE = ("ada@example.com", "bob@example.com", "worker")
LABELS = ("main", "second key")
SOURCES = ("source-1", "source-2")
SAID = ("", "Title is too long", 'Quote " inside', "slow down")
STATUSES = (200, 201, 400, 404, 429, 500, 503)
REQUESTS = (
    rows.LIST,
    routes.list_sources(limit=10, source="zendesk"),
    routes.get_source(SOURCES[0]),
    routes.discover("notion"),
    routes.register("notion", [Resource("n-1", "One", "https://docs.example/1", "text/markdown").body()]),
    routes.register("zendesk", [Resource("n-2", "Two", "https://docs.example/2", "text/html").body()]),
    routes.ingest("notion", add=[SOURCES[0]], refresh=[SOURCES[1]]),
    routes.refresh([SOURCES[1]]),
    routes.delete(list(SOURCES)),
)
CALLS = st.tuples(
    st.sampled_from(REQUESTS),
    st.sampled_from(PEOPLE),
    st.sampled_from(("browser", "worker")),
    st.sampled_from(LABELS),
    st.sampled_from((None, 1, 2)),
    st.one_of(st.sampled_from(STATUSES), st.just("lost"), st.just("unsent")),
    st.sampled_from(SAID),
    st.sampled_from((0.0, 0.1, 3.0)),
)
VALUES: dict[str, tuple[str, ...]] = {
    "person": (*PEOPLE, "nobody"),
    "method": ("GET", "POST", "DELETE"),
    "route": ("list", "get", "discover", "register", "ingest", "refresh", "delete", "crawl"),
    "status": ("200", "404", "2xx", "4xx", "5xx", "418"),
    "outcome": ("done", "error", "refused", "not-done", "unknown", "lost", "unsent"),
    "origin": ("browser", "worker"),
    "key": (*LABELS, "none"),
    "run": ("1", "2", "3"),
    "provider": ("notion", "zendesk", "web"),
    "source": (*SOURCES, "source-3"),
    "external": ("n-1", "n-2"),
    "duration": (">1s", "<50ms"),
    "error": ("title", 'quote "', "Fini", "nothing"),
}
TERMS = st.sampled_from(sorted(VALUES)).flatmap(
    lambda key: st.tuples(st.just(key), st.sampled_from(VALUES[key]), st.booleans())
)


def store(context: Context, made: Any) -> None:
    request, person, origin, label, run, end, said, seconds = made
    mine = replace(context, by=by(person, origin), key=label, run=run)
    if end == "lost":
        rows.lost(mine, request)
    elif end == "unsent":
        rows.unsent(mine, request)
    else:
        call = rows.asked(mine, request)
        error = None if end < 300 else for_status(end, said, None)
        recording.write_outcome(
            call, request, mine, error=error, kind=CallKind.ANSWERED, status=end, kept="[]", seconds=seconds
        )


def scanned(chain: str, terms: list[tuple[str, str, bool]], since: str, until: str) -> list[str]:
    """The calls that a scan of the export finds, the newest first."""
    lines = list(export.with_bodies(export.exported_rows(chain), pytest.fail))
    asked = {line["call"]: line for line in lines if line["kind"] == "call.asked"}
    found = []
    for line in lines:
        if line["outcome"] is None or not since <= line["at"] < until:
            continue
        if all(HOLDS[key](line, asked[line["call"]], value) != excluded for key, value, excluded in terms):
            found.append(line["call"])
    return found[::-1]


def has_status(line: dict[str, Any], _: Any, value: str) -> bool:
    status = line["status"]
    return status is not None and (
        str(status)[0] == value[0] if value.endswith("xx") else str(status) == value
    )


def ended_so(line: dict[str, Any], _: Any, value: str) -> bool:
    if value == "error":
        return bool(line["outcome"] != "done")
    if value in ("lost", "unsent"):
        return bool(line["kind"] == f"call.{value}")
    return bool(line["outcome"] == value.replace("-", " "))


def took(line: dict[str, Any], _: Any, value: str) -> bool:
    if line["duration_ms"] is None:
        return False
    return bool(line["duration_ms"] > 1_000 if value == ">1s" else line["duration_ms"] < 50)


def names_source(_: Any, asked: dict[str, Any], value: str) -> bool:
    body = json.loads(asked["request_text"] or "{}")
    lists = ("documentIdsToAdd", "documentIdsToRefresh", "documentIds")
    named = [name for key in lists for name in body.get(key, [])]
    named += [held["externalId"] for held in body.get("resources", [])]
    return value in named or asked["path"].endswith(f"/{value}")


def of_provider(_: Any, asked: dict[str, Any], value: str) -> bool:
    body = json.loads(asked["request_text"] or "{}")
    path = asked["path"]
    return body.get("source") == value or f"/resources/{value}" in path or f"source={value}" in path


def same(column: str) -> Callable[[dict[str, Any], Any, str], bool]:
    return lambda line, _, value: str(line[column]) == value


HOLDS: dict[str, Callable[[dict[str, Any], dict[str, Any], str], bool]] = {
    "person": same("actor"),
    "method": same("method"),
    "route": same("route"),
    "origin": same("origin"),
    "key": same("key"),
    "run": same("run"),
    "status": has_status,
    "outcome": ended_so,
    "duration": took,
    "source": names_source,
    "external": names_source,
    "provider": of_provider,
    "error": lambda line, _, value: value.lower() in (line["error"] or "").lower(),
}


def paged(turn: Callable[[str], Any]) -> list[Any]:
    """All rows of all pages, followed by *Older* and by *Look further back*."""
    found, cursor = [], ""
    while True:
        page = turn(cursor)
        found += page.rows
        cursor = page.older or page.further
        if not cursor:
            return found


def written(terms: list[tuple[str, str, bool]]) -> str:
    def quoted(value: str) -> str:
        return '"{}"'.format(value.replace("\\", "\\\\").replace('"', '\\"')) if " " in value else value

    return " ".join(f"{'-' if excluded else ''}{key}:{quoted(value)}" for key, value, excluded in terms)


# Without shrinking, for an example takes a second: what fails is a whole trail, and the search is in the message.
SETTINGS: dict[str, Any] = {
    "deadline": None,
    "suppress_health_check": [HealthCheck.function_scoped_fixture],
    "phases": (Phase.explicit, Phase.reuse, Phase.generate),
}
SEARCHES = st.tuples(
    st.lists(TERMS, min_size=1, max_size=3, unique_by=lambda term: term if term[2] else term[0]),
    st.one_of(st.none(), st.integers(0, 40)),
    st.one_of(st.none(), st.integers(20, 60)),
    st.integers(1, 30),
)


@settings(max_examples=15, **SETTINGS)
@given(
    made=st.lists(CALLS, min_size=15, max_size=30),
    searches=st.lists(SEARCHES, min_size=10, max_size=20),
)
def test_p7_pages_show_what_a_scan_of_the_export_finds(context, made, searches):
    mine = replace(context, chain=str(uuid4()))
    with transaction.atomic():
        trail.start_chain(mine.chain)
        for one in made:
            store(mine, one)
    times = [line["at"] for line in export.exported_rows(mine.chain)]
    for terms, first, last, looked_at in searches:
        since, until = ("" if place is None else times[place % len(times)] for place in (first, last))
        form = CallFilters({"q": written(terms)}, actors=list)
        # Only whole minutes can be typed, so these times go beside the typed terms.
        wanted = replace(form.wanted(), since=moment(since), until=moment(until))
        assert not form.errors
        with pytest.MonkeyPatch.context() as patched:
            patched.setattr(matching, "MOST_LOOKED_AT", looked_at)
            patched.setattr(call_names, "MOST_NAMED", looked_at)
            found = paged(partial(calls_after, mine.chain, wanted))
        assert [row.call for row in found] == scanned(mine.chain, terms, since, until or "9"), written(terms)


def calls_after(chain: str, wanted: TrailFilter, cursor: str) -> Page[Entry]:
    return queries.calls_page(chain, wanted, cursor=cursor, size=7)


def moment(text: str) -> datetime | None:
    return datetime.fromisoformat(text) if text else None


ACTS = st.tuples(
    st.sampled_from(("key.added", "run.started", "member.added")),
    st.sampled_from(PEOPLE),
    st.sampled_from((None, 1, 2)),
)
CONDITIONS = st.fixed_dictionaries(
    {},
    optional={
        "what": st.sampled_from(("key.added", "run.started")),
        "person": st.sampled_from(PEOPLE),
        "run": st.sampled_from(("1", "2")),
        "-person": st.sampled_from(PEOPLE),
    },
)
COLUMNS = {"what": "kind", "person": "actor", "run": "run"}


@settings(max_examples=25, **SETTINGS)
@given(
    made=st.lists(st.one_of(CALLS, ACTS), min_size=8, max_size=20),
    conditions=CONDITIONS,
    looked_at=st.integers(1, 30),
    both=st.booleans(),
)
def test_p7_activity_alone_and_with_calls_is_one_line_of_time(context, made, conditions, looked_at, both):
    mine = replace(context, chain=str(uuid4()))
    with transaction.atomic(), pytest.MonkeyPatch.context() as patched:
        trail.start_chain(mine.chain)
        for one in made:
            if len(one) == 3:
                kind, person, run = one
                trail.record(chain=mine.chain, kind=kind, by=by(person, "browser"), run=run)
            else:
                store(mine, one)
        patched.setattr(matching, "MOST_LOOKED_AT", looked_at)
        patched.setattr(call_names, "MOST_NAMED", looked_at)
        query = {"q": " ".join(f"{key}:{value}" for key, value in conditions.items())}
        form = ActivityFilters(query | ({"show": "all"} if both else {}), actors=list)
        wanted = form.wanted()
        assert not form.errors
        turn = queries.timeline_page if both else queries.activity_page
        found = paged(lambda cursor: turn(mine.chain, wanted, cursor=cursor, size=7))
    lines = [
        line
        for line in export.exported_rows(mine.chain)
        if (line["call"] is None or (both and line["outcome"]))
        and all(
            (str(line[COLUMNS[key.lstrip("-")]]) == value) != key.startswith("-")
            for key, value in conditions.items()
        )
    ]
    assert [row.seq for row in found] == [line["seq"] for line in lines[::-1]]
