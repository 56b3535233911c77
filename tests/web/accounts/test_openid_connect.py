"""Logging in through a provider, which runs on loopback behind real sockets."""

import pytest
from allauth.account.models import EmailAddress
from allauth.socialaccount.models import SocialAccount, SocialApp
from allauth.socialaccount.providers.openid_connect.views import OpenIDConnectOAuth2Adapter

from fini_admin.workspaces.models import User
from tests.support import people
from tests.support.log_ins import ADDRESS, by_provider, enrol, log_in, signed_in, text, trail


def test_without_a_provider_there_is_no_button_and_no_way(client, db):
    SocialApp.objects.create(provider="openid_connect", provider_id="none", name="Evil", client_id="x")
    assert "Log in at" not in text(client.get("/accounts/login/"))
    assert client.post("/accounts/oidc/login/").status_code == 404
    assert client.get("/accounts/oidc/login/callback/?code=a&state=b").status_code == 404


def test_the_button_leads_to_the_provider_with_a_challenge_and_nothing_from_the_request(client, provider):
    assert "Log in at Acme" in text(client.get("/accounts/login/"))
    assert client.get("/accounts/oidc/login/").url == "/accounts/login/"
    off = client.post("/accounts/oidc/login/?scope=admin&auth_params=prompt%3Dnone&process=connect")
    asked = provider.asked(off.url)
    assert (asked["code_challenge_method"], asked["response_type"]) == ("S256", "code")
    assert asked["code_challenge"]
    assert set(asked["scope"].split()) == {"openid", "profile", "email"}
    assert "prompt" not in asked


def test_a_person_with_the_address_is_connected_and_logged_in_where_the_page_wanted(client, provider, ada):
    provider.knows("u1", email="Ada@Example.com", email_verified=True)
    answer = by_provider(client, provider, "u1", next="/accounts/sessions/")
    assert (answer.status_code, answer.url) == (302, "/accounts/sessions/")
    assert signed_in(client)
    assert SocialAccount.objects.get().user == ada
    assert trail("login.connected") == [("login.connected", ADDRESS, {"provider": "Acme"})]
    assert trail("login.succeeded") == [("login.succeeded", ADDRESS, {"by": ["socialaccount"]})]
    ada.refresh_from_db()
    assert ada.check_password(people.PASSWORD)


def test_who_is_connected_is_known_by_the_providers_identifier_from_then_on(client, provider, ada):
    provider.knows("u2", email=ADDRESS, email_verified=True)
    by_provider(client, provider, "u2")
    client.post("/accounts/logout/")
    provider.knows("u2", email="ada.new@example.com", email_verified=False)
    by_provider(client, provider, "u2")
    assert signed_in(client)
    assert SocialAccount.objects.count() == 1


@pytest.mark.parametrize(
    ("claims", "said"),
    [
        ({"email": "bob@example.com", "email_verified": True}, "Nobody here has that address"),
        ({"email": ADDRESS, "email_verified": False}, "has not verified the address ada@example.com"),
        ({"email": ADDRESS, "email_verified": "false"}, "has not verified"),
        ({"email": ADDRESS, "email_verified": "true"}, "has not verified"),
        ({"email": ADDRESS}, "has not verified"),
        # It is no letter of ours, and `lower` makes one of it.
        ({"email": "\u212aate@example.com", "email_verified": True}, "Nobody here has that address"),
        ({}, "Acme gave no e-mail address, so nobody can be found by it. Ask its administrators."),
    ],
)
def test_who_is_unknown_or_not_vouched_for_is_refused_and_nobody_is_made(client, provider, ada, claims, said):
    people.user("kate@example.com")
    provider.knows("u3", **claims)
    answer = by_provider(client, provider, "u3")
    assert answer.status_code == 403
    assert said in text(answer)
    assert not signed_in(client)
    assert (User.objects.count(), SocialAccount.objects.count()) == (2, 0)
    ((kind, actor, detail),) = trail("login.failed")
    assert (kind, actor) == ("login.failed", "not logged in")
    assert detail == {"login": claims.get("email", "").lower(), "provider": "Acme"}


def test_an_address_that_nobody_proved_here_is_not_enough(client, provider, ada):
    EmailAddress.objects.update(verified=False)
    provider.knows("u4", email=ADDRESS, email_verified=True)
    assert by_provider(client, provider, "u4").status_code == 403
    ada.refresh_from_db()
    assert ada.check_password(people.PASSWORD)


def test_someone_switched_off_is_refused_there_too(client, provider, ada):
    provider.knows("u5", email=ADDRESS, email_verified=True)
    ada.is_active = False
    ada.save()
    assert by_provider(client, provider, "u5").url == "/accounts/inactive/"
    assert not signed_in(client)


def test_who_turns_back_is_told_so(client, provider):
    off = client.post("/accounts/oidc/login/")
    answer = client.get(provider.deny(off.url))
    # The mock leaves the state out, so that it is an answer to nothing.
    assert answer.status_code == 403
    assert "Nothing was done" in text(answer)


def test_an_answer_that_nobody_asked_for_is_refused(client, provider, ada):
    provider.knows("u6", email=ADDRESS, email_verified=True)
    off = client.post("/accounts/oidc/login/")
    stolen = provider.agree(off.url, "u6")
    client.cookies.clear()
    assert client.get(stolen).status_code == 403
    assert not signed_in(client)


def test_an_answer_counts_once(client, provider, ada):
    provider.knows("u7", email=ADDRESS, email_verified=True)
    off = client.post("/accounts/oidc/login/")
    back = provider.agree(off.url, "u7")
    assert client.get(back).status_code == 302
    client.post("/accounts/logout/")
    assert client.get(back).status_code == 403
    assert not signed_in(client)


@pytest.mark.parametrize("url", ["http://localhost:9", "http://localhost:{port}/users"])
def test_a_provider_that_does_not_answer_has_a_page_of_ours(client, provider, settings, url):
    settings.OIDC_SERVER_URL = url.format(port=provider.url.rpartition(":")[2])
    answer = client.post("/accounts/oidc/login/")
    assert answer.status_code == 502
    assert "did not answer as it should" in text(answer)


def test_a_foreign_page_is_not_gone_on_to(client, provider, ada):
    provider.knows("u8", email=ADDRESS, email_verified=True)
    assert by_provider(client, provider, "u8", next="https://elsewhere.example/").url == "/"


def test_too_many_starts_from_one_place_get_the_page_of_ours(client, provider, settings):
    settings.ACCOUNT_RATE_LIMITS = {"provider": "1/m/ip"}
    assert client.post("/accounts/oidc/login/").status_code == 302
    answer = client.post("/accounts/oidc/login/")
    assert answer.status_code == 429
    assert "Wait a few minutes" in text(answer)


def test_a_person_with_a_second_factor_is_asked_for_it_here_too(client, provider, ada):
    log_in(client)
    enrol(client)
    client.post("/accounts/logout/")
    provider.knows("u9", email=ADDRESS, email_verified=True)
    assert by_provider(client, provider, "u9").url == "/accounts/2fa/code/"
    assert not signed_in(client)


def test_two_answers_about_two_people_are_refused(client, provider, ada, monkeypatch):
    provider.knows("u10", email=ADDRESS, email_verified=True)
    other = {"sub": "somebody else", "email": ADDRESS, "email_verified": True}
    monkeypatch.setattr(OpenIDConnectOAuth2Adapter, "_fetch_user_info", lambda self, token: other)
    assert by_provider(client, provider, "u10").status_code == 502
    assert not signed_in(client)
