"""The search across pages finds pages, sources, runs, calls and actions, each that its reader may open."""

import re

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from fini_admin.sources.models import Source
from tests.support import people
from tests.support.furnished import Furnished, furnish

HTMX = {"HX-Request": "true"}


@pytest.fixture
def company(db: None) -> Furnished:
    return furnish("acme", "Acme")


def found(company: Furnished, role: str, typed: str) -> dict[str, list[str]]:
    """The addresses that were found, by group."""
    client = Client()
    people.log_in(client, company.members[role])
    with CaptureQueriesContext(connection) as made:
        text = client.get("/w/acme/find/", {"q": typed}, headers=HTMX).content.decode()
    assert len(made) <= 8
    groups = re.split(r'<p class="palette-group"[^>]*>([^<]*)</p>', text)[1:]
    return {
        name: re.findall(r'href="([^"]+)"', lines)
        for name, lines in zip(groups[::2], groups[1::2], strict=True)
    }


def test_without_a_word_it_offers_pages_and_actions(company: Furnished) -> None:
    admin, viewer = found(company, "admin", ""), found(company, "viewer", "")
    assert admin.keys() == {"Go to", "Do"}
    assert "/w/acme/keys/" in admin["Go to"]
    assert "/w/acme/discover/notion/" in admin["Do"]
    assert viewer == {
        "Go to": ["/w/acme/", "/w/acme/runs/", "/w/acme/queue/", "/w/acme/sources/", "/w/acme/audit/"]
    }


def test_sources_are_found_by_title_address_and_id(company: Furnished) -> None:
    source = company.sources[3]
    for typed in (source.title, source.original_url, source.external_id):
        assert f"/w/acme/sources/{source.fini_id}/" in found(company, "viewer", typed)["Sources"]


def test_a_source_whose_title_shows_nothing_is_named_by_its_id(company: Furnished) -> None:
    source = company.sources[3]
    Source.objects.filter(pk=source.pk).update(title="\u200b\u200d")
    client = Client()
    people.log_in(client, company.members["viewer"])
    page = client.get("/w/acme/find/", {"q": source.external_id}, headers=HTMX).content.decode()
    assert f'<bdi class="cut">{source.external_id}</bdi>' in page


def test_a_run_is_found_by_its_number_and_by_its_title(company: Furnished) -> None:
    number = company.runs["discover"].number
    for typed in (str(number), f"run {number}", "Discover Notion"):
        assert f"/w/acme/runs/{number}/" in found(company, "viewer", typed)["Runs"]


def test_a_call_is_found_by_its_id(company: Furnished) -> None:
    call = company.calls["answered"]
    assert found(company, "viewer", call)["Calls"] == [f"/w/acme/audit/{call}/"]
    assert "Calls" not in found(company, "viewer", call[:-1])


def test_what_is_typed_can_be_searched_on_its_page_and_is_no_markup(company: Furnished) -> None:
    other = furnish("other", "Other")
    assert "Sources" not in found(company, "viewer", "Other title")
    assert other.sources[0].title.startswith("Other title")
    client = Client()
    people.log_in(client, company.members["viewer"])
    text = client.get("/w/acme/find/", {"q": "<b>&"}, headers=HTMX).content.decode()
    assert "<b>" not in text
    assert "/w/acme/sources/?q=%3Cb%3E%26" in text


def test_single_keys_are_switched_off_per_person(company: Furnished) -> None:
    client = Client()
    people.log_in(client, company.members["viewer"])
    assert 'data-keys="/accounts/shortcuts/"' in client.get("/w/acme/").content.decode()
    client.post("/accounts/shortcuts/", {})
    assert 'data-keys=""' in client.get("/w/acme/").content.decode()
    client.post("/accounts/shortcuts/", {"single_keys": "on"})
    assert 'data-keys="/accounts/shortcuts/"' in client.get("/w/acme/").content.decode()
