"""A database that is away, locked, full, read-only or without tables: what each page, probe and command says.

`docs/deploy.md` holds the same as a table; each of its rows is a state here.
"""

import json
import re
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager, ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from django.core.management import get_commands
from django.urls import URLPattern, get_resolver, reverse

from fini_admin.lib.outage import Outage
from tests.browser.product import served
from tests.support import outages, product
from tests.support.outages import Answer, Browser, Ground
from tests.support.product import POSTGRES, ROOT

DOC = ROOT / "docs" / "deploy.md"
OK, AWAY, REDIRECT = 200, 503, 302
NOT_STARTED = 3
PROBES = {"healthz", "readyz"}
# Pages of the way in that look nobody up.
WITHOUT_DATABASE = {
    "invitations/<str:token>/",
    "accounts/inactive/",
    "accounts/oidc/login/",
    "accounts/oidc/login/callback/",
    "accounts/password/reset/",
    "accounts/password/reset/done/",
    "accounts/password/reset/key/done/",
    "accounts/confirm-email/",
    r"^accounts/confirm-email/(?P<key>[-:\w]+)/$",
}
VALUES: dict[str, Any] = {
    "slug": "acme",
    "provider": "notion",
    "workspace_id": uuid4(),
    "key_id": uuid4(),
    "call": uuid4(),
    "number": 1,
    "side": "request",
    "fini_id": "abc",
    "token": "abc",
    "uidb36": "1",
    "key": "abc",
}
# Each with arguments that are right, so that only the database is in its way.
COMMANDS: dict[str, tuple[str, ...]] = {
    "add_workspace": ("other", "--name", "Other"),
    "add_user": ("ada@example.com", "--role", "viewer", "--workspace", "acme"),
    "add_key": ("acme", "--label", "main"),
    "sync": ("acme",),
    "discover": ("acme", "notion"),
    "crawl": ("acme", "https://help.acme.example"),
    "register": ("acme", "notion", "-"),
    "ingest": ("acme",),
    "refresh": ("acme", "--all"),
    "delete": ("acme", "0b6c2a52-77f4-4c0e-9a3d-2f1f6f0c9e11"),
    "run": ("acme", "1"),
    "export_sources": ("acme",),
    "export_resources": ("acme", "notion"),
    "export_audit": ("acme",),
    "verify_audit": ("--all",),
    "verify_counts": ("acme",),
    "prune_audit": ("--all",),
    "rotate_encryption": (),
    "rebuild_search": (),
    "run_worker": (),
    "migrate": (),
}
RESOURCE = {"originalUrl": "https://a.example/1", "title": "One", "externalId": "1", "mimeType": "text/html"}
GIVEN = {
    "add_user": "seven green parcels",
    "add_key": "fini_live_abcdefghijklmnopqrstuvwxyz1234",
    "register": json.dumps([RESOURCE]),
}


@dataclass(frozen=True)
class State:
    """A way to be broken: what is said of it, and which commands do their work all the same."""

    name: str
    says: Outage
    broken: Callable[[Ground, Path], AbstractContextManager[Ground]]
    reads: bool = True
    works: frozenset[str] = frozenset()


@contextmanager
def absent(ground: Ground, folder: Path) -> Iterator[Ground]:
    """No folder, or no server."""
    gone = f"sqlite:///{folder / 'gone' / 'db.sqlite3'}"
    yield ground.on("postgres://root@127.0.0.1:1/gone" if POSTGRES else gone)


@contextmanager
def without_tables(ground: Ground, folder: Path) -> Iterator[Ground]:
    """A database that nobody migrated."""
    if not POSTGRES:
        yield ground.on(f"sqlite:///{folder / 'empty.sqlite3'}")
        return
    name = product.new_name()
    product.create(name, "template0")
    try:
        yield ground.on(product.address(name))
    finally:
        product.drop(name)


@contextmanager
def unwritable(ground: Ground, folder: Path) -> Iterator[Ground]:
    """A folder, or a server, that takes no write."""
    if POSTGRES:
        with outages.reading_only(ground.database):
            yield ground
        return
    outages.copied(ground.folder / "db.sqlite3", folder / "there")
    with outages.read_only(folder / "there", folder / "read-only") as place:
        yield ground.on(outages.sqlite(place / "db.sqlite3"))


@contextmanager
def locked(ground: Ground, folder: Path) -> Iterator[Ground]:
    """Another process writes and does not end."""
    path = outages.copied(ground.folder / "db.sqlite3", folder)
    with outages.locked(path):
        yield ground.on(outages.sqlite(path))


@contextmanager
def full(ground: Ground, folder: Path) -> Iterator[Ground]:
    """A disk without a free byte, on which the database is open."""
    with outages.small_disk(folder / "disk") as disk:
        path = outages.copied(ground.folder / "db.sqlite3", disk)
        with outages.opened(path):
            outages.fill(disk)
            yield ground.on(outages.sqlite(path))


ALL_STATES = [
    State("absent", Outage.AWAY, absent, reads=False),
    State("without tables", Outage.NO_TABLES, without_tables, reads=False, works=frozenset({"migrate"})),
    # On SQLite a `migrate` that has nothing to do writes nothing.
    State(
        "read-only",
        Outage.READ_ONLY,
        unwritable,
        works=frozenset({"export_sources"} if POSTGRES else {"export_sources", "migrate"}),
    ),
    State("locked", Outage.LOCKED, locked, works=frozenset({"export_sources"})),
    State("full", Outage.FULL, full, works=frozenset({"export_sources", "migrate"})),
]
# PostgreSQL locks no whole database, and a test cannot fill its disk.
STATES = [state for state in ALL_STATES if not POSTGRES or state.name not in ("locked", "full")]
every_state = pytest.mark.parametrize("state", STATES, ids=lambda state: state.name)


@pytest.fixture(scope="module")
def ground(tmp_path_factory: pytest.TempPathFactory) -> Ground:
    return Ground.make(tmp_path_factory.mktemp("ground"))


@pytest.fixture(scope="module")
def signed_in(ground: Ground) -> dict[str, str]:
    """The cookies of a superuser who logged in while all was well."""
    with served(ground.env) as url:
        browser = Browser(url)
        assert browser.log_in().status == REDIRECT
        assert browser.ask("GET", "/w/acme/").status == OK
    return browser.cookies


def addresses() -> dict[str, str]:
    """Every route of the URLconf with an address."""
    found = {}
    for pattern in get_resolver("fini_admin.web.urls").url_patterns:
        assert isinstance(pattern, URLPattern)
        names = [name for name in pattern.pattern.regex.groupindex if name not in pattern.default_args]
        found[str(pattern.pattern)] = reverse(
            str(pattern.name), "fini_admin.web.urls", kwargs={name: VALUES[name] for name in names}
        )
    return found


def answers(url: str, cookies: dict[str, str]) -> dict[tuple[str, str], Answer]:
    """What each route answers, asked for and sent to, by method and route."""

    def ask(place: tuple[str, str]) -> Answer:
        browser = Browser(url)
        browser.cookies = dict(cookies)
        return browser.ask(place[0], found[place[1]])

    found = addresses()
    places = [(method, route) for route in found for method in ("GET", "POST")]
    with ThreadPoolExecutor(4) as threads:
        return dict(zip(places, threads.map(ask, places), strict=True))


@every_state
def test_every_page_answers_or_says_so(ground, signed_in, tmp_path, state):
    with state.broken(ground, tmp_path) as broken, served(broken.env) as url:
        said = answers(url, signed_in)
        tried = Browser(url)
        tried.cookies = {"csrftoken": signed_in["csrftoken"]}
        login = tried.ask("POST", "/accounts/login/", {"login": outages.EMAIL, "password": outages.PASSWORD})
        healthy, ready = tried.ask("GET", "/healthz"), tried.ask("GET", "/readyz")
    for place, answer in said.items():
        if place[1] not in PROBES:
            assert answer.status not in (429, 500), place
            assert (answer.status == AWAY) == (state.says.what in answer.said), place
    if not state.reads:
        silent = {
            route for (method, route), answer in said.items() if method == "GET" and answer.status != AWAY
        }
        assert silent == {"healthz", *WITHOUT_DATABASE}
    assert (login.status, state.says.what in login.said, state.says.cure in login.said) == (AWAY, True, True)
    assert login.headers["Retry-After"]
    assert (healthy.status, healthy.text) == (OK, "ok")
    why = {"why": f"{state.says.what}: {state.says.cure}"}
    assert (ready.status, json.loads(ready.text)) == (AWAY, {"ready": False, "missing": ["database"]} | why)
    log = (Path(ground.env["VAR_DIR"]) / "web.log").read_text()
    assert outages.traceback_lines(log) == []
    assert f"/accounts/login/: {state.says.what}: " in log


def test_every_command_says_in_one_line_that_the_database_is_absent(ground, tmp_path):
    ours = {name for name, app in get_commands().items() if app.startswith("fini_admin.")}
    assert set(COMMANDS) == ours - {"sandbox"}
    with absent(ground, tmp_path) as broken:
        for name, given in COMMANDS.items():
            says_so(broken.command(name, *given, given=GIVEN.get(name, "")), Outage.AWAY)


@pytest.mark.parametrize("state", STATES[1:], ids=lambda state: state.name)
def test_a_command_and_a_worker_say_so_in_one_line(ground, tmp_path, state):
    with state.broken(ground, tmp_path) as broken:
        for name in ("add_workspace", "run_worker", *(() if "migrate" in state.works else ("migrate",))):
            says_so(broken.command(name, *COMMANDS[name]), state.says)
        if "export_sources" in state.works:
            assert broken.command("export_sources", "acme").returncode == 0


def says_so(ended: Any, says: Outage) -> None:
    """A command ends with 1 and one line that tells what is wrong and what to do."""
    assert ended.returncode == 1, ended.args
    assert ended.stdout == "" or "migrate" in ended.args, ended.args
    assert len(ended.stderr.splitlines()) == 1, ended.stderr
    assert ended.stderr.removeprefix("CommandError: ").startswith(f"{says.what}: {says.cure} ("), ended.stderr


def test_a_var_dir_that_cannot_be_made_stops_everything_with_one_line(ground, tmp_path):
    (tmp_path / "var").write_text("a file stands in the folder's place")
    broken = ground.on(ground.database, VAR_DIR=str(tmp_path / "var"))
    log = tmp_path / "web.log"
    web = broken.start("-m", "gunicorn", "fini_admin.wsgi", "--bind", "127.0.0.1:0", log=log)
    assert web.wait(30) == NOT_STARTED
    ended = [broken.command(name) for name in ("run_worker", "migrate", "verify_audit")]
    assert [one.returncode for one in ended] == [1, 1, 1]
    for text in (*(one.stderr for one in ended), "".join(own_lines(log))):
        assert len(text.splitlines()) == 1, text
        assert text.startswith(f"VAR_DIR='{tmp_path / 'var'}' cannot be made (File exists): name a folder")


def own_lines(log: Path) -> list[str]:
    """What a web process says beside gunicorn's own lines, which begin with a time in brackets."""
    return [line for line in log.read_text().splitlines(keepends=True) if not line.startswith("[")]


def test_a_var_dir_that_cannot_be_written_stops_only_what_writes_there(ground, signed_in, tmp_path):
    with outages.read_only(Path(ground.env["VAR_DIR"]), tmp_path / "var") as var:
        broken = ground.on(ground.database, VAR_DIR=str(var))
        static = broken.command("collectstatic", "--noinput")
        run = broken.command("discover", "acme", "notion")
        worker = broken.start("manage.py", "run_worker", log=tmp_path / "worker.log")
        says = Outage.WAKE_UPS
        if POSTGRES:  # which carries the wake-ups
            outages.until(
                lambda: "at work" in (tmp_path / "worker.log").read_text(), 30, tmp_path / "worker.log"
            )
            worker.terminate()
        else:
            says_so(broken.command("migrate"), says)
        status, said = worker.wait(30), (tmp_path / "worker.log").read_text()
    assert (static.returncode, len(static.stderr.splitlines())) == (1, 1)
    assert static.stderr.startswith("VAR_DIR cannot be used: Read-only file system: ")
    assert (run.returncode, run.stdout) == (0, "1\n")
    if not POSTGRES:
        assert len(run.stderr.splitlines()) == 1
        assert f"the doorbell failed; the worker's clock will find the work: {says.what}" in run.stderr
        assert (status, len(said.splitlines()), says.what in said) == (1, 1, True)


@contextmanager
def outage(ground: Ground, folder: Path) -> Iterator[tuple[Ground, Callable[[], None], Callable[[], None]]]:
    """An installation whose database can be taken away, and given back, while it runs."""
    if POSTGRES:
        line = outages.Line()
        yield ground.on(line.address(ground.database)), line.cut, line.mend
        return
    path = outages.copied(ground.folder / "db.sqlite3", folder)
    with ExitStack() as lock:
        yield ground.on(outages.sqlite(path)), lambda: lock.enter_context(outages.locked(path)), lock.close


def test_a_worker_that_loses_its_database_says_so_once_and_goes_on_by_itself(ground, tmp_path):
    log = tmp_path / "worker.log"
    with outage(ground, tmp_path / "lost") as (running, take, give):
        before = int(running.done("discover", "acme", "notion").split()[-1])
        worker = running.start("manage.py", "run_worker", log=log)
        try:
            outages.until(lambda: "at work" in log.read_text(), 30, log)
            take()
            outages.until(lambda: "The worker waits" in log.read_text(), 30, log)
            time.sleep(8)  # several rounds of every clock and of every thread
            during = log.read_text()
            give()
            outages.until(lambda: "The database is back" in log.read_text(), 30, log)
            key = running.command("add_key", "acme", "--label", "main", given=GIVEN["add_key"])
            assert key.returncode == 0
            # Fini is not there: that it was asked shows that the work goes on.
            outages.until(lambda: asked(running, before), 30, log)
            worker.terminate()
            assert worker.wait(15) == 0
        finally:
            worker.kill()
            worker.wait()
    says = Outage.AWAY if POSTGRES else Outage.LOCKED
    assert during.count(says.what) == 1
    assert log.read_text().count("The database is back, and the worker goes on.") == 1
    assert outages.traceback_lines(log.read_text()) == []


def asked(running: Ground, number: int) -> bool:
    """Whether a call was made for a run."""
    calls: int = json.loads(running.done("run", "acme", str(number)))["calls"]
    return calls > 0


def test_a_worker_is_stopped_while_its_database_is_away(ground, tmp_path):
    log = tmp_path / "worker.log"
    with outage(ground, tmp_path / "lost") as (running, take, _):
        worker = running.start("manage.py", "run_worker", log=log)
        try:
            outages.until(lambda: "at work" in log.read_text(), 30, log)
            take()
            outages.until(lambda: "The worker waits" in log.read_text(), 30, log)
            worker.terminate()
            assert worker.wait(15) == 0
        finally:
            worker.kill()
            worker.wait()
    assert outages.traceback_lines(log.read_text()) == []


def test_a_web_process_goes_on_when_the_database_is_back(ground, signed_in, tmp_path):
    with outage(ground, tmp_path / "lost") as (running, take, give), served(running.env) as url:
        browser = Browser(url)
        browser.cookies = dict(signed_in)
        assert browser.ask("GET", "/w/acme/").status == OK
        take()
        assert browser.ask("POST", "/accounts/logout/").status == AWAY
        give()
        assert browser.ask("GET", "/w/acme/").status == OK


def test_the_document_has_a_row_for_each_state():
    said = dict(re.findall(r"^\| \*\*(.+?)\*\*(.+)$", DOC.read_text(), re.MULTILINE))
    known = {state.name: state.says for state in ALL_STATES}
    assert set(said) == {*known, "VAR_DIR cannot be made", "VAR_DIR is read-only"}
    for name, says in known.items():
        assert says.what in said[name]
        assert f"503 *{says.what}*" in said[name]
