"""Backup and restore as docs/deploy.md has them: with the keys everything goes on, without them nothing is written."""

import base64
import json
import secrets
import shutil
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.support.product import POSTGRES, ROOT, Product, address, create, name_in, new_name
from tests.support.records import resources
from tests.support.sandbox import Sandbox

LINE = "CommandError: sealed with a key that ENCRYPTION_KEYS does not hold"
PROGRAMS = ("pg_dump", "pg_restore") if POSTGRES else ("sqlite3",)
MISSING = [program for program in PROGRAMS if shutil.which(program) is None]
pytestmark = pytest.mark.skipif(bool(MISSING), reason=f"not installed here: {', '.join(MISSING)}")
TABLES = ("audit_head", "workspaces_workspace", "workspaces_apikey", "ingestion_run", "ingestion_worker")


@pytest.fixture(scope="module")
def sandbox() -> Iterator[Sandbox]:
    with Sandbox.start(per_minute=0) as process:
        process.settings(pending_seconds=[0, 0.1], running_seconds=[0, 0.1], weights={"usable": 1})
        yield process


@pytest.fixture(scope="module")
def product(sandbox: Sandbox) -> Iterator[Product]:
    with Product(sandbox.url, sandbox.key, FINI_CALLS_PER_MINUTE=100_000) as made:
        yield made


def documented(start: str) -> str:
    """The one line of docs/deploy.md that begins so: what is rehearsed is what is written there."""
    lines = [line.strip() for line in (ROOT / "docs" / "deploy.md").read_text().splitlines()]
    (found,) = [line for line in lines if line.startswith(start)]
    return found


def shell(line: str, **variables: str) -> None:
    """Run a documented line as an operator would."""
    done = subprocess.run(
        ["/bin/sh", "-c", line], env={"PATH": "/usr/local/bin:/usr/bin:/bin", **variables},
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr


def back_up(product: Product, copy: Path) -> None:
    """By the documented command, while a worker writes."""
    if POSTGRES:
        shell(documented("pg_dump"), DATABASE_URL=product.database, BACKUP=str(copy))
    else:
        database = product.database.removeprefix("sqlite:///")
        shell(documented("sqlite3"), DATABASE=database, BACKUP=str(copy))


@pytest.fixture(scope="module")
def backup(product: Product) -> Path:
    """What was copied while a run was at work; the original's worker is gone afterwards."""
    lines = "\n".join(json.dumps(row) for row in resources("page", 60))
    worker = product.worker(ready=True)
    product.start_run("register", "demo", "notion", "-", "--ingest", stdin=lines)
    copy = product.folder / "backup"
    back_up(product, copy)
    product.kill(worker)
    return copy


def restore(product: Product, backup: Path, folder: Path, **settings: str) -> Product:
    """The copy as an installation at another place."""
    if POSTGRES:
        database = address(new_name())
        create(name_in(database), "template0")
        shell(documented("pg_restore"), DATABASE_URL=database, BACKUP=str(backup))
    else:
        shutil.copy(backup, folder / "db.sqlite3")
        database = f"sqlite:///{folder / 'db.sqlite3'}"
    restored: Product = object.__new__(Product)
    restored.folder, restored.output, restored.database = folder, folder / "output", database
    restored.output.mkdir()
    restored.var, restored.workers, restored.started = folder / "var", [], 0
    restored.env = product.env | {"DATABASE_URL": database, "VAR_DIR": str(restored.var)} | settings
    return restored


@pytest.fixture
def elsewhere(product: Product, backup: Path, tmp_path: Path) -> Iterator[Callable[..., Product]]:
    """Makes the restored installation, and takes it away."""
    made: list[Product] = []

    def make(**settings: str) -> Product:
        made.append(restore(product, backup, tmp_path, **settings))
        return made[-1]

    yield make
    for one in made:
        one.close()


def test_restored_with_its_keys_every_key_opens_the_trail_is_intact_and_the_work_goes_on(
    elsewhere: Callable[..., Product],
):
    restored = elsewhere()
    assert restored.query("SELECT count(*) AS n FROM ingestion_run WHERE state <> 'ended'") == [{"n": 1}]
    verified = restored.verify().splitlines()
    assert len(verified) == 2
    assert all("intact" in line for line in verified)
    opened = (
        "from fini_admin.workspaces import models, vault; "
        "print([len(vault.open_key(key).reveal()) > 20 for key in models.ApiKey.objects.all()])"
    )
    assert restored.command("shell", "--no-imports", "-c", opened).stdout.strip() == "[True]"
    restored.worker(ready=True)
    restored.wait_for_end(40)
    assert {source["state"] for source in restored.sources()} == {"usable"}
    assert "intact" in restored.verify()


def test_restored_with_other_keys_each_command_ends_with_a_line_and_nothing_is_written(
    elsewhere: Callable[..., Product],
):
    restored = elsewhere(ENCRYPTION_KEYS=base64.urlsafe_b64encode(secrets.token_bytes(32)).decode())
    before = written(restored)
    commands = (
        ("add_workspace", "another", "--name", "Another"),
        ("discover", "demo", "notion"),
        ("export_audit", "demo"),
        ("run_worker",),
    )
    for command in commands:
        done = restored.command(*command, check=False)
        assert (done.returncode, done.stdout, done.stderr.splitlines()) == (1, "", [LINE]), command
    done = restored.command("verify_audit", "--all", check=False)
    assert (done.returncode, len(done.stderr.splitlines())) == (1, 1)
    assert "Traceback" not in restored.said()
    assert written(restored) == before


def test_restored_with_other_keys_the_browser_gets_a_plain_page(elsewhere: Callable[..., Product]):
    restored = elsewhere(ENCRYPTION_KEYS=base64.urlsafe_b64encode(secrets.token_bytes(32)).decode())
    restored.command("collectstatic", "--noinput", "--verbosity", "0")
    before = written(restored)
    log_in = (
        "from django.test import Client; "
        "a = Client(headers={'host': '127.0.0.1'}).post('/accounts/login/', {'login': 'a@b.test', 'password': 'x'}); "
        "print(a.status_code, 'Encryption key missing' in a.content.decode())"
    )
    done = restored.command("shell", "--no-imports", "-c", log_in)
    assert done.stdout.strip() == "503 True"
    assert "Traceback" not in done.stderr
    assert written(restored) == before


def written(product: Product) -> list[Any]:
    """Everything that is written in the course of work, in order."""
    return [product.query(f"SELECT * FROM {table} ORDER BY 1") for table in TABLES]  # noqa: S608 - our own names
