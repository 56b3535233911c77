"""TOTP and recovery codes: set up, asked for, sealed, required."""

import re
import threading
from typing import Any

import pytest
from allauth.mfa.models import Authenticator
from django.contrib.sessions.models import Session
from django.db import connection
from django.test import Client

from fini_admin.people import sealing
from fini_admin.people.access import switch_off_user, switch_on_user
from fini_admin.people.sealing import open_sealed, seal
from fini_admin.workspaces.vault import SealBroken
from tests.support import people
from tests.support.invitations import invite, members, only, opened, send
from tests.support.log_ins import ADDRESS, by_provider, code, enrol, log_in, signed_in, text, trail
from tests.support.markup import Page
from tests.support.who import by

CODE = "/accounts/2fa/code/"
OTHER_KEY = bytes(range(100, 132))


def test_it_is_set_up_with_a_picture_of_our_own_and_a_first_code(client, ada):
    log_in(client)
    page = client.get("/accounts/2fa/activate/")
    assert "data:" not in page.content.decode()
    picture = client.get("/accounts/2fa/activate/qr.svg")
    assert (picture["Content-Type"], picture["Cache-Control"]) == ("image/svg+xml", "no-store")
    assert b"style" not in picture.content
    assert picture.content.startswith(b"<?xml")
    _, codes = enrol(client)
    assert len(set(codes)) == 10
    assert "no-store" in page["Cache-Control"]
    assert "no-store" in client.get("/accounts/2fa/codes/")["Cache-Control"]
    assert client.get("/accounts/2fa/activate/qr.svg").status_code == 404
    assert trail("second_factor.added") == [("second_factor.added", ADDRESS, {})]
    assert "Recovery codes left 10" in text(client.get("/accounts/2fa/"))


def test_a_wrong_first_code_sets_nothing_up_and_the_secret_stays(client, ada):
    log_in(client)
    first = re.search(r'id="secret">([^<]+)', client.get("/accounts/2fa/activate/").content.decode())
    answer = client.post("/accounts/2fa/activate/", {"code": "000000"})
    again = re.search(r'id="secret">([^<]+)', answer.content.decode())
    assert first
    assert again
    assert first[1] == again[1]
    assert "This code is wrong" in text(answer)
    assert not Authenticator.objects.exists()


def test_from_then_on_a_code_is_asked_for_after_the_password(client, enrolled):
    secret, _ = enrolled
    assert log_in(client, next="/accounts/sessions/").url == CODE
    assert not signed_in(client)
    assert client.post(CODE, {"code": "000000"}).status_code == 422
    assert not signed_in(client)
    assert client.post(CODE, {"code": code(secret, 1)}).url == "/accounts/sessions/"
    assert signed_in(client)
    assert trail("login.succeeded")[-1][2] == {"by": ["password", "totp"]}
    assert trail("login.failed") == [("login.failed", "not logged in", {"login": ADDRESS, "code": "wrong"})]


def test_without_a_password_before_it_the_page_for_the_code_leads_to_the_log_in(client, enrolled):
    assert client.get(CODE).url == "/accounts/login/"
    assert client.post(CODE, {"code": code(enrolled[0], 1)}).url == "/accounts/login/"
    assert not signed_in(client)


@pytest.mark.parametrize("steps", [-1, 0])
def test_a_code_counts_once_as_long_as_it_holds(client, ada, enrolled, later, step_begins, steps):
    secret, _ = enrolled
    later(minutes=5)
    used = code(secret, steps)
    log_in(client)
    assert client.post(CODE, {"code": used}).status_code == 302
    # allauth alone forgets a used code after 30 s; with a step before and after it would hold for 90.
    later(seconds=29)
    second = Client()
    log_in(second)
    answer = second.post(CODE, {"code": f"{used[:3]} {used[3:]}"})
    assert "This code is wrong, too old, or was used already" in text(answer)
    assert not signed_in(second)


def test_the_code_that_set_it_up_does_not_log_in(client, ada, step_begins):
    log_in(client)
    secret, _ = enrol(client)
    client.post("/accounts/logout/")
    log_in(client)
    client.post(CODE, {"code": code(secret)})
    assert not signed_in(client)


def test_a_log_in_begun_with_a_password_that_was_changed_meanwhile_begins_anew(client, ada, enrolled):
    secret, _ = enrolled
    assert log_in(client).url == CODE
    ada.set_password("another green parcel")
    ada.save()
    answer = client.post(CODE, {"code": code(secret, 1)}, follow=True)
    assert answer.redirect_chain[-1] == ("/accounts/login/", 302)
    assert "Your password or account was changed while you were logging in. Log in again." in text(answer)
    assert not signed_in(client)
    assert client.get(CODE).url == "/accounts/login/"


def test_who_is_switched_off_before_the_code_comes_gets_no_session_to_live_on(client, ada, enrolled):
    secret, _ = enrolled
    log_in(client)
    switch_off_user(by=by("root@example.com"), user=ada)
    before = len(trail("login.succeeded"))
    assert client.post(CODE, {"code": code(secret, 1)}).url == "/accounts/login/"
    switch_on_user(by=by("root@example.com"), user=ada)
    assert not signed_in(client)
    assert len(trail("login.succeeded")) == before


def test_a_recovery_code_logs_in_once(client, enrolled):
    _, codes = enrolled
    log_in(client)
    assert client.post(CODE, {"code": codes[3]}).status_code == 302
    assert trail("login.succeeded")[-1][2] == {"by": ["password", "recovery_codes"]}
    assert "Recovery codes left 9" in text(client.get("/accounts/2fa/"))
    client.post("/accounts/logout/")
    log_in(client)
    client.post(CODE, {"code": codes[3]})
    assert not signed_in(client)
    assert client.post(CODE, {"code": codes[4]}).status_code == 302


def set_up(client: Any, page: Any) -> str:
    """Send the form of the page where it is set up, as it stands there; the page of the codes that follows."""
    found = Page(page.content.decode(), "/")
    form = next(one for one in found.forms if "code" in {field.name for field in one.fields})
    typed = form.data() | {"code": [code(found.by_id["secret"].replace(" ", "").strip())]}
    return client.post(form.address(), typed, follow=True).content.decode()


def codes_row() -> Any:
    return Authenticator.objects.get(type=Authenticator.Type.RECOVERY_CODES)


@pytest.mark.django_db(transaction=True)
def test_a_code_used_while_they_are_shown_for_the_first_time_counts_once():
    people.user(ADDRESS)
    here, elsewhere = Client(), Client()
    log_in(here)
    _, codes = enrol(here)
    row = codes_row()
    del row.data["viewed_at"]
    row.save()
    log_in(elsewhere)

    def use() -> None:
        elsewhere.post(CODE, {"code": codes[3]})
        connection.close()

    at_once = threading.Thread(target=use)

    def use_meanwhile(execute: Any, sql: str, *given: Any) -> Any:
        if sql.startswith("UPDATE") and "mfa_authenticator" in sql and not at_once.ident:
            at_once.start()
            at_once.join(timeout=1)  # no longer: it waits until the codes are shown
        return execute(sql, *given)

    with connection.execute_wrapper(use_meanwhile):
        assert codes[3] in here.get("/accounts/2fa/codes/").content.decode()
    at_once.join()
    assert signed_in(elsewhere)
    assert (codes_row().data["used_mask"], codes_row().data["viewed_at"] > 0) == (1 << 3, True)


def test_recovery_codes_are_shown_once_and_new_ones_end_the_old(client, ada):
    log_in(client)
    _, old = enrol(client)
    again = client.get("/accounts/2fa/codes/")
    assert "They were shown once" in text(again)
    assert not any(one in again.content.decode() for one in old)
    made = client.post("/accounts/2fa/codes/new/")
    new = re.findall(r"<li>(\d{8})</li>", client.get(made.url).content.decode())
    assert len(new) == 10
    assert not set(new) & set(old)
    assert trail("recovery_codes.renewed") == [("recovery_codes.renewed", ADDRESS, {})]
    client.post("/accounts/logout/")
    log_in(client)
    client.post(CODE, {"code": old[0]})
    assert not signed_in(client)


def test_taken_away_the_password_is_enough_and_the_codes_are_gone(client, ada):
    log_in(client)
    enrol(client)
    assert client.post("/accounts/2fa/deactivate/").url == "/accounts/2fa/"
    assert not Authenticator.objects.exists()
    assert trail("second_factor.removed") == [("second_factor.removed", ADDRESS, {})]
    client.post("/accounts/logout/")
    log_in(client)
    assert signed_in(client)


def test_five_wrong_codes_lock_and_the_right_one_does_not_help(client, enrolled):
    log_in(client)
    for _ in range(5):
        client.post(CODE, {"code": "000000"})
    answer = client.post(CODE, {"code": code(enrolled[0], 1)})
    assert "Too many failed login attempts" in text(answer)
    assert not signed_in(client)


def test_slow_guessing_is_locked_for_the_day(client, enrolled, settings, later):
    settings.ACCOUNT_RATE_LIMITS = settings.ACCOUNT_RATE_LIMITS | {"second_factor": "3/d/key"}
    for _ in range(3):
        log_in(client)
        client.post(CODE, {"code": "000000"})
        later(minutes=20)
    log_in(client)
    assert "Too many failed login attempts" in text(client.post(CODE, {"code": enrolled[1][0]}))


def test_neither_secret_nor_seed_nor_a_code_stands_in_the_database(client, ada):
    log_in(client)
    client.get("/accounts/2fa/activate/")
    pending = Session.objects.get().get_decoded()["second factor"]
    secret, codes = enrol(client)
    assert open_sealed(pending, user=ada.pk) == secret
    assert "second factor" not in Session.objects.get().get_decoded()
    kept = str(list(Authenticator.objects.values_list("data", flat=True)))
    kept += str([row.get_decoded() for row in Session.objects.all()])
    assert not any(word in kept for word in [secret, *codes])
    rows = {row.type: row.data for row in Authenticator.objects.all()}
    assert open_sealed(rows["totp"]["secret"], user=ada.pk) == secret
    assert re.fullmatch(r"[0-9a-f]{80}", open_sealed(rows["recovery_codes"]["seed"], user=ada.pk))


def test_a_seal_opens_for_its_person_only_and_not_when_it_was_changed():
    sealed = seal("secret", user=7)
    assert open_sealed(sealed, user=7) == "secret"
    assert seal("secret", user=7) != sealed
    for wrong, user in [(sealed, 8), (sealed[:-4] + "AAA=", 7), ("not base64 at all", 7)]:
        with pytest.raises(sealing.UNREADABLE):
            open_sealed(wrong, user=user)
    with pytest.raises(SealBroken):
        open_sealed(sealed, user=8)


def test_what_stands_in_databases_opens(settings):
    settings.ENCRYPTION_KEYS = [b"k" * 32]
    assert open_sealed("0J3t8gABAgMEBQYHCAkKC2+84dcqYpcUDP51WK8uRJxti2XIuF0=", user=7) == "stored"


def test_what_an_older_key_sealed_opens_while_that_key_is_kept(settings):
    sealed = seal("secret", user=7)
    settings.ENCRYPTION_KEYS = [OTHER_KEY, *settings.ENCRYPTION_KEYS]
    assert open_sealed(sealed, user=7) == "secret"
    assert seal("secret", user=7)[:5] != sealed[:5]


@pytest.mark.parametrize("spoil", ["rows swapped", "another key"])
def test_a_second_factor_that_does_not_open_says_so_and_lets_nobody_in(
    client, ada, enrolled, settings, spoil
):
    if spoil == "another key":
        settings.ENCRYPTION_KEYS = [OTHER_KEY]
    else:
        bob = people.user("bob@example.com")
        Authenticator.objects.filter(user=ada).update(user=bob)
    client.cookies.clear()
    log_in(client, "bob@example.com" if spoil == "rows swapped" else ADDRESS)
    answer = client.post(CODE, {"code": code(enrolled[0], 1)})
    assert "The second factor cannot be checked: it was sealed with another key." in text(answer)
    assert not signed_in(client)


class TestRequired:
    @pytest.fixture(autouse=True)
    def _required(self, settings, db):
        settings.SECOND_FACTOR_REQUIRED = True
        self.acme = people.workspace()

    def test_an_admin_without_one_is_led_to_it_and_can_do_nothing_else(self, client, ada):
        people.join(ada, self.acme, "admin")
        log_in(client)
        for address in (
            "/",
            "/w/acme/",
            "/w/acme/runs/",
            "/accounts/sessions/",
            "/accounts/2fa/",
            "/switch/",
        ):
            assert client.get(address).url.startswith("/accounts/2fa/activate/?next="), address
        assert client.post("/accounts/password/change/").status_code == 302
        part = client.get("/w/acme/runs/", headers={"HX-Request": "true"})
        assert part["HX-Redirect"].startswith("/accounts/2fa/activate/")
        assert client.get("/w/nowhere/").status_code == 302
        page = text(client.get("/accounts/2fa/activate/"))
        assert "Admins here need a second factor" in page
        assert "Not now" not in page
        enrol(client)
        assert client.get("/w/acme/").status_code == 200

    def test_set_up_it_leads_on_to_what_was_asked_for(self, client, ada):
        people.join(ada, self.acme, "admin")
        log_in(client)
        page = client.get("/w/acme/runs/", follow=True)
        shown = set_up(client, page)
        assert '<a class="button button-primary" href="/w/acme/runs/">I have kept them</a>' in shown
        assert client.get("/w/acme/runs/").status_code == 200

    def test_an_invitation_is_accepted_only_afterwards_and_not_forgotten(self, client, ada):
        people.join(ada, self.acme, "admin")
        other = people.workspace("other", "Other Company")
        log_in(client)
        token = invite(other, ADDRESS, "admin")
        opened(token, client)
        sent = send(client)
        assert sent.url == "/accounts/2fa/activate/?next=/invitations/"
        assert (members(other), only().accepted_at) == ({}, None)
        shown = set_up(client, client.get(sent.url))
        assert '<a class="button button-primary" href="/invitations/">I have kept them</a>' in shown
        assert "Join Other Company" in text(client.get("/invitations/"))
        assert send(client).url == "/w/other/"
        assert members(other) == {ADDRESS: "admin"}

    def test_it_can_still_log_out(self, client, ada):
        people.join(ada, self.acme, "admin")
        log_in(client)
        assert client.post("/accounts/logout/").url == "/accounts/login/"

    def test_a_superuser_is_asked_too(self, client):
        people.user("root@example.com", superuser=True)
        log_in(client, "root@example.com")
        assert client.get("/workspaces/").status_code == 302

    @pytest.mark.parametrize("role", ["viewer", "editor"])
    def test_others_are_not(self, client, ada, role):
        people.join(ada, self.acme, role)
        log_in(client)
        assert client.get("/w/acme/").status_code == 200

    def test_taken_away_it_is_asked_for_at_once(self, client, ada):
        people.join(ada, self.acme, "admin")
        log_in(client)
        enrol(client)
        client.post("/accounts/2fa/deactivate/")
        assert client.get("/w/acme/").status_code == 302

    def test_who_came_through_the_provider_has_theirs_there(self, client, ada, provider):
        people.join(ada, self.acme, "admin")
        provider.knows("boss", email=ADDRESS, email_verified=True)
        by_provider(client, provider, "boss")
        assert client.get("/w/acme/").status_code == 200
        client.post("/accounts/logout/")
        log_in(client)
        assert client.get("/w/acme/").status_code == 302

    def test_it_costs_the_same_queries_whatever_there_is(self, client, ada, django_assert_num_queries):
        people.join(ada, self.acme, "admin")
        log_in(client)
        enrol(client)
        with django_assert_num_queries(3):  # session with person, authenticator, workspaces
            client.get("/switch/")
