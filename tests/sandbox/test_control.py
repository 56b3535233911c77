"""Log, documents, clock and reset."""

import hashlib
import http.client
import socket
import time
from urllib.error import HTTPError

import pytest

from tests.support.product import until

EMPTY = hashlib.sha256(b"").hexdigest()


def test_the_log_holds_each_request_with_its_exact_body(fini, sandbox):
    before = time.time()
    body = b'{"documentIds":  []}'
    fini.raw("POST", "/v2/documents/public/refresh", body, X_Request_ID="call-1")
    fini.get("?limit=1")
    fini.get(key="fini_wrong")
    first, second, third = sandbox.log()
    assert before - 1 <= first.pop("at") <= time.time()
    assert first == {
        "number": first["number"],
        "method": "POST",
        "path": "/v2/documents/public/refresh",
        "request_id": "call-1",
        "body_sha256": hashlib.sha256(body).hexdigest(),
        "workspace": "demo",
        "status": 400,
        "fault": None,
    }
    assert (second["path"], second["request_id"]) == ("/v2/documents/public?limit=1", None)
    assert second["body_sha256"] == EMPTY
    assert (third["workspace"], third["status"]) == (None, 401)


def test_the_log_can_be_read_from_a_number_on_and_cleared(fini, sandbox):
    for _ in range(3):
        fini.get("?limit=1")
    numbers = [entry["number"] for entry in sandbox.log()]
    assert [entry["number"] for entry in sandbox.log(since=numbers[0])] == numbers[1:]
    sandbox.clear_log()
    assert sandbox.log() == []


def test_a_request_is_logged_on_arrival_before_its_answer(fini, sandbox):
    sandbox.fault(delay=5)
    with pytest.raises(TimeoutError):
        fini.raw("GET", "/v2/documents/public", timeout=0.2)
    until(sandbox.log, 4)
    assert [entry["status"] for entry in sandbox.log()] == [None]


def test_a_request_that_does_not_arrive_whole_is_logged_as_such(fini, sandbox):
    host, port = fini.address.split(":")
    with socket.create_connection((host, int(port)), timeout=5) as connection:
        connection.sendall(b"POST /v2/documents/public HTTP/1.1\r\nContent-Length: 9\r\n\r\n{}")
    until(lambda: sandbox.log() and sandbox.log()[0]["status"], 5)
    assert [entry["status"] for entry in sandbox.log()] == ["incomplete"]


def test_no_key_is_ever_shown(fini, sandbox):
    sandbox.add_key("fini_secret_0123456789abcdef")
    fini.get(key="fini_secret_0123456789abcdef")
    shown = str([sandbox.log(), sandbox.settings(), sandbox.documents()])
    assert "fini_secret" not in shown
    assert sandbox.key not in shown


def test_a_connection_serves_many_requests(fini, sandbox):
    connection = http.client.HTTPConnection(fini.address, timeout=5)
    try:
        sockets = set()
        for _ in range(3):
            connection.request(
                "GET", "/v2/documents/public", headers={"Authorization": f"Bearer {sandbox.key}"}
            )
            connection.getresponse().read()
            sockets.add(connection.sock)
        assert len(sockets) == 1
        assert None not in sockets
    finally:
        connection.close()


def test_documents_are_added_changed_and_removed(sandbox):
    given = {
        "externalId": "a",
        "title": "A",
        "linkedJobStatus": "COMPLETED",
        "success": True,
        "paragraphs": ["one", "two"],
        "updatedAt": "2026-08-03T09:02:40.518Z",
    }
    (document_id,) = sandbox.seed(documents=[given])
    record = next(record for record in sandbox.documents() if record["id"] == document_id)
    assert {key: record[key] for key in given if key != "paragraphs"} == {
        key: value for key, value in given.items() if key != "paragraphs"
    }
    assert (record["paragraphCount"], "paragraphs" in record) == (2, False)
    changed = sandbox.change(document_id, title="B", linkedJobStatus="FAILED", error="no")
    assert changed["updatedAt"] > record["updatedAt"]
    assert (changed["title"], changed["linkedJobStatus"], changed["error"]) == ("B", "FAILED", "no")
    assert sandbox.remove([document_id, "00000000-0000-4000-8000-000000000000"]) == 1
    assert document_id not in {record["id"] for record in sandbox.documents()}


@pytest.mark.parametrize(
    ("state", "status", "count"),
    [("usable", "COMPLETED", 3), ("registered", None, 0), ("failed", "FAILED", 0), ("pending", "PENDING", 0)],
)
def test_many_documents_are_added_in_a_state(sandbox, state, status, count):
    ids = sandbox.seed(count=3, source="confluence", state=state) + sandbox.seed(count=2, source="web")
    records = {record["id"]: record for record in sandbox.documents()}
    assert {records[name]["linkedJobStatus"] for name in ids[:3]} == {status}
    assert {bool(records[name]["paragraphCount"]) for name in ids[:3]} == {bool(count)}
    assert records[ids[4]]["source"] == "web"


def test_a_job_is_ended_by_a_status_that_is_set(fini, sandbox):
    ids = fini.registered("a")
    fini.ingest(ids.values())
    sandbox.change(ids["a"], linkedJobStatus="IN_PROGRESS")
    sandbox.advance(1000)
    assert fini.get(f"/{ids['a']}").data["linkedJobStatus"] == "IN_PROGRESS"


def test_reset_puts_everything_back(fini, sandbox):
    fini.register("a")
    sandbox.settings(max_page=5)
    sandbox.fault(status=500)
    sandbox.add_key("fini_another_0123456789")
    sandbox.revoke(sandbox.key)
    sandbox.advance(100)
    sandbox.reset()
    assert (sandbox.log(), sandbox.faults(), sandbox.settings()["max_page"]) == ([], [], 100)
    assert len(sandbox.documents()) == 6
    assert fini.get(key="fini_another_0123456789").status == 401
    assert fini.get().status == 200


@pytest.mark.parametrize(
    ("method", "name", "body", "status"),
    [
        ("GET", "nothing", None, 404),
        ("POST", "advance", {"seconds": -1}, 400),
        ("POST", "advance", {}, 400),
        ("POST", "keys", {"key": "x", "scopes": ["admin"]}, 400),
        ("DELETE", "keys", {"key": "fini_unknown"}, 404),
        ("POST", "documents", {"documents": [{"title": "no external ID"}]}, 400),
        ("POST", "documents", {"documents": [{"externalId": "seed-terms", "source": "files"}]}, 400),
        ("POST", "documents", {"documents": [{"externalId": "a", "linkedJobStatus": "DONE"}]}, 400),
        ("PATCH", "documents", {"id": "x", "title": "y"}, 400),
        ("POST", "faults", [1], 400),
    ],
)
def test_control_requests_that_make_no_sense_are_refused(sandbox, method, name, body, status):
    with pytest.raises(HTTPError) as caught:
        sandbox.control(method, name, body)
    caught.value.close()
    assert caught.value.code == status
