"""Installations whose database cannot do its work: absent, locked, full, read-only, without tables."""

import contextlib
import html
import http.client
import os
import re
import shutil
import socket
import sqlite3
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Self
from urllib.parse import urlencode, urlsplit

import psycopg
import pytest
from psycopg import sql

from tests.support import product
from tests.support.product import POSTGRES, ROOT

EMAIL, PASSWORD = "root@example.com", "seven green parcels"
PATIENCE = 1  # seconds that a statement waits for another's write: an installation waits 20
SIZE = "8m"
MOUNT, UMOUNT = (shutil.which(name) or f"/bin/{name}" for name in ("mount", "umount"))


@dataclass
class Ground:
    """An installation with a workspace and a superuser, which is not running."""

    folder: Path
    database: str
    env: dict[str, str] = field(repr=False)

    @classmethod
    def make(cls, folder: Path) -> Self:
        """A new one, set up as a deployment is."""
        database = product.copy_of_template(folder)
        ground = cls(folder, database, product.environment(folder / "var", database))
        ground.done("collectstatic", "--noinput", "--verbosity", "0")
        ground.done("add_workspace", "acme", "--name", "Acme")
        ground.done(
            "add_user", EMAIL, "--role", "admin", "--workspace", "acme", "--superuser", given=PASSWORD
        )
        return ground

    def on(self, database: str, **settings: str) -> "Ground":
        """The same installation with another database address, or another folder."""
        return Ground(self.folder, database, self.env | {"DATABASE_URL": database} | settings)

    def command(self, *arguments: str, given: str = "") -> "subprocess.CompletedProcess[str]":
        """A management command, run to its end."""
        line = [sys.executable, "manage.py", *arguments]
        return subprocess.run(
            line, cwd=ROOT, env=self.env, input=given, capture_output=True, text=True, timeout=90, check=False
        )

    def done(self, *arguments: str, given: str = "") -> str:
        """What a command that does its work prints."""
        ended = self.command(*arguments, given=given)
        assert ended.returncode == 0, ended.stderr
        return ended.stdout

    def start(self, *arguments: str, log: Path) -> "subprocess.Popen[bytes]":
        """A process of the installation that goes on; all that it says is in `log`."""
        with log.open("wb") as output:
            return subprocess.Popen(
                [sys.executable, *arguments], cwd=ROOT, env=self.env, stdout=output, stderr=output
            )


def copied(origin: Path, folder: Path) -> Path:
    """A copy of an SQLite database in a folder, as an installation leaves it that was stopped."""
    folder.mkdir(parents=True, exist_ok=True)
    target = folder / origin.name
    for path, statement in ((origin, f"VACUUM INTO '{target}'"), (target, "PRAGMA journal_mode=WAL")):
        with contextlib.closing(sqlite3.connect(path)) as connection:
            connection.execute(statement)
    return target


def sqlite(path: Path) -> str:
    """The address of an SQLite database, with little patience."""
    return f"sqlite:///{path}?timeout={PATIENCE}"


@contextlib.contextmanager
def mounted(folder: Path, *options: str) -> Iterator[Path]:
    """Something mounted at a folder; gone at the end, whoever still uses it."""
    folder.mkdir(parents=True, exist_ok=True)
    try:
        subprocess.run([MOUNT, *options, str(folder)], check=True, capture_output=True)
    except (OSError, subprocess.CalledProcessError) as error:
        pytest.skip(f"a full or read-only disk needs the right to mount one: {error}")
    try:
        yield folder
    finally:
        subprocess.run([UMOUNT, "--lazy", str(folder)], check=True)


@contextlib.contextmanager
def small_disk(folder: Path) -> Iterator[Path]:
    """A disk of a few megabytes."""
    with mounted(folder, "-t", "tmpfs", "-o", f"size={SIZE}", "tmpfs"):
        yield folder


@contextlib.contextmanager
def read_only(origin: Path, folder: Path) -> Iterator[Path]:
    """The same folder at another place, where nobody may write, root neither."""
    with mounted(folder, "--bind", str(origin)):
        subprocess.run([MOUNT, "-o", "remount,bind,ro", str(folder)], check=True)
        yield folder


def fill(folder: Path) -> None:
    """Leave no byte free on a disk."""
    filler = os.open(folder / "filler", os.O_CREAT | os.O_WRONLY)
    try:
        with contextlib.suppress(OSError):
            while os.write(filler, b"x" * 4096):
                pass
    finally:
        os.close(filler)


@contextlib.contextmanager
def locked(path: Path) -> Iterator[None]:
    """Somebody writes to an SQLite database, and does not come to an end."""
    connection = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
    connection.execute("BEGIN IMMEDIATE")
    try:
        yield
    finally:
        connection.execute("ROLLBACK")
        connection.close()


@contextlib.contextmanager
def opened(path: Path) -> Iterator[None]:
    """Somebody reads an SQLite database, as a running installation does: the files beside it are there."""
    with contextlib.closing(sqlite3.connect(path)) as connection:
        connection.execute("SELECT count(*) FROM django_session").fetchall()
        yield


@contextlib.contextmanager
def reading_only(database: str) -> Iterator[None]:
    """A PostgreSQL database of which every new session may only read, as on a standby."""
    name = sql.Identifier(product.name_in(database))
    statement = sql.SQL("ALTER DATABASE {} SET default_transaction_read_only = {}")
    with psycopg.connect(POSTGRES, autocommit=True) as connection:
        connection.execute(statement.format(name, sql.Literal("on")))
        try:
            yield
        finally:
            connection.execute(statement.format(name, sql.Literal("off")))


class Line:
    """The way to PostgreSQL, which can be cut and mended."""

    def __init__(self) -> None:
        there = urlsplit(POSTGRES)
        self.there = (there.hostname or "127.0.0.1", there.port or 5432)
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.port = self.listener.getsockname()[1]
        self.whole = True
        self.open: list[socket.socket] = []
        threading.Thread(target=self.serve, daemon=True).start()

    def serve(self) -> None:
        """Join each that calls with the server, or hang up."""
        while True:
            try:
                here, _ = self.listener.accept()
            except OSError:
                return
            if not self.whole:
                here.close()
                continue
            far = socket.create_connection(self.there)
            self.open += [here, far]
            for one, other in ((here, far), (far, here)):
                threading.Thread(target=carry, args=(one, other), daemon=True).start()

    def cut(self) -> None:
        """From now on nobody gets through."""
        self.whole = False
        for one in self.open:
            with contextlib.suppress(OSError):
                one.shutdown(socket.SHUT_RDWR)
        self.open.clear()

    def mend(self) -> None:
        """From now on everybody gets through."""
        self.whole = True

    def address(self, database: str) -> str:
        """The database's address by this way."""
        parts = urlsplit(database)
        user = parts.netloc.rpartition("@")[0]
        return parts._replace(netloc=f"{user}@127.0.0.1:{self.port}").geturl()


def carry(one: socket.socket, other: socket.socket) -> None:
    """What comes in at one end goes out at the other; when one end is gone, so is the other."""
    with contextlib.suppress(OSError):
        while data := one.recv(65536):
            other.sendall(data)
    # A socket that is only closed stays open while another thread reads it: the server would keep its locks.
    for end in (one, other):
        with contextlib.suppress(OSError):
            end.shutdown(socket.SHUT_RDWR)
        end.close()


@dataclass(frozen=True)
class Answer:
    """What a web process answered."""

    status: int
    text: str
    headers: http.client.HTTPMessage

    @property
    def said(self) -> str:
        """The page's text as a browser reads it."""
        return html.unescape(self.text)


class Browser:
    """Asks a web process, with the cookies that it was given."""

    def __init__(self, url: str) -> None:
        self.host = urlsplit(url).netloc
        self.cookies: dict[str, str] = {}

    def ask(self, method: str, path: str, form: dict[str, str] | None = None, **headers: str) -> Answer:
        """One request; no redirect is followed."""
        connection = http.client.HTTPConnection(self.host, timeout=60)
        sent = {name.replace("_", "-"): value for name, value in headers.items()}
        sent["Cookie"] = "; ".join(f"{name}={value}" for name, value in self.cookies.items())
        body = None
        if method == "POST":
            sent["Content-Type"] = "application/x-www-form-urlencoded"
            body = urlencode((form or {}) | {"csrfmiddlewaretoken": self.cookies.get("csrftoken", "")})
        connection.request(method, path, body, sent)
        answer = connection.getresponse()
        text = answer.read().decode(errors="replace")
        for line in answer.headers.get_all("Set-Cookie") or []:
            name, _, value = line.partition(";")[0].partition("=")
            self.cookies[name] = value
        connection.close()
        return Answer(answer.status, text, answer.headers)

    def log_in(self) -> Answer:
        """As the superuser."""
        self.ask("GET", "/accounts/login/")
        return self.ask("POST", "/accounts/login/", {"login": EMAIL, "password": PASSWORD})


def traceback_lines(text: str) -> list[str]:
    """The lines of a log that belong to a traceback."""
    return re.findall(r"^(?:Traceback |  File ).*$", text, re.MULTILINE)


def until(done: Callable[[], object], seconds: float, log: Path) -> None:
    """Wait until something holds; fails with the log."""
    product.until(done, seconds, lambda: log.read_text(errors="replace"))
