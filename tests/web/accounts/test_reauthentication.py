"""Dangerous acts ask again who one is."""

import time

import pytest
from allauth.socialaccount.models import SocialAccount
from django.contrib.sessions.models import Session
from django.http import HttpResponse
from django.urls import path

from fini_admin.people import reauthentication
from fini_admin.people.models import Invitation
from fini_admin.web import urls
from fini_admin.web.accounts.sensitive import reauthenticated
from fini_admin.web.forms.base import MISSING, ONCE_MORE
from fini_admin.web.permissions import requires, signed_in
from fini_admin.workspaces.permissions import Permission
from tests.support import people
from tests.support.challenge import asks, confirm
from tests.support.log_ins import ADDRESS, by_provider, code, enrol, log_in, text

sent: list[dict[str, list[str]]] = []


@requires(Permission.KEYS_MANAGE)
@reauthenticated
def dangerous(request):
    sent.append(dict(request.POST.lists()))
    return HttpResponse(f"{request.method} done")


urlpatterns = [
    *urls.urlpatterns,
    path("w/<slug:slug>/dangerous/", dangerous),
    path("secret/", signed_in(reauthenticated(lambda request: HttpResponse("secret"), reading=True))),
]
pytestmark = pytest.mark.urls(__name__)
ACT = "/w/acme/dangerous/"
DONE = "/accounts/reauthenticate/done/"


@pytest.fixture
def admin(client, ada):
    people.join(ada, people.workspace(), "admin")
    return ada


def test_the_log_in_itself_counts_for_ten_minutes(client, admin, later):
    log_in(client)
    later(minutes=9)
    assert client.post(ACT).content == b"POST done"
    later(minutes=2)
    assert asks(client.post(ACT))


def test_looking_asks_nothing_unless_the_page_itself_is_secret(client, admin, later):
    log_in(client)
    later(minutes=20)
    assert client.get(ACT).content == b"GET done"
    assert client.get("/secret/?a=1").url == "/accounts/reauthenticate/?next=/secret/%3Fa%3D1"


def test_the_password_sends_on_what_was_sent_except_keys(client, admin, later):
    log_in(client)
    later(minutes=20)
    page = client.post(
        ACT, {"key": people.KEY, "label": "a label", "said": f"see {people.KEY}", "more": ["1", "2"]}
    )
    assert "enter your password again" in text(page)
    wrong = confirm(client, page, password="wrong")
    assert "Incorrect password" in text(wrong)
    assert asks(client.post(ACT))
    done = confirm(client, wrong)
    assert (done.status_code, done.content) == (200, b"POST done")
    assert sent[-1] == {"label": ["a label"], "more": ["1", "2"], MISSING: ["key", "said"]}
    # No key is on a page, and nothing of what was sent in the session: allauth alone would put the form there.
    assert people.KEY not in text(page) + page.content.decode() + wrong.content.decode()
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
    page = client.post(ACT, {"label": "a label"})
    assert "Use authenticator app or code" in text(page)
    other = confirm(client, page, do="code")
    assert "enter a code" in text(other)
    wrong = confirm(client, other, code="000000")
    assert "This code is wrong" in text(wrong)
    assert confirm(client, wrong, code=code(secret)).content == b"POST done"
    assert sent[-1] == {"label": ["a label"]}


def test_a_code_leads_on_to_a_page_that_asks(client, admin, later):
    log_in(client)
    secret, _ = enrol(client)
    later(minutes=20)
    again = f"/accounts/2fa/reauthenticate/?next={ACT}"
    assert client.post(again, {"code": "000000"}).status_code == 422
    assert client.post(again, {"code": code(secret)}).url == ACT


def test_another_persons_proof_does_not_count(client, admin, rf, later):
    log_in(client)
    session = client.session
    session["account_authentication_methods_user"] = "999"
    session.save()
    assert asks(client.post(ACT))


def test_too_many_tries_get_the_page_of_ours(client, admin, settings):
    settings.ACCOUNT_RATE_LIMITS = settings.ACCOUNT_RATE_LIMITS | {"reauthenticate": "1/m/user"}
    log_in(client)
    client.post("/accounts/reauthenticate/", {"password": "wrong"})
    assert client.post("/accounts/reauthenticate/", {"password": "wrong"}).status_code == 429


class TestInTheDialog:
    """What reauthentication.js asks for, and shows over a form."""

    ASK = "/accounts/reauthenticate/"
    HTMX = {"HX-Request": "true", "HX-Current-URL": "http://testserver/w/acme/?a=1"}

    @pytest.fixture(autouse=True)
    def _logged_in_long_ago(self, client, admin, later):
        log_in(client)
        later(minutes=20)

    def test_the_question_is_a_part_without_a_page_and_the_right_answer_is_204(self, client):
        shown = client.get(self.ASK, headers=self.HTMX)
        assert (shown.status_code, b"<html" in shown.content) == (200, False)
        assert 'id="again_password"' in shown.content.decode()
        wrong = client.post(self.ASK, {"way": "password", "password": "x"}, headers=self.HTMX)
        assert (wrong.status_code, "Incorrect password" in text(wrong)) == (422, True)
        right = client.post(self.ASK, {"way": "password", "password": people.PASSWORD}, headers=self.HTMX)
        assert (right.status_code, right.content) == (204, b"")
        assert client.get(self.ASK, headers=self.HTMX).status_code == 204
        assert client.post(ACT).content == b"POST done"

    def test_too_many_tries_are_told_in_it(self, client, settings):
        settings.ACCOUNT_RATE_LIMITS = settings.ACCOUNT_RATE_LIMITS | {"reauthenticate": "1/m/user"}
        client.post(self.ASK, {"password": "x"}, headers=self.HTMX)
        much = client.post(self.ASK, {"password": people.PASSWORD}, headers=self.HTMX)
        assert (much.status_code, "Too many tries" in text(much)) == (429, True)
        assert asks(client.post(ACT))

    def test_a_session_that_is_over_leads_the_page_to_the_log_in(self, client, later):
        later(hours=13)
        answer = client.get(self.ASK, headers=self.HTMX)
        assert answer["HX-Redirect"] == "/accounts/login/?next=/w/acme/%3Fa%3D1"


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
    assert asks(client.post("/accounts/sessions/"))


def test_tests_log_in_as_if_the_password_had_been_given(client, admin):
    client.force_login(admin)
    assert asks(client.post(ACT))
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
        page = client.post(ACT, {"label": "a label"})
        assert "log in at Acme again" in text(page)
        assert (
            '<form method="post" action="/accounts/oidc/reauthenticate/" id="again-provider" target="_blank">'
            in (" ".join(page.content.decode().split()))
        )
        assert "has not confirmed yet" in text(confirm(client, page, way="provider"))
        off = client.post("/accounts/oidc/reauthenticate/", {"next": DONE})
        asked = provider.asked(off.url)
        assert (asked["prompt"], asked["max_age"]) == ("login", "0")
        assert client.get(provider.agree(off.url, "boss")).url == DONE
        assert "Close this tab" in text(client.get(DONE))
        assert confirm(client, page, way="provider").content == b"POST done"
        assert sent[-1] == {"label": ["a label"]}

    def test_it_must_be_the_same_person(self, client, provider):
        people.user("bob@example.com")
        provider.knows("bob", email="bob@example.com", email_verified=True)
        off = client.post("/accounts/oidc/reauthenticate/", {"next": ACT})
        answer = client.get(provider.agree(off.url, "bob"))
        assert answer.status_code == 403
        assert "did not say that it is you" in text(answer)
        assert asks(client.post(ACT))
        assert SocialAccount.objects.count() == 1

    def test_with_a_second_factor_of_their_own_a_code_is_enough(self, client, provider):
        off = client.post("/accounts/oidc/reauthenticate/", {"next": "/"})
        client.get(provider.agree(off.url, "boss"))
        enrol(client)
        later = client.session
        for record in later["account_authentication_methods"]:
            record["at"] -= 3600
        later.save()
        assert "enter a code" in text(client.post(ACT))

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
        assert reauthentication.note_provider(request, account) is believed
        assert reauthentication.recent(request) is believed


def test_a_first_password_that_is_not_carried_makes_no_invitation_of_it(client, db, later):
    people.user("root@example.com", superuser=True)
    people.workspace()
    log_in(client, "root@example.com")
    later(minutes=20)
    members = "/w/acme/members/"
    sent = {"email": "new@example.com", "role": "viewer", "name": "", "password": "seven blue parcels"}
    question = client.post(members, sent)
    assert "you enter them once more afterwards" in text(question)
    back = confirm(client, question)
    assert back.status_code == 422
    assert ONCE_MORE in text(back)
    assert 'value="new@example.com"' in back.content.decode()
    assert not Invitation.objects.exists()
    # Now that this is seen, it is a form like any other: without a password it invites.
    assert client.post(members, sent | {"password": ""}).status_code == 200
    assert Invitation.objects.get().email == "new@example.com"
