"""Saved searches: who sees which, who may share, and what a wrong one leaves."""

import pytest

from fini_admin.workspaces import searches
from fini_admin.workspaces.models import SavedSearch
from tests.support import people
from tests.support.who import by

URL, CALLS = "/w/acme/searches/", "/w/acme/audit/"


@pytest.fixture
def as_role(client, acme):
    members = {
        role: people.member(acme, role, f"{role}@example.com") for role in ("viewer", "editor", "admin")
    }

    def log_in(role):
        client.force_login(members[role])
        return client

    return log_in


def save(client, **fields):
    values = {"page": "calls", "query": "q=route%3Aingest", "name": "Ingests"}
    return client.post(URL, values | fields)


def offered(client):
    return [name for name in ("Ingests", "Ours") if f">{name}</a>" in client.get(CALLS).content.decode()]


def test_an_editor_saves_a_search_for_themself_and_finds_it_on_the_page(as_role):
    answer = save(as_role("editor"))
    assert (answer.status_code, answer.url) == (303, f"{CALLS}?q=route%3Aingest")
    assert offered(as_role("editor")) == ["Ingests"]
    assert offered(as_role("admin")) == []
    assert offered(as_role("viewer")) == []
    assert people.trail() == [] or "search" not in str(people.trail()[-1])


def test_an_admin_shares_a_search_with_everybody_and_the_trail_says_so(as_role, acme):
    save(as_role("admin"), name="Ours", shared="on")
    for role in ("viewer", "editor", "admin"):
        assert offered(as_role(role)) == ["Ours"]
    kind, actor, detail = people.trail(acme)[-1]
    assert (kind, actor) == ("search.shared", "admin@example.com")
    assert detail["query"] == "q=route%3Aingest"


def test_an_editor_cannot_share(as_role):
    save(as_role("editor"), shared="on")
    assert SavedSearch.objects.get().shared is False
    assert 'name="shared"' not in as_role("editor").get(f"{URL}?page=calls").content.decode()
    assert 'name="shared"' in as_role("admin").get(f"{URL}?page=calls").content.decode()


@pytest.mark.parametrize("fields", [{"name": ""}, {"name": "x" * 61}])
def test_a_wrong_search_is_said_and_nothing_typed_is_lost(as_role, fields):
    answer = save(as_role("editor"), **fields)
    assert answer.status_code == 422
    assert "q=route%3Aingest" in answer.content.decode()
    assert not SavedSearch.objects.exists()


def test_a_search_of_no_page_is_refused(as_role):
    assert save(as_role("editor"), page="nowhere").status_code == 422


def test_what_is_invalid_in_a_search_is_not_saved(as_role):
    save(as_role("editor"), query="q=route%3Aingest+zebra%3A1&x=y")
    assert SavedSearch.objects.get().query == "q=route%3Aingest"


def test_the_same_name_saves_anew(as_role):
    client = as_role("editor")
    save(client)
    save(client, query="q=route%3Alist")
    assert SavedSearch.objects.get().query == "q=route%3Alist"


def test_the_removal_of_a_shared_search_is_asked_about_and_of_ones_own_not(as_role):
    def asked():
        return "goes for everybody here" in as_role("admin").get(URL).content.decode()

    save(as_role("admin"), name="Mine")
    assert not asked()
    save(as_role("admin"), name="Ours", shared="on")
    assert asked()
    page = " ".join(as_role("admin").get(URL).content.decode().split())
    ours = SavedSearch.objects.get(name="Ours").pk
    assert f'popovertarget="remove-{ours}"> Remove <span class="unseen">Ours</span>' in page
    panel = page.split(f'id="remove-{ours}"')[1].split("</div>")[0]
    assert 'value="remove"' in panel


def test_one_removes_ones_own_and_an_admin_what_is_shared(as_role, acme):
    save(as_role("admin"), name="Ours", shared="on")
    save(as_role("editor"))
    ours, ingests = (SavedSearch.objects.get(name=name).pk for name in ("Ours", "Ingests"))
    editor = as_role("editor")
    assert editor.post(URL, {"do": "remove", "search": ours}).status_code == 403
    assert as_role("admin").post(URL, {"do": "remove", "search": ingests}).status_code == 404
    assert as_role("viewer").post(URL, {"do": "remove", "search": ours}).status_code == 403
    assert as_role("editor").post(URL, {"do": "remove", "search": ingests}).status_code == 303
    assert as_role("admin").post(URL, {"do": "remove", "search": ours}).status_code == 303
    assert not SavedSearch.objects.exists()
    assert people.trail(acme)[-1][0] == "search.withdrawn"


def test_a_search_of_activity_is_offered_to_nobody_who_may_not_read_it(as_role):
    save(as_role("admin"), page="activity", query="", name="Ours", shared="on")
    assert ">Ours</a>" not in as_role("editor").get(URL).content.decode()
    assert ">Ours</a>" in as_role("admin").get("/w/acme/activity/").content.decode()


def test_another_workspaces_searches_are_not_there(as_role, client):
    save(as_role("admin"), name="Ours", shared="on")
    other = people.workspace("other", "Other Company")
    client.force_login(people.member(other, "admin", "eve@example.com"))
    assert client.get(URL).status_code == 404
    assert "Ours" not in client.get("/w/other/searches/").content.decode()
    ours = SavedSearch.objects.get().pk
    assert client.post("/w/other/searches/", {"do": "remove", "search": ours}).status_code == 404


def test_a_shared_search_that_is_removed_twice_is_withdrawn_once(as_role, acme):
    save(as_role("admin"), shared="on")
    first, second = SavedSearch.objects.get(), SavedSearch.objects.get()
    for search in (first, second):
        searches.remove(by=by("ada@example.com"), search=search)
    assert [kind for kind, *_ in people.trail(acme)].count("search.withdrawn") == 1


def test_the_list_names_a_searchs_page_as_the_menu_does(as_role):
    save(as_role("editor"))
    assert '<td data-label="Page">Audit</td>' in as_role("editor").get(URL).content.decode()
