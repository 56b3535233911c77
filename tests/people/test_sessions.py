"""Own sessions: listed, ended, timed out."""

import re
from datetime import timedelta

import pytest
from allauth.usersessions.models import UserSession
from django.contrib.sessions.models import Session
from django.core.exceptions import ValidationError
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from fini_admin.people import access, sessions
from fini_admin.people.browsers import name as browser_name
from fini_admin.people.second_factor import remove_second_factor
from tests.support import people
from tests.support.log_ins import ADDRESS, code, enrol, log_in, signed_in, text, trail
from tests.support.who import by

PAGE = "/accounts/sessions/"
FIREFOX = "Mozilla/5.0 (X11; Linux x86_64; rv:128.0) Gecko/20100101 Firefox/128.0"
PART = {"HX-Request": "true", "HX-Current-URL": "http://testserver/w/acme/runs/?page=2"}


def another(address=ADDRESS, **more) -> Client:
    """A browser in which somebody is logged in."""
    client = Client(**more)
    log_in(client, address)
    return client


def numbers(client) -> list[int]:
    """The sessions that the page offers to end."""
    return [int(found) for found in re.findall(rf"{PAGE}(\d+)/end/", client.get(PAGE).content.decode())]


class TestListed:
    def test_each_says_where_and_when_and_which_one_this_is(self, client, ada):
        another(HTTP_USER_AGENT=FIREFOX, REMOTE_ADDR="192.0.2.7")
        log_in(client)
        page = text(client.get(PAGE))
        assert "Firefox on Linux 192.0.2.7" in page
        assert "127.0.0.1" in page
        assert page.count("this one") == 1
        assert len(numbers(client)) == 1

    def test_a_browsers_name_is_escaped(self, client, ada):
        another(HTTP_USER_AGENT="<b>x</b>")
        log_in(client)
        assert "<b>x" not in client.get(PAGE).content.decode()

    def test_other_peoples_are_not_there(self, client, ada):
        people.user("bob@example.com")
        another("bob@example.com")
        log_in(client)
        assert numbers(client) == []
        assert "End all other sessions" not in text(client.get(PAGE))

    def test_what_has_timed_out_is_not_there(self, client, ada):
        another()
        UserSession.objects.update(last_seen_at="2020-01-01T00:00Z")
        log_in(client)
        assert numbers(client) == []

    def test_the_page_asks_the_same_queries_for_one_and_for_three(self, client, ada):
        log_in(client)
        with CaptureQueriesContext(connection) as one:
            client.get(PAGE)
        another()
        another()
        with CaptureQueriesContext(connection) as three:
            client.get(PAGE)
        assert len(numbers(client)) == 2
        assert len(one) == len(three)

    @pytest.mark.parametrize(
        ("agent", "words"),
        [
            (FIREFOX, "Firefox on Linux"),
            (
                "Mozilla/5.0 (Windows NT 10.0) AppleWebKit/537 Chrome/128 Safari/537 Edg/128",
                "Edge on Windows",
            ),
            ("Mozilla/5.0 (Linux; Android 14) Chrome/128.0 Mobile Safari/537.36", "Chrome on Android"),
            ("Mozilla/5.0 (iPhone; CPU iPhone OS 17_0) Version/17 Safari/604", "Safari on iPhone"),
            ("curl/8.9", "curl/8.9"),
            ("", "an unnamed program"),
        ],
    )
    def test_a_browser_has_a_name(self, agent, words):
        assert browser_name(agent) == words


class TestEnded:
    def test_one_is_ended_and_the_others_go_on(self, client, ada):
        ended, kept = another(), another()
        log_in(client)
        number = UserSession.objects.get(session_key=ended.session.session_key).pk
        assert client.post(f"{PAGE}{number}/end/").url == PAGE
        assert [signed_in(one) for one in (client, ended, kept)] == [True, False, True]
        assert trail("sessions.ended") == [("sessions.ended", ADDRESS, {"email": ADDRESS, "sessions": 1})]
        assert client.post(f"{PAGE}{number}/end/").status_code == 404

    def test_all_others_are_ended(self, client, ada):
        others = [another(), another()]
        log_in(client)
        client.post(PAGE)
        assert [signed_in(one) for one in (client, *others)] == [True, False, False]
        assert trail("sessions.ended") == [("sessions.ended", ADDRESS, {"email": ADDRESS, "sessions": 2})]
        assert (
            UserSession.objects.count()
            == Session.objects.filter(session_key=client.session.session_key).count()
        )

    def test_this_one_is_ended_by_logging_out_only(self, client, ada):
        log_in(client)
        number = UserSession.objects.get().pk
        client.post(f"{PAGE}{number}/end/")
        assert "Log out to end it" in text(client.get(PAGE))
        assert signed_in(client)

    def test_anothers_is_out_of_sight_and_goes_on(self, client, ada):
        people.user("bob@example.com")
        bob = another("bob@example.com")
        log_in(client)
        number = UserSession.objects.get(user__email="bob@example.com").pk
        assert client.post(f"{PAGE}{number}/end/").status_code == 404
        client.post(PAGE)
        assert signed_in(bob)

    def test_looking_changes_nothing(self, client, ada):
        other = another()
        log_in(client)
        number = numbers(client)[0]
        assert client.get(f"{PAGE}{number}/end/").url == PAGE
        assert signed_in(other)

    def test_a_new_password_ends_all_others(self, client, ada):
        other = another()
        log_in(client)
        new = {"password1": "another long phrase", "password2": "another long phrase"}
        client.post("/accounts/password/change/", {"oldpassword": people.PASSWORD, **new})
        assert [signed_in(client), signed_in(other)] == [True, False]
        assert numbers(client) == []
        assert trail("password.changed") == [("password.changed", ADDRESS, {"sessions_ended": 1})]

    def test_logging_out_takes_it_off_the_list(self, client, ada):
        log_in(client)
        client.post("/accounts/logout/")
        assert (UserSession.objects.count(), Session.objects.count()) == (0, 0)


class TestTimedOut:
    @pytest.fixture(autouse=True)
    def _acme(self, ada):
        people.join(ada, people.workspace())

    def test_after_half_an_hour_without_use(self, client, later):
        log_in(client)
        later(minutes=29)
        assert client.get("/w/acme/").status_code == 200
        later(minutes=29)
        assert client.get("/w/acme/").status_code == 200
        later(minutes=31)
        assert client.get("/w/acme/runs/?a=1").url == "/accounts/login/?next=/w/acme/runs/%3Fa%3D1"
        assert (UserSession.objects.count(), Session.objects.count()) == (0, 0)
        assert trail("logout") == [("logout", ADDRESS, {"because": "not used too long"})]
        said = "You were logged out: nothing was done for 30 minutes. Log in to go on."
        assert text(client.get("/accounts/login/")).count(said) == 1

    def test_after_half_a_day_whatever_happens(self, client, later):
        log_in(client)
        for _ in range(24):
            later(minutes=29)
            assert client.get("/w/acme/").status_code == 200
        later(minutes=23)
        assert client.get("/w/acme/").status_code == 200
        later(minutes=2)
        assert client.get("/w/acme/").status_code == 302
        assert trail("logout") == [("logout", ADDRESS, {"because": "begun too long ago"})]
        assert "the log-in was more than 12 hours ago" in text(client.get("/accounts/login/"))

    def test_the_limits_are_settings(self, client, settings, later):
        settings.SESSION_IDLE_SECONDS, settings.SESSION_COOKIE_AGE = 300, 600
        log_in(client)
        later(minutes=4)
        assert signed_in(client)
        later(minutes=4)
        assert signed_in(client)
        later(minutes=3)
        assert not signed_in(client)

    def test_a_part_that_asks_by_itself_does_not_use_it_and_is_led_to_the_log_in(self, client, later):
        log_in(client)
        for _ in range(6):
            later(minutes=4)
            assert client.get("/w/acme/runs/", headers=PART).status_code == 200
        later(minutes=7)
        answer = client.get("/w/acme/runs/", headers=PART)
        assert (answer.status_code, answer.content) == (200, b"")
        assert answer["HX-Redirect"] == "/accounts/login/?next=/w/acme/runs/%3Fpage%3D2"

    @pytest.mark.parametrize("how", ["by hand", "a form", "a page"])
    def test_what_a_person_does_uses_it(self, client, later, how):
        log_in(client)
        for _ in range(3):
            later(minutes=25)
            if how == "by hand":
                client.get("/w/acme/runs/", headers=PART | {"X-By-Hand": "1"})
            elif how == "a form":
                client.post("/accounts/password/change/", headers=PART)
            else:
                client.get("/w/acme/")
        assert signed_in(client)

    def test_a_session_that_never_began_is_none(self, client, ada):
        log_in(client)
        session = client.session
        del session[sessions.BEGUN]
        session.save()
        assert client.get("/w/acme/").status_code == 302

    def test_no_page_asks_a_query_more_for_it_but_one_a_minute(self, client, later):
        log_in(client)
        client.get("/switch/")
        with CaptureQueriesContext(connection) as plain:
            client.get("/switch/")
        later(minutes=2)
        with CaptureQueriesContext(connection) as used:
            client.get("/switch/")
        with CaptureQueriesContext(connection) as again:
            client.get("/switch/")
        assert len(plain) == len(again) == 2  # session with person, workspaces
        writes = [row["sql"] for row in used if row["sql"].startswith(("UPDATE", "INSERT"))]
        assert len(writes) == 2

    def test_what_another_request_put_into_the_session_meanwhile_stays(self, client, rf, later):
        log_in(client)
        request = rf.get("/")
        request.session = client.session
        request.session.get("anything")
        meanwhile = client.session
        meanwhile["from another"] = "request"
        meanwhile.save()
        later(minutes=5)
        sessions.note_use(request)
        assert client.session["from another"] == "request"
        assert client.session[sessions.USED] > client.session[sessions.BEGUN]
        assert request.session.modified is False

    def test_a_session_that_ended_meanwhile_does_not_come_back(self, client, rf, later):
        log_in(client)
        request = rf.get("/")
        request.session = client.session
        request.session.get("anything")
        Session.objects.all().delete()
        later(minutes=5)
        sessions.note_use(request)
        assert Session.objects.count() == 0


class TestSwitchedOff:
    @pytest.fixture
    def root(self, db):
        return people.user("root@example.com", superuser=True)

    def switch(self, how, user, actor="root@example.com"):
        return getattr(access, f"switch_{how}_user")(by=by(actor, "browser"), user=user)

    def test_every_session_ends_at_once_and_nobody_gets_in(self, client, ada, root):
        other = another()
        log_in(client)
        assert self.switch("off", ada) == []
        assert (UserSession.objects.count(), Session.objects.count()) == (0, 0)
        assert not signed_in(client)
        assert not signed_in(other)
        assert log_in(client).url == "/accounts/inactive/"
        detail = {"email": ADDRESS, "sessions_ended": 2, "without_admin": []}
        assert trail("user.switched_off") == [("user.switched_off", "root@example.com", detail)]

    def test_between_password_and_code_too(self, client, ada, root):
        log_in(client)
        secret, _ = enrol(client)
        client.post("/accounts/logout/")
        log_in(client)
        self.switch("off", ada)
        client.post("/accounts/2fa/code/", {"code": code(secret, 1)})
        assert not signed_in(client)

    def test_switched_on_again_the_person_is_as_before(self, client, ada, root):
        people.join(ada, people.workspace(), "editor")
        self.switch("off", ada)
        self.switch("on", ada)
        log_in(client)
        assert client.get("/w/acme/").status_code == 200
        assert trail("user.switched_on") == [("user.switched_on", "root@example.com", {"email": ADDRESS})]

    def test_twice_is_once(self, ada, root):
        for how in ("off", "on"):
            self.switch(how, ada)
            self.switch(how, ada)
        assert [row[0] for row in trail("user.switched_off", "user.switched_on")] == [
            "user.switched_off",
            "user.switched_on",
        ]

    def test_nobody_switches_themselves_off_nor_the_last_superuser(self, ada, root):
        with pytest.raises(ValidationError, match="yourself"):
            self.switch("off", root)
        with pytest.raises(ValidationError, match="last superuser"):
            self.switch("off", root, actor="the command line")
        root.refresh_from_db()
        assert root.is_active
        people.user("second@example.com", superuser=True)
        self.switch("off", root, actor="second@example.com")
        assert trail("user.switched_off")[0][2]["email"] == "root@example.com"

    def test_workspaces_that_lose_their_last_admin_are_named(self, ada, root):
        acme, other = people.workspace(), people.workspace("other", "Other")
        people.join(ada, acme, "admin")
        people.join(ada, other, "admin")
        people.member(other, "admin")
        assert self.switch("off", ada) == ["acme"]
        assert trail("user.switched_off")[0][2]["without_admin"] == ["acme"]

    def test_a_lost_second_factor_is_taken_away_and_the_sessions_end(self, client, ada, root):
        log_in(client)
        enrol(client)
        for _ in range(2):
            remove_second_factor(by=by(root.email, "browser"), user=ada)
        assert not signed_in(client)
        log_in(client)
        assert signed_in(client)
        detail = {"email": ADDRESS, "sessions_ended": 1}
        assert trail("second_factor.removed") == [("second_factor.removed", root.email, detail)]


def test_ending_others_counts_those_that_the_page_lists(client, ada):
    another()
    another()
    idle = UserSession.objects.earliest("pk")
    UserSession.objects.filter(pk=idle.pk).update(last_seen_at=timezone.now() - timedelta(hours=2))
    log_in(client)
    assert len(numbers(client)) == 1
    kept = client.session.session_key
    assert sessions.end_other_sessions(by=by(ADDRESS), user=ada, but=kept) == 1
    assert list(UserSession.objects.values_list("session_key", flat=True)) == [kept]
