"""A view that asks for the password loses nothing that was filled in: every form of every page that leads to one."""

from collections.abc import Iterator
from dataclasses import dataclass
from urllib.parse import urlsplit

import pytest
from django.urls import resolve

from fini_admin.web.accounts.challenge import SECRET
from tests.support import tables
from tests.support.addresses import addresses, patterns
from tests.support.challenge import asks, question, reply
from tests.support.crawl import Sending, pages, sendings
from tests.support.log_ins import later
from tests.support.markup import Control, Data, Page
from tests.support.visitors import House, Visitor, alone, house

__all__ = ["alone", "house", "later"]

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("alone")]

# What only somebody without a second factor is offered, or only who has one.
WHO = ("admin", "superuser")
TYPED = {"email": "typed@example.com", "number": "7", "datetime-local": "2027-01-31T12:00"}
# The question itself, on pages of its own.
QUESTIONS = {"account_reauthenticate", "mfa_reauthenticate", "provider_reauthenticate"}


@dataclass(frozen=True)
class Filled:
    """A form's button, with something typed into every field."""

    who: str
    sending: Sending
    asks: bool

    @property
    def data(self) -> Data:
        """What is sent."""
        sent = self.sending.data
        for control in self.sending.form.fields:
            if control.is_typed:
                sent[control.name] = [typed(control)]
        return sent

    def __str__(self) -> str:
        return f"{self.who} at {self.sending.page}: {self.sending.said} → {self.sending.path}"


def typed(control: Control) -> str:
    """A text that a person may type into a field."""
    return TYPED.get(control.type, f"typed into {control.name}")


def view_of(path: str) -> object:
    """The view that answers an address."""
    return resolve(urlsplit(path).path).func


@pytest.fixture(scope="module")
def seen(house: House) -> dict[str, list[Page]]:
    """The pages of an admin and of a superuser, looked at while the log-in is new."""
    people = {who: house[who].user or house["admin"].user for who in WHO}
    return {who: pages(house[who], addresses(house.ours, user)) for who, user in people.items() if user}


@pytest.fixture(scope="module")
def filled(seen) -> list[Filled]:
    """Every form that writes, filled in."""
    found = [(who, one) for who in WHO for one in sendings(seen[who])]
    return [Filled(who, one, bool(getattr(view_of(one.path), "asks", False))) for who, one in found]


@pytest.fixture
def long_ago(later, settings) -> None:
    """Whatever a person showed is too long ago."""
    later(minutes=20)
    settings.ACCOUNT_RATE_LIMITS = {}


def test_every_view_that_asks_has_a_form_that_was_found(filled):
    sent = {view_of(one.sending.path) for one in filled if one.asks}
    asking = {pattern.callback for pattern in patterns() if getattr(pattern.callback, "asks", False)}
    only_read = {"mfa_view_recovery_codes"}
    assert {one.name for one in patterns() if one.callback in asking - sent} == only_read


def test_a_form_asks_in_a_dialog_exactly_where_its_view_asks(filled):
    wrong = [str(one) for one in filled if ("data-asks" in one.sending.form.attributes) != one.asks]
    assert wrong == []


def test_no_secret_field_has_a_name_that_is_kept(filled):
    held = {
        control.name
        for one in filled
        if one.asks
        for control in one.sending.form.fields
        if control.type == "password" or control.attributes.get("autocomplete") == "one-time-code"
    }
    assert held
    assert held <= SECRET


def test_everything_but_keys_and_passwords_is_carried_and_sent_on(house, filled, long_ago):
    wrong = [f"{one}: {what}" for one in filled for what in lost(house[one.who], one)]
    assert wrong == []


def lost(visitor: Visitor, one: Filled) -> Iterator[str]:
    """What a form loses when it is sent while the log-in is old."""
    with tables.undone():
        answer = visitor.post(one.sending.path, one.data)
    if not one.asks:
        led = "reauthenticate" in answer.headers.get("Location", "")
        if (asks(answer) or led) and resolve(urlsplit(one.sending.path).path).url_name not in QUESTIONS:
            yield "it asks although its view does not say so"
        return
    form = question(answer)
    if form is None:
        yield f"{answer.status_code} instead of the question"
        return
    carried = {name: values for name, values in form.data().items() if not name.startswith("again-")}
    if carried != {name: values for name, values in one.data.items() if name not in SECRET}:
        yield f"only {carried} is carried"
    if secrets := [
        name for name in SECRET & set(one.data) if f"typed into {name}" in answer.content.decode()
    ]:
        yield f"{secrets} are on the page"
    yield from otherwise(visitor, one, reply(answer))


def otherwise(visitor: Visitor, one: Filled, again: Data) -> Iterator[str]:
    """Where confirming does something else than the form does while the log-in is new, or asks nothing once more."""
    with tables.undone():
        answer = visitor.post(one.sending.path, again)
    if asks(answer):
        yield "the right password asks again"
    elif not set(one.data) & SECRET:
        if answer.status_code not in (200, 302, 303, 422):
            yield f"{answer.status_code} when it is confirmed"
    elif answer.status_code != 422:
        yield f"{answer.status_code} although a key or password is missing"
    else:
        forms = Page(answer.content.decode(), "/").forms
        back = {name: values for form in forms for name, values in form.data().items()}
        kept = {name: values for name, values in one.data.items() if name not in SECRET}
        if gone := {name: back.get(name) for name, values in kept.items() if back.get(name) != values}:
            yield f"{gone} came back instead of what was typed"
