"""Trouble on request."""

import http.client
import json
import time
from urllib.error import HTTPError

import pytest

from tests.support.product import until

LIST = "/v2/documents/public"


def known(sandbox, name):
    return any(record["externalId"] == name for record in sandbox.documents())


def test_a_status_is_forced_once_and_the_work_is_not_done(fini, sandbox):
    sandbox.fault(method="POST", status=503, message="try later", error="Down", headers={"Retry-After": "7"})
    answer = fini.register("a")
    assert answer.data == {"statusCode": 503, "message": "try later", "error": "Down"}
    assert (answer.status, answer.headers["Retry-After"]) == (503, "7")
    assert not known(sandbox, "a")
    assert fini.register("a").status == 200


def test_a_status_after_the_work(fini, sandbox):
    sandbox.fault(method="POST", status=500, after=True)
    assert fini.register("a").data["message"] == "Internal Server Error"
    assert known(sandbox, "a")


def test_a_status_after_half_of_the_work(fini, sandbox):
    sandbox.fault(method="POST", status=500, after=True, half=True)
    assert fini.register("a", "b", "c").status == 500
    assert [known(sandbox, name) for name in "abc"] == [True, True, False]


def test_faults_choose_by_method_path_and_number(fini, sandbox):
    sandbox.fault(method="GET", path=r"source=web", count=2, skip=1, status=500)
    seen = [
        fini.get(query).status for query in ("?source=web", "", "?source=web", "?source=web", "?source=web")
    ]
    assert seen == [200, 200, 500, 500, 200]
    assert sandbox.faults() == []


def test_faults_strike_with_a_probability(fini, sandbox):
    sandbox.fault(status=500, probability=0.5, count=None)
    seen = [fini.get("?limit=1").status for _ in range(60)]
    assert 15 < seen.count(500) < 45


@pytest.mark.parametrize(("when", "done"), [("before", False), ("after", True)])
def test_the_connection_drops_before_or_after_the_work(fini, sandbox, when, done):
    sandbox.fault(drop=when)
    with pytest.raises((ConnectionError, http.client.RemoteDisconnected)):
        fini.register("a")
    assert known(sandbox, "a") is done
    assert sandbox.log()[-1]["status"] == "dropped"
    assert fini.get().status == 200


@pytest.mark.parametrize(("after", "done"), [(True, True), (False, False)])
def test_the_work_stands_before_or_after_the_delay(fini, sandbox, after, done):
    sandbox.fault(delay=3, after=after)
    body = json.dumps({"resources": [{"originalUrl": "u", "title": "t", "externalId": "a", "mimeType": "m"}]})
    with pytest.raises(TimeoutError):
        fini.raw("POST", f"{LIST}/resources/notion", body.encode(), timeout=0.2)
    until(lambda: known(sandbox, "a") if after else sandbox.log(), 2)
    assert known(sandbox, "a") is done
    assert sandbox.log()[-1]["status"] is None
    until(lambda: sandbox.log()[-1]["status"], 5)
    assert known(sandbox, "a")


def test_an_answer_is_cut_short(fini, sandbox):
    sandbox.fault(truncate=True)
    with pytest.raises(http.client.IncompleteRead) as caught:
        fini.get()
    assert caught.value.partial.startswith(b'{"documents":')


@pytest.mark.parametrize("encoding", ["utf-16", "utf-16-le", "utf-32-be", "utf-8-sig"])
def test_an_answer_is_in_another_encoding(fini, sandbox, encoding):
    sandbox.fault(encoding=encoding)
    _, body, _ = fini.raw("GET", f"{LIST}?limit=1")
    assert json.loads(body.decode(encoding))["documents"]
    assert not body.startswith(b'{"documents"')


def test_an_answer_writes_every_letter_as_an_escape(fini, sandbox):
    sandbox.fault(status=400, message='a "key" \U0001f511', escaped=True)
    _, body, _ = fini.raw("GET", LIST)
    assert rb'"\u0061\u0020\u0022\u006b' in body
    assert json.loads(body)["message"] == 'a "key" \U0001f511'


def test_an_answer_is_something_else_than_json(fini, sandbox):
    sandbox.fault(body="<html>Bad gateway</html>", content_type="text/html", status=502)
    status, body, headers = fini.raw("GET", LIST)
    assert (status, body, headers["Content-Type"]) == (502, b"<html>Bad gateway</html>", "text/html")
    sandbox.fault(body="not json")
    status, body, _ = fini.raw("POST", f"{LIST}/refresh", b"{}")
    assert (status, body) == (400, b"not json")


def test_an_answer_is_huge(fini, sandbox):
    sandbox.fault(huge=3_000_001)
    status, body, headers = fini.raw("GET", LIST)
    assert (status, len(body), headers["Content-Length"]) == (200, 3_000_001, "3000001")
    assert isinstance(json.loads(body), str)


def test_an_answer_drips(fini, sandbox):
    sandbox.fault(path="limit=1", drip=0.01, body="0123456789")
    start = time.monotonic()
    assert fini.raw("GET", f"{LIST}?limit=1")[1] == b"0123456789"
    assert time.monotonic() - start >= 0.1


def test_faults_are_listed_and_called_off(fini, sandbox):
    sandbox.fault(path="x", count=3, status=500)
    sandbox.fault(path="y", drop="after")
    assert [(fault["path"], fault["count"]) for fault in sandbox.faults()] == [("x", 3), ("y", 1)]
    sandbox.clear_faults()
    assert sandbox.faults() == []


def test_a_forced_error_counts_towards_the_rate_and_a_forced_429_does_not(fini, sandbox):
    sandbox.settings(per_minute=2)
    sandbox.fault(status=429)
    sandbox.fault(status=500)
    assert [fini.get().status for _ in range(4)] == [429, 500, 200, 429]


def test_the_log_says_which_fault_struck(fini, sandbox):
    number = sandbox.fault(status=500)["number"]
    fini.get()
    assert sandbox.log()[-1]["fault"] == {"number": number, "status": 500}


def test_control_routes_have_no_faults(sandbox):
    sandbox.fault(path="", status=500, count=None)
    assert sandbox.settings()["max_page"] == 100


@pytest.mark.parametrize(
    "fields",
    [
        {},
        {"method": "GET"},
        {"status": 99},
        {"path": "(", "status": 500},
        {"drop": "during"},
        {"colour": "red"},
    ],
)
def test_a_fault_that_makes_no_sense_is_refused(sandbox, fields):
    with pytest.raises(HTTPError) as caught:
        sandbox.fault(**fields)
    caught.value.close()
    assert caught.value.code == 400
