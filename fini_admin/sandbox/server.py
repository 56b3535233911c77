"""The HTTP server: HTTP/1.1 with keep-alive, a thread per connection."""

import contextlib
import os
import socket
import struct
import sys
import time
import traceback
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from fini_admin.sandbox.control import PREFIX, control
from fini_admin.sandbox.errors import ApiError
from fini_admin.sandbox.exchange import Outgoing, exchange, outgoing
from fini_admin.sandbox.log import Entry
from fini_admin.sandbox.routes import Reply, Request
from fini_admin.sandbox.validation import read_json
from fini_admin.sandbox.world import World

HOST = "127.0.0.1"
_MAX_BODY = 256 * 1024 * 1024
_CHUNK = 64 * 1024


class Server(ThreadingHTTPServer):
    """Listens on the loopback interface only."""

    daemon_threads = True
    allow_reuse_address = True
    request_queue_size = 1024

    def __init__(self, port: int, world: World) -> None:
        self.world = world
        super().__init__((HOST, port), Handler)

    def server_bind(self) -> None:
        """Bind without the base class's look-up of the host's name."""
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        self.socket.bind(self.server_address)
        self.server_address = self.socket.getsockname()
        self.server_name, self.server_port = HOST, int(self.server_address[1])

    def handle_error(self, request: object, client_address: object) -> None:
        """Ignore callers that disconnected."""
        error = sys.exception()
        if not isinstance(error, ConnectionError):
            traceback.print_exception(error, file=sys.stderr)


class Handler(BaseHTTPRequestHandler):
    """Reads the requests of one connection."""

    protocol_version = "HTTP/1.1"
    server_version = "FiniSandbox"
    sys_version = ""
    disable_nagle_algorithm = True
    wbufsize = -1
    server: Server

    def log_message(self, *_: object) -> None:
        """Silent: the log is at /_sandbox/log."""

    def handle(self) -> None:
        """Serve the connection; a disconnect is no error."""
        with contextlib.suppress(ConnectionError):
            super().handle()

    def serve(self) -> None:
        if self.path.startswith(PREFIX):
            self._control()
            return
        world = self.server.world
        with world.lock:
            entry = world.log.open(self.command, self.path, self.headers.get("X-Request-ID"))
        body = self._read()
        if body is None:
            entry.status = "incomplete"
            return
        entry.body_came(body)
        self._answer(entry, body)

    do_GET = do_POST = do_PATCH = do_DELETE = do_PUT = do_HEAD = do_OPTIONS = serve  # noqa: N815 - the names http.server calls

    def _answer(self, entry: Entry, body: bytes) -> None:
        header = self.headers.get
        request = Request(
            self.command, self.path, header("Authorization", ""), header("Content-Type", ""), body
        )
        try:
            answer = exchange(self.server.world, request, entry)
        except Exception:  # noqa: BLE001 - a mistake in the sandbox is Fini's 500 to the caller
            traceback.print_exc(file=sys.stderr)
            answer = _failure(ApiError(500, "Internal Server Error"))
        entry.status = "dropped" if answer is None else answer.status
        if answer is None:
            self._drop()
        else:
            self._send(answer)

    def _control(self) -> None:
        body = self._read()
        if body is None:
            return
        try:
            data = read_json(body) if body else None
            answer = outgoing(Reply(200, control(self.server.world, self.command, self.path, data)))
        except ApiError as error:
            answer = _failure(error)
        self._send(answer)

    def _read(self) -> bytes | None:
        """The body; None when its length is not given or it was cut short."""
        length = self.headers.get("Content-Length", "0")
        if "Transfer-Encoding" in self.headers or not length.isdigit() or int(length) > _MAX_BODY:
            self.close_connection = True
            self._send(_failure(ApiError(411, "A body needs a Content-Length of at most 256 MB")))
            return None
        body = self.rfile.read(int(length))
        if len(body) < int(length):
            self.close_connection = True
            return None
        return body

    def _send(self, answer: Outgoing) -> None:
        length = answer.filler or len(answer.body)
        self.send_response(answer.status)
        self.send_header("Content-Type", answer.content_type)
        self.send_header("Content-Length", str(length + (16 if answer.truncate else 0)))
        for name, value in answer.headers.items():
            self.send_header(name, value)
        self.end_headers()
        if answer.truncate:
            self.close_connection = True
        if self.command != "HEAD":
            self._send_body(answer)
        self.wfile.flush()

    def _send_body(self, answer: Outgoing) -> None:
        if answer.filler:
            self._send_filler(answer.filler)
        elif answer.drip:
            for start in range(len(answer.body)):
                time.sleep(answer.drip)
                self.wfile.write(answer.body[start : start + 1])
                self.wfile.flush()
        else:
            body = answer.body[: len(answer.body) // 2] if answer.truncate else answer.body
            self.wfile.write(body)

    def _send_filler(self, size: int) -> None:
        """Send a JSON string of exactly `size` bytes without holding it in memory."""
        self.wfile.write(b'"')
        left = size - 2
        while left > 0:
            self.wfile.write(b"x" * min(left, _CHUNK))
            left -= _CHUNK
        self.wfile.write(b'"')

    def _drop(self) -> None:
        """Reset the connection, without an answer."""
        self.close_connection = True
        self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        os.close(self.connection.detach())


def _failure(error: ApiError) -> Outgoing:
    return outgoing(Reply(error.status, error.envelope(as_array=False)))
