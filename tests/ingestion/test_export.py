"""What the product exports of Fini's records can be read back: names, types, and titles that begin as formulas."""

import csv
import io
import json
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from django.core.management import call_command
from django.test import Client

from fini_admin.ingestion import export
from fini_admin.ingestion.planning.comparison import compare, completed, known_ids
from fini_admin.ingestion.uploads.reading import read_text
from fini_admin.lib.download import csv_lines, json_lines, unescape_formula
from fini_admin.workspaces.models import Workspace
from tests.support import sources
from tests.support.sandbox import Sandbox
from tests.support.work import drive

FILES = Path(__file__).parents[1] / "files"


def brought_in(acme: Workspace, name: str, provider: str) -> list[dict[str, str]]:
    """The file's resources, once they are registered and read back."""
    call_command("register", "acme", provider, str(FILES / name))
    drive(acme)
    held: list[dict[str, str]] = json.loads((FILES / name).read_text())
    return held


def in_csv(client: Client) -> list[dict[str, str]]:
    """The Sources page's CSV, oldest first."""
    answer: Any = client.get("/w/acme/sources/?export=csv")
    text = b"".join(answer.streaming_content).decode()
    return list(csv.DictReader(io.StringIO(text, newline="")))[::-1]


def in_json_lines(client: Client) -> Iterator[dict[str, Any]]:
    """The Sources page's JSON Lines, oldest first."""
    answer: Any = client.get("/w/acme/sources/?export=jsonl")
    return map(json.loads, reversed(b"".join(answer.streaming_content).decode().splitlines()))


def test_no_title_gains_an_apostrophe_on_the_way_back(acme: Workspace, editor: Client) -> None:
    written = brought_in(acme, "formula_titles.json", "zendesk")
    titles = {resource["externalId"]: resource["title"] for resource in written}
    rows = [row for row in in_csv(editor) if row["externalId"] in titles]
    assert {row["externalId"]: unescape_formula(row["title"]) for row in rows} == titles
    assert sorted(row["title"] for row in rows if row["title"] not in titles.values()) == [
        "'+1 for feedback",
        "'- Getting started",
        "'=SUM explained",
        "'@mentions explained",
    ]


@pytest.mark.usefixtures("sandbox")
def test_every_export_carries_type_and_object(
    acme: Workspace, editor: Client, sandbox: Sandbox, capsys: pytest.CaptureFixture[str]
) -> None:
    brought_in(acme, "pdf_resource.json", "confluence")
    brought_in(acme, "formula_titles.json", "zendesk")
    records = {
        record["id"]: (record["mimeType"], record["type"] or "")
        for record in sandbox.documents()
        if record["externalId"] in {"555", "71001"}
    }
    capsys.readouterr()
    call_command("export_sources", "acme")
    printed = map(json.loads, capsys.readouterr().out.splitlines())
    for rows in (printed, in_json_lines(editor), in_csv(editor)):
        told = {row["id"]: (row["mimeType"], row["object"]) for row in rows}
        assert {name: told[name] for name in records} == records
    assert "application/pdf" in {mime_type for mime_type, _ in records.values()}


WRITTEN = ["74", " 74a", "74b\u00a0", "\u200b74c", "74,002", "7.4004E+4", "'74005", "=74006", "74\n"]
TITLES = [" T ", "'=1+1", "a;=1", "a\n-b", "a\r\n=b", "\n".join("x" * 250), "'- a;'=b"]


@pytest.mark.parametrize("written", [csv_lines, json_lines])
@pytest.mark.parametrize("provider", ["zendesk", "notion"])
def test_an_export_that_is_brought_in_again_changes_nothing(
    acme: Workspace, provider: str, written: Callable[..., Iterator[str]]
) -> None:
    pairs = [
        *((one, "T") for one in WRITTEN),
        *((f"t{number}", title) for number, title in enumerate(TITLES)),
    ]
    for number, (external_id, title) in enumerate(pairs):
        fields = {
            "fini_id": f"s{number}",
            "original_url": f"https://a.example/{number}",
            "mime_type": "text/html",
        }
        sources.bare(acme, provider=provider, external_id=external_id, title=title, **fields)
    text = "".join(written(export.all_sources(acme), export.NAMES))
    found = read_text(text, provider, known=partial(known_ids, acme, provider))
    assert (found.problems, found.duplicates, found.notes) == ([], [], [])
    compared = compare(acme, provider, completed(acme, provider, found.resources, "text/html"))
    assert compared.changes == {place: {} for place in range(len(pairs))}
