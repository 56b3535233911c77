"""Another workspace's IDs in every address and every field (P6): nothing of it is shown, nothing of it changes.

An admin of one workspace sends what belongs to another one: alone, among IDs of their own, among what is no ID at all.
The addresses come from the URLconf, the fields from the pages themselves.
"""

from collections import Counter
from dataclasses import dataclass
from itertools import cycle
from typing import Any
from urllib.parse import parse_qsl, quote, urlencode, urlsplit

import pytest
from django.db.models import F
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from fini_admin.ingestion.models import Item, Preview, PreviewRow, QueueEntry, RunKind
from fini_admin.sources.models import Source
from fini_admin.web.permissions import Rule
from tests.support import tables
from tests.support.addresses import Address, addresses
from tests.support.crawl import HTMX, pages, sendings
from tests.support.markup import Data
from tests.support.previews import contents
from tests.support.visitors import House, alone, house

__all__ = ["alone", "house"]

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("alone")]

OK, SEE_OTHER, UNSEEN = 200, 303, 404
ANSWERED = {200, 204, 302, 303, 400, 404, 413, 422}
OURS, THEIRS = "/w/ours/", "theirmark"
# What scripts send beyond the fields that stand on the page (static/js), and what an address may say besides.
MADE_BY_SCRIPTS = {
    "preview": ("left", "keep", "offered", "without"),
    "queue": ("id", "upto"),
    "sources": ("id",),
}
LISTS = ("id", "branch", "keep", "left", "offered")
SAID_IN_ADDRESSES = {
    "": ("after",),
    "previews": ("group", "from"),
    "queue": ("id", "upto"),
    "sources": ("upto",),
}
# Arguments that name no thing of a workspace.
NOT_ABOUT_A_THING = {"slug", "provider", "side"}
# What makes something happen at one address or another.
DEEDS: Data = {"do": ["ingest"], "label": ["Mine"], "role": ["admin"], "name": ["Mine"]}
LONG = 20
MANY = [str(number) for number in range(1, 10_001)]
BAD_REQUEST = 400
NO_IDS = [
    "",
    "0",
    "-1",
    "1e3",
    "1.5",
    "٣",
    "²",
    "१२",
    "１",
    "\x00",
    "1\x00",
    "\ufffd",
    "9" * 18,
    "9" * 19,
    "9" * 400,
    str(2**31),
    str(2**63),
    "%",
    "_",
    "' OR 1=1 --",
    "../theirs/",
    "null",
    "[]",
    "00000000-0000-0000-0000-000000000000",
    "1,2,3",
    "1-1.2-9",
    "x" * 5_000,
]


@dataclass(frozen=True)
class Place:
    """Somewhere an ID can be put: a field of a form, or a parameter of an address."""

    method: str
    path: str
    name: str
    others: tuple[tuple[str, str], ...]
    typed: bool = False

    def data(self, values: list[str]) -> Data:
        """What is sent when these values stand there."""
        sent: Data = {}
        for name, value in self.others:
            sent.setdefault(name, []).append(value)
        return sent | {self.name: values}

    @property
    def kind(self) -> tuple[object, ...]:
        """What it does: places that differ in the values round it alone are one."""
        route = urlsplit(self.path)
        said = [*self.others, *(parse_qsl(route.query) if self.method == "POST" else ())]
        deeds = {"do", "part", "export"} | ({"lane"} if self.method == "POST" else set())
        return self.method, route.path, self.name, frozenset(pair for pair in said if pair[0] in deeds)

    def __str__(self) -> str:
        return f"{self.method} {self.path} {self.name}"


@pytest.fixture(scope="module")
def walked(house) -> list[Address]:
    """The addresses of the own workspace; of previews one of each kind."""
    found = [one for one in addresses(house.ours, house["admin"].user) if one.path.startswith(OURS)]
    alike = {("token", house.ours.previews[name].token) for name in ("register", "both")}
    return [one for one in found if not alike & {*one.arguments}]


@pytest.fixture(scope="module")
def places(house, walked) -> list[Place]:
    """Every field and every parameter of the workspace's pages."""
    seen = pages(house["admin"], walked)
    found = {place.kind: place for page in seen for place in asked_by(page)}
    for sending in sendings(seen):
        if sending.path.startswith(OURS):
            others = tuple((name, value) for name, values in sending.data.items() for value in values)
            typed = {field.name for field in sending.form.fields if field.is_typed}
            names = {name for name, _ in others if name != "do"} | beside(MADE_BY_SCRIPTS, sending.path)
            for name in sorted(names):
                rest = tuple(pair for pair in others if pair[0] != name)
                place = Place("POST", sending.path, name, rest, typed=name in typed - {"1-external_id"})
                found[place.kind] = place
    return list(found.values())


def beside(names: dict[str, tuple[str, ...]], path: str) -> set[str]:
    """The names that a page takes besides those that stand on it."""
    return {name for page, some in names.items() if page in path for name in some}


def asked_by(page: Any) -> list[Place]:
    """The parameters of the addresses that a page leads to, and those of its filters."""
    path = urlsplit(page.address).path
    own = [link for link in page.links | page.parts if urlsplit(link).path == path]
    queries = {tuple(parse_qsl(urlsplit(link).query, keep_blank_values=True)) for link in own} | {()}
    filters = {field.name for form in page.forms if form.method == "GET" for field in form.fields}
    always = filters | beside(SAID_IN_ADDRESSES, path)
    return [
        Place("GET", path, name, tuple(pair for pair in query if pair[0] != name))
        for query in sorted(queries)
        for name in sorted({name for name, _ in query} - {"part", "export"} | always)
    ]


@pytest.fixture(scope="module")
def held(house) -> dict[str, Counter[Any]]:
    """What the other workspace holds."""
    return tables.of(house.theirs.workspace)


@dataclass(frozen=True)
class Admin:
    """An admin of the one workspace who sends what they like; what it does to their own is undone each time."""

    house: House
    held: dict[str, Counter[Any]]

    def faults(self, place: Place, values: list[str]) -> list[str]:
        """What is wrong with the answer to these values in that place: its status, what it shows, what it changed."""
        with tables.undone(), tables.writes() as written:
            answers = self.answers(place, place.data(values))
            changed = bool(written) and tables.of(self.house.theirs.workspace) != self.held
            taken = bool(written) and takes_in(self.house)
        wrong = [f"{place}: {one.status_code}" for one in answers if one.status_code not in ANSWERED]
        wrong += [f"{place} shows it" for one in answers if shows(one)]
        wrong += [f"{place} writes by being looked at"] if written and place.method == "GET" else []
        wrong += [f"{place} changes it"] if changed else []
        return wrong + ([f"{place} takes it in"] if taken else [])

    def answers(self, place: Place, data: Data) -> list[Any]:
        """The answer, and the page that it leads to."""
        visitor = self.house["admin"]
        if place.method == "GET":
            asked = f"{place.path}?{urlencode(data, doseq=True)}"
            return [visitor.get(asked, **(HTMX if "part" in data else {}))]
        answer = visitor.post(place.path, data)
        onward = answer.headers.get("Location", "")
        # A preview shows the body of a call, with its IDs, only when it is asked for.
        opened = f"{onward}{'&' if '?' in onward else '?'}call=1"
        return [answer, visitor.get(opened)] if onward.startswith("/") else [answer]


@pytest.fixture
def admin(house, held) -> Admin:
    """Who sends it all."""
    return Admin(house, held)


def shows(answer: Any) -> bool:
    """Whether an answer says anything of the other workspace."""
    return THEIRS in answer.getvalue().decode(errors="replace").lower()


def takes_in(house: House) -> bool:
    """Whether anything of one workspace points at something of the other, or is about to be sent with it."""
    entries = QueueEntry.objects.filter(workspace=house.theirs.workspace).values_list("pk", flat=True)
    frozen = Preview.objects.filter(workspace=house.ours.workspace)
    chosen = PreviewRow.objects.filter(preview__in=frozen, source__isnull=False).values_list(
        "source", flat=True
    )
    theirs = Source.objects.filter(workspace=house.theirs.workspace, pk__in=list(chosen))
    crossed = (
        QueueEntry.objects.exclude(source__workspace=F("workspace")),
        QueueEntry.objects.exclude(run=None).exclude(run__workspace=F("workspace")),
        Item.objects.exclude(source=None).exclude(source__workspace=F("run__workspace")),
    )
    held = {
        number for preview in frozen.filter(kind=RunKind.INGEST) for number in contents(preview)["entries"]
    }
    return not held.isdisjoint(entries) or any(rows.exists() for rows in (theirs, *crossed))


def foreign(house: House) -> list[tuple[str, str]]:
    """Addresses of things of the other workspace and of its admin, as if they were one's own; each with its view."""
    found = addresses(house.theirs, house.theirs.members["admin"])
    about = [one for one in found if {name for name, _ in one.arguments} - NOT_ABOUT_A_THING]
    return [(one.name, one.path.replace("/w/theirs/", OURS)) for one in about if one.rule != Rule.PUBLIC]


def test_another_workspaces_thing_is_not_found_at_an_address_of_ones_own(house):
    wrong = []
    for name, path in foreign(house):
        for method in ("GET", "POST"):
            with tables.writes() as written:
                answer = house["admin"].ask(method, path, DEEDS)
            # A preview that is gone leads home with a word: it may be one's own, confirmed or a day old.
            good = SEE_OTHER if name in ("preview", "deletion") else UNSEEN
            if answer.status_code != good or shows(answer) or written:
                wrong.append(f"{method} {path}: {answer.status_code} {written}")
    assert wrong == []


def test_what_is_no_id_at_all_is_not_found_in_an_address(house):
    wrong = []
    for name, path in dict(foreign(house)).items():
        things = [part for part in path.split("/") if part.isdigit() or len(part) > LONG or "source-" in part]
        for text, method in zip(NO_IDS[1:], cycle(("GET", "POST")), strict=False):
            asked = path.replace(f"/{things[-1]}/", f"/{quote(text, safe='')}/")
            with tables.writes() as written:
                answer = house["admin"].ask(method, asked, DEEDS)
            # No address may hold a NUL: that is said before anything is looked for.
            refused = (BAD_REQUEST,) if "\x00" in text else (SEE_OTHER, UNSEEN)
            if answer.status_code not in refused or written:
                wrong.append(f"{method} {name} {text[:20]!r}: {answer.status_code} {written}")
    assert wrong == []


def test_another_workspaces_ids_in_each_field_are_left_out(admin, house, places):
    mixed = [one for pair in zip(house.theirs.ids, house.ours.ids, strict=False) for one in pair]
    everything = [*mixed, ",".join(mixed)]  # some fields are sent several times, some hold several
    wrong = [fault for place in places if not place.typed for fault in admin.faults(place, everything)]
    assert wrong == []


def test_ten_thousand_ids_in_a_field_are_taken_or_refused(admin, places):
    posted = [place for place in places if place.method == "POST" and place.name in LISTS]
    lists = {(place.path, place.name): place for place in posted}
    assert len(lists) > len(LISTS)
    wrong = [fault for place in lists.values() for fault in admin.faults(place, MANY)]
    assert wrong == []


@settings(max_examples=80, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])
@given(data=st.data())
def test_whatever_is_sent_nothing_of_another_workspace_is_shown_or_changed(admin, house, places, data):
    kinds = (house.theirs.ids, house.ours.ids, NO_IDS)
    one = st.one_of(*map(st.sampled_from, kinds), st.text(max_size=30))
    place = data.draw(st.sampled_from(places))
    values = data.draw(st.lists(one, min_size=1, max_size=12))
    assert admin.faults(place, values) == []


def test_every_field_that_takes_an_id_is_among_the_places(places):
    names = {(place.method, place.name) for place in places}
    assert {("POST", name) for name in LISTS} <= names
    assert {("GET", name) for name in ("after", "run", "open", "branch", "call", "group", "from")} <= names
