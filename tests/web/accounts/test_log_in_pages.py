"""Every page about logging in is ours: its frame, its words, its fields, and what is wrong beside them."""

import re
from dataclasses import dataclass
from typing import Any

import pytest
from allauth.socialaccount.models import SocialAccount
from django.conf import settings
from django.core import mail
from django.test import Client

from fini_admin.people import letters
from fini_admin.people import mail as post
from fini_admin.web import urls
from tests.support import people
from tests.support.log_ins import ADDRESS, enrol, log_in, text
from tests.support.markup import Page

OURS = "site-packages"
UNKNOWN = "nobody@example.com"
# What answers with no page of its own, and why.
NO_PAGE = {
    "accounts/oidc/login/": "leads on",
    "accounts/oidc/login/callback/": "leads on",
    "accounts/2fa/activate/qr.svg": "a picture",
    "accounts/sessions/<int:number>/end/": "leads back",
}
PLACES = {"<int:number>": "1", "<key>": "none", "<uidb36>": "1"}


@dataclass
class Seen:
    """The pages by their routes, as everybody saw them."""

    pages: dict[str, list[Any]]

    def answers(self) -> list[Any]:
        return [one for answers in self.pages.values() for one in answers]


def routes() -> dict[str, str]:
    """Each route of logging in with an address."""
    found = {}
    for pattern in urls.urlpatterns:
        route = str(pattern.pattern).removeprefix("^").removesuffix("$")
        if route.startswith("accounts/"):
            address = re.sub(r"\(\?P(<\w+>).*?\+\)", r"\1", route)
            for place, value in PLACES.items():
                address = address.replace(place, value)
            found[route] = f"/{address}"
    return found


@pytest.fixture
def visitors(ada, provider) -> list[Client]:
    """Nobody, somebody without and with a second factor, who is halfway in, who has no password."""
    plain, enrolled, halfway, bare = Client(), Client(), Client(), Client()
    people.sign_in(plain, ada)
    bob, eve = people.user("bob@example.com"), people.user("eve@example.com")
    people.sign_in(enrolled, bob)
    enrol(enrolled)
    log_in(halfway, "bob@example.com")
    eve.set_unusable_password()
    eve.save()
    SocialAccount.objects.create(user=eve, provider=settings.OIDC_ID, uid="eve")
    people.sign_in(bare, eve)
    return [Client(), plain, enrolled, halfway, bare]


@pytest.fixture
def seen(visitors) -> Seen:
    """Every page as each of them gets it."""
    pages: dict[str, list[Any]] = {}
    for route, address in routes().items():
        if not route.endswith("logout/"):
            answers = [visitor.get(address) for visitor in visitors]
            assert max(answer.status_code for answer in answers) < 500, route
            pages[route] = [
                one for one in answers if one.status_code == 200 and "html" in one["Content-Type"]
            ]
    pages["accounts/logout/"] = [visitors[1].get("/accounts/logout/")]
    return Seen(pages)


def test_each_is_a_page_in_our_frame_of_our_templates_alone(seen):
    assert {route for route, pages in seen.pages.items() if not pages} == set(NO_PAGE)
    for page in seen.answers():
        names = {one.name for one in page.templates}
        assert "skeleton.html" in names
        assert {
            one.origin.name for one in page.templates if OURS in one.origin.name and "widgets" not in one.name
        } == set()


def test_each_field_has_its_label_and_says_what_a_browser_fills_in(seen):
    typed = [(Page(page.content.decode(), "/"), page.content.decode()) for page in seen.answers()]
    fields = [(control, source) for page, source in typed for form in page.forms for control in form.fields]
    asked = set()
    for control, source in fields:
        if control.is_typed:
            asked.add(control.attributes["autocomplete"])
            assert f'<label for="{control.attributes["id"]}">' in source
            assert "placeholder" not in control.attributes
    assert asked == {"username", "email", "current-password", "new-password", "one-time-code"}


def reset_form(client) -> str:
    """Where a mail's link leads."""
    client.post("/accounts/password/reset/", {"email": ADDRESS})
    post.wait()
    found = re.search(r"http://testserver(/\S+)", str(mail.outbox[-1].body))
    assert found
    return client.get(found[1]).url


NEW = {"password1": "another long phrase", "password2": "another long phrase"}
WRONG = [
    ("nobody", "/accounts/login/", {"login": "ada", "password": "x"}, "login"),
    ("nobody", "/accounts/login/", {"login": ADDRESS, "password": ""}, "password"),
    ("nobody", "/accounts/login/", {"login": ADDRESS, "password": "x"}, ""),
    ("nobody", "/accounts/login/", {"login": UNKNOWN, "password": "x"}, ""),
    ("nobody", "/accounts/password/reset/", {"email": "ada"}, "email"),
    ("reset", "", NEW | {"password1": "short"}, "password1"),
    ("reset", "", NEW | {"password2": "other"}, "password2"),
    ("plain", "/accounts/reauthenticate/", {"password": "x"}, "password"),
    ("plain", "/accounts/password/change/", NEW | {"oldpassword": "x"}, "oldpassword"),
    ("plain", "/accounts/password/change/", {"oldpassword": people.PASSWORD}, "password1"),
    ("plain", "/accounts/2fa/activate/", {"code": "000000"}, "code"),
    ("enrolled", "/accounts/2fa/reauthenticate/", {"code": "000000"}, "code"),
    ("enrolled", "/accounts/2fa/reauthenticate/", {"code": ""}, "code"),
    ("halfway", "/accounts/2fa/code/", {"code": "000000"}, "code"),
]


@pytest.mark.parametrize(("who", "address", "sent", "field"), WRONG)
def test_what_is_wrong_is_422_and_said_beside_its_field(visitors, who, address, sent, field):
    browser = visitors[{"nobody": 0, "reset": 0, "plain": 1, "enrolled": 2, "halfway": 3}[who]]
    answer = browser.post(address or reset_form(browser), sent)
    assert answer.status_code == 422
    page = Page(answer.content.decode(), "/")
    if not field:
        assert re.search(r'<p class="message message-error" role="alert">\w', answer.content.decode())
        return
    control = next(one for form in page.forms for one in form.fields if one.name == field)
    assert control.attributes["aria-invalid"] == "true"
    assert page.by_id[f"id_{field}_error"].strip()
    assert "x" not in control.values


@pytest.mark.parametrize("address", [ADDRESS, UNKNOWN])
def test_that_an_address_is_known_is_not_told_by_the_status(client, ada, address):
    assert client.post("/accounts/password/reset/", {"email": address}).status_code == 302
    for _ in range(5):
        assert log_in(client, address, "x").status_code == 422
    locked = log_in(client, address, "x")
    assert (locked.status_code, "Too many failed" in text(locked)) == (422, True)


def test_what_is_too_much_is_429_as_before(client, ada, settings):
    settings.ACCOUNT_RATE_LIMITS = {"login": "1/m/ip"}
    log_in(client, password="x")
    assert log_in(client, password="x").status_code == 429


def test_who_has_no_password_is_led_to_a_mails_link(visitors):
    answer = visitors[4].get("/accounts/password/change/", follow=True)
    assert answer.redirect_chain == [("/accounts/password/reset/", 302)]
    assert "You have no password here. A link by mail sets one." in text(answer)
    assert visitors[4].post("/accounts/password/change/", NEW).status_code == 302


def test_each_mail_that_a_page_sends_has_a_letter_of_ours(visitors, django_capture_on_commit_callbacks):
    with django_capture_on_commit_callbacks(execute=True):
        reset_form(visitors[0])
        visitors[1].post("/accounts/password/change/", {"oldpassword": people.PASSWORD} | NEW)
        visitors[2].post("/accounts/2fa/codes/new/")
        visitors[2].post("/accounts/2fa/deactivate/")
    post.wait()
    assert len(mail.outbox) == 4
    assert {one.subject.partition(":")[0] for one in mail.outbox} == {letters.NAME}
    assert [one for one in mail.outbox if "Hello from" in str(one.body) or "Thank you" in str(one.body)] == []


def test_the_messages_are_ours(client, ada):
    client.force_login(ada)
    sent = {"oldpassword": people.PASSWORD} | NEW
    answer = client.post("/accounts/password/change/", sent, follow=True)
    assert "Your password is changed; every other session ended." in text(answer)
    assert "success" not in text(answer)
