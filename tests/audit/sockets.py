"""Sockets of our own, for answers that no sandbox gives."""

import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager


def closed_port() -> int:
    """A port that nobody listens on."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return int(listener.getsockname()[1])


def whole_request(connection: socket.socket) -> bytes:
    """One request, its body by its stated length."""
    with connection.makefile("rb") as lines:
        head = b"".join(iter(lines.readline, b"\r\n"))
        length = [
            line.split(b":")[1] for line in head.splitlines() if line.lower().startswith(b"content-length")
        ]
        return head + b"\r\n" + lines.read(int(length[0]) if length else 0)


def dribble(connection: socket.socket, answer: bytes, pause: float) -> None:
    """Send byte by byte, until the other side has had enough."""
    try:
        for byte in answer:
            connection.sendall(bytes([byte]))
            time.sleep(pause)
    except OSError:
        return


@contextmanager
def server(answer: bytes, *, pause: float = 0.0) -> Iterator[tuple[str, list[bytes]]]:
    """A socket that reads one request and answers with these bytes; with `pause`, in seconds, after each of them."""
    got: list[bytes] = []
    with socket.create_server(("127.0.0.1", 0)) as listener:
        listener.settimeout(10)

        def serve() -> None:
            try:
                connection, _ = listener.accept()
            except OSError:
                return
            with connection:
                got.append(whole_request(connection))
                dribble(connection, answer, pause) if pause else connection.sendall(answer)

        thread = threading.Thread(target=serve, daemon=True)
        thread.start()
        yield f"http://127.0.0.1:{listener.getsockname()[1]}", got
        listener.close()
        thread.join(10)
