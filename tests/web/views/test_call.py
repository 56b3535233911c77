"""One call, told completely, to each as much as they may see."""

import json
from dataclasses import replace
from datetime import UTC, datetime
from uuid import uuid4

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from fini_admin.audit.models import Body, Entry
from fini_admin.audit.names import CallKind
from fini_admin.fini import routes
from fini_admin.fini.routes import Resource
from fini_admin.ingestion.models import Run
from fini_admin.sources.models import Source, StateChange
from tests.support import people, rows

MARKUP = "<script>alert(1)</script>"
HTMX = {"HTTP_HX_REQUEST": "true"}


@pytest.fixture
def as_role(client, acme):
    """Log in as someone with a role."""

    def log_in(role):
        client.force_login(people.member(acme, role))
        return client

    return log_in


def address(call, side=""):
    return f"/w/acme/audit/{call}/{side}"


def text(answer):
    assert answer.status_code == 200
    return " ".join(answer.content.decode().split())


def change(acme, call, title="Travel policy", new="usable"):
    now = datetime.now(UTC)
    source = Source.objects.create(
        workspace=acme,
        fini_id=str(uuid4()),
        provider="notion",
        title=title,
        state_since=now,
        first_seen=now,
        last_seen=now,
    )
    StateChange.objects.create(source=source, at=now, old="running", new=new, call=call, note="Fini says so")
    return source


def test_the_headline_reads_as_a_sentence(as_role, context):
    call = rows.answered(context, rows.REGISTER, status=201)
    page = text(as_role("viewer").get(address(call)))
    assert "POST /v2/documents/public/resources/notion</span> → 201" in page
    assert '184 ms · <a href="/w/acme/runs/7/">run 7</a> · ada@example.com, in the browser · key main' in page


def test_a_viewer_sees_who_when_route_and_outcome_and_no_body(as_role, context):
    call = rows.answered(context, rows.REGISTER, status=201, kept='["a secret answer"]')
    for role in ("viewer", "editor"):
        answer = as_role(role).get(address(call))
        page = text(answer)
        assert "Admins see the bodies" in page
        assert "sides" not in answer.context
        assert "curl" not in answer.context
        assert "Travel policy" not in page
        assert "secret answer" not in page
        assert "FINI_API_KEY" not in page
        for side in ("request", "answer", "curl"):
            assert answer.client.get(address(call, f"{side}/")).status_code == 403


def test_an_admin_sees_both_bodies_and_the_curl_command(as_role, context):
    call = rows.answered(context, rows.REGISTER, status=201, kept='{"created": ["source-1"]}')
    page = text(as_role("admin").get(address(call)))
    assert "&quot;Travel policy&quot;" in page
    assert "&quot;source-1&quot;" in page
    assert "Authorization: Bearer $FINI_API_KEY" in page
    assert "Copy as curl" in page
    assert people.KEY not in page


def test_each_side_is_there_as_plain_text_whole(as_role, context):
    call = rows.answered(context, rows.REGISTER, kept='["' + "x" * 400_000 + '"]')
    client = as_role("admin")
    answer = client.get(address(call, "answer/"))
    assert answer["Content-Type"] == "text/plain; charset=utf-8"
    assert answer["X-Content-Type-Options"] == "nosniff"
    assert answer.content.decode() == '["' + "x" * 400_000 + '"]'
    assert json.loads(client.get(address(call, "request/")).content) == rows.REGISTER.body
    assert client.get(address(call, "curl/")).content.startswith(b"curl --globoff --request POST")
    assert len(client.get(address(call)).content) < 60_000


@pytest.mark.parametrize(
    "path",
    [
        "7c9e6679-7425-40de-944b-e07fc1f90ae7/",
        "7c9e6679-7425-40de-944b-e07fc1f90ae7/answer/",
        "not-a-call/",
        "1/",
        "../audit/x/",
    ],
)
def test_what_is_no_call_is_not_found(as_role, context, path):
    rows.answered(context)
    assert as_role("admin").get(f"/w/acme/audit/{path}").status_code == 404


def test_a_side_that_a_call_has_not_is_not_found(as_role, context):
    flying = rows.asked(context)
    client = as_role("admin")
    assert client.get(address(flying, "answer/")).status_code == 404
    assert client.get(address(flying, "headers/")).status_code == 404


def test_another_workspaces_call_is_not_found_by_its_id(as_role, context):
    other = people.workspace("other", "Other Company")
    call = rows.answered(replace(context, chain=str(other.pk)))
    client = as_role("admin")
    assert client.get(f"/w/other/audit/{call}/").status_code == 404
    for side in ("", "request/", "answer/", "curl/"):
        assert client.get(address(call, side)).status_code == 404


def test_a_change_that_another_workspaces_call_showed_is_not_told(as_role, acme, context):
    call = rows.answered(context)
    other = people.workspace("other", "Other Company")
    change(other, call, title="Secret of others")
    change(acme, call)
    page = text(as_role("viewer").get(address(call)))
    assert "Travel policy" in page
    assert "Secret of others" not in page


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (rows.answered, "Not needed."),
        (lambda context: rows.answered(context, rows.INGEST, status=503), "A retry is not safe"),
        (lambda context: rows.lost(context, rows.REGISTER), "A retry is safe"),
        (rows.unsent, "was not sent: Fini has not seen it"),
        (lambda context: rows.answered(context, status=401, said="Invalid key"), "Invalid key"),
        (rows.asked, "no answer has come yet"),
    ],
)
def test_p8_it_says_what_happened_and_whether_a_retry_is_safe(as_role, context, make, words):
    assert words in text(as_role("viewer").get(address(make(context))))


def test_it_is_live_until_the_outcome_is_there_and_then_tells_it_in_the_headline_too(as_role, context):
    call = rows.asked(context)
    client = as_role("viewer")
    assert 'data-live="call"' in text(client.get(address(call)))
    rows.outcome(call, rows.LIST, context, error=None, kind=CallKind.ANSWERED, status=200, kept="[]")
    part = text(client.get(address(call), **HTMX))
    assert 'data-live="call"' not in part
    assert "<html" not in part
    assert '<hx-partial hx-target="#headline" hx-swap="innerMorph">' in part
    assert "→ 200" in part


def test_the_other_calls_with_the_same_request_are_linked(as_role, context):
    first = rows.answered(context, rows.REGISTER, status=503)
    second = rows.answered(replace(context, attempt=2), rows.REGISTER)
    page = text(as_role("viewer").get(address(second)))
    assert f'href="/w/acme/audit/{first}/"' in page
    assert f'href="/w/acme/audit/{second}/"' not in page
    assert "try 2" in page


def test_it_tells_the_sources_it_touched_and_their_place_in_the_trail(as_role, acme, context):
    call = rows.answered(context)
    source = change(acme, call, title=f"{MARKUP} Refunds")
    page = text(as_role("viewer").get(address(call)))
    outcome = Entry.objects.get(call=call, kind="call.answered")
    assert source.fini_id in page
    assert MARKUP not in page
    assert "&lt;script&gt;alert(1)&lt;/script&gt; Refunds" in page
    assert f"hash {outcome.hash}" in page
    assert f"prev {outcome.prev}" in page


def test_of_very_many_sources_the_first_are_told(as_role, acme, context):
    call = rows.answered(context)
    for number in range(101):
        change(acme, call, title=f"Page {number}.")
    page = text(as_role("viewer").get(address(call)))
    assert "Page 99." in page
    assert "Page 100." not in page
    assert '100 running → usable <span class="quiet">among the first 100</span>' in page


def test_it_tells_why_by_the_run_and_its_reason(as_role, acme, context):
    Run.objects.create(
        workspace=acme,
        number=7,
        kind="register",
        provider="notion",
        actor="ada@example.com",
        origin="browser",
        reason=f"Asked by support {MARKUP}",
        created_at=datetime.now(UTC),
    )
    call = rows.answered(context)
    page = text(as_role("viewer").get(address(call)))
    assert "Register 0 resources: Asked by support &lt;script&gt;" in page
    alone = rows.answered(replace(context, run=None))
    assert "No run: a key was verified" in text(as_role("editor").get(address(alone)))


def test_markup_in_bodies_and_errors_is_text(as_role, context):
    resource = Resource("n-1", MARKUP, "https://docs.example", "text/markdown")
    request = routes.register("notion", [resource.body()])
    call = rows.answered(context, request, status=400, kept=json.dumps({"message": MARKUP}), said=MARKUP)
    page = text(as_role("admin").get(address(call)))
    assert MARKUP not in page
    assert page.count("&lt;script&gt;alert(1)&lt;/script&gt;") >= 4


def test_an_answer_that_is_no_json_is_shown_as_it_is(as_role, context):
    call = rows.answered(context, status=502, kept="<html>Bad gateway</html>")
    page = text(as_role("admin").get(address(call)))
    assert 'aria-label="Answer">&lt;html&gt;Bad gateway&lt;/html&gt;</pre>' in page


def test_a_damaged_body_is_said_to_be_damaged(as_role, context):
    call = rows.answered(context, kept='["kept"]')
    entry = Entry.objects.get(call=call, kind="call.answered")
    with_other = Entry(
        **{field.attname: getattr(entry, field.attname) for field in Entry._meta.concrete_fields}
    )
    with_other.seq, with_other.call, with_other.answer_body = 10_000, str(uuid4()), "f" * 64
    with_other.save(force_insert=True)
    client = as_role("admin")
    assert "damaged or missing" in text(client.get(address(with_other.call)))
    assert client.get(address(with_other.call, "answer/")).status_code == 404
    Body.objects.create(chain=context.chain, sha256="f" * 64, content=b"no zlib")
    assert "damaged or missing" in text(client.get(address(with_other.call)))


def test_p5_a_body_that_held_a_key_is_said_not_to_be_the_very_bytes(as_role, context):
    resource = Resource("n-1", f"Note {people.KEY}", "https://docs.example", "text/markdown")
    call = rows.answered(context, routes.register("notion", [resource.body()]))
    page = text(as_role("admin").get(address(call)))
    assert people.KEY not in page
    assert "[key removed]" in page
    assert "Not the exact bytes" in page


def test_a_request_too_long_to_be_kept_has_no_curl_command(as_role, context):
    many = [
        Resource(f"n-{number}", "x" * 12_000, "https://docs.example", "text/markdown")
        for number in range(100)
    ]
    call = rows.answered(context, routes.register("notion", [one.body() for one in many]))
    page = text(as_role("admin").get(address(call)))
    assert "Only its beginning was recorded" in page
    assert "curl" not in page


def test_a_long_curl_command_is_a_page_of_its_own(as_role, context):
    many = [
        Resource(f"n-{number}", "x" * 1_000, "https://docs.example", "text/markdown") for number in range(100)
    ]
    call = rows.answered(context, routes.register("notion", [one.body() for one in many]))
    page = text(as_role("admin").get(address(call)))
    assert "Show as curl" in page
    assert "Copy as curl" not in page


def test_it_takes_as_many_queries_for_many_sources_and_attempts_as_for_one(as_role, acme, context):
    client = as_role("admin")
    call = rows.answered(context, rows.REGISTER)

    def queries():
        with CaptureQueriesContext(connection) as seen:
            client.get(address(call))
        return len(seen)

    change(acme, call)
    queries()
    before = queries()
    for _ in range(3):
        change(acme, call)
        rows.answered(context, rows.REGISTER)
    assert queries() == before
    assert before < 22
