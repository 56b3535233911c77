"""Limits and lock-outs that do not tell which addresses are known."""

import re

import pytest
from allauth.core.internal.ratelimit import parse_rates
from allauth.usersessions.models import UserSession
from django.conf import settings as product
from django.contrib.auth.hashers import MD5PasswordHasher
from django.core import mail
from django.core.cache import cache
from django.core.mail import EmailMessage
from django.test import Client

from fini_admin.people import mail as post
from fini_admin.web.middleware import warn_of_missing_proxies
from tests.support import people
from tests.support.log_ins import ADDRESS, log_in, signed_in, text, trail

UNKNOWN = "nobody@example.com"


def shape(answer) -> tuple[int, str]:
    """What an answer is made of, without the address that was typed and the form's token."""
    page = re.sub(r'(csrfmiddlewaretoken" value=")\w+', r"\1", answer.content.decode())
    return answer.status_code, page.replace(ADDRESS, "X").replace(UNKNOWN, "X")


@pytest.fixture
def hashed(monkeypatch):
    """Counts the passwords that are hashed: what a log-in costs."""
    calls: list[str] = []
    plain = MD5PasswordHasher.encode

    def encode(self, *given):
        calls.append("hash")
        return plain(self, *given)

    monkeypatch.setattr(MD5PasswordHasher, "encode", encode)
    return calls


def test_every_limit_is_said_in_the_settings():
    assert set(product.ACCOUNT_RATE_LIMITS) == {
        "login",
        "login_failed",
        "second_factor",
        "provider",
        "reauthenticate",
        "change_password",
        "reset_password",
        "reset_password_from_key",
        "confirm_email",
    }


@pytest.fixture
def two_proxies(settings):
    settings.TRUSTED_PROXIES = settings.ALLAUTH_TRUSTED_PROXY_COUNT = 2


@pytest.mark.parametrize(
    ("forwarded", "counts"),
    [
        ("203.0.113.7, 10.0.0.2", "203.0.113.7"),
        ("6.6.6.6, 203.0.113.7, 10.0.0.2", "203.0.113.7"),
        ("203.0.113.7", "127.0.0.1"),
        ("", "127.0.0.1"),
        (None, "127.0.0.1"),
    ],
)
def test_an_address_counts_that_all_proxies_named_and_the_peers_otherwise(
    client, ada, two_proxies, forwarded, counts
):
    headers = {} if forwarded is None else {"X-Forwarded-For": forwarded}
    typed = {"login": ADDRESS, "password": people.PASSWORD}
    assert client.post("/accounts/login/", typed, headers=headers).status_code == 302
    assert client.get("/accounts/sessions/", headers=headers).status_code == 200
    assert UserSession.objects.get().ip == counts


def test_who_asks_round_a_proxy_chooses_no_place_to_be_counted_for(client, ada, two_proxies, caplog):
    warn_of_missing_proxies.cache_clear()
    for number in range(11):
        typed = {"login": f"x{number}@example.com", "password": "wrong"}
        answer = client.post("/accounts/login/", typed, headers={"X-Forwarded-For": f"203.0.113.{number}"})
    assert "Too many" in text(answer)
    told = [record.getMessage() for record in caplog.records if record.name == "fini_admin.web.middleware"]
    assert told == ["X-Forwarded-For names 1 of TRUSTED_PROXIES=2: the peer's address counts"]


def test_all_ways_to_guess_a_password_are_fewer_than_a_hundred_an_hour():
    ways = {"login_failed": "key", "reauthenticate": "user", "change_password": "user"}
    limits = product.ACCOUNT_RATE_LIMITS
    rates = {
        name: [rate for rate in parse_rates(limits[name]) if rate.per == per] for name, per in ways.items()
    }
    an_hour = {
        name: min(rate.amount * 3600 / rate.duration for rate in found) for name, found in rates.items()
    }
    assert sum(an_hour.values()) < 100


def test_slow_guessing_by_who_is_in_is_stopped_too(ada, later):
    browser = Client()
    people.sign_in(browser, ada)
    tried = []
    for _ in range(22):
        tried.append(browser.post("/accounts/reauthenticate/", {"password": "x"}).status_code)
        later(seconds=30)
    assert tried == [422] * 20 + [429] * 2


def test_known_and_unknown_addresses_get_the_same_until_they_are_locked_and_then(ada):
    known, unknown = Client(REMOTE_ADDR="192.0.2.1"), Client(REMOTE_ADDR="192.0.2.2")
    for number in range(7):
        answers = [shape(log_in(known, ADDRESS, "wrong")), shape(log_in(unknown, UNKNOWN, "wrong"))]
        assert answers[0] == answers[1], number
        assert ("Too many failed login attempts" in answers[0][1]) is (number >= 5)
    assert trail("login.locked") == [
        ("login.locked", "not logged in", {"login": ADDRESS}),
        ("login.locked", "not logged in", {"login": UNKNOWN}),
    ]


def test_known_and_unknown_addresses_cost_the_same_hashing(ada, hashed):
    log_in(Client(), ADDRESS, "wrong")
    known = len(hashed)
    log_in(Client(), UNKNOWN, "wrong")
    assert (known, len(hashed)) == (1, 2)


def test_locked_neither_is_hashed(ada, hashed):
    for address in (ADDRESS, UNKNOWN):
        client = Client(REMOTE_ADDR=f"192.0.2.{len(address)}")
        for _ in range(5):
            log_in(client, address, "wrong")
        before = len(hashed)
        log_in(client, address, "wrong")
        assert len(hashed) == before


def test_the_lock_is_on_the_address_wherever_it_comes_from_and_goes_after_five_minutes(ada, later):
    for number in range(5):
        log_in(Client(REMOTE_ADDR=f"192.0.2.{number}"), ADDRESS.upper(), "wrong")
    elsewhere = Client(REMOTE_ADDR="198.51.100.1")
    log_in(elsewhere)
    assert not signed_in(elsewhere)
    later(minutes=6)
    log_in(elsewhere)
    assert signed_in(elsewhere)


def test_one_place_that_tries_many_addresses_is_stopped_too(ada):
    client = Client(REMOTE_ADDR="192.0.2.1")
    for number in range(10):
        log_in(client, f"a{number}@example.com", "wrong")
    assert "Too many failed login attempts" in text(log_in(client))
    elsewhere = Client(REMOTE_ADDR="192.0.2.2")
    log_in(elsewhere)
    assert signed_in(elsewhere)


def test_a_lock_does_not_go_because_many_others_are_counted(ada):
    for _ in range(5):
        log_in(Client(REMOTE_ADDR="192.0.2.1"), ADDRESS, "wrong")
    for number in range(400):
        cache.set(f"filler{number}", 1)
    client = Client(REMOTE_ADDR="192.0.2.2")
    log_in(client)
    assert not signed_in(client)


def test_a_reset_says_the_same_for_both_and_the_mail_does_not_hold_the_answer_up(ada, monkeypatch):
    sent: list[EmailMessage] = []
    monkeypatch.setattr(post, "send", sent.append)
    answers = [
        Client().post("/accounts/password/reset/", {"email": address}) for address in (ADDRESS, UNKNOWN)
    ]
    assert [answer.status_code for answer in answers] == [302, 302]
    assert answers[0]["Location"] == answers[1]["Location"]
    assert [message.to for message in sent] == [[ADDRESS]]
    assert mail.outbox == []


def test_a_reset_is_limited_alike_for_both_with_the_page_of_ours(ada):
    for address in (ADDRESS, UNKNOWN):
        client = Client(REMOTE_ADDR=f"192.0.2.{len(address)}")
        statuses = [
            client.post("/accounts/password/reset/", {"email": address}).status_code for _ in range(6)
        ]
        assert statuses == [302] * 5 + [429]
    assert "Wait a few minutes" in text(client.post("/accounts/password/reset/", {"email": UNKNOWN}))


def test_a_post_office_that_is_closed_changes_no_answer(ada, monkeypatch, caplog):
    def closed(self, **_):
        raise ConnectionRefusedError("the post office is closed")

    monkeypatch.setattr("django.core.mail.EmailMessage.send", closed)
    answer = Client().post("/accounts/password/reset/", {"email": ADDRESS})
    post.wait()
    assert answer["Location"] == "/accounts/password/reset/done/"
    assert "a mail could not be sent" in caplog.text
    assert ADDRESS not in caplog.text


def test_a_person_who_is_switched_off_is_not_told_without_the_password(ada):
    ada.is_active = False
    ada.save()
    answers = [shape(log_in(Client(), address, "wrong")) for address in (ADDRESS, UNKNOWN)]
    assert answers[0] == answers[1]


def test_a_key_typed_as_an_address_is_not_recorded_when_it_locks(db):
    client = Client()
    for _ in range(7):
        log_in(client, f"{people.KEY}@example.com", "wrong")
    assert {row[2]["login"] for row in trail("login.failed", "login.locked")} == set()


def test_the_lock_does_not_depend_on_the_host_that_the_request_names(ada):
    for number in range(5):
        log_in(
            Client(REMOTE_ADDR="192.0.2.1", headers={"host": f"testserver:{number + 1}"}), ADDRESS, "wrong"
        )
    elsewhere = Client(REMOTE_ADDR="192.0.2.2", headers={"host": "testserver:777"})
    assert "Too many failed login attempts" in text(log_in(elsewhere))
    assert not signed_in(elsewhere)
