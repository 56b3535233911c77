"""What became of a call, in plain words (P8)."""

from dataclasses import replace
from typing import Any

import pytest

from fini_admin.audit import queries, recording
from fini_admin.audit.names import CallKind
from fini_admin.fini import routes
from fini_admin.fini.client import Request
from fini_admin.fini.errors import FiniFailed
from fini_admin.fini.retry import may_be_repeated
from fini_admin.web.wording.calls import READS, explain_call
from tests.support import rows
from tests.support.who import by

REQUESTS: dict[str, Request[Any]] = {
    "list": rows.LIST,
    "get": routes.get_source("source-1"),
    "discover": routes.discover("notion"),
    "register": rows.REGISTER,
    "ingest": rows.INGEST,
    "refresh": routes.refresh(["source-1"]),
    "delete": routes.delete(["source-1"]),
    "crawl": routes.crawl(["https://docs.example"]),
}


def of(context, call):
    found = queries.find_call(context.chain, call)
    assert found
    return explain_call(found.entry, flying=found.flying)


def test_what_only_reads_is_what_the_routes_say():
    assert {name: request.route for name, request in REQUESTS.items()} == {name: name for name in REQUESTS}
    assert {name for name, request in REQUESTS.items() if request.method == "GET"} == set(READS)


@pytest.mark.parametrize("route", REQUESTS)
def test_every_outcome_of_every_route_says_what_it_means_and_whether_a_retry_is_safe(context, route):
    request = REQUESTS[route]
    once = not may_be_repeated(route)
    assert of(context, rows.answered(context, request)).safe is None
    assert of(context, rows.answered(context, request, status=400)).safe is None
    assert of(context, rows.answered(context, request, status=429)).safe is True
    assert of(context, rows.unsent(context, request)).safe is True
    for unknown in (rows.answered(context, request, status=503), rows.lost(context, request)):
        told = of(context, unknown)
        assert told.safe is (not once)
        assert ("not safe" in told.retry) is once
    assert of(context, rows.asked(context, request)).safe is False


@pytest.mark.parametrize(
    ("status", "words"),
    [
        (401, "revoked"),
        (403, "scope"),
        (404, "no such record"),
        (413, "too large"),
        (400, "halves the batch"),
    ],
)
def test_a_refusal_says_what_to_do_about_it(context, status, words):
    told = of(context, rows.answered(context, rows.REGISTER, status=status))
    assert words in told.then
    assert told.retry == "Sending the same again cannot help."


def test_a_refused_ingest_may_have_been_taken_in_part(context):
    assert "read back" in of(context, rows.answered(context, rows.INGEST, status=400)).what
    assert "nothing of it was done" in of(context, rows.answered(context, rows.INGEST, status=401)).what


def test_what_a_firewall_said_in_finis_place_is_not_told_as_finis_word(context):
    call, error = rows.asked(context), FiniFailed("a 403 that is not Fini's own", status=403)
    rows.outcome(call, rows.LIST, context, error=error, kind=CallKind.ANSWERED, status=403)
    told = of(context, call)
    assert told.what.startswith("Something between here and Fini answered in its place")
    assert told.safe is True


def test_only_the_workers_calls_are_said_to_be_tried_again_by_themselves(context):
    by_worker = rows.unsent(replace(context, by=by("ada@example.com", "worker")))
    assert "happens automatically" in of(context, by_worker).retry
    assert "happens automatically" not in of(context, rows.unsent(context)).retry


def test_a_call_without_an_outcome_that_nobody_waits_for_is_a_missing_row(context):
    call = rows.asked(context)
    recording._close_open_call(call)
    assert "row is missing" in of(context, call).what
