"""The product as commands and workers, on an installation of its own."""

import atexit
import base64
import json
import os
import re
import secrets
import shutil
import signal
import sqlite3
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Sequence
from functools import cache
from pathlib import Path
from types import TracebackType
from typing import Any, Self
from urllib.parse import urlsplit, urlunsplit

import psycopg
from psycopg import sql
from psycopg.rows import dict_row

ROOT = Path(__file__).resolve().parents[2]
POSTGRES = os.environ.get("TEST_POSTGRES_URL", "")
SLUG = "demo"
PAUSE = 0.1
# Threads that begin at once would each make a template, with secrets of its own.
ONE_TEMPLATE = threading.Lock()
LOADED = 3
Row = dict[str, Any]
Worker = subprocess.Popen[bytes]


def peak_mb(worker: Worker) -> float:
    """The most memory that a running process ever had, in MB."""
    peak = re.search(r"VmHWM:\s*(\d+) kB", Path(f"/proc/{worker.pid}/status").read_text())
    return int(peak[1]) / 1024 if peak else 0


class Product:
    """An installation with one workspace and its key; every process it starts writes into `output`."""

    def __init__(self, fini_url: str, key: str, **settings: object) -> None:
        self.folder = Path(tempfile.mkdtemp(prefix="fini-product-"))
        self.var = self.folder / "var"
        self.output = self.folder / "output"
        self.output.mkdir()
        self.database = copy_of_template(self.folder)
        given = {name: str(value) for name, value in settings.items()}
        self.env = environment(self.var, self.database, FINI_API_BASE_URL=fini_url, **given)
        self.workers: list[Worker] = []
        self.started = 0
        self.command("add_workspace", SLUG, "--name", "Demo")
        self.command("add_key", SLUG, "--label", "main", stdin=key)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close(keep=kind is not None)

    def command(
        self, *arguments: str, stdin: str = "", check: bool = True
    ) -> subprocess.CompletedProcess[str]:
        """Run a management command to its end; one that fails raises with what it said, unless that is wanted."""
        line = [sys.executable, "manage.py", *arguments]
        done = subprocess.run(
            line,
            cwd=ROOT,
            env=self.env,
            input=stdin,
            capture_output=True,
            text=True,
            timeout=240,
            check=False,
        )
        self.started += 1
        said = f"{done.stdout}{done.stderr}"
        (self.output / f"{self.started:03d}-{arguments[0]}.log").write_text(said)
        if check and done.returncode:
            raise AssertionError(f"{' '.join(arguments)} ended with {done.returncode}: {said[-2000:]}")
        return done

    def start_run(self, *arguments: str, stdin: str = "") -> int:
        """Start a run by its command; its number is alone on the last line."""
        return int(self.command(*arguments, stdin=stdin).stdout.splitlines()[-1])

    def run(self, number: int) -> Row:
        """A run as `run` prints it."""
        result: Row = json.loads(self.command("run", SLUG, str(number)).stdout)
        return result

    def sources(self) -> list[Row]:
        """The sources as `export_sources` prints them."""
        return [json.loads(line) for line in self.command("export_sources", SLUG).stdout.splitlines()]

    def verify(self) -> str:
        """What `verify_audit` says of all chains; raises where one is broken."""
        return self.command("verify_audit", "--all", "--bodies").stdout

    def worker(self, *, ready: bool = False, line: Sequence[str] = ()) -> Worker:
        """Start a worker and return at once, or when it is at work; `line` stands before its command."""
        self.started += 1
        log = self.output / f"{self.started:03d}-run_worker.log"
        with log.open("wb") as output:
            command = [*line, sys.executable, "manage.py", "run_worker"]
            started = subprocess.Popen(command, cwd=ROOT, env=self.env, stdout=output, stderr=output)
        self.workers.append(started)
        if ready:
            until(lambda: b"at work" in log.read_bytes() or started.poll() is not None, 30, log.read_text)
        return started

    def kill(self, worker: Worker) -> None:
        """End a worker as a power cut would."""
        worker.kill()
        worker.wait()

    def terminate(self, worker: Worker, timeout: float = 20) -> int:
        """End a worker as an operator would; returns its exit status."""
        worker.send_signal(signal.SIGTERM)
        return worker.wait(timeout)

    def query(self, statement: str) -> list[Row]:
        """Read the database, beside whatever writes to it."""
        if POSTGRES:
            with psycopg.connect(self.database, row_factory=dict_row) as postgres:
                return postgres.execute(statement.encode()).fetchall()
        return read(self.folder / "db.sqlite3", statement)

    def wait_for_end(self, timeout: float) -> float:
        """Wait until no run goes on; returns the seconds it took, raises AssertionError with what is left."""
        running = "SELECT number, kind FROM ingestion_run WHERE state <> 'ended'"
        return until(lambda: not self.query(running), timeout, self.unfinished)

    def unfinished(self) -> str:
        """What has not ended, for the message of a test that fails."""
        steps = "SELECT number, kind, state, tries, refusal FROM ingestion_step WHERE state <> 'done'"
        items = "SELECT stage, count(*) AS n FROM ingestion_item GROUP BY stage"
        watch = "SELECT next_at, lease_until, gap, cursor, tries FROM ingestion_watch"
        calls = "SELECT count(*) AS n FROM audit_opencall"
        parts = {"steps": steps, "items": items, "watch": watch, "open calls": calls}
        found = {name: self.query(statement) for name, statement in parts.items()}
        return f"not ended: {found}\n{self.said()[-3000:]}"

    def said(self) -> str:
        """All that its processes said."""
        return "\n".join(path.read_text(errors="replace") for path in sorted(self.output.iterdir()))

    def close(self, *, keep: bool = False) -> None:
        """End its workers and take the installation away; the folder may be kept to be looked at."""
        for worker in self.workers:
            if worker.poll() is None:
                self.kill(worker)
        if POSTGRES:
            drop(name_in(self.database))
        if keep:
            sys.stderr.write(f"kept for a look: {self.folder}\n")
        else:
            shutil.rmtree(self.folder, ignore_errors=True)


def read(path: Path, statement: str) -> list[Row]:
    """What a query finds in an SQLite database, beside whatever writes to it."""
    connection = sqlite3.connect(f"file:{path}?mode=ro", uri=True, timeout=20)
    try:
        cursor = connection.execute(statement)
        names = [column[0] for column in cursor.description]
        return [dict(zip(names, row, strict=True)) for row in cursor]
    finally:
        connection.close()


def until(done: Callable[[], object], timeout: float, message: Callable[[], str] = lambda: "") -> float:
    """Wait until `done` holds; returns the seconds it took, raises AssertionError when it takes too long.

    `timeout` is for a machine that does nothing else; the wait ends LOADED times as late.
    """
    started = time.monotonic()
    while not done():
        if time.monotonic() - started > timeout * LOADED:
            raise AssertionError(f"not within {timeout} s: {message()}")
        time.sleep(PAUSE)
    return time.monotonic() - started


def environment(var: Path, database: str, **settings: str) -> dict[str, str]:
    """A deployment's environment; what is empty keeps a developer's .env out."""
    inherited = {name: value for name, value in os.environ.items() if not name.startswith(("FINI_", "TEST_"))}
    own = {
        "DJANGO_SETTINGS_MODULE": "fini_admin.settings",
        "PYTHONUNBUFFERED": "1",
        "VAR_DIR": str(var),
        "DATABASE_URL": database,
        "SECRET_KEY_FILE": "",
        "ENCRYPTION_KEYS_FILE": "",
        "DEBUG": "no",
        "PLAIN_HTTP_ON_LOOPBACK": "yes",
        "ALLOWED_HOSTS": "127.0.0.1",
        "CSRF_TRUSTED_ORIGINS": "",
        "TRUSTED_PROXIES": "0",
        "EMAIL_URL": "consolemail://",
        "FINI_PROXY": "",
    }
    return inherited | own | installation_secrets() | settings


@cache
def installation_secrets() -> dict[str, str]:
    """Random secrets, the same for a template and its copies: the trail's head is authenticated with them."""
    key = base64.urlsafe_b64encode(secrets.token_bytes(32)).decode()
    return {"SECRET_KEY": secrets.token_urlsafe(48), "ENCRYPTION_KEYS": key}


def copy_of_template(folder: Path) -> str:
    """A migrated, empty database of its own, with the wake-ups' file in `var`; returns its address."""
    with ONE_TEMPLATE:
        origin = template()
    if not POSTGRES:
        shutil.copy(origin, folder / "db.sqlite3")
        (folder / "var").mkdir(exist_ok=True)
        shutil.copy(Path(origin).parent / "var" / "huey.sqlite3", folder / "var")
        return f"sqlite:///{folder / 'db.sqlite3'}"
    name = new_name()
    create(name, name_in(origin))
    return address(name)


@cache
def template() -> str:
    """The migrated database that all others of this process are copies of: a path, or an address."""
    folder = Path(tempfile.mkdtemp(prefix="fini-template-"))
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    path, name = folder / "db.sqlite3", new_name()
    if POSTGRES:
        create(name, "template0")
        atexit.register(drop, name)
    database = address(name) if POSTGRES else f"sqlite:///{path}"
    line = [sys.executable, "manage.py", "migrate", "--noinput", "--verbosity", "0"]
    subprocess.run(line, cwd=ROOT, env=environment(folder / "var", database), check=True)
    return database if POSTGRES else str(path)


def new_name() -> str:
    """A database name that nobody else uses."""
    return f"fini_test_{secrets.token_hex(6)}"


def address(name: str) -> str:
    """The address of a database on the tests' PostgreSQL."""
    return urlunsplit(urlsplit(POSTGRES)._replace(path=f"/{name}"))


def name_in(database: str) -> str:
    """The name of the database in an address."""
    return urlsplit(database).path.lstrip("/")


def create(name: str, origin: str) -> None:
    """Make a database as a copy of another."""
    statement = sql.SQL("CREATE DATABASE {} TEMPLATE {}")
    with psycopg.connect(POSTGRES, autocommit=True) as connection:
        connection.execute(statement.format(sql.Identifier(name), sql.Identifier(origin)))


def drop(name: str) -> None:
    """Take a database away, whoever is still connected."""
    statement = sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)").format(sql.Identifier(name))
    with psycopg.connect(POSTGRES, autocommit=True) as connection:
        connection.execute(statement)
