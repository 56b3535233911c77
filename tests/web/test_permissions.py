"""The server decides (P6): every view has a rule, and the rules do what they say."""

import pytest
from allauth.usersessions.models import UserSession
from django.http import HttpResponse
from django.urls import URLPattern, URLResolver, get_resolver, include, path

from fini_admin.ingestion.now import now_in
from fini_admin.web import urls
from fini_admin.web.pages import MENU, frame
from fini_admin.web.permissions import Rule, public, requires, signed_in, superuser_only
from fini_admin.workspaces.models import Role, Workspace
from fini_admin.workspaces.permissions import ALLOWED, Permission
from tests.support import people
from tests.support.product import ROOT

ROLES = ("viewer", "editor", "admin")
LOGIN, OK, REFUSED, UNSEEN = 302, 200, 403, 404

# Every page without other arguments than the workspace, and what each kind of visitor gets. `/` leads on.
#                      anonymous stranger viewer editor admin superuser
EXPECTED = {
    "/w/acme/": (LOGIN, UNSEEN, OK, OK, OK, OK),
    "/w/nowhere/": (LOGIN, UNSEEN, UNSEEN, UNSEEN, UNSEEN, UNSEEN),
    "/w/acme/register/": (LOGIN, UNSEEN, REFUSED, OK, OK, OK),
    "/w/acme/discover/": (LOGIN, UNSEEN, REFUSED, 302, 302, 302),
    "/w/acme/discover/zendesk/": (LOGIN, UNSEEN, REFUSED, OK, OK, OK),
    "/w/acme/discover/dropbox/": (LOGIN, UNSEEN, REFUSED, UNSEEN, UNSEEN, UNSEEN),
    "/w/acme/sources/": (LOGIN, UNSEEN, OK, OK, OK, OK),
    "/w/acme/sources/no-such-id/": (LOGIN, UNSEEN, UNSEEN, UNSEEN, UNSEEN, UNSEEN),
    "/w/acme/runs/": (LOGIN, UNSEEN, OK, OK, OK, OK),
    "/w/acme/queue/": (LOGIN, UNSEEN, OK, OK, OK, OK),
    "/w/acme/audit/": (LOGIN, UNSEEN, OK, OK, OK, OK),
    "/w/acme/searches/": (LOGIN, UNSEEN, REFUSED, OK, OK, OK),
    "/w/acme/activity/": (LOGIN, UNSEEN, REFUSED, REFUSED, OK, OK),
    "/styleguide/": (LOGIN, UNSEEN, UNSEEN, UNSEEN, UNSEEN, OK),
    "/switch/": (LOGIN, OK, OK, OK, OK, OK),
    "/w/acme/keys/": (LOGIN, UNSEEN, REFUSED, REFUSED, OK, OK),
    "/w/acme/members/": (LOGIN, UNSEEN, REFUSED, REFUSED, OK, OK),
    "/w/acme/settings/": (LOGIN, UNSEEN, REFUSED, REFUSED, OK, OK),
    "/workspaces/": (LOGIN, UNSEEN, UNSEEN, UNSEEN, UNSEEN, OK),
    "/": (LOGIN, OK, 302, 302, 302, 302),
    "/healthz": (OK, OK, OK, OK, OK, OK),
    "/accounts/login/": (OK, 302, 302, 302, 302, 302),
    "/accounts/logout/": (LOGIN, OK, OK, OK, OK, OK),
    "/accounts/password/change/": (LOGIN, OK, OK, OK, OK, OK),
    "/people/": (LOGIN, UNSEEN, UNSEEN, UNSEEN, UNSEEN, OK),
    "/accounts/2fa/": (LOGIN, OK, OK, OK, OK, OK),
    "/accounts/2fa/code/": (302, 302, 302, 302, 302, 302),
    "/accounts/sessions/": (LOGIN, OK, OK, OK, OK, OK),
    "/accounts/oidc/login/": (302, 302, 302, 302, 302, 302),
    "/invitations/": (UNSEEN, UNSEEN, UNSEEN, UNSEEN, UNSEEN, UNSEEN),
    "/invitations/no-such-token/": (302, 302, 302, 302, 302, 302),
    "/accounts/password/reset/": (OK, OK, OK, OK, OK, OK),
}


def views(patterns, route=""):
    """Each view of a URLconf with its whole route."""
    for pattern in patterns:
        here = route + str(pattern.pattern)
        if isinstance(pattern, URLResolver):
            yield from views(pattern.url_patterns, here)
        elif isinstance(pattern, URLPattern):
            yield here, pattern.callback


def faults(patterns):
    """Routes whose view has no rule, or a workspace's rule and no workspace in the address, or the reverse."""
    found = []
    for route, view in views(patterns):
        rule = getattr(view, "rule", None)
        if rule is None:
            found.append(f"{route} has no rule")
        elif isinstance(rule, Permission) != ("<slug:slug>" in route):
            found.append(f"{route} is ruled by {rule}")
        elif (rule == Rule.PUBLIC) == getattr(view, "login_required", True):
            found.append(f"{route} is {rule} and its log-in says otherwise")
    return found


def bare(request, /, **_):
    return HttpResponse("seen")


def test_every_view_has_a_rule():
    assert faults(get_resolver().url_patterns) == []
    assert len(list(views(urls.urlpatterns))) == len(urls.urlpatterns)


@pytest.mark.parametrize(
    ("pattern", "fault"),
    [
        (path("bare/", bare), "bare/ has no rule"),
        (path("in/", include([path("deep/", bare)])), "in/deep/ has no rule"),
        (path("keys/", requires(Permission.KEYS_MANAGE)(bare)), "keys/ is ruled by keys:key:manage"),
        (path("w/<slug:slug>/", signed_in(bare)), "w/<slug:slug>/ is ruled by signed in"),
    ],
)
def test_the_walk_sees_a_view_without_a_fitting_rule(pattern, fault):
    assert faults([*urls.urlpatterns, pattern]) == [fault]


def test_the_walk_sees_a_log_in_that_does_not_fit_the_rule():
    opened = signed_in(bare)
    opened.__dict__["login_required"] = False
    assert faults([path("open/", opened)]) == ["open/ is signed in and its log-in says otherwise"]


@pytest.fixture
def visitors(acme, other):
    members = {role: people.member(acme, role) for role in ROLES}
    return {
        "anonymous": None,
        "stranger": people.user("stranger@example.com"),
        **members,
        "superuser": people.user("root@example.com", superuser=True),
    }


@pytest.mark.parametrize("address", EXPECTED)
def test_each_page_answers_each_visitor_as_it_should(client, visitors, address):
    people.join(visitors["superuser"], people.workspace("third"))

    if address == "/":
        Workspace.objects.filter(slug__in=["other", "third"]).delete()
    answers = []
    for visitor in visitors.values():
        client.logout()
        if visitor:
            client.force_login(visitor)
        answers.append(client.get(address).status_code)
    assert tuple(answers) == EXPECTED[address]


def test_an_anonymous_visitor_is_led_to_the_log_in_and_back(client, acme):
    assert client.get("/w/acme/?a=1").url == "/accounts/login/?next=/w/acme/%3Fa%3D1"


def test_an_address_that_exists_and_one_that_does_not_look_the_same_to_a_stranger(client, acme):
    client.force_login(people.user("stranger@example.com"))
    answers = [client.get(address) for address in ("/w/acme/", "/w/nowhere/", "/workspaces/")]
    assert len({answer.content for answer in answers}) == 1


def test_someone_switched_off_is_out_at_once(client, acme):
    person = people.member(acme, "admin")
    client.force_login(person)
    assert client.get("/w/acme/").status_code == OK
    person.is_active = False
    person.save()
    assert client.get("/w/acme/").status_code == LOGIN


def test_a_member_of_another_workspace_is_a_stranger_here(client, acme, other):
    client.force_login(people.member(other, "admin"))
    assert client.get("/w/other/").status_code == OK
    assert client.get("/w/acme/").status_code == UNSEEN


def test_a_role_that_ends_ends_at_once(client, acme):
    person = people.member(acme, "admin")
    client.force_login(person)
    person.memberships.all().delete()
    assert client.get("/w/acme/").status_code == UNSEEN


@requires(Permission.KEYS_MANAGE)
def keys(request, number):
    return HttpResponse(f"{request.workspace} {request.role} {number} {len(request.permissions)}")


urlpatterns = [
    *urls.urlpatterns,
    path("w/<slug:slug>/keys/<int:number>/", keys),
    path("super/", superuser_only(bare)),
    path("open/", public(bare)),
]


@pytest.mark.urls(__name__)
@pytest.mark.parametrize(("role", "status"), [("viewer", REFUSED), ("editor", REFUSED), ("admin", OK)])
def test_in_sight_and_not_allowed_is_403(client, acme, role, status):
    client.force_login(people.member(acme, role))
    assert client.get("/w/acme/keys/7/").status_code == status


@pytest.mark.urls(__name__)
def test_a_view_gets_its_workspace_and_the_role_in_it(client, acme):
    client.force_login(people.member(acme, "admin"))
    assert client.get("/w/acme/keys/7/").content.decode() == f"acme admin 7 {len(Permission)}"


@pytest.mark.urls(__name__)
def test_a_superuser_is_an_admin_everywhere(client, acme):
    client.force_login(people.user(superuser=True))
    assert client.get("/w/acme/keys/7/").content.decode().startswith("acme admin 7")
    assert client.get("/super/").status_code == OK


@pytest.mark.urls(__name__)
def test_what_is_public_asks_nobody(client, db):
    assert client.get("/open/").content == b"seen"


@pytest.mark.urls(__name__)
def test_a_fragment_of_an_ended_session_leads_the_whole_page_to_the_log_in(client, acme):
    answer = client.get(
        "/w/acme/keys/7/",
        headers={"HX-Request": "true", "HX-Current-URL": "http://testserver/w/acme/?page=2"},
    )
    assert (answer.status_code, answer.content) == (200, b"")
    assert answer["HX-Redirect"] == "/accounts/login/?next=/w/acme/%3Fpage%3D2"


@pytest.mark.parametrize(
    "headers", [{}, {"HX-Request": "true", "HX-Current-URL": f"http://testserver/w/acme/?q={people.KEY}"}]
)
def test_a_key_in_the_address_is_not_carried_to_the_log_in(client, acme, headers):
    answer = client.get(f"/w/acme/?q={people.KEY}", headers=headers)
    there = answer.headers.get("HX-Redirect") or answer.headers["Location"]
    assert there.startswith("/accounts/login/?next=/w/acme/")
    assert people.KEY not in there


@pytest.mark.parametrize("method", ["PUT", "PATCH", "DELETE"])
def test_a_method_that_no_page_has_is_refused(client, acme, method):
    client.force_login(people.member(acme, "admin"))
    for address in ("/w/acme/", "/w/acme/keys/", "/accounts/password/change/", "/accounts/login/"):
        assert client.generic(method, address).status_code == 405


@pytest.mark.urls(__name__)
def test_a_fragment_asked_for_from_a_foreign_page_leads_to_the_start(client, acme):
    headers = {"HX-Request": "true", "HX-Current-URL": "https://elsewhere.example/w/acme/"}
    assert client.get("/w/acme/keys/7/", headers=headers)["HX-Redirect"] == "/accounts/login/?next=/"


def test_roles_hold_what_the_design_gives_them():
    viewer, editor, admin = (ALLOWED[Role(role)] for role in ROLES)
    assert viewer == {"sources:source:read", "queue:entry:read", "runs:run:read", "audit:call:read"}
    assert editor - viewer == {
        "sources:source:discover",
        "sources:source:register",
        "sources:source:ingest",
        "sources:source:refresh",
        "sources:source:crawl",
        "queue:entry:remove",
        "runs:run:steer",
        "audit:search:save",
    }
    assert admin == set(Permission)
    assert viewer < editor < admin


def test_permissions_are_checked_in_one_module_only():
    found = [path for path in (ROOT / "fini_admin").rglob("*.py") if "PermissionDenied" in path.read_text()]
    assert found == [ROOT / "fini_admin/web/permissions.py"]


def test_a_permissions_name_says_area_noun_and_verb():
    assert [name for name in Permission if len(name.split(":")) != 3] == []


def menu(request) -> list[dict[str, object]]:
    found = frame(request)["menu"]
    assert isinstance(found, list)
    return found


def test_the_menu_holds_only_what_its_reader_may_open(acme, rf):
    request = rf.get("/w/acme/runs/7/")
    assert frame(request)["menu"] == []
    request.workspace, request.permissions, request.now = acme, frozenset(), now_in(acme)
    assert frame(request)["menu"] == []
    request.permissions = frozenset({Permission.SOURCES_READ, Permission.RUNS_READ})
    wanted = [entry for entry in MENU if entry.permission in request.permissions]
    assert [(line["text"], line["here"]) for line in menu(request)] == [
        (entry.text, entry.text == "Runs") for entry in wanted
    ]
    request.permissions = frozenset(Permission)
    assert len(menu(request)) == len(MENU)


@pytest.mark.parametrize("page", ["appearance/", "shortcuts/", "2fa/", "sessions/", "password/change/"])
def test_an_accounts_page_keeps_the_menu_of_a_workspace_that_its_reader_may_see(acme, client, page):
    client.force_login(people.member(acme, "viewer"))
    held = [line["text"] for line in client.get(f"/accounts/{page}?in=acme").context["menu"]]
    assert held == [entry.text for entry in MENU if entry.permission in ALLOWED[Role.VIEWER]]
    for other in ("", "?in=", "?in=nowhere"):
        assert client.get(f"/accounts/{page}{other}").context["menu"] == []
    client.force_login(people.user("stranger@example.com"))
    assert client.get(f"/accounts/{page}?in=acme").context["menu"] == []


def test_what_is_done_on_an_accounts_page_keeps_the_menu(acme, client):
    ada = people.member(acme, "viewer")
    people.sign_in(client, ada)
    form = {"oldpassword": people.PASSWORD, "password1": "another long one", "password2": "another long one"}
    other = UserSession.objects.create(user=ada, ip="127.0.0.1", session_key="other")
    for page, given in (
        (f"sessions/{other.pk}/end/", {}),
        ("sessions/", {}),
        ("shortcuts/", {"enabled": "on"}),
        ("password/change/", form),
    ):
        address = f"/accounts/{page}?in=acme"
        then = client.post(address, given)
        assert (then.status_code // 100, then.url.endswith("?in=acme")) == (3, True), page
        assert len(client.get(then.url).context["menu"]) > 1, page
        assert "?in" not in client.post(f"/accounts/{page}", given).headers.get("Location", "")
