"""`crawl`: finding addresses, and bringing in what is found, by one command."""

import io
from typing import Any

import pytest
from django.core.management import CommandError, call_command

from fini_admin.cli.management.commands.crawl import Command
from fini_admin.ingestion.models import Run
from fini_admin.ingestion.runs.steering import STOPPED
from fini_admin.workspaces.models import Workspace
from tests.support import people
from tests.support.sandbox import Sandbox
from tests.support.work import drive, ends

SITE = "https://help.acme.example"


def crawl(workspace: Workspace, *arguments: str, **options: Any) -> Run:
    out = io.StringIO()
    call_command("crawl", "acme", *arguments, stdout=out, **options)
    run = Run.objects.get(number=int(out.getvalue().splitlines()[-1]))
    drive(workspace)
    run.refresh_from_db()
    return run


def test_crawl_prints_the_run_that_finds_addresses(connected: Workspace, sandbox: Sandbox) -> None:
    run = crawl(connected, SITE, "--limit", "3")
    assert (run.kind, ends(run)) == ("crawl", {"done": 3})
    assert run.crawl
    assert run.crawl["returned"] == 3
    assert [held for held in sandbox.documents() if held["source"] == "web"] == []


def test_crawl_and_ingest_is_one_run_to_the_end(connected: Workspace, sandbox: Sandbox) -> None:
    run = crawl(connected, SITE, "--ingest", "--exclude", "*/1")
    found = [held["originalUrl"] for held in sandbox.documents() if held["source"] == "web"]
    assert ends(run) == {"done": len(found), "skipped": 1}
    assert found
    assert not any(address.endswith("/1") for address in found)


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["5a2c9e60-2c6c-4a0c-8a55-0f0c3b1f7b10"], "is an ID"),
        (["help.acme.example"], "https://"),
        ([SITE, "--limit", "0"], "from 1 to"),
        ([], "URL"),
    ],
)
def test_what_fini_would_refuse_is_not_handed_over(acme: Workspace, arguments: list[str], said: str) -> None:
    with pytest.raises(CommandError, match=said):
        call_command("crawl", "acme", *arguments)
    assert not Run.objects.exists()


@pytest.mark.parametrize("option", ["--include", "--exclude"])
@pytest.mark.parametrize(
    ("patterns", "said"),
    [
        ([people.KEY], "A pattern looks like an API key"),
        (["\udcff"], "A pattern holds a damaged character"),
        (["x" * 501], "At most 50 patterns of at most 500 characters"),
        ([str(number) for number in range(51)], "At most 50 patterns of at most 500 characters"),
    ],
)
def test_a_pattern_that_the_page_would_refuse_starts_no_crawl(
    acme: Workspace, option: str, patterns: list[str], said: str
) -> None:
    with pytest.raises(CommandError, match=said) as refused:
        call_command("crawl", "acme", SITE, *(part for one in patterns for part in (option, one)))
    assert people.KEY not in str(refused.value)
    assert not Run.objects.exists()


def test_a_key_in_place_of_an_address_is_not_repeated(acme: Workspace) -> None:
    with pytest.raises(CommandError, match="holds what looks like an API key") as refused:
        call_command("crawl", "acme", f"{'x' * 50} {people.KEY}")
    assert "fini_" not in str(refused.value)


@pytest.mark.parametrize("command", ["refresh", "delete"])
def test_an_address_where_an_id_belongs_is_named_so(acme: Workspace, command: str) -> None:
    with pytest.raises(CommandError, match="is an address"):
        call_command(command, "acme", f"{SITE}/1")


@pytest.mark.parametrize(("command", "between"), [("refresh", "/"), ("crawl", " ")])
def test_of_an_address_that_is_cut_no_part_of_a_key_is_left(
    acme: Workspace, command: str, between: str
) -> None:
    odd = f"https://{'a' * 60}{between}{people.KEY}"
    with pytest.raises(CommandError) as found:
        call_command(command, "acme", odd)
    assert "https" in str(found.value)
    assert "fini_" not in str(found.value)


def test_a_crawl_that_was_stopped_before_all_was_sent_did_not_succeed(connected: Workspace) -> None:
    run = crawl(connected, SITE, "--ingest", "--exclude", "*/1")
    assert Command().follow(run)
    left_out = run.items.filter(outcome="skipped")
    assert left_out.update(reason=STOPPED)
    assert not Command().follow(run)
