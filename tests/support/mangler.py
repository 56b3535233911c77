"""A server between the product and the sandbox that changes answers: what no real Fini is sure never to say."""

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from http.client import HTTPConnection
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import urlsplit

HANDED_ON = ("Authorization", "Content-Type", "X-Request-ID", "Accept")


@dataclass(frozen=True)
class Answered:
    """An answer. One that is `cut` says that it is longer than it is, and the connection ends."""

    status: int
    body: bytes
    content_type: str = "application/json"
    cut: bool = False


Mangle = Callable[[str, Answered], Answered]


def route_of(method: str, path: str) -> str:
    """A request's name in the product's own words."""
    tail = urlsplit(path).path.rpartition("/public")[2]
    if method == "GET":
        return "list" if not tail else "discover" if tail.startswith("/resources/") else "get"
    if method == "DELETE":
        return "delete"
    return "ingest" if not tail else "register" if tail.startswith("/resources/") else tail.strip("/")


class Mangler(ThreadingHTTPServer):
    """Hands requests on to the sandbox; its answers go through `mangle`, which is told the route."""

    daemon_threads = True

    def __init__(self, behind: str) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.behind = urlsplit(behind)
        self.mangle: Mangle = lambda _route, answered: answered

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}"

    def asked_of_fini(self, method: str, path: str, headers: dict[str, str], body: bytes) -> Answered:
        """What the sandbox answers."""
        connection = HTTPConnection(str(self.behind.hostname), self.behind.port, timeout=30)
        try:
            connection.request(method, path, body or None, headers)
            answer = connection.getresponse()
            return Answered(answer.status, answer.read(), answer.headers.get("Content-Type", ""))
        finally:
            connection.close()


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: Mangler

    def _answer(self) -> None:
        length = int(self.headers.get("Content-Length") or 0)
        headers = {name: self.headers[name] for name in HANDED_ON if self.headers[name]}
        plain = self.server.asked_of_fini(self.command, self.path, headers, self.rfile.read(length))
        told = self.server.mangle(route_of(self.command, self.path), plain)
        self.send_response(told.status)
        self.send_header("Content-Type", told.content_type)
        self.send_header("Content-Length", str(len(told.body) + told.cut))
        self.end_headers()
        self.wfile.write(told.body)
        self.close_connection = told.cut

    do_GET = do_POST = do_DELETE = _answer  # noqa: N815 - the server's names

    def log_message(self, *_: Any) -> None:
        """Say nothing."""


@contextmanager
def mangling(behind: str) -> Iterator[Mangler]:
    """A mangler before the sandbox of this address."""
    with Mangler(behind) as server:
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        yield server
        server.shutdown()
        thread.join()
