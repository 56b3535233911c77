"""Text that looks like a key, typed into every field of every page but the one for keys (P5).

It is refused beside the field, and afterwards it is found nowhere: in no table, no answer, no cookie, no log.
"""

import logging
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any
from urllib.parse import parse_qsl, urlencode, urlsplit

import pytest
from django.contrib.sessions.backends.db import SessionStore
from django.core.cache import cache
from django.http import QueryDict
from django.test import Client
from django.urls import resolve

from fini_admin.audit import bodies
from fini_admin.lib.key_text import looks_like_key
from fini_admin.web.views.invitations import COOKIE
from fini_admin.workspaces.models import Workspace
from tests.support import people, tables
from tests.support.addresses import addresses
from tests.support.crawl import HTMX, Sending, pages, sendings
from tests.support.markup import Control, Data, Page
from tests.support.visitors import Visitor, alone, house

__all__ = ["alone", "house"]

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("alone")]

KEY = "fini_Never4711SeenAgainXyz"
# The same, its first letter written with percent signs: once, twice, thrice.
PERCENT = [KEY.replace("f", f"%{'25' * deep}66", 1) for deep in range(3)]
WRONG = 422
SHOWN = "its answer"
TOKEN = "csrfmiddlewaretoken"
UNKNOWN = "anything"
KEYS_OWN_FIELD = ("keys", "key")
# Their forms are samples, sent nowhere.
SAMPLES = "styleguide"
# A code is never a key: any word on it will do. A text holds lines, of which each is read by itself.
CODES = {"code"}
LINES = {"text": f"title,externalId,originalUrl\n{KEY},1,https://help.example.com/1"}
# What stands in the other fields of a form, so that nothing but the key is wrong with it; by the end of a field's name.
GOOD = {
    "title": "Parcel is late",
    "original_url": "https://help.example.com/hc/en-us/articles/1-Parcel",
    "external_id": "new-1",
    "mime_type": "text/html",
    "provider": "zendesk",
    "label": "another",
    "name": "Another",
    "slug": "another",
    "email": "another@example.com",
    "password": people.PASSWORD,
    "key": "fini_short",
}


@dataclass(frozen=True)
class Field:
    """A field of a form that a visitor sees."""

    visitor: Visitor
    sending: Sending
    control: Control

    @property
    def route(self) -> str:
        """The name of the view that the form is sent to."""
        return resolve(urlsplit(self.sending.path).path).url_name or ""

    @property
    def name(self) -> tuple[str, str]:
        """The view and the field."""
        return self.route, self.control.name

    @property
    def said(self) -> str:
        """What is pressed."""
        return f"{self.visitor.name}, {self.sending.path} {self.sending.said}: {self.control.name}"

    @property
    def filled(self) -> Data:
        """The form with the key in this field, and what is good in the others."""
        data = self.sending.data
        for one in self.sending.form.fields:
            good = [value for end, value in GOOD.items() if one.name.endswith(end)]
            if good and data.get(one.name) == [""]:
                data[one.name] = good[:1]
        return data | {self.control.name: [LINES.get(self.control.name, KEY)]}


@pytest.fixture(scope="module")
def visitors(house) -> list[Visitor]:
    """Who sees every form: a superuser, nobody, somebody who is invited, somebody whose code is asked for."""
    client = Client()
    client.post("/accounts/login/", {"login": "root@example.com", "password": people.PASSWORD})
    cookies = {name: cookie.value for name, cookie in client.cookies.items()}
    halfway = replace(house["anonymous"], name="halfway in", cookies=cookies)
    invited = replace(house["anonymous"], name="invited", cookies={COOKIE: house.ours.invited})
    return [house["superuser"], house["anonymous"], halfway, invited]


@pytest.fixture(scope="module")
def seen(house, visitors) -> list[tuple[Visitor, Page]]:
    """Every page with who sees it."""
    root = house["superuser"].user
    return [(who, page) for who in visitors for page in pages(who, addresses(house.ours, root))]


@pytest.fixture(scope="module")
def fields(seen, visitors) -> list[Field]:
    """Every field of every form that writes, once for each button that sends it."""
    found = {}
    for visitor in visitors:
        for sending in sendings(page for who, page in seen if who == visitor):
            for control in sending.form.fields:
                field = Field(visitor, sending, control)
                if control.name != TOKEN and field.name != KEYS_OWN_FIELD and field.route != SAMPLES:
                    found[(*field.name, *sending.data.get("do", []))] = field
    return list(found.values())


def leaks(visitor: Visitor, method: str, path: str, data: Data, log: pytest.LogCaptureFixture) -> set[str]:
    """Where the key is found when this was sent."""
    log.clear()
    headers = HTMX if "part" in data else {}
    with tables.undone(), tables.writes(passing=True) as written:
        answer = visitor.ask(method, path, data, **headers)
        onward = answer.headers.get("Location", "")
        answers = [answer, visitor.get(onward)] if onward.startswith("/") and not holds(onward) else [answer]
        found = {place for one in answers for place, text in said_by(one) if holds(text)}
        found |= {table for table, text in tables.texts(written) if holds(text)} if written else set()
    logged = [record.name for record in log.records if holds(log.handler.format(record))]
    return found | {f"the log of {name}" for name in logged}


def holds(text: str) -> bool:
    """Whether the key stands in a text, with percent signs or without."""
    return KEY in text or any(one in text for one in PERCENT)


def said_by(answer: Any) -> Iterator[tuple[str, str]]:
    """Everything that an answer says."""
    yield SHOWN, answer.getvalue().decode(errors="replace")
    yield "its headers", str(dict(answer.items()))
    yield "its cookies", answer.cookies.output()


@pytest.fixture
def log(caplog):
    """Everything that an installation logs, and more."""
    caplog.set_level(logging.DEBUG, "django.request")
    caplog.set_level(logging.DEBUG)
    return caplog


def test_a_key_typed_into_a_form_is_found_nowhere(fields, log):
    found = []
    for field in fields:
        for data in (field.filled, field.filled | {"part": [""]})[: 1 + field.control.is_typed]:
            places = leaks(field.visitor, "POST", field.sending.path, data, log) - may_show(field.control)
            found += [f"{field.said}: {place}" for place in places]
    assert found == []


def test_a_line_that_is_not_in_a_list_is_not_repeated_however_short_it_is(fields):
    short, repeated, asked = "fini_x7", [], set()
    for field in fields:
        if field.control.type == "select":
            with tables.undone():
                answer = field.visitor.post(field.sending.path, field.filled | {field.control.name: [short]})
            asked.add(field.control.name)
            repeated += [field.said] * (short in answer.content.decode())
    assert asked >= {"provider", "role"}
    assert repeated == []


def may_show(control: Control) -> set[str]:
    """What nobody types into nor chooses from, a box or a hidden number, may come back to who made it up."""
    return set() if control.is_typed or control.type == "select" else {SHOWN}


def test_a_key_typed_into_a_field_is_refused_beside_it(fields):
    refused: dict[tuple[str, str], bool] = {}
    for field in fields:
        if field.control.is_typed and field.control.type != "password":
            with tables.undone():
                answer = field.visitor.post(field.sending.path, field.filled)
            refused[field.name] = refused.get(field.name, False) or is_refused(field, answer)
    assert [name for name, beside in refused.items() if not beside] == []


def is_refused(field: Field, answer: Any) -> bool:
    """Whether an answer says beside the field what is wrong with it."""
    page = Page(answer.content.decode(), "/")
    same = [one for form in page.forms for one in form.controls if one.name == field.control.name]
    said = " ".join(page.said_of(one) for one in same)
    return answer.status_code == WRONG and (field.control.name in CODES or "API key" in said) and said != ""


def test_a_key_typed_into_a_filter_is_found_nowhere(seen, log):
    found = []
    for visitor, path, control, data in filters(seen):
        places = leaks(visitor, "GET", f"{path}?{urlencode(data, doseq=True)}", data, log) - may_show(control)
        found += [f"{path} {data}: {place}" for place in places]
    assert found == []


def filters(seen: list[tuple[Visitor, Page]]) -> Iterator[tuple[Visitor, str, Control, Data]]:
    """The key in each field of each form that only asks, for the page and for each of its parts."""
    done = set()
    for visitor, page in seen:
        path = urlsplit(page.address).path
        parts = {dict(parse_qsl(urlsplit(link).query)).get("part", "") for link in page.parts}
        for control in (one for form in page.forms if form.method == "GET" for one in form.fields):
            for part in (None, *parts):
                if (path, control.name, part) not in done and resolve(path).url_name != SAMPLES:
                    done.add((path, control.name, part))
                    data = {control.name: [KEY]}
                    yield visitor, path, control, data | ({"part": [part]} if part is not None else {})


@dataclass(frozen=True)
class Asking:
    """Something that a visitor can ask for, with the names that are looked up in its query and in what it sends."""

    visitor: Visitor
    method: str
    path: str
    data: Data
    names: frozenset[str]

    def with_key(self) -> Iterator[tuple[str, Data]]:
        """The key as each parameter of the address, as one that nobody reads, and as the name of one; sent, too."""
        glue = "&" if "?" in self.path else "?"
        for given in self.parameters():
            yield f"{self.path}{glue}{urlencode(given, doseq=True)}", self.data
            if self.method == "POST" and not given.keys() & self.data.keys():
                yield self.path, self.data | given

    def parameters(self) -> Iterator[Data]:
        """Which are given. Those that nobody reads can only be repeated with all others: one stands for them all."""
        yield from ({name: [KEY]} for name in sorted({*self.names, UNKNOWN}))
        yield {KEY: ["1"]}
        yield from ({name: [one]} for name in sorted(self.names & {"next", "q"}) for one in PERCENT)
        yield {UNKNOWN: PERCENT}


@pytest.fixture
def looked_up(monkeypatch) -> set[str]:
    """The names that are looked up in any query or form."""
    names: set[str] = set()

    def watch(method: str) -> None:
        as_always = getattr(QueryDict, method)

        def spy(query: QueryDict, name: str, *given: Any, **more: Any) -> Any:
            names.add(name)
            return as_always(query, name, *given, **more)

        monkeypatch.setattr(QueryDict, method, spy, raising=False)

    for method in ("__getitem__", "__contains__", "_getlist"):
        watch(method)
    return names


def askings(
    house: Any, visitors: list[Visitor], seen: list[tuple[Visitor, Page]], names: set[str]
) -> list[Asking]:
    """Every address, every part of a page, every form: each looked at once, to see which names it looks up."""
    known = addresses(house.ours, house["superuser"].user)
    places: list[tuple[Visitor, str, str, Data]]
    places = [(who, "GET", address.path, {}) for who in visitors[:2] for address in known]
    places += [(who, "GET", page.address, {"part": [""]}) for who, page in seen]
    for who in visitors:
        sent = sendings(page for seer, page in seen if seer == who)
        places += [(who, "POST", one.path, one.data) for one in sent]
    found = {}
    for who, method, path, data in places:
        names.clear()
        with tables.undone():
            who.ask(method, path, data, **(HTMX if "part" in data else {}))
        looked = frozenset(names)
        what = urlsplit(path).path if method == "POST" else path
        found[(who.name, method, what, looked, tuple(data))] = Asking(who, method, path, data, looked)
    return list(found.values())


def test_a_key_as_any_parameter_of_any_address_is_found_nowhere(house, visitors, seen, looked_up, log):
    asked, found = askings(house, visitors, seen, looked_up), []
    for asking in asked:
        for path, data in asking.with_key():
            places = leaks(asking.visitor, asking.method, path, data, log)
            found += [
                f"{asking.visitor.name}, {asking.method} {path} {list(data)}: {place}" for place in places
            ]
    assert found == []
    read = {name for asking in asked for name in asking.names}
    assert read >= {"next", "after", "part", "outcome", "open", "seen", "call", "export", "do"}


def test_the_search_finds_a_key_wherever_it_stands(house):
    session = SessionStore()
    session["typed"] = KEY
    with tables.undone():
        assert [table for table, text in tables.texts() if KEY in text] == []
        Workspace.objects.filter(slug="ours").update(name=f"my {KEY}")
        bodies.store_text("a chain", f"[{KEY}]")
        cache.set("typed", {"field": KEY})
        session.save()
        found = {table for table, text in tables.texts() if KEY in text}
    assert found == {"workspaces_workspace", "trail_body", "cache", "a session"}


def test_what_is_typed_looks_like_a_key():
    assert looks_like_key(KEY)
    assert len(KEY) > len("fini_") + 20


def test_every_kind_of_form_is_among_those_that_are_typed_into(fields):
    names = {field.name for field in fields if field.control.is_typed}
    wanted = {("register", "text"), ("register", "1-title"), ("discover", "mime_type"), ("preview", "reason")}
    wanted |= {
        ("keys", "label"),
        ("key_edit", "label"),
        ("key_edit", "owner"),
        ("members", "email"),
        ("members", "name"),
    }
    wanted |= {("workspaces", "slug"), ("workspace_rename", "name"), ("account_login", "login")}
    wanted |= {("mfa_authenticate", "code"), ("account_reset_password", "email")}
    assert wanted - names == set()
