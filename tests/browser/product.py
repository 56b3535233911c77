"""The product as processes, on a folder of its own: a sandbox, the web process and one worker.

Not live_server: its thread shares settings and connections with the test, and serves no manifest files.
"""

import atexit
import http.client
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from tests.browser.console import Console, console
from tests.support.product import ROOT, environment, read, until
from tests.support.sandbox import Sandbox

HOST = "127.0.0.1"
PASSWORD = "correct horse battery staple"
# They belong to every workspace of a test; ada, below, only to the one that is there from the start.
PEOPLE = {
    "admin": ("grace@fini.example", "Grace Hopper"),
    "editor": ("edith@fini.example", "Edith Clarke"),
    "viewer": ("vera@fini.example", "Vera Molnár"),
    "superuser": ("radia@fini.example", "Radia Perlman"),
}
DATABASE = "fini_admin.sqlite3"
Row = dict[str, Any]
FURNISH = "from tests.browser.furnish import furnish; result = furnish(wanted)"
# A source has its end within a second.
QUICK: Row = {"pending_seconds": [0, 0.1], "running_seconds": [0, 0.3]}


@dataclass(frozen=True)
class Product:
    """A running installation with one workspace and its admin."""

    url: str
    env: dict[str, str] = field(repr=False)
    sandbox: Sandbox
    console: Console = field(repr=False)
    slug: str = "acme"
    email: str = "ada@acme.example"
    password: str = PASSWORD

    @contextmanager
    def pace(self, **settings: object) -> Iterator[None]:
        """The sandbox with other settings for a while; they decide at the moment a source is sent."""
        before = self.sandbox.settings()
        self.sandbox.settings(**settings)
        try:
            yield
        finally:
            self.sandbox.settings(**{name: before[name] for name in settings})

    def manage(self, *arguments: str, given: str = "") -> str:
        """A management command's standard output, run on this installation."""
        return manage(self.env, *arguments, given=given)

    def furnish(self, **wanted: object) -> Row:
        """What furnish.py makes of it."""
        made: Row = self.console.run(FURNISH, wanted={"people": PEOPLE, "password": self.password, **wanted})
        return made

    def place(self, slug: str, name: str = "", *, with_key: bool = True, **wanted: object) -> "Place":
        """A new workspace with all PEOPLE in it; its key opens one of the same slug in the sandbox.

        What is wanted of it beyond that (furnish.py) is done when this returns.
        """
        place = Place(self, slug, f"fini_browser_{slug.replace('-', '_')}_0123456789abcdef")
        self.sandbox.add_key(place.key, workspace=slug)
        self.furnish(slug=slug, name=name or slug.title(), key=place.key if with_key else "", **wanted)
        place.wait()
        return place


@dataclass(frozen=True)
class Place:
    """A workspace of a test's own, here and in the sandbox."""

    product: Product
    slug: str
    key: str

    def at(self, path: str = "") -> str:
        """The address of one of its pages."""
        return f"/w/{self.slug}/{path}"

    def documents(self) -> list[Row]:
        """Its sources, as Fini has them."""
        return self.product.sandbox.documents(self.slug)

    def calls(self, method: str = "") -> list[Row]:
        """What Fini was asked for it, by method."""
        asked = [entry for entry in self.product.sandbox.log() if entry["workspace"] == self.slug]
        return [entry for entry in asked if not method or entry["method"] == method]

    def runs(self) -> list[Row]:
        """Its runs, the first one first."""
        return self.read("ingestion_run")

    def read(self, table: str) -> list[Row]:
        """The rows that belong to it in a table of the product's database."""
        path = Path(self.product.env["VAR_DIR"]) / DATABASE
        mine = f"SELECT id FROM workspaces_workspace WHERE slug = '{self.slug}'"  # noqa: S608 - our own names
        return read(path, f"SELECT * FROM {table} WHERE workspace_id = ({mine}) ORDER BY id")  # noqa: S608

    def work(self, **wanted: object) -> None:
        """Start runs (furnish.py: `discover`, `register`, `actor`) and wait until every run has ended."""
        self.product.furnish(slug=self.slug, people={}, **wanted)
        self.wait()

    def end_jobs(self, number: int) -> None:
        """Let two minutes pass in Fini as soon as it was sent so many sources."""
        until(lambda: sum(bool(one["linkedJobStatus"]) for one in self.documents()) >= number, 20)
        self.product.sandbox.advance(120)

    def wait(self, seconds: float = 60) -> None:
        """Wait until every run has ended."""
        until(lambda: all(run["state"] == "ended" for run in self.runs()), seconds, lambda: str(self.runs()))


@contextmanager
def running(folder: Path, **settings: object) -> Iterator[Product]:
    """Set up as a deployment is, then people through commands; then its three processes."""
    with Sandbox.start(per_minute=0) as sandbox:
        sandbox.settings(**QUICK)
        given = {"FINI_API_BASE_URL": sandbox.url, "FINI_CALLS_PER_MINUTE": 100_000} | settings
        database = f"sqlite:///{folder / DATABASE}"
        env = environment(folder, database, **{name: str(value) for name, value in given.items()})
        deploy(env)
        manage(env, "add_workspace", Product.slug, "--name", "Acme")
        who = ("--role", "admin", "--workspace", Product.slug, "--name", "Ada Lovelace")
        manage(env, "add_user", Product.email, *who, given=Product.password)
        with worker(env), served(env) as url, console(env) as started:
            yield Product(url=url, env=env, sandbox=sandbox, console=started)


def deploy(env: dict[str, str]) -> None:
    """What a deployment runs, done once; every installation begins as a copy of it."""
    shutil.copytree(deployed(), env["VAR_DIR"], dirs_exist_ok=True)


@cache
def deployed() -> Path:
    """The folder of an installation in which a deployment's commands were run."""
    folder = Path(tempfile.mkdtemp(prefix="fini-deployed-"))
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    env = environment(folder, f"sqlite:///{folder / DATABASE}")
    manage(env, "migrate", "--noinput", "--verbosity", "0")
    manage(env, "collectstatic", "--noinput", "--verbosity", "0")
    return folder


def manage(env: dict[str, str], *arguments: str, given: str = "") -> str:
    """Runs a management command, gives its standard output, and shows what it said when it fails."""
    command = [sys.executable, "manage.py", *arguments]
    done = subprocess.run(
        command, cwd=ROOT, env=env, input=given, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, f"{' '.join(arguments)}: {done.stdout}{done.stderr}"
    return done.stdout


@contextmanager
def served(env: dict[str, str]) -> Iterator[str]:
    """gunicorn on a port that was bound before it starts, so that no other process can take it."""
    with socket.create_server((HOST, 0)) as listener:
        command = ["gunicorn", "fini_admin.wsgi", "--threads", "4", "--no-control-socket"]
        command += ["--bind", f"fd://{listener.fileno()}"]
        with process(env, "web", "-m", *command, pass_fds=[listener.fileno()]) as (web, log):
            wait_until_up(web, listener.getsockname()[1], log)
            yield f"http://{HOST}:{listener.getsockname()[1]}"


@contextmanager
def worker(env: dict[str, str]) -> Iterator[None]:
    """A worker that is at work."""
    with process(env, "worker", "manage.py", "run_worker") as (started, log):
        until(lambda: "at work" in log.read_text() or started.poll() is not None, 30, log.read_text)
        yield


@contextmanager
def process(
    env: dict[str, str], name: str, *arguments: str, **options: Any
) -> Iterator[tuple["subprocess.Popen[bytes]", Path]]:
    """A process and its log; it is told to stop, then made to."""
    log = Path(env["VAR_DIR"]) / f"{name}.log"
    with log.open("w") as output:
        command = [sys.executable, *arguments]
        started = subprocess.Popen(command, cwd=ROOT, env=env, stdout=output, stderr=output, **options)
        try:
            yield started, log
        finally:
            started.terminate()
            try:
                started.wait(timeout=20)
            finally:
                started.kill()


def wait_until_up(web: "subprocess.Popen[bytes]", port: int, log: Path) -> None:
    """Returns at the first answer; fails with the log when the process ends or nothing comes."""
    for _ in range(60):
        connection = http.client.HTTPConnection(HOST, port, timeout=10)
        try:
            connection.request("GET", "/healthz")
            connection.getresponse().read()
        except OSError:
            time.sleep(0.2)
        else:
            return
        finally:
            connection.close()
        if web.poll() is not None:
            break
    pytest.fail(f"gunicorn does not answer:\n{log.read_text()}")
