"""One search finds the same titles, addresses and IDs in the sources, in the queue and in discovery's tree."""

import pytest
from django.test import Client

from fini_admin.sources.models import Source
from fini_admin.workspaces.models import Workspace
from tests.support.discovered import ZENDESK, leaf, listed
from tests.support.queue_page import many

pytestmark = pytest.mark.usefixtures("connected")

TITLES = ["Änderung der Preise", "ÄNDERUNG der Preise", "Preise", "Öffnungszeiten"]


@pytest.fixture
def titled(acme: Workspace) -> None:
    many(acme, len(TITLES))
    nodes = [leaf(str(number)) for number in range(len(TITLES))]
    for number, title in enumerate(TITLES):
        source = Source.objects.get(fini_id=f"doc-{number}")
        source.title, source.original_url = title, f"https://acme.example/{number}"
        source.save()
        nodes[number].title = title
        nodes[number].external_id = f"n-{number}"
        nodes[number].original_url = f"https://acme.example/{number}"
    listed(acme, nodes)


@pytest.mark.parametrize(
    ("typed", "found"),
    [
        ("änderung", [0, 1]),
        ("Änderung", [0, 1]),
        ("ÄNDERUNG", [0, 1]),
        ("preise änderung", [0, 1]),
        ("PREISE", [0, 1, 2]),
        ("öffnungszeiten n-3", [3]),
        ("acme.example/2", [2]),
        ("änderung n-3", []),
        ("ﾁ", []),
        ("pr", [0, 1, 2]),
        ("der pr", [0, 1]),
        ("de ÄNDERUNG", [0, 1]),
        ("n-", [0, 1, 2, 3]),
        ("Ö", [3]),
        ("ng", []),
        ("er preise", []),
    ],
)
def test_the_same_is_found_on_every_page(
    titled: None, acme: Workspace, editor: Client, typed: str, found: list[int]
) -> None:
    ids = {f"n-{number}" for number in found}
    sources = editor.get("/w/acme/sources/", {"q": typed}).context["page"].rows
    assert {source.external_id for source in sources} == ids
    waiting = editor.get("/w/acme/queue/", {"q": typed}).context["page"].rows
    assert {entry.source.external_id for entry in waiting} == ids
    tree = editor.get(ZENDESK, {"search": typed}).context["tree"]
    assert {row.resource.external_id for row in tree.level.rows} == ids


@pytest.mark.parametrize("page", ["sources", "queue"])
def test_finis_own_id_is_found_too(titled: None, editor: Client, page: str) -> None:
    (row,) = editor.get(f"/w/acme/{page}/", {"q": "DOC-2"}).context["page"].rows
    assert getattr(row, "source", row).external_id == "n-2"
