"""`verify_audit` reads a database that it may not write, on both engines."""

import os
import shutil
import sqlite3
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from urllib.parse import urlsplit, urlunsplit
from uuid import uuid4

import psycopg
import pytest
from django.core.exceptions import ImproperlyConfigured
from django.core.management import call_command

from fini_admin.lib.environment import is_read_only, read_only_database
from tests.support import people, tables
from tests.support.product import POSTGRES, Product

INTACT = "-: intact, 2 rows\ndemo: intact, 2 rows\n"
NOBODY = 65534
sqlite_only = pytest.mark.skipif(bool(POSTGRES), reason="a file of SQLite's")
postgresql_only = pytest.mark.skipif(not POSTGRES, reason="a role of PostgreSQL's")


def test_verify_audit_writes_nothing(acme):
    with tables.writes(passing=True) as written:
        call_command("verify_audit", all=True, bodies=True)
    assert written == []


@pytest.fixture(scope="module")
def product() -> Iterator[Product]:
    with Product("http://127.0.0.1:9", people.KEY) as product:
        yield product


def verify_with(product: Product, **env: str) -> str:
    """What verify_audit says with another environment; and that nothing can be written with it."""
    before, product.env = product.env, product.env | env
    try:
        refused = product.command("add_workspace", "other", "--name", "Other", check=False)
        assert (refused.returncode, refused.stderr.count("\n")) == (1, 1)
        return product.verify()
    finally:
        product.env = before


@sqlite_only
def test_an_address_with_mode_ro_is_read_only(product):
    assert verify_with(product, DATABASE_URL=f"{product.database}?mode=ro") == INTACT
    assert product.verify() == INTACT


@sqlite_only
@pytest.mark.parametrize("mode", ["rw", "rwc", "memory", "r0"])
def test_another_mode_is_an_error(mode):
    with pytest.raises(ImproperlyConfigured, match="the only one is ro"):
        is_read_only({"NAME": "nowhere", "OPTIONS": {"mode": mode}})


@postgresql_only
def test_a_session_that_may_only_read(product):
    assert verify_with(product, PGOPTIONS="-c default_transaction_read_only=on") == INTACT


@postgresql_only
def test_a_role_that_may_only_read(product):
    role, parts = f"reader_{uuid4().hex[:12]}", urlsplit(product.database)
    with psycopg.connect(product.database, autocommit=True) as owner:
        owner.execute(f"CREATE ROLE {role} LOGIN".encode())
        try:
            owner.execute(f"GRANT SELECT ON ALL TABLES IN SCHEMA public TO {role}".encode())
            address = urlunsplit(parts._replace(netloc=f"{role}@{parts.netloc.rpartition('@')[2]}"))
            assert verify_with(product, DATABASE_URL=address) == INTACT
        finally:
            owner.execute(f"DROP OWNED BY {role}".encode())
            owner.execute(f"DROP ROLE {role}".encode())


@pytest.fixture
def folder() -> Iterator[Path]:
    """A folder into which everybody may look."""
    path = Path(tempfile.mkdtemp(prefix="fini-read-only-"))
    path.chmod(0o755)
    yield path
    path.chmod(0o755)
    shutil.rmtree(path)


def as_nobody(act: Callable[[], int]) -> int:
    """What a process gives that may write nothing here; root may write what is read-only, so it is somebody else."""
    child = os.fork()
    if child == 0:
        result = 99
        try:
            if os.geteuid() == 0:
                os.setgroups([])
                os.setgid(NOBODY)
                os.setuid(NOBODY)
            result = act()
        finally:
            os._exit(result)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])


def rows_read(path: Path) -> int:
    """How many rows are read from a file that is opened as the settings open it; 98 where it could be written."""
    database = {"NAME": str(path), "OPTIONS": {"init_command": "PRAGMA journal_mode=WAL"}}
    if not is_read_only(database):
        return 97
    opened = read_only_database(database)
    connection = sqlite3.connect(opened["NAME"], uri=True, **opened["OPTIONS"])
    try:
        connection.execute("CREATE TABLE more (x)")
    except sqlite3.OperationalError:
        return len(connection.execute("SELECT x FROM rows").fetchall())
    return 98


def filled(path: Path, mode: str) -> sqlite3.Connection:
    """A file in this mode with three rows, still open."""
    connection = sqlite3.connect(path)
    connection.execute(f"PRAGMA journal_mode={mode}")
    connection.executescript("CREATE TABLE rows (x); INSERT INTO rows VALUES (1), (2), (3);")
    path.chmod(0o444)
    return connection


@sqlite_only
@pytest.mark.parametrize("mode", ["WAL", "DELETE"])
@pytest.mark.parametrize("name", ["a.sqlite3", "a ?#%41.sqlite3"])
def test_a_file_in_a_folder_that_may_not_be_written_is_read(folder, mode, name):
    filled(folder / name, mode).close()
    folder.chmod(0o555)
    assert as_nobody(lambda: rows_read(folder / name)) == 3
    assert [path.name for path in folder.iterdir()] == [name]


@sqlite_only
def test_a_file_that_somebody_writes_meanwhile_is_read_with_what_is_not_yet_in_it(folder):
    writer = filled(folder / "a.sqlite3", "WAL")
    folder.chmod(0o555)
    with writer:
        writer.execute("INSERT INTO rows VALUES (4)")
    assert (folder / "a.sqlite3-wal").stat().st_size
    assert as_nobody(lambda: rows_read(folder / "a.sqlite3")) == 4
    writer.close()


@sqlite_only
def test_a_file_that_may_be_written_or_is_not_there_yet_is_not_read_only(folder):
    for name in ("there", "missing"):
        database = {"NAME": str(folder / name), "OPTIONS": {}}
        if name == "there":
            (folder / name).touch()
        assert not is_read_only(database)
