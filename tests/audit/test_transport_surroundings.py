"""What the transport takes from its surroundings: nothing; and what it follows: nothing."""

from dataclasses import replace

import pytest

from fini_admin.audit import bodies
from fini_admin.fini import errors, routes
from fini_admin.fini.routes import Resource
from tests.audit.sockets import closed_port, server
from tests.support import people

LIST = routes.list_sources(limit=5)
ON_ITS_OWN = replace(LIST, route="refresh")  # on a connection of its own
PAGE = Resource("n-1", "Travel policy", "https://www.notion.so/n-1", "text/markdown").body()


@pytest.mark.parametrize("location", ["/elsewhere", "http://[", "http://127.0.0.1:1/", "//", "http://a b/"])
def test_a_redirect_is_an_answer_and_not_followed(send, sandbox, calls, location):
    sandbox.fault(status=302, headers={"Location": location}, message="over there")
    done = send(LIST)
    assert (type(done.error), done.error.status, len(sandbox.log())) == (errors.NotUnderstood, 302, 1)
    row = calls()[1]
    assert (row.kind, row.status) == ("call.answered", 302)
    assert "over there" in (bodies.load_text(row.chain, row.answer_body) or "")


def test_a_redirects_body_is_read_with_the_bound_too(send, sandbox, settings):
    settings.FINI_TIMEOUT = 1
    sandbox.fault(status=302, headers={"Location": "/elsewhere"}, drip=0.2)
    assert type(send(LIST).error) is errors.TimedOut


def test_nothing_is_taken_from_the_surroundings(send, sandbox, tmp_path, monkeypatch):
    (tmp_path / ".netrc").write_text("machine 127.0.0.1 login fini_wrong password x\n")
    (tmp_path / ".netrc").chmod(0o600)
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("NETRC", str(tmp_path / ".netrc"))
    for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy"):
        monkeypatch.setenv(name, f"http://127.0.0.1:{closed_port()}")
    monkeypatch.setenv("NO_PROXY", "")
    monkeypatch.setenv("no_proxy", "")
    assert send(ON_ITS_OWN).error is None
    assert len(sandbox.log()) == 1


def test_no_cookie_is_carried_from_one_call_to_the_next(send, settings):
    answer = (
        b"HTTP/1.1 200 OK\r\nSet-Cookie: who=acme; Path=/\r\nConnection: close\r\nContent-Length: 2\r\n\r\n{}"
    )
    seen: list[bytes] = []
    for _ in range(2):
        with server(answer) as (url, got):
            settings.FINI_API_BASE_URL = url
            send(LIST)
        seen += got
    assert [b"cookie" in request.lower() for request in seen] == [False, False]


def test_every_request_carries_the_same_few_headers(send, settings):
    with server(b"HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 2\r\n\r\n{}") as (url, got):
        settings.FINI_API_BASE_URL = url
        done = send(routes.register("notion", [PAGE]))
    head, _, body = got[0].partition(b"\r\n\r\n")
    lines = dict(line.split(": ", 1) for line in head.decode().split("\r\n")[1:])
    assert (lines["Authorization"], lines["X-Request-ID"]) == (f"Bearer {people.KEY}", done.call)
    assert (lines["Content-Type"], lines["Content-Length"]) == ("application/json", str(len(body)))
    assert "Cookie" not in lines
