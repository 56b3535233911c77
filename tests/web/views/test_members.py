"""The page of a workspace's members, and what each role may do."""

import re
from html import unescape

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from fini_admin.web.wording.permissions import PERMISSIONS_IN_WORDS
from fini_admin.workspaces.models import Membership, Role, User, Workspace
from fini_admin.workspaces.permissions import ALLOWED, Permission
from tests.support import people
from tests.support.product import ROOT

pytestmark = pytest.mark.django_db
PAGE = "/w/acme/members/"


@pytest.fixture
def ada(acme: Workspace) -> User:
    return people.member(acme, "admin", "ada@example.com")


@pytest.fixture
def admin(client: Client, ada: User) -> Client:
    people.sign_in(client, ada)
    return client


@pytest.fixture
def root(client: Client, acme: Workspace) -> Client:
    people.sign_in(client, people.user("root@example.com", superuser=True))
    return client


@pytest.fixture
def bob(acme: Workspace) -> Membership:
    return Membership.objects.get(user=people.member(acme, "viewer", "bob@example.com"))


def address(member: Membership, act: str, slug: str = "acme") -> str:
    return f"/w/{slug}/members/{member.pk}/{act}/"


def of(person: User) -> Membership:
    return Membership.objects.get(user=person)


def roles(slug: str = "acme") -> dict[str, str]:
    return dict(Membership.objects.filter(workspace__slug=slug).values_list("user__email", "role"))


def text(content: bytes) -> str:
    return unescape(" ".join(re.sub(r"<[^>]*>", " ", content.decode()).split()))


def test_the_page_lists_who_is_what_and_who_one_is(admin, bob):
    page = text(admin.get(PAGE).content)
    assert "ada@example.com (you) Admin" in page
    assert "bob@example.com Viewer" in page


def test_a_known_address_becomes_a_member(admin, acme):
    people.user("carol@example.com")
    answer = admin.post(PAGE, {"email": " Carol@Example.com ", "role": "editor"})
    assert (answer.status_code, answer.url) == (303, PAGE)
    assert roles() == {"ada@example.com": "admin", "carol@example.com": "editor"}
    detail = {"email": "carol@example.com", "role": "editor"}
    assert people.trail(acme)[-1] == ("member.added", "ada@example.com", detail)
    assert "The role of carol@example.com is now editor." in text(admin.get(PAGE).content)


def test_a_form_that_was_sent_twice_adds_one_member(admin, acme):
    people.user("carol@example.com")
    for _ in range(2):
        assert admin.post(PAGE, {"email": "carol@example.com", "role": "viewer"}).status_code == 303
    assert [row[0] for row in people.trail(acme)].count("member.added") == 2


def test_an_unknown_address_is_invited_and_makes_nobody(admin):
    typed = {"email": "new@example.com", "role": "editor", "name": "New", "password": people.PASSWORD}
    answer = admin.post(PAGE, typed)
    assert "new@example.com is invited as editor" in text(answer.content)
    assert not User.objects.filter(email="new@example.com").exists()
    assert b'name="password"' not in admin.get(PAGE).content


def test_adding_does_not_change_the_role_of_a_member(admin, bob):
    answer = admin.post(PAGE, {"email": "bob@example.com", "role": "admin"})
    assert answer.status_code == 422
    assert "bob@example.com has the role viewer already: change it in the list." in text(answer.content)
    assert roles()["bob@example.com"] == "viewer"


@pytest.mark.parametrize(
    ("typed", "field"),
    [
        ({"email": "", "role": "viewer"}, "email"),
        ({"email": "nobody", "role": "viewer"}, "email"),
        ({"email": f"{people.KEY}@example.com", "role": "viewer"}, "email"),
        ({"email": "bob@example.com", "role": "owner"}, "role"),
        ({"email": "bob@example.com"}, "role"),
    ],
)
def test_what_is_wrong_is_said_beside_its_field(admin, typed, field):
    people.user("bob@example.com")
    answer = admin.post(PAGE, typed)
    assert answer.status_code == 422
    assert answer.context["form"].errors[field]
    assert people.KEY not in answer.content.decode()
    assert roles() == {"ada@example.com": "admin"}


def test_a_superuser_adds_a_person_whom_nobody_knew(root, acme):
    typed = {"email": "new@example.com", "role": "editor", "name": "New", "password": people.PASSWORD}
    answer = root.post(PAGE, typed)
    assert answer.status_code == 303
    new = User.objects.get(email="new@example.com")
    assert (new.name, new.check_password(people.PASSWORD), new.is_superuser) == ("New", True, False)
    assert roles() == {"new@example.com": "editor"}
    assert ("user.added", "root@example.com") in [row[:2] for row in people.trail()]
    browser = Client()
    browser.post("/accounts/login/", {"login": "new@example.com", "password": people.PASSWORD})
    assert browser.get("/w/acme/").status_code == 200


@pytest.mark.parametrize(
    ("changed", "field"),
    [
        ({"password": ""}, "password"),
        ({"password": "short"}, "password"),
        ({"password": people.KEY}, "password"),
        ({"name": people.KEY}, "name"),
        ({"name": "a\tb"}, "name"),
    ],
)
def test_a_person_who_cannot_be_added_like_this_is_nobody(root, changed, field):
    typed = {"email": "new@example.com", "role": "viewer", "name": "New", "password": people.PASSWORD}
    answer = root.post(PAGE, typed | changed)
    assert answer.status_code == 422
    assert answer.context["form"].errors[field]
    assert people.PASSWORD not in answer.content.decode()
    assert people.KEY not in answer.content.decode()
    assert not User.objects.filter(email="new@example.com").exists()


def test_a_role_changes(admin, acme, bob):
    for _ in range(2):
        answer = admin.post(address(bob, "role"), {"role": "editor"})
        assert (answer.status_code, answer.url) == (303, PAGE)
    assert roles()["bob@example.com"] == "editor"
    changed = [row for row in people.trail(acme) if row[0] == "member.changed"]
    detail = {"email": "bob@example.com", "role": "editor", "was": "viewer"}
    assert changed == [("member.changed", "ada@example.com", detail)]


def test_the_form_says_what_an_admin_loses_with_the_role_and_to_nobody_else(admin, acme, bob):
    people.member(acme, "admin", "carol@example.com")
    page = admin.get(PAGE).content.decode()
    said = "the open invitations that {} made here are withdrawn"
    assert [page.count(said.format(who)) for who in ("you", "they")] == [1, 1]


def test_a_role_that_is_none_stands_open_beside_its_reason(admin, bob):
    answer = admin.post(address(bob, "role"), {"role": "owner"})
    assert answer.status_code == 422
    row = next(row for row in answer.context["rows"] if row["member"] == bob)
    assert row["role"].errors["role"]
    assert f'href="{PAGE}">Cancel' in answer.content.decode()
    assert roles()["bob@example.com"] == "viewer"


def test_a_member_is_removed_after_the_page_said_what_happens(admin, acme, bob):
    assert "bob@example.com sees nothing of Acme Corporation any more, at once." in text(
        admin.get(PAGE).content
    )
    assert admin.post(address(bob, "remove")).status_code == 303
    assert roles() == {"ada@example.com": "admin"}
    assert people.trail(acme)[-1][0] == "member.removed"
    assert admin.post(address(bob, "remove")).status_code == 404
    assert User.objects.filter(email="bob@example.com").exists()


def test_ones_own_role_changes_only_after_a_second_thought(admin, acme, ada):
    people.member(acme, "admin")
    answer = admin.post(address(of(ada), "role"), {"role": "viewer"})
    assert answer.status_code == 422
    assert "Tick this to change your own membership." in text(answer.content)
    assert roles()["ada@example.com"] == "admin"
    answer = admin.post(address(of(ada), "role"), {"role": "viewer", "sure": "on"}, follow=True)
    assert roles()["ada@example.com"] == "viewer"
    assert answer.redirect_chain == [("/", 303), ("/w/acme/", 302)]
    assert admin.get(PAGE).status_code == 403


def test_one_leaves_a_workspace_only_after_a_second_thought(admin, acme, ada):
    people.member(acme, "admin")
    assert admin.post(address(of(ada), "remove")).status_code == 422
    assert roles()["ada@example.com"] == "admin"
    assert admin.post(address(of(ada), "remove"), {"sure": "on"}).url == "/"
    assert roles() == {"admin@example.com": "admin"}
    assert admin.get(PAGE).status_code == 404


@pytest.mark.parametrize(("act", "typed"), [("role", {"role": "viewer"}), ("remove", {})])
def test_the_last_admin_stays_one(admin, acme, ada, bob, act, typed):
    before = people.trail(acme)
    assert "the last admin: make somebody else an admin first" in text(admin.get(PAGE).content)
    answer = admin.post(address(of(ada), act), typed | {"sure": "on"})
    assert answer.status_code == 422
    assert "This is the workspace's last admin. Make somebody else an admin first." in text(answer.content)
    assert roles() == {"ada@example.com": "admin", "bob@example.com": "viewer"}
    assert people.trail(acme) == before


def test_a_superuser_cannot_remove_the_last_admin_either(root, acme):
    last = Membership.objects.get(user=people.member(acme, "admin"))
    assert root.post(address(last, "remove")).status_code == 422
    assert roles() == {"admin@example.com": "admin"}


@pytest.mark.parametrize("act", ["role", "remove"])
def test_a_get_changes_nothing_and_leads_to_the_page(admin, acme, bob, act):
    before = people.trail(acme)
    assert admin.get(address(bob, act)).url == PAGE
    assert people.trail(acme) == before
    assert roles()["bob@example.com"] == "viewer"


@pytest.mark.parametrize("role", ["viewer", "editor"])
def test_who_may_not_manage_members_is_refused(client, acme, ada, bob, role):
    people.sign_in(client, people.member(acme, role))
    before, known = people.trail(acme), roles()
    for answer in (
        client.get(PAGE),
        client.post(PAGE, {"email": "bob@example.com", "role": "admin"}),
        client.post(address(bob, "role"), {"role": "admin"}),
        client.post(address(bob, "remove")),
    ):
        assert answer.status_code == 403
    assert roles() == known
    assert people.trail(acme) == before


def test_another_workspaces_member_is_not_there(admin, acme, other):
    theirs = Membership.objects.get(user=people.member(other, "editor"))
    before = people.trail(other)
    for slug in ("acme", "other"):
        assert admin.post(address(theirs, "role", slug), {"role": "viewer"}).status_code == 404
        assert admin.post(address(theirs, "remove", slug)).status_code == 404
    assert admin.get("/w/other/members/").status_code == 404
    assert roles("other") == {"editor@example.com": "editor"}
    assert people.trail(other) == before


def test_who_is_not_logged_in_is_led_to_the_log_in(client, bob):
    assert client.post(address(bob, "remove")).url.startswith("/accounts/login/")
    assert roles() == {"bob@example.com": "viewer"}


def test_someone_who_may_not_log_in_is_marked(admin, bob):
    User.objects.filter(pk=bob.user_id).update(is_active=False)
    assert "may not log in" in text(admin.get(PAGE).content)


def test_a_workspace_without_members_says_so(root):
    assert "Nobody is a member yet; only superusers have access." in text(root.get(PAGE).content)


def test_names_are_escaped(admin, acme):
    people.join(people.user("bold@example.com", name="<b>bold</b>"), acme)
    assert "<b>bold" not in admin.get(PAGE).content.decode()


def test_the_list_goes_on_on_the_next_page(admin, acme):
    for number in range(60):
        person = User.objects.create(email=f"p{number}@example.com")
        Membership.objects.create(user=person, workspace=acme, role=Role.VIEWER)
    first = admin.get(PAGE)
    assert "p59@example.com" in first.content.decode()
    assert "p0@example.com" not in first.content.decode()
    older = admin.get(PAGE, {"after": first.context["page"].older}).content.decode()
    assert "p0@example.com" in older
    assert "ada@example.com" in older


def count(client: Client) -> int:
    """How many queries the page makes."""
    with CaptureQueriesContext(connection) as captured:
        assert client.get(PAGE).status_code == 200
    return len(captured)


def test_three_members_cost_no_more_queries_than_one(admin, acme):
    one = count(admin)
    for role in ("viewer", "editor"):
        people.member(acme, role)
    assert count(admin) == one


def test_the_table_of_roles_tells_every_permission_that_a_page_asks_for_once_and_rightly(admin):
    told = [permission for _, permissions in PERMISSIONS_IN_WORDS for permission in permissions]
    sources = [
        path for path in (ROOT / "fini_admin").rglob("*.py") if "views" in path.parts or path.stem == "views"
    ]
    asked = set(re.findall(r"Permission\.([A-Z_]+)", "".join(path.read_text() for path in sources)))
    assert sorted(told) == sorted(Permission[name] for name in asked)
    # A line is true of all its permissions or of none.
    assert [
        (words, role)
        for words, permissions in PERMISSIONS_IN_WORDS
        for role in Role
        if permissions & ALLOWED[role] not in (permissions, set())
    ] == []
    page = text(admin.get(PAGE).content)
    assert "Register no yes yes" in page
    assert "Manage keys no no yes" in page
    assert "Read the list of calls: who, when, route, outcome yes yes yes" in page
