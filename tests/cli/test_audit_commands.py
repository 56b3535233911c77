"""`export_audit` and `verify_audit`: what other people's scripts rely on."""

import base64
import csv
import io
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from django.conf import settings as product
from django.core.management import CommandError, call_command
from django.db import connection, transaction

from fini_admin.audit import chain, recording
from fini_admin.audit.models import Body, Entry, Head
from fini_admin.fini import routes
from fini_admin.lib.download import unescape_formula
from tests.support import people
from tests.support.triggers import drop
from tests.support.who import by

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture
def filled(context):
    with transaction.atomic():
        recording.write_asked("call-1", routes.crawl(["https://a.example"]), context)
        recording.write_lost("call-1")
        chain.record(chain=context.chain, kind="run.ended", by=by("=1+1", "browser"))
    return context.chain


def run(*words: str, **options: Any) -> str:
    output = io.StringIO()
    call_command(*words, stdout=output, **options)
    return output.getvalue()


def lines(*words: str, **options: Any) -> list[dict]:
    return [json.loads(line) for line in run("export_audit", *words, **options).splitlines()]


def test_an_export_is_one_object_a_line_in_order_and_names_itself(filled):
    rows = lines("acme")
    assert [row["seq"] for row in rows] == [1, 2, 3, 4, 5]
    assert [row["kind"] for row in rows][1:] == ["call.asked", "call.lost", "run.ended", "audit.exported"]
    assert rows[-1]["hash"] == Head.objects.get(chain=filled).hash


def test_the_range_is_inclusive_at_its_start_and_exclusive_at_its_end(filled):
    at = [row["at"] for row in lines("acme")]
    assert [row["seq"] for row in lines("acme", since=at[2], until=at[4])] == [3, 4]
    assert lines("acme", until="2026-01-01") == []
    assert len(lines("acme", since="2026-01-01T00:00+02:00")) == 8
    with pytest.raises(CommandError, match="'soon' is not a time"):
        run("export_audit", "acme", since="soon")


def test_a_year_before_1000_is_before_every_row(filled):
    assert lines("acme", until="0900-01-01") == []
    assert [row["seq"] for row in lines("acme", since="0900-01-01")] == [1, 2, 3, 4, 5, 6]


def test_bodies_are_added_when_asked_for_and_are_no_part_of_the_hash(filled):
    with_text, without = lines("acme", bodies=True)[1], lines("acme")[1]
    assert with_text.pop("request_text") == '{"links":["https://a.example"],"limit":250}'
    assert with_text.pop("answer_text") is None
    assert with_text == without


@pytest.mark.parametrize("content", [None, b"no zlib"])
def test_a_body_that_is_missing_or_damaged_is_told_and_ends_no_export(filled, content):
    drop(connection)
    if content:
        Body.objects.update(content=content)
    else:
        Body.objects.all().delete()
    output, errors = io.StringIO(), io.StringIO()
    with pytest.raises(CommandError, match="The rest was printed"):
        call_command("export_audit", "acme", bodies=True, stdout=output, stderr=errors)
    rows = [json.loads(line) for line in output.getvalue().splitlines()]
    assert [row["seq"] for row in rows] == list(range(1, len(rows) + 1))
    assert len(rows) > 4
    assert errors.getvalue() == "row 2: the request's body is missing or damaged\n"


def test_csv_has_the_same_names_and_no_cell_that_a_spreadsheet_runs(filled):
    chain_names = set(lines("acme")[0])
    with transaction.atomic():
        for text in ("=1", "+1", "-1", "@x", "\tx", "plain"):
            chain.record(chain=filled, kind="x", by=by(text, "browser"))
    rows = list(csv.DictReader(io.StringIO(run("export_audit", "acme", format="csv"), newline="")))
    assert set(rows[0]) == chain_names
    assert [row["actor"] for row in rows if row["kind"] in ("x", "run.ended")] == [
        "'=1+1",
        "'=1",
        "'+1",
        "'-1",
        "'@x",
        "'\tx",
        "plain",
    ]
    assert all(not cell.startswith(("=", "+", "-", "@", "\t", "\r")) for row in rows for cell in row.values())


@pytest.mark.parametrize("text", ["\r=1+1", "a\r=1+1", "a\n=1+1", "a\r\n=1+1", 'a"b', "a,b"])
def test_csv_keeps_a_cell_with_a_line_end_in_one_cell(filled, text):
    assert csv_actors_of(filled, text) == [text]


def csv_actors_of(filled: str, text: str) -> list[str]:
    """Who the CSV names after a row by `text`."""
    with transaction.atomic():
        chain.record(chain=filled, kind="x", by=by(text, "browser"))
    rows = list(csv.DictReader(io.StringIO(run("export_audit", "acme", format="csv"), newline="")))
    return [unescape_formula(row["actor"]) for row in rows if row["kind"] == "x"]


def test_the_installations_own_chain_is_a_hyphen(filled):
    assert lines("-")[0]["chain"] == "-"
    assert run("verify_audit", "-") == "-: intact, 2 rows\n"


def test_verify_counts_and_all_names_every_chain(filled):
    people.workspace("other", "Other")
    assert run("verify_audit", "acme", bodies=True) == "acme: intact, 4 rows\n"
    assert run("verify_audit", all=True) == (
        "-: intact, 2 rows\nacme: intact, 4 rows\nother: intact, 1 rows\n"
    )


def test_verify_all_sees_a_chain_whose_workspace_is_gone(filled):
    drop(connection)
    gone = str(uuid4())
    chain.start_chain(gone)
    with transaction.atomic():
        chain.append(gone, {"kind": "x"})
        Entry.objects.filter(chain=gone).update(actor="eve")
    with pytest.raises(CommandError, match=rf"^chain {gone}: row 1 was changed"):
        run("verify_audit", all=True)


@pytest.mark.parametrize("words", [["verify_audit"], ["verify_audit", "nobody"], ["export_audit", "nobody"]])
def test_a_wrong_name_is_an_error(db, words):
    with pytest.raises(CommandError):
        run(*words)
    with pytest.raises(CommandError, match="name one workspace"):
        run("verify_audit", "-", all=True)


def manage(*words: str) -> tuple[int, str, str]:
    """A command as a process of its own, on the test's database."""
    names = connection.settings_dict
    url = f"sqlite:///{names['NAME']}"
    if connection.vendor != "sqlite":
        url = f"postgres://{names['USER']}@{names['HOST']}:{names['PORT']}/{names['NAME']}"
    secrets = ",".join(base64.urlsafe_b64encode(key).decode() for key in product.ENCRYPTION_KEYS)
    own = {"DATABASE_URL": url, "VAR_DIR": str(product.VAR_DIR), "SECRET_KEY": product.SECRET_KEY}
    own |= {"ENCRYPTION_KEYS": secrets, "DJANGO_SETTINGS_MODULE": "fini_admin.settings"}
    done = subprocess.run(
        [sys.executable, "manage.py", *words],
        cwd=ROOT,
        env={**os.environ, **own},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    return done.returncode, done.stdout, done.stderr


@pytest.mark.django_db(transaction=True)
def test_as_processes_they_give_pure_lines_and_exit_codes():
    workspace = people.workspace()
    code, out, err = manage("export_audit", "acme")
    assert (code, err) == (0, "")
    assert [json.loads(line)["seq"] for line in out.splitlines()] == [1, 2]
    assert manage("verify_audit", "acme") == (0, "acme: intact, 2 rows\n", "")
    drop(connection)
    Entry.objects.filter(chain=str(workspace.pk), seq=1).update(actor="eve")
    code, out, err = manage("verify_audit", "acme")
    assert (code, out, err) == (1, "", "CommandError: acme: row 1 was changed: its hash does not fit\n")
