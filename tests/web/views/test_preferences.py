"""Theme, density and time zone that a person chooses for themselves."""

import pytest
from django.test import Client

from fini_admin.workspaces.models import User, Workspace
from tests.support import people

PAGE = "/accounts/appearance/"
HOME = "/w/acme/"


@pytest.fixture
def viewer(client: Client, acme: Workspace) -> Client:
    client.force_login(people.member(acme, "viewer"))
    return client


def held() -> tuple[str, str, str]:
    person = User.objects.get()
    return person.theme, person.density, person.zone


def html(client: Client, path: str = HOME) -> str:
    return " ".join(client.get(path).content.decode().split())


def test_a_button_under_the_name_changes_one_and_leads_back(viewer: Client) -> None:
    answer = viewer.post(PAGE, {"theme": "dark", "next": "/w/acme/sources/?state=failed"})
    assert (answer.status_code, answer["Location"]) == (303, "/w/acme/sources/?state=failed")
    viewer.post(PAGE, {"density": "compact", "next": HOME})
    assert held() == ("dark", "compact", "")
    page = html(viewer)
    assert '<html lang="en" data-theme="dark" data-density="compact">' in page
    assert '<meta name="color-scheme" content="dark">' in page
    viewer.post(PAGE, {"theme": "", "next": HOME})
    assert held() == ("", "compact", "")
    assert "data-theme" not in html(viewer)


def test_times_are_in_the_zone_that_was_chosen_else_in_the_browsers(viewer: Client) -> None:
    viewer.cookies["zone"] = "Asia/Tokyo"
    assert "times in JST" in html(viewer)
    viewer.post(PAGE, {"theme": "", "density": "", "zone": "America/Sao_Paulo"})
    assert "times in UTC-03" in html(viewer)


@pytest.mark.parametrize("wrong", [{"theme": "pink"}, {"density": "x"}, {"zone": "Mars/Olympus"}])
def test_what_does_not_exist_is_refused(viewer: Client, wrong: dict[str, str]) -> None:
    assert viewer.post(PAGE, wrong).status_code == 422
    assert held() == ("", "", "")


@pytest.mark.parametrize("away", ["https://evil.example/", "//evil.example/", "/\\evil.example"])
def test_it_leads_nowhere_else(viewer: Client, away: str) -> None:
    assert viewer.post(PAGE, {"theme": "dark", "next": away})["Location"] == PAGE


def test_everybody_has_their_own(viewer: Client, client: Client, acme: Workspace) -> None:
    viewer.post(PAGE, {"theme": "dark"})
    other = Client()
    other.force_login(people.member(acme, "editor", email="edith@example.com"))
    assert "data-theme" not in html(other)


def test_a_probe_asks_for_nobody(viewer: Client, django_assert_num_queries) -> None:
    with django_assert_num_queries(0):
        assert viewer.get("/healthz").status_code == 200
