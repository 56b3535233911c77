"""Dangerous acts ask again who one is."""

import time

import pytest
from allauth.socialaccount.models import SocialAccount
from django.contrib.sessions.models import Session
from django.http import HttpResponse
from django.urls import path

from fini_admin import urls
from fini_admin.people import reauthentication
from fini_admin.permissions import Permission, reauthenticated, requires, signed_in
from tests.people.conftest import ADDRESS, by_provider, code, enrol, log_in, text
from tests.support import people


@requires(Permission.KEYS_MANAGE)
@reauthenticated
def dangerous(request):
    return HttpResponse(f"{request.method} done")


urlpatterns = [
    *urls.urlpatterns,
    path("w/<slug:slug>/dangerous/", dangerous),
    path("secret/", signed_in(reauthenticated(lambda request: HttpResponse("secret"), reading=True))),
]
pytestmark = pytest.mark.urls(__name__)
ACT = "/w/acme/dangerous/"


@pytest.fixture
def admin(client, ada):
    people.join(ada, people.workspace(), "admin")
    return ada


def test_the_log_in_itself_counts_for_ten_minutes(client, admin, later):
    log_in(client)
    later(minutes=9)
    assert client.post(ACT).content == b"POST done"
    later(minutes=2)
    assert client.post(ACT).url == f"/accounts/reauthenticate/?next={ACT}"


def test_looking_asks_nothing_unless_the_page_itself_is_secret(client, admin, later):
    log_in(client)
    later(minutes=20)
    assert client.get(ACT).content == b"GET done"
    assert client.get("/secret/?a=1").url == "/accounts/reauthenticate/?next=/secret/%3Fa%3D1"


def test_the_password_opens_the_way_back_and_the_act_is_done_anew(client, admin, later):
    log_in(client)
    later(minutes=20)
    ask = client.post(ACT, {"key": people.KEY}).url
    page = client.get(ask)
    assert "enter your password again" in text(page)
    wrong = client.post(ask, {"password": "wrong"})
    assert "Incorrect password" in text(wrong)
    assert client.post(ACT).status_code == 302
    assert client.post(ask, {"password": people.PASSWORD}).url == ACT
    assert client.post(ACT).content == b"POST done"
    # Nothing of what was sent is kept: allauth alone would put the form, key and all, into the session.
    assert people.KEY not in str([row.get_decoded() for row in Session.objects.all()])


def test_part_of_a_page_leads_the_whole_page_and_back_to_it(client, admin, later):
    log_in(client)
    later(minutes=20)
    here = {"HX-Request": "true", "HX-Current-URL": "http://testserver/w/acme/?a=1"}
    answer = client.post(ACT, headers=here)
    assert (answer.status_code, answer.content) == (200, b"")
    assert answer["HX-Redirect"] == "/accounts/reauthenticate/?next=/w/acme/%3Fa%3D1"


def test_who_may_not_is_not_asked(client, ada, later):
    people.join(ada, people.workspace(), "editor")
    log_in(client)
    later(minutes=20)
    assert client.post(ACT).status_code == 403
    assert client.post("/w/nowhere/dangerous/").status_code == 404


def test_a_code_does_as_well(client, admin, later):
    log_in(client)
    secret, _ = enrol(client)
    later(minutes=20)
    ask = client.post(ACT).url
    assert "Use authenticator app or code" in text(client.get(ask))
    again = f"/accounts/2fa/reauthenticate/?next={ACT}"
    client.post(again, {"code": "000000"})
    assert client.post(ACT).status_code == 302
    assert client.post(again, {"code": code(secret)}).url == ACT
    assert client.post(ACT).content == b"POST done"


def test_another_persons_proof_does_not_count(client, admin, rf, later):
    log_in(client)
    session = client.session
    session["account_authentication_methods_user"] = "999"
    session.save()
    assert client.post(ACT).status_code == 302


def test_too_many_tries_get_the_page_of_ours(client, admin, settings):
    settings.ACCOUNT_RATE_LIMITS = settings.ACCOUNT_RATE_LIMITS | {"reauthenticate": "1/m/user"}
    log_in(client)
    client.post("/accounts/reauthenticate/", {"password": "wrong"})
    assert client.post("/accounts/reauthenticate/", {"password": "wrong"}).status_code == 429


@pytest.mark.parametrize(
    "address",
    [
        "/accounts/2fa/activate/",
        "/accounts/2fa/deactivate/",
        "/accounts/2fa/codes/",
        "/accounts/2fa/codes/new/",
    ],
)
def test_the_pages_about_the_second_factor_ask(client, admin, later, address):
    log_in(client)
    if "/activate/" not in address:
        enrol(client)
    later(minutes=20)
    assert client.get(address).url == f"/accounts/reauthenticate/?next={address}"


def test_ending_sessions_asks(client, admin, later):
    log_in(client)
    later(minutes=20)
    assert client.post("/accounts/sessions/").url == "/accounts/reauthenticate/?next=/accounts/sessions/"


def test_tests_log_in_as_if_the_password_had_been_given(client, admin):
    client.force_login(admin)
    assert client.post(ACT).status_code == 302
    people.sign_in(client, admin)
    assert client.post(ACT).content == b"POST done"


class TestWithoutPassword:
    """People whom only the provider lets in: allauth alone never asks them."""

    @pytest.fixture(autouse=True)
    def _linked(self, client, provider, admin):
        admin.set_unusable_password()
        admin.save()
        provider.knows("boss", email=ADDRESS, email_verified=True)
        by_provider(client, provider, "boss")

    def test_the_provider_asks_again_although_they_just_came_from_there(self, client, provider):
        ask = client.post(ACT).url
        assert ask == f"/accounts/oidc/reauthenticate/?next={ACT}"
        assert "log in at Acme again" in text(client.get(ask))
        off = client.post("/accounts/oidc/reauthenticate/", {"next": ACT})
        asked = provider.asked(off.url)
        assert (asked["prompt"], asked["max_age"]) == ("login", "0")
        assert client.get(provider.agree(off.url, "boss")).url == ACT
        assert client.post(ACT).content == b"POST done"

    def test_it_must_be_the_same_person(self, client, provider):
        people.user("bob@example.com")
        provider.knows("bob", email="bob@example.com", email_verified=True)
        off = client.post("/accounts/oidc/reauthenticate/", {"next": ACT})
        answer = client.get(provider.agree(off.url, "bob"))
        assert answer.status_code == 403
        assert "did not say that it is you" in text(answer)
        assert client.post(ACT).status_code == 302
        assert SocialAccount.objects.count() == 1

    def test_with_a_second_factor_of_their_own_a_code_is_enough(self, client, provider):
        off = client.post("/accounts/oidc/reauthenticate/", {"next": "/"})
        client.get(provider.agree(off.url, "boss"))
        enrol(client)
        later = client.session
        for record in later["account_authentication_methods"]:
            record["at"] -= 3600
        later.save()
        assert client.post(ACT).url == f"/accounts/2fa/reauthenticate/?next={ACT}"

    def test_when_the_provider_is_gone_they_log_in_again(self, client, settings):
        settings.OIDC_SERVER_URL = ""
        assert client.post(ACT).url == f"/accounts/login/?next={ACT}"
        assert client.get("/accounts/oidc/reauthenticate/").status_code == 302

    def test_the_page_is_not_there_for_whom_the_provider_does_not_know(self, client, settings):
        people.user("bob@example.com")
        client.post("/accounts/logout/")
        log_in(client, "bob@example.com")
        assert client.get("/accounts/oidc/reauthenticate/").status_code == 404

    @pytest.mark.parametrize(
        ("ago", "believed"),
        [(None, True), (0, True), (30, True), (3600, False), (-3600, False), ("x", False)],
    )
    def test_when_the_provider_says_when_it_asked_it_must_be_now(self, rf, ada, client, ago, believed):
        request = rf.get("/")
        request.session, request.user = client.session, ada
        account = SocialAccount.objects.get()
        when = time.time() - ago if isinstance(ago, int) else ago
        account.extra_data = {"id_token": {} if ago is None else {"auth_time": when}}
        assert reauthentication.provider_asked(request, account) is believed
        assert reauthentication.recent(request) is believed
