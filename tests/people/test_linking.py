"""A second identifier at the log-in provider with an address that is linked; and acts on people at the same time."""

import threading
from collections.abc import Callable

import pytest
from allauth.socialaccount.models import SocialAccount
from django.core import mail
from django.core.exceptions import ValidationError
from django.db import connection
from django.test import Client

from fini_admin.people import mail as post
from fini_admin.people.access import SWITCHED_OFF, switch_off_user, switch_on_user
from fini_admin.people.linking import link_login
from fini_admin.people.models import LinkRequest
from fini_admin.people.second_factor import remove_second_factor
from fini_admin.workspaces.models import User
from tests.support import people
from tests.support.challenge import asks, confirm
from tests.support.log_ins import ADDRESS, by_provider, log_in, signed_in, text, trail
from tests.support.who import by

PAGE = "/people/"
ROOT = "root@example.com"


@pytest.fixture
def linked(client, provider, ada):
    """Ada came through the provider, as the first one with her address."""
    for sub in ("first", "second", "third"):
        provider.knows(sub, email=ADDRESS, email_verified=True)
    by_provider(client, provider, "first")
    client.post("/accounts/logout/")
    return ada


@pytest.fixture
def root(db):
    browser = Client()
    people.user(ROOT, superuser=True)
    log_in(browser, ROOT)
    return browser


def link(browser, user, which):
    return browser.post(f"{PAGE}{user.pk}/", {"do": "link", "which": str(which)}, follow=True)


def test_a_second_identifier_with_the_same_address_is_refused_and_recorded(client, provider, linked):
    answer = by_provider(client, provider, "second")
    assert answer.status_code == 403
    assert "ada@example.com is linked to another log-in at Acme. Ask a superuser to link this one" in text(
        answer
    )
    assert not signed_in(client)
    assert [one.uid for one in SocialAccount.objects.all()] == ["first"]
    detail = {"login": ADDRESS, "provider": "Acme", "subject": "second"}
    assert trail("login.failed") == [("login.failed", "not logged in", detail)]
    by_provider(client, provider, "second")
    assert LinkRequest.objects.count() == 1
    # The first one logs in as before.
    by_provider(client, provider, "first")
    assert signed_in(client)


def test_a_superuser_links_it_after_a_password_and_it_is_recorded_and_mailed(
    client, provider, linked, root, later, django_capture_on_commit_callbacks
):
    by_provider(client, provider, "second")
    page = text(root.get(PAGE))
    assert "Another log-in at Acme proved this address and was refused just now : second" in page
    later(minutes=20)
    sent = {"do": "link", "which": str(LinkRequest.objects.get().pk)}
    question = root.post(f"{PAGE}{linked.pk}/", sent)
    assert asks(question)
    assert SocialAccount.objects.count() == 1
    mail.outbox.clear()
    with django_capture_on_commit_callbacks(execute=True):
        assert confirm(root, question).status_code == 303
    post.wait()
    assert [(one.to, "a log-in was connected" in one.subject) for one in mail.outbox] == [([ADDRESS], True)]
    detail = {"email": ADDRESS, "provider": "Acme", "subject": "second"}
    assert trail("login.connected")[-1] == ("login.connected", ROOT, detail)
    assert "was refused" not in text(root.get(PAGE))
    by_provider(client, provider, "second")
    assert signed_in(client)


def test_what_is_no_longer_asked_for_or_somebody_elses_is_not_linked(client, provider, linked, root):
    by_provider(client, provider, "second")
    asked = LinkRequest.objects.get()
    bob = people.user("bob@example.com")
    for user, which in ((bob, asked.pk), (linked, 999), (linked, ""), (linked, "²"), (linked, "9" * 5000)):
        assert "no longer asked for" in text(link(root, user, which))
    SocialAccount.objects.create(user=bob, provider=asked.provider, uid=asked.uid)
    assert "is linked to bob@example.com already" in text(link(root, linked, asked.pk))
    assert SocialAccount.objects.filter(user=linked).count() == 1
    plain = Client()
    log_in(plain, ADDRESS)
    assert plain.post(f"{PAGE}{linked.pk}/", {"do": "link", "which": "1"}).status_code == 404


def test_asking_again_who_one_is_links_nothing(client, provider, linked):
    by_provider(client, provider, "first")
    off = client.post("/accounts/oidc/reauthenticate/", {"next": "/"})
    assert client.get(provider.agree(off.url, "second")).status_code == 403
    assert [one.uid for one in SocialAccount.objects.all()] == ["first"]
    assert not LinkRequest.objects.exists()


def at_once(*acts: Callable[[], object]) -> list[str]:
    """What becomes of acts that begin at the same moment, each on a connection of its own."""
    barrier = threading.Barrier(len(acts))
    outcomes: list[str] = [""] * len(acts)

    def run(place: int, act: Callable[[], object]) -> None:
        barrier.wait()
        try:
            outcomes[place] = str(act() or "done")
        except ValidationError as error:
            outcomes[place] = error.messages[0]
        finally:
            connection.close()

    threads = [threading.Thread(target=run, args=one) for one in enumerate(acts)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return outcomes


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("others", [0, 1])
def test_of_two_superusers_who_switch_each_other_off_at_once_the_second_is_refused(others):
    one, two = (people.user(f"root{n}@example.com", superuser=True) for n in (1, 2))
    for n in range(others):
        people.user(f"other{n}@example.com", superuser=True)

    def off(root: User, whom: User) -> Callable[[], object]:
        return lambda: switch_off_user(by=by(root.email, "browser"), user=whom)

    outcomes = at_once(off(one, two), off(two, one))
    assert sorted(outcomes) == sorted(["done", SWITCHED_OFF])
    assert User.objects.filter(pk__in=(one.pk, two.pk), is_active=True).count() == 1
    assert [row[0] for row in trail("user.switched_off")] == ["user.switched_off"]


@pytest.mark.django_db(transaction=True)
def test_who_was_switched_off_meanwhile_does_nothing_to_people_any_more(ada):
    root = people.user(ROOT, superuser=True)
    User.objects.filter(pk=root.pk).update(is_active=False)
    who = {"by": by(ROOT, "browser"), "user": ada}
    acts: list[Callable[[], object]] = [
        lambda: switch_off_user(**who),
        lambda: switch_on_user(**who),
        lambda: remove_second_factor(**who),
        lambda: link_login(**who, number="1"),
    ]
    for act in acts:
        with pytest.raises(ValidationError, match="switched off a moment ago"):
            act()


@pytest.mark.django_db(transaction=True)
def test_of_two_identifiers_that_prove_an_address_at_once_one_is_linked(provider):
    ada = people.user(ADDRESS)
    for sub in ("one", "two"):
        provider.knows(sub, email=ADDRESS, email_verified=True)

    def come(sub: str) -> Callable[[], object]:
        browser = Client()
        back = provider.agree(browser.post("/accounts/oidc/login/")["Location"], sub)
        return lambda: browser.get(back).status_code

    assert sorted(at_once(come("one"), come("two"))) == ["302", "403"]
    assert (SocialAccount.objects.filter(user=ada).count(), LinkRequest.objects.count()) == (1, 1)
