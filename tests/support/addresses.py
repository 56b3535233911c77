"""Every address of the URLconf, filled in with what a furnished workspace holds."""

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import product

from allauth.account.forms import default_token_generator
from allauth.account.models import EmailAddress, EmailConfirmationHMAC
from allauth.account.utils import user_pk_to_url_str
from allauth.usersessions.models import UserSession
from django.urls import URLPattern, get_resolver, reverse

from fini_admin.web.permissions import Rule
from fini_admin.workspaces.models import User
from fini_admin.workspaces.permissions import Permission
from fini_admin.workspaces.queries import archived
from tests.support.furnished import Furnished
from tests.web.test_permissions import views


@dataclass(frozen=True)
class Address:
    """A place that can be asked for: the view's name and rule, and the arguments that were filled in."""

    name: str
    rule: Permission | Rule
    path: str
    arguments: tuple[tuple[str, str], ...]


class Unfilled(Exception):
    """There is nothing to fill an argument of a route with."""


def addresses(of: Furnished, person: User) -> list[Address]:
    """Every route with arguments of the workspace's own, of `person` where they are a person's; raises Unfilled."""
    known = values(of, person)
    return [found for pattern in patterns() for found in filled(pattern, known)]


def patterns() -> list[URLPattern]:
    """Every route; the test of permissions sees that none lies deeper."""
    found = [one for one in get_resolver().url_patterns if isinstance(one, URLPattern)]
    assert len(found) == len(list(views(get_resolver().url_patterns)))
    return found


def filled(pattern: URLPattern, known: dict[str, list[object]]) -> Iterator[Address]:
    """A route with each of the values that its arguments may have."""
    names = [name for name in pattern.pattern.regex.groupindex if name not in pattern.default_args]
    for chosen in product(*(held(pattern.name or "", name, known) for name in names)):
        arguments = dict(zip(names, map(str, chosen), strict=True))
        path = reverse(pattern.name, kwargs=arguments)
        yield Address(pattern.name or "", rule_of(pattern.callback), path, tuple(arguments.items()))


def rule_of(view: object) -> Permission | Rule:
    """A view's rule."""
    rule = getattr(view, "rule", None)
    assert isinstance(rule, Permission | Rule)
    return rule


def held(route: str, name: str, known: dict[str, list[object]]) -> list[object]:
    """What an argument may be; by the route's name where several routes call different things alike."""
    if f"{route}.{name}" not in known and name not in known:
        raise Unfilled(f"{route}: nothing is known to fill {name} with")
    return known.get(f"{route}.{name}") or known[name]


def values(of: Furnished, person: User) -> dict[str, list[object]]:
    """Arguments by name."""
    leaving = of.members["leaving"]
    proof = EmailConfirmationHMAC(EmailAddress.objects.get(user=leaving, verified=False))
    return {
        "slug": [of.slug],
        "provider": ["zendesk"],
        "fini_id": [f"{of.slug}-source-1"],
        "run.number": [of.runs[name].number for name in ("last", "failed", "deleted", "going")],
        "run_steer.number": [of.runs["going"].number],
        "run_retry.number": [of.runs["failed"].number],
        "run_register_again.number": [of.runs["deleted"].number],
        "deletion.token": [of.previews["delete"].token],
        "token": [preview.token for preview in of.previews.values()],
        "call": [of.calls["answered"], of.calls["flying"]],
        "call_body.call": [of.calls["answered"]],
        "side": ["request", "answer", "curl"],
        "key_id": [of.keys["waiting"].pk],
        "workspace_id": [of.workspace.pk],
        "workspace_restore.workspace_id": [archived().earliest("pk").pk],
        "member_role.number": [of.membership("leaving").pk],
        "member_remove.number": [of.membership("leaving").pk],
        "invitation_renew.number": [of.invitation.pk],
        "invitation_withdraw.number": [of.invitation.pk],
        "invitation_link.token": [of.invited],
        "person.number": [leaving.pk],
        "session_end.number": [UserSession.objects.filter(user=person).earliest("pk").pk],
        "uidb36": [user_pk_to_url_str(person)],
        "account_reset_password_from_key.key": [default_token_generator.make_token(person)],
        "account_confirm_email.key": [proof.key],
    }
