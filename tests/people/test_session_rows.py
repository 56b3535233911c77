"""Sessions as they stand in the browser and in the database: their tokens, and when their rows go."""

import re

import pytest
from allauth.usersessions.models import UserSession
from django.contrib.sessions.models import Session
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from fini_admin.cli.management.commands import run_worker
from fini_admin.people import sessions
from tests.support.log_ins import ADDRESS, log_in, signed_in

PAGE = "/accounts/sessions/"


class TestTheirTokens:
    def test_logging_in_makes_a_new_one_that_nobody_guesses(self, ada):
        browser = Client()
        browser.post("/accounts/password/reset/", {"email": ADDRESS}, follow=True)  # leaves a session
        session = browser.session
        session["before"] = 1
        session.save()
        browser.cookies["sessionid"] = before = session.session_key or ""
        log_in(browser)
        after = browser.session.session_key or ""
        assert before not in ("", after)
        assert re.fullmatch(r"[a-z0-9]{32}", after)
        assert not Session.objects.filter(pk=before).exists()

    def test_it_stands_in_no_address_and_on_no_page(self, client, ada):
        log_in(client)
        for address in ("/", PAGE, "/accounts/2fa/", "/accounts/password/change/", "/accounts/logout/"):
            answer = client.get(address)
            assert client.session.session_key not in answer.content.decode() + str(answer.headers)


class TestCleared:
    def test_what_expired_goes_with_its_row_and_what_is_open_stays(self, client, ada):
        log_in(Client())
        old = UserSession.objects.get().session_key
        log_in(client)
        Session.objects.filter(session_key=old).update(expire_date="2020-01-01T00:00Z")
        Session.objects.create(session_key="of nobody", session_data="", expire_date="2020-01-01T00:00Z")
        assert sessions.clear() == 2
        assert signed_in(client)
        assert list(Session.objects.values_list("pk")) == list(UserSession.objects.values_list("session_key"))
        assert old not in UserSession.objects.values_list("session_key", flat=True)

    def test_a_row_whose_session_is_gone_goes(self, client, ada):
        log_in(Client())
        Session.objects.all().delete()
        log_in(client)
        assert sessions.clear() == 0
        assert UserSession.objects.get().session_key == client.session.session_key

    def test_a_row_whose_session_is_gone_goes_behind_however_many_that_are_open(
        self, client, ada, monkeypatch
    ):
        monkeypatch.setattr(sessions, "BATCH", 2)
        for _ in range(3):
            log_in(Client())
        log_in(client)
        Session.objects.filter(session_key=client.session.session_key).delete()
        sessions.clear()
        assert UserSession.objects.count() == Session.objects.count() == 3

    def test_so_many_at_once_the_oldest_first_in_as_many_queries(self, ada, monkeypatch):
        monkeypatch.setattr(sessions, "BATCH", 2)
        for number in range(5):
            at = f"2020-01-0{number + 1}T00:00Z"
            Session.objects.create(session_key=f"s{number}", session_data="", expire_date=at)
            UserSession.objects.create(user=ada, ip="192.0.2.7", session_key=f"u{number}")
        used = []
        for left in (3, 1, 0, 0):
            with CaptureQueriesContext(connection) as queries:
                sessions.clear()
            used.append(len([one for one in queries.captured_queries if one["sql"].startswith("SELECT")]))
            assert sorted(Session.objects.values_list("pk", flat=True)) == [
                f"s{n}" for n in range(5 - left, 5)
            ]
            assert UserSession.objects.count() == left
        assert max(used) <= 2 + 2  # a delete may look first at what it deletes

    @pytest.mark.skipif(connection.vendor != "sqlite", reason="PostgreSQL reads an empty table whole")
    def test_the_oldest_are_found_by_an_index(self, db):
        old = Session.objects.filter(expire_date__lt="2020-01-01T00:00Z").order_by("expire_date")
        assert "INDEX" in old.values_list("session_key")[:2].explain().upper()

    def test_the_worker_clears(self, db, monkeypatch):
        Session.objects.create(session_key="old", session_data="", expire_date="2020-01-01T00:00Z")
        run_worker.sweep()
        assert not Session.objects.exists()
