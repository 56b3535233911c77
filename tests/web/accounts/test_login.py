import re

import pytest
from allauth.account.adapter import get_adapter
from allauth.account.models import EmailAddress
from allauth.core.exceptions import ImmediateHttpResponse
from django.core import mail
from django.core.cache import cache
from django.core.cache.backends.db import DatabaseCache
from django.test import Client
from django.utils.module_loading import import_string

from fini_admin.people import access
from fini_admin.people import mail as post
from fini_admin.people.signals import _login_failed
from fini_admin.workspaces.models import User
from tests.support import people
from tests.support.log_ins import ADDRESS, log_in
from tests.support.who import by

LIMIT = 5


def signed_in(client):
    return "_auth_user_id" in client.session


def activity():
    """What the installation's chain says of log-ins."""
    return [row for row in people.trail() if row[0].startswith("log")]


def test_a_person_logs_in_with_the_form_as_the_page_sends_it(ada):
    acme = people.workspace()
    people.join(ada, acme)
    client = Client(enforce_csrf_checks=True)
    page = client.get("/accounts/login/?next=/w/acme/").content.decode()
    hidden = dict(re.findall(r'<input type="hidden" name="(\w+)" value="([^"]*)"', page))
    assert set(hidden) == {"csrfmiddlewaretoken", "next"}
    assert re.findall(r'<input type="(?:email|password)" name="(\w+)"', page) == ["login", "password"]
    answer = client.post(
        "/accounts/login/", {"login": "Ada@Example.com", "password": people.PASSWORD, **hidden}
    )
    assert (answer.status_code, answer["Location"]) == (302, "/w/acme/")
    assert client.get("/w/acme/").status_code == 200
    assert activity() == [("login.succeeded", ADDRESS, {"by": ["password"]})]


def test_without_a_page_to_go_on_to_the_start_follows(client, ada):
    assert log_in(client).url == "/"


def test_a_foreign_page_is_not_gone_on_to(client, ada):
    assert log_in(client, next="https://elsewhere.example/").url == "/"


def test_a_wrong_password_says_so_keeps_the_address_and_is_recorded(client, ada):
    answer = log_in(client, password="not-this-one")
    page = answer.content.decode()
    assert answer.status_code == 422
    assert "The address or the password is wrong." in page
    assert f'value="{ADDRESS}"' in page
    assert "not-this-one" not in page
    assert not signed_in(client)
    assert activity() == [("login.failed", "not logged in", {"login": ADDRESS})]


def test_an_unknown_address_gets_the_same_answer_as_a_wrong_password(client, ada):
    known, unknown = log_in(client, password="wrong"), log_in(client, "bob@example.com", "wrong")
    error = re.compile(r'<p class="message message-error"[^>]*>([^<]+)')
    said = [(answer.status_code, error.findall(answer.content.decode())) for answer in (known, unknown)]
    assert said[0] == said[1]
    assert said[0][0] == 422
    assert said[0][1] != []


def test_after_five_wrong_passwords_the_right_one_does_not_help(client, ada):
    for _ in range(LIMIT):
        log_in(client, password="wrong")
    answer = log_in(client)
    assert "Too many failed login attempts" in answer.content.decode()
    assert not signed_in(client)
    log_in(client)
    # Recorded once, however often it is tried: nobody fills the trail with it.
    assert [row[0] for row in activity()] == ["login.failed"] * LIMIT + ["login.locked"]
    assert activity()[-1] == ("login.locked", "not logged in", {"login": ADDRESS})


def test_four_wrong_passwords_and_the_right_one_are_in_time(client, ada):
    for _ in range(LIMIT - 1):
        log_in(client, password="wrong")
    log_in(client)
    assert signed_in(client)


def test_the_limit_is_kept_in_the_database_that_all_processes_share(settings, ada):
    assert issubclass(import_string(settings.CACHES["default"]["BACKEND"]), DatabaseCache)
    cache.set("a", 1)
    assert cache.get("a") == 1


@pytest.mark.parametrize(
    ("typed", "kept"),
    [
        (f"{people.KEY}@example.com", "[key removed]@example.com"),
        (f"{'a' * 60}@{'b.' * 110}example.com", None),
    ],
)
def test_a_key_typed_as_an_address_is_not_recorded_and_a_long_one_is_cut(client, db, typed, kept):
    _login_failed(credentials={"email": typed, "password": "***"})
    assert activity() == [("login.failed", "not logged in", {"login": typed[:254] if kept is None else kept})]


def test_logging_out_ends_the_session_and_is_recorded(client, ada):
    client.force_login(ada)
    assert client.get("/accounts/logout/").status_code == 200
    assert signed_in(client)
    assert client.post("/accounts/logout/").url == "/accounts/login/"
    assert not signed_in(client)
    assert activity()[-1] == ("logout", ADDRESS, {})


def test_someone_switched_off_is_told_so_only_with_the_right_password(client, ada):
    ada.is_active = False
    ada.save()
    assert "The address or the password is wrong." in log_in(client, password="wrong").content.decode()
    assert log_in(client).url == "/accounts/inactive/"
    assert "This account is switched off." in client.get("/accounts/inactive/").content.decode()
    assert not signed_in(client)


def test_nobody_signs_up(client, db):
    for address in ("/accounts/signup/", "/accounts/email/", "/accounts/"):
        assert client.get(address).status_code == 404
        assert (
            client.post(address, {"email": "x@example.com", "password1": people.PASSWORD}).status_code == 404
        )
    assert User.objects.count() == 0
    assert "sign" not in client.get("/accounts/login/").content.decode().lower().replace("design", "")


def test_the_adapter_is_closed_to_sign_up_even_if_a_page_were_offered(rf):
    assert get_adapter().is_open_for_signup(rf.get("/")) is False


def test_a_password_is_changed_by_who_knows_it(client, ada):
    client.force_login(ada)
    new = {"password1": "another long phrase", "password2": "another long phrase"}
    wrong = client.post("/accounts/password/change/", {"oldpassword": "wrong", **new})
    assert "current password" in wrong.content.decode()
    assert (
        client.post("/accounts/password/change/", {"oldpassword": people.PASSWORD, **new}).status_code == 302
    )
    ada.refresh_from_db()
    assert ada.check_password("another long phrase")
    assert signed_in(client)


def test_a_forgotten_password_is_reset_by_mail(client, ada):
    assert client.get("/accounts/password/reset/").status_code == 200
    assert (
        client.post("/accounts/password/reset/", {"email": ADDRESS}).url == "/accounts/password/reset/done/"
    )
    assert client.get("/accounts/password/reset/done/").status_code == 200
    post.wait()
    link = re.search(r"http://testserver(/\S+)", str(mail.outbox[0].body))
    assert link
    form = client.get(link[1]).url
    assert client.get(form).status_code == 200
    new = {"password1": "another long phrase", "password2": "another long phrase"}
    done = client.post(form, new)
    assert done.url == "/accounts/password/reset/key/done/"
    assert client.get(done.url).status_code == 200
    ada.refresh_from_db()
    assert ada.check_password("another long phrase")
    assert "used already or is too old" in Client().get(link[1]).content.decode()


def test_a_strangers_address_gets_the_same_answer_and_no_mail(client, ada):
    assert (
        client.post("/accounts/password/reset/", {"email": "x@example.com"}).url
        == "/accounts/password/reset/done/"
    )
    post.wait()
    assert mail.outbox == []


def test_an_address_nobody_vouched_for_is_proven_by_mail(client, ada):
    EmailAddress.objects.update(verified=False)
    assert log_in(client).url == "/accounts/confirm-email/"
    assert "A mail with a link" in client.get("/accounts/confirm-email/").content.decode()
    post.wait()
    link = re.search(r"http://testserver(/\S+)", str(mail.outbox[0].body))
    assert link
    assert ADDRESS in client.get(link[1]).content.decode()
    client.post(link[1])
    assert EmailAddress.objects.get().verified
    assert "too old" in client.get("/accounts/confirm-email/nonsense/").content.decode()


def test_asking_again_who_one_is(client, ada):
    client.force_login(ada)
    assert "enter your password again" in client.get("/accounts/reauthenticate/").content.decode()
    assert client.post("/accounts/reauthenticate/?next=/", {"password": people.PASSWORD}).status_code == 302


def test_too_many_tries_from_one_place_get_a_page_of_ours(client, db, settings):
    settings.ACCOUNT_RATE_LIMITS = {"login": "1/m/ip"}
    client.get("/accounts/login/")
    log_in(client, password="wrong")
    answer = log_in(client, password="wrong")
    assert answer.status_code == 429
    assert "Wait a few minutes" in answer.content.decode()


def test_a_password_that_is_being_changed_switches_nobody_on_again(ada, rf):
    being_changed = User.objects.get(pk=ada.pk)
    access.switch_off_user(by=by("bob@example.com"), user=ada)
    with pytest.raises(ImmediateHttpResponse):
        get_adapter().set_password(being_changed, "another long phrase")
    ada.refresh_from_db()
    assert (ada.is_active, ada.check_password("another long phrase")) == (False, False)
    access.switch_on_user(by=by("bob@example.com"), user=ada)
    User.objects.filter(pk=ada.pk).update(name="Ada, renamed meanwhile")
    get_adapter().set_password(being_changed, "another long phrase")
    ada.refresh_from_db()
    assert (ada.name, ada.check_password("another long phrase")) == ("Ada, renamed meanwhile", True)
