"""Answers of any shape: no fault of ours, no run without an end, each call with its cause."""

import json
import logging

import pytest

from fini_admin.audit.models import Entry
from fini_admin.audit.verify import verify
from fini_admin.workspaces.models import Workspace
from tests.support.sandbox import Sandbox
from tests.support.work import Start, drive, ends, resources

LONG = "x" * 5_000
RECORD = {"id": "0b6c2a52-77f4-4c0e-9a3d-2f1f6f0c9e11"}
STRANGE = [
    "",
    "null",
    "[]",
    "{}",
    "7",
    '"text"',
    "<html>busy</html>",
    "[[[[",
    "\\ud800",
    json.dumps({"documents": None, "hasMore": True}),
    json.dumps({"documents": [None]}),
    json.dumps({"documents": [{"id": 7}]}),
    json.dumps({"documents": [{"id": "../../etc"}]}),
    json.dumps(
        {"documents": [RECORD | {"title": "a\u0000b\ud800", "updatedAt": 7, "paragraphs": [None, {}, "x"]}]}
    ),
    json.dumps({"documents": [RECORD | {"title": LONG, "externalId": LONG, "error": LONG, "source": LONG}]}),
    json.dumps({"documents": [RECORD | {"linkedJobStatus": {"a": 1}, "success": "yes", "english": "maybe"}]}),
    json.dumps({"documents": [], "hasMore": True}),
    json.dumps({"documents": [RECORD] * 3, "hasMore": "yes"}),
    json.dumps({"addedDocumentIds": None, "updatedDocumentIds": None}),
    json.dumps({"addedDocumentIds": [None, 7], "updatedDocumentIds": "x"}),
    json.dumps({"addedDocumentIds": [RECORD["id"], RECORD["id"]], "updatedDocumentIds": [RECORD["id"]]}),
    json.dumps({"addedDocumentIds": ["x" * 200]}),
]


@pytest.mark.usefixtures("impatient")
@pytest.mark.parametrize("body", STRANGE)
def test_a_strange_answer_is_a_cause_and_not_a_fault(
    acme: Workspace, sandbox: Sandbox, register: Start, caplog: pytest.LogCaptureFixture, body: str
) -> None:
    caplog.set_level(logging.ERROR)
    for method in ("POST", "GET"):
        sandbox.fault(
            method=method, path="/documents/public", body=body, after=True, skip=1 if method == "POST" else 0
        )
        sandbox.fault(method=method, path="/documents/public", body=body, count=1)
    run = register(resources(6), then_ingest=True)
    drive(acme, seconds=40)
    assert [record.getMessage() for record in caplog.records] == []
    assert sum(ends(run).values()) == 6
    assert verify(str(acme.pk), with_bodies=True) > 0
    assert not Entry.objects.filter(outcome="unknown", error=None, kind__startswith="call.").exists()
