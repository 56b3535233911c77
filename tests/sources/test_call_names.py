"""What calls are found by: the names in their requests, and the sources that their answers showed."""

from datetime import UTC, datetime
from importlib import import_module

import pytest
from django.apps import apps

from fini_admin.audit import call_names, pruning
from fini_admin.audit.models import CallName, Entry
from fini_admin.fini import routes
from fini_admin.fini.routes import Resource
from fini_admin.sources import mirror
from fini_admin.sources.mirror import Observation
from fini_admin.sources.states import State
from tests.support import rows

PAGE = Resource("n-1", "Travel policy", "https://docs.example/n-1", "text/markdown").body()


def found(context, *names):
    """Each call once."""
    return list(dict.fromkeys(call_names.newest_calls(context.chain, names)))


@pytest.mark.parametrize(
    ("request_", "names"),
    [
        (routes.list_sources(limit=10), []),
        (routes.list_sources(limit=10, source="notion"), ["provider notion"]),
        (routes.get_source("a-1"), ["a-1"]),
        (routes.discover("notion"), ["provider notion"]),
        (routes.register("notion", [PAGE]), ["https://docs.example/n-1", "n-1", "provider notion"]),
        (routes.ingest("zendesk", add=["a"], refresh=["b"]), ["a", "b", "provider zendesk"]),
        (routes.ingest("web", add=["https://x.example"], refresh=[]), ["https://x.example", "provider web"]),
        (routes.refresh(["a", "b"]), ["a", "b"]),
        (routes.delete(["a"]), ["a"]),
        (routes.crawl(["https://x.example"]), ["https://x.example"]),
    ],
)
def test_a_request_names_what_it_is_about(request_, names):
    assert sorted(call_names.of_request(request_.route, request_.target, request_.body)) == names


@pytest.mark.parametrize(
    "body", [None, [], "x", {"documentIds": "x"}, {"documentIds": [1, None]}, {"resources": 7}]
)
def test_a_body_that_is_none_names_nothing(body):
    assert call_names.of_request("refresh", "/v2/documents/public/refresh", body) == set()


def test_a_source_that_an_answer_showed_or_returned_is_found_with_its_calls(acme, context):
    registered = rows.answered(context, routes.register("notion", [PAGE]))
    [source] = mirror.ensure_sources(acme, "notion", ["a"], Observation(registered, datetime.now(UTC), 7))
    polled = rows.answered(context)
    mirror.move_all([source], State.SENT, Observation(polled, datetime.now(UTC), 7))
    again = rows.answered(context, routes.register("notion", [PAGE]))
    mirror.ensure_sources(acme, "notion", ["a"], Observation(again, datetime.now(UTC), 7))
    assert found(context, "a") == [again, polled, registered]
    assert found(context, "n-1") == [again, registered]
    assert found(context, "a", "n-1") == [again, polled, registered]
    assert found(context, "b") == []


def test_a_name_is_told_once_and_no_call_has_an_empty_one(context):
    call = rows.answered(context, routes.delete(["a"]))
    call_names.write(context.chain, call, ["a", "", "a"])
    call_names.write(context.chain, "", ["a"])
    assert CallName.objects.filter(chain=context.chain).count() == 1


def test_the_migration_writes_what_is_written_today(acme, context):
    for request in (routes.register("notion", [PAGE]), routes.get_source("a"), routes.delete(["a"])):
        call = rows.answered(context, request)
    mirror.ensure_sources(acme, "notion", ["b"], Observation(call, datetime.now(UTC), 7))
    before = set(CallName.objects.values_list("chain", "name", "call"))
    CallName.objects.all().delete()
    import_module("fini_admin.sources.migrations.0092_name_calls").name_calls(apps, None)
    assert set(CallName.objects.values_list("chain", "name", "call")) == before
    assert len(before) == 6


def test_names_go_with_the_rows_of_their_calls(context, monkeypatch):
    gone, kept = (rows.answered(context, routes.delete([name])) for name in ("a", "b"))
    monkeypatch.setattr(pruning, "BATCH", 1)
    last = Entry.objects.get(chain=context.chain, call=gone, kind="call.answered")
    first = Entry.objects.filter(chain=context.chain).order_by("seq")[0]
    wanted = pruning.Plan(first.seq, last.seq, first.at, last.at, last.hash)
    pruning.commit_anchor(context.chain, wanted, days=1, by=context.by)
    pruning.remove_rows(context.chain, wanted, lambda _: None)
    assert found(context, "a") == []
    assert found(context, "b") == [kept]
