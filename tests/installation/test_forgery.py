"""No page of another site, and no address that somebody hands over, does or leads anywhere (CSRF, open redirects)."""

from typing import Any
from urllib.parse import parse_qs, urlsplit

from django.apps import apps
from django.core import serializers
from django.test import Client

from fini_admin.web import urls
from tests.installation.conftest import Furnished
from tests.support import people

HTMX = {"HX-Request": "true", "HX-Current-URL": "http://testserver/w/acme/"}
LEADS = ("Location", "HX-Redirect", "HX-Location", "HX-Push-Url", "HX-Replace-Url", "Refresh")
FOREIGN = ("https://evil.example/a", "//evil.example/a", "/\\evil.example/a", "javascript:alert(1)")
# What is sent beside: enough for a form to be good where it is a small one.
SENT = {"login": "root@example.com", "email": "root@example.com", "password": people.PASSWORD, "do": "off"}
# These look at the token themselves, or change nothing.
EXEMPT = {"register": "answer() is csrf_protect", "invitation_link": "sets a cookie from its own address"}


def everything() -> dict[str, Any]:
    """Every row there is, but for the counters of the limits and the times that are written at each use."""
    models = [model for model in apps.get_models() if model._meta.managed]
    return {
        model._meta.label: serializers.serialize("json", model._default_manager.order_by("pk"))
        for model in models
    }


def test_every_write_without_the_token_is_refused_and_nothing_changes(furnished: Furnished):
    client = Client(enforce_csrf_checks=True)
    people.sign_in(client, furnished.root)
    addresses, taken = furnished.addresses(), []
    before = everything()
    for route, address in addresses.items():
        for headers in ({}, HTMX, {"Origin": "https://evil.example"}):
            answer = client.post(address, SENT, headers=headers)
            if answer.status_code != 403:
                taken.append(route)
    assert set(taken) == {"invitations/<str:token>/"}
    assert everything() == before


def test_the_views_that_check_the_token_themselves_are_these():
    exempt = {pattern.name for pattern in urls.urlpatterns if getattr(pattern.callback, "csrf_exempt", False)}
    assert exempt == set(EXEMPT)


def leads_away(url: str) -> bool:
    """Whether an address, or the page it goes on to, is another site's."""
    parts = urlsplit(url.replace("\\", "/"))
    if parts.netloc not in ("", "testserver") or parts.scheme not in ("", "http"):
        return True
    return any(leads_away(there) for there in parse_qs(parts.query).get("next", []))


def test_the_check_sees_what_leads_away():
    assert [url for url in FOREIGN if not leads_away(url)] == []
    assert leads_away("/accounts/login/?next=//evil.example/")
    assert not leads_away("/accounts/login/?next=/w/acme/%3Fnext%3D/a")


def test_no_answer_leads_to_another_site(furnished: Furnished):
    addresses, led = furnished.addresses(), 0
    wrong: list[str] = []
    for foreign in FOREIGN:
        for route, address in addresses.items():
            for client, method, htmx in visits(furnished):
                found, page = led_by(client, method, address, foreign, htmx=htmx)
                led += len(found)
                wrong += [
                    f"{method} {route}: {url}"
                    for url in found
                    if leads_away(url) and not back_to(url, address)
                ]
                if f'href="{foreign}' in page or f'action="{foreign}' in page:
                    wrong.append(f"{method} {route}: a link on the page")
    assert wrong == []
    assert led > len(addresses) * len(FOREIGN)


def led_by(client: Client, method: str, address: str, foreign: str, *, htmx: bool) -> tuple[list[str], str]:
    """Where an answer leads, and the page that it is."""
    headers = {"Referer": foreign, "HX-Current-URL": foreign} | ({"HX-Request": "true"} if htmx else {})
    sent = SENT | {"next": foreign} if method == "POST" else {}
    query = {} if sent else {"next": foreign}
    ask = client.post if sent else client.get
    answer = ask(address, sent | query, headers=headers)
    page = "" if answer.streaming else answer.content.decode(errors="replace")
    return [answer[name] for name in LEADS if name in answer], page


def back_to(url: str, address: str) -> bool:
    """Whether it leads back to the address that was asked for, question mark and all: that page decides again."""
    return [there.partition("?")[0] for there in parse_qs(urlsplit(url).query).get("next", [])] == [address]


def visits(furnished: Furnished) -> list[tuple[Client, str, bool]]:
    """Who comes, how, and whether by htmx: nobody, and who is asked again who they are."""
    long_ago = Client()
    long_ago.force_login(furnished.root)
    return [(Client(), "GET", True), (long_ago, "POST", False), (long_ago, "POST", True)]


def test_a_log_in_goes_on_to_pages_of_ours_only(furnished: Furnished):
    for foreign in FOREIGN:
        answer = Client().post("/accounts/login/", SENT | {"next": foreign})
        assert (answer.status_code, answer["Location"]) == (302, "/")


def test_a_log_in_leads_to_this_very_host_and_to_no_other_that_is_allowed(furnished: Furnished, settings):
    settings.ALLOWED_HOSTS = ["testserver", "elsewhere.example", ".example.com"]
    settings.CSRF_TRUSTED_ORIGINS = ["https://trusted.example"]
    typed = {"login": "root@example.com", "password": people.PASSWORD}
    led = {}
    for host in ("elsewhere.example", "a.example.com", "trusted.example", "testserver:81", "testserver"):
        url = f"http://{host}/accounts/sessions/"
        led[host] = Client().post("/accounts/login/", typed | {"next": url}).headers.get("Location")
    assert led.pop("testserver") == "http://testserver/accounts/sessions/"
    assert set(led.values()) == {"/"}
