"""Every address, by every method, for everybody (P6): the rules decide, and what is refused changes nothing.

The addresses are walked from the URLconf, what is sent to them is what the pages' own forms send. A new route needs
something of `tests/support/furnished.py` to fill its arguments with, said in `tests/support/addresses.py`.
"""

import re
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import chain
from urllib.parse import urlsplit

import pytest
from django.urls import path, resolve

from fini_admin.ingestion.models import Worker
from fini_admin.web import urls
from fini_admin.web.permissions import Rule, requires
from fini_admin.workspaces.models import Role
from fini_admin.workspaces.permissions import ALLOWED, Permission
from tests.support import tables
from tests.support.addresses import Address, Unfilled, addresses, rule_of
from tests.support.crawl import pages, sendings
from tests.support.markup import Data
from tests.support.visitors import House, Visitor, alone, house
from tests.web.test_permissions import bare

__all__ = ["alone", "house"]

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("alone")]

LOGIN, REFUSED, UNSEEN, NOT_ALLOWED = 302, 403, 404, 405
NAME_ALONE = re.compile(rb'(?<=[>"])Ourmark Company(?=[<"])')
DONE = (200, 302, 303)
ANSWERED = (*DONE, 204, 400, 422, NOT_ALLOWED)
LOGIN_PAGE, SET_UP_PAGE = "/accounts/login/?next=", "/accounts/2fa/activate/?next="
# Of those who are let in, one who may do everything shows that the other methods do nothing.
FOR_ALL, EVERYWHERE = ("GET", "POST"), "superuser"
OUTSIDE = ("anonymous", "switched off")
ROLE = {role.value: role for role in Role} | {"superuser": Role.ADMIN}
VISITORS = (
    "anonymous",
    "stranger",
    "viewer",
    "editor",
    "admin",
    "foreign admin",
    "superuser",
    "switched off",
)

REGISTER = {Permission.SOURCES_REGISTER}
INGEST = {Permission.SOURCES_INGEST}
REFRESH, DELETE = {Permission.SOURCES_REFRESH}, {Permission.SOURCES_DELETE}
SECOND_CHANCES = {"refresh": REFRESH, "retry": INGEST | REFRESH, "delete": DELETE}
# Views that demand more than their rule for what is posted, by the button pressed: each has several deeds.
MORE_TO_DO: dict[str, dict[str, set[Permission]]] = {
    # Everybody sees the queue; sending and removing are permissions of their own.
    "queue": {
        "send": INGEST,
        "send-all": INGEST,
        "remove": {Permission.QUEUE_REMOVE},
        "put-back": {Permission.QUEUE_REMOVE},
    },
    # Everybody sees the sources.
    "sources": SECOND_CHANCES | {f"{deed}-all": needed for deed, needed in SECOND_CHANCES.items()},
    "source": SECOND_CHANCES,
    # Their other button registers only.
    "register": {"ingest": INGEST},
    "discover": {"ingest": INGEST},
    "web": {"ingest": INGEST, "pick": INGEST},
}
# A preview demands, also to be looked at, what confirming it demands: it shows what somebody is about to send.
MORE_FOR_PREVIEW = {"import": REGISTER, "register": REGISTER, "both": REGISTER | INGEST, "ingest": INGEST}
MORE_FOR_PREVIEW |= {"web": INGEST}
MORE_FOR_PREVIEW |= {"refresh": REFRESH, "retry": INGEST | REFRESH, "delete": DELETE}
# What is not there for somebody who is let through, and why.
NOT_THERE = {
    "provider_login": "no log-in provider is set up",
    "openid_connect_callback": "no log-in provider is set up",
    "provider_reauthenticate": "nobody here is known to a log-in provider",
    "mfa_qr": "only while a second factor is being set up",
    "mfa_deactivate_totp": "only for who has a second factor",
    "mfa_view_recovery_codes": "only for who has a second factor",
    "invitation": "only with the cookie that an invitation's link leaves",
    "session_end": "the session is the admin's, and another person's is as if it were not there",
}
# Forms that change nothing as they stand on the page, and why.
IDLE = {
    "styleguide": "its forms are samples",
    "sources": "nothing that is shown can be refreshed, or nothing is shown at all",
    "deletion": "the number is not typed",
    "workspace_rename": "the name is the same",
    "workspaces": "nothing is filled in",
    "register": "nothing is filled in",
    "web": "nothing is pasted, and nothing selected",
    "keys": "nothing is filled in",
    "key_edit": "everything said is the same",
    "members": "nothing is filled in",
    "member_role": "the role is the same",
    "settings": "every setting is the same",
    "account_reauthenticate": "nothing is filled in",
    "mfa_reauthenticate": "nothing is filled in",
    "mfa_activate_totp": "nothing is filled in",
    "mfa_authenticate": "nothing is filled in",
    "account_change_password": "nothing is filled in",
    "account_reset_password": "nothing is filled in",
    "account_reset_password_from_key": "nothing is filled in",
    "account_login": "nothing is filled in",
}


@dataclass(frozen=True)
class Request:
    """One request that is made by everybody."""

    address: Address
    method: str
    path: str
    data: Data

    @property
    def reads(self) -> bool:
        """Whether it may change nothing, whoever makes it."""
        return self.method != "POST"

    def __str__(self) -> str:
        done = ",".join(self.data.get("do", []))
        return f"{self.method} {self.path} {done}".strip()


@pytest.fixture(scope="module")
def asked(house) -> list[Request]:
    """Each address by each method; posted are the forms of the pages that show it to an admin or a superuser."""
    walked = addresses(house.ours, house["admin"].user)
    sent: dict[str, list[Request]] = {}
    for who in ("superuser", "admin"):
        looked_at = addresses(house.ours, house[who].user)
        seen = sendings(pages(house[who], looked_at, deep=who == "superuser"))
        made = [Request(address_of(one.path), "POST", one.path, one.data) for one in seen]
        for request in [request for request in made if request.path not in sent]:
            sent.setdefault(request.path, []).append(request)
    with_forms = {request.address.path for requests in sent.values() for request in requests}
    plain = [Request(one, method, one.path, {}) for one in walked for method in ("GET", "PUT", "DELETE")]
    plain += [Request(one, "POST", one.path, {}) for one in walked if one.path not in with_forms]
    return [*plain, *chain.from_iterable(sent.values())]


def address_of(link: str) -> Address:
    """The address that a form leads to, also when it is about another key or member than the one that was walked."""
    route = urlsplit(link).path
    found = resolve(route)
    arguments = tuple((name, str(value)) for name, value in found.kwargs.items())
    return Address(found.url_name or "", rule_of(found.func), route, arguments)


def refusal(request: Request, who: str, house: House) -> int:
    """With which status the rules refuse it, 0 when they do not."""
    rule = request.address.rule
    if rule == Rule.PUBLIC:
        return 0
    if who in OUTSIDE:
        return LOGIN
    if not isinstance(rule, Permission):
        return UNSEEN if rule == Rule.SUPERUSER and who != "superuser" else 0
    if who not in ROLE:
        return UNSEEN
    return 0 if {rule} | more(request, house) <= ALLOWED[ROLE[who]] else REFUSED


def more(request: Request, house: House) -> set[Permission]:
    """What a view demands beyond its rule."""
    name = request.address.name
    if name == "preview":
        tokens = {preview.token: kind for kind, preview in house.ours.previews.items()}
        return MORE_FOR_PREVIEW[tokens[dict(request.address.arguments)["token"]]]
    done = request.data.get("do", []) if request.method == "POST" else []
    return set().union(*(MORE_TO_DO.get(name, {}).get(deed, set()) for deed in done))


def faults(visitor: Visitor, asked: list[Request], house: House) -> list[str]:
    """What comes out otherwise than the rules say."""
    found: list[str] = []
    for request in asked:
        refused = refusal(request, visitor.name, house)
        if refused:
            found += [f"{request}: {what}" for what in turned_away(visitor, request, refused)]
        elif request.method in FOR_ALL or visitor.name == EVERYWHERE:
            found += [f"{request}: {what}" for what in let_in(visitor, request)]
    return found


def turned_away(visitor: Visitor, request: Request, status: int) -> list[str]:
    """What is wrong with a refusal: its status, what it shows, what it changed."""
    with tables.writes() as written:
        answer = visitor.ask(request.method, request.path, request.data)
    good = (status,) if request.method in FOR_ALL else (status, NOT_ALLOWED)
    wrong = [] if answer.status_code in good else [f"{answer.status_code} instead of {status}"]
    if answer.status_code == LOGIN and not answer.headers.get("Location", "").startswith(LOGIN_PAGE):
        wrong.append("it does not lead to the log-in")
    # Around a refusal whom the workspace lets in keeps its frame, which names it; everybody else sees no trace of it.
    shown = NAME_ALONE.sub(b"", answer.content) if status == REFUSED else answer.content
    if b"Ourmark" in shown:
        wrong.append("it shows something of the workspace")
    return wrong + [f"it wrote {statement}" for statement in written]


def let_in(visitor: Visitor, request: Request) -> list[str]:
    """What is wrong with an answer to who is let through: a refusal, or a change by what only reads."""
    with tables.undone():
        Worker.objects.update(seen_at=datetime.now(UTC))  # a heartbeat of long ago is none
        with tables.writes() as written:
            answer = visitor.ask(request.method, request.path, request.data)
    good = {"GET": DONE, "POST": ANSWERED}.get(request.method, (NOT_ALLOWED,))
    missing = answer.status_code == UNSEEN and request.address.name in NOT_THERE
    wrong = [] if answer.status_code in good or missing else [f"{answer.status_code} although it is allowed"]
    if answer.headers.get("Location", "").startswith(LOGIN_PAGE):
        wrong.append("it leads to the log-in although it is allowed")
    return wrong + [f"it wrote {statement}" for statement in written if request.reads]


@pytest.mark.parametrize("name", VISITORS)
def test_each_address_answers_by_each_method_as_the_rules_say(house, asked, name):
    before = tables.everything()
    assert faults(house[name], asked, house) == []
    assert tables.everything() == before


def test_everybody_is_among_the_visitors(house):
    assert tuple(house.visitors) == VISITORS


def test_what_is_refused_is_what_would_be_done_for_who_may(house, asked):
    idle = set()
    for request in asked:
        if request.method == "POST" and request.data:
            with tables.undone(), tables.writes() as written:
                house["superuser"].post(request.path, request.data)
            idle |= set() if written else {request.address.name}
    assert idle <= set(IDLE)


def test_every_address_was_asked_for_by_every_method(asked, house):
    methods: dict[str, set[str]] = {}
    for request in asked:
        methods.setdefault(request.address.name, set()).add(request.method)
    assert set(methods) == {route.name for route in urls.urlpatterns}
    assert {name for name, made in methods.items() if made != {"GET", "POST", "PUT", "DELETE"}} == set()


class Unknown:
    """A URLconf with a route of which nobody knows what to fill it with."""

    urlpatterns = [
        *urls.urlpatterns,
        path("w/<slug:slug>/things/<int:thing>/", requires(Permission.SOURCES_READ)(bare), name="thing"),
    ]


def test_a_route_that_nobody_can_fill_is_seen(house, settings):
    settings.ROOT_URLCONF = Unknown
    with pytest.raises(Unfilled, match="thing"):
        addresses(house.ours, house["admin"].user)


def test_who_has_to_have_a_second_factor_and_has_none_may_only_set_one_up(house, asked, settings):
    settings.SECOND_FACTOR_REQUIRED = True
    wrong = []
    for request in (one for one in asked if one.method in FOR_ALL):
        view = resolve(urlsplit(request.path).path).func
        with tables.undone(), tables.writes() as written:
            answer = house["admin"].ask(request.method, request.path, request.data)
        held = answer.headers.get("Location", "").startswith(SET_UP_PAGE)
        may = request.address.rule == Rule.PUBLIC or getattr(view, "enrols", False)
        if held == may or (held and written):
            wrong.append(f"{request}: {answer.status_code} {answer.headers.get('Location')} {written}")
    assert wrong == []
