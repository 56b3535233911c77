"""Invitations: made, found by their link, withdrawn, accepted once by the person they are for.

Each write is one transaction with its row in the workspace's trail inside, and raises ValidationError on bad input.
"""

import hashlib
import re
import secrets
from datetime import timedelta

from django.core.exceptions import ValidationError
from django.core.mail import EmailMessage
from django.db import transaction
from django.db.models import Q, QuerySet
from django.utils import timezone
from django.views.decorators.debug import sensitive_variables

from fini_admin.audit.names import Activity, By
from fini_admin.people import mail
from fini_admin.people.models import Invitation
from fini_admin.workspaces import queries, validators
from fini_admin.workspaces.members import add_member, add_user, change_role, check_role, remove_member
from fini_admin.workspaces.models import Membership, User, Workspace
from fini_admin.workspaces.permissions import Permission, roles_with
from fini_admin.workspaces.workspaces import lock_installation, lock_workspace, record_activity

VALID_FOR = timedelta(days=7)
# The members' page shows all of them, and each may send a mail.
MOST_OPEN = 50
TOO_MANY = f"There are {MOST_OPEN} open invitations already. Withdraw one first."
OVER = "This invitation is no longer valid."
NOT_YOURS = "This invitation is for another address."
TOKEN = re.compile(r"[A-Za-z0-9_-]{43}")
SUBJECT = "{workspace}: you are invited to Fini Admin"
LETTER = """{who} invites you to the workspace {workspace} in Fini Admin, as {role}.

Open this link to come in. It works once, for you alone, until {until:%d %B %Y, %H:%M} UTC:

{link}

If you do not know what this is about, ignore this mail: nothing happens.
"""


def open_in(workspace: Workspace) -> QuerySet[Invitation]:
    """A workspace's invitations that were neither accepted nor withdrawn, the newest first; expired ones too."""
    return Invitation.objects.filter(workspace=workspace, accepted_at=None, withdrawn_at=None).order_by("-pk")


def is_invited(email: str) -> bool:
    """Whether a person who is not known here yet has an open invitation at this address."""
    rows = Invitation.objects.filter(email=email, accepted_at=None, withdrawn_at=None)
    open_now = rows.filter(expires_at__gt=timezone.now(), workspace__archived_at=None)
    return open_now.exists() and not User.objects.filter(email=email).exists()


@sensitive_variables("token")
def find_by_token(token: str) -> Invitation | None:
    """The invitation of a link; None when it is unknown, withdrawn, expired, or its workspace is archived.

    One that was accepted is found, so that its link leads on whoever accepted it.
    """
    if not TOKEN.fullmatch(token):
        return None
    rows = Invitation.objects.filter(withdrawn_at=None, workspace__archived_at=None)
    rows = rows.filter(expires_at__gt=timezone.now(), token_hash=_hash(token))
    return rows.select_related("workspace").first()


@sensitive_variables("token")
def _hash(token: str) -> str:
    """The hash that is kept of a token. A token is long and random, so that a plain hash is safe."""
    return hashlib.sha256(token.encode()).hexdigest()


@sensitive_variables("token")
def invite(*, by: By, workspace: Workspace, email: str, role: str) -> tuple[Invitation, str]:
    """Invite an address, in place of an open invitation; returns the token of the link too, which is not kept."""
    address = validators.email_address(email)
    check_role(role)
    token, now = secrets.token_urlsafe(32), timezone.now()
    # No decorator: in an error report its frame would show this function's values.
    with transaction.atomic():
        workspace = lock_workspace(workspace)
        others = open_in(workspace).exclude(email=address)
        if others.count() >= MOST_OPEN:
            raise ValidationError({"email": TOO_MANY})
        replaced = open_in(workspace).filter(email=address).update(withdrawn_at=now)
        invitation = Invitation(workspace=workspace, email=address, role=role, invited_by=by.actor)
        invitation.token_hash, invitation.expires_at = _hash(token), now + VALID_FOR
        invitation.full_clean()
        invitation.save(force_insert=True)
        detail = {"expires_at": invitation.expires_at.isoformat(), "replaces": bool(replaced)}
        _record(invitation, Activity.MEMBER_INVITED, by, **detail)
    return invitation, token


@transaction.atomic
def withdraw(*, by: By, workspace: Workspace, email: str) -> bool:
    """Withdraw the open invitation of an address; returns whether there was one."""
    return _withdraw(by, lock_workspace(workspace), Q(email=email)) > 0


@transaction.atomic
def withdraw_made_by(*, by: By, workspace: Workspace, email: str) -> None:
    """Withdraw the open invitations that somebody made who may not invite any more."""
    _withdraw(by, lock_workspace(workspace), Q(invited_by=email))


def _withdraw(by: By, workspace: Workspace, which: Q) -> int:
    found = list(open_in(workspace).filter(which))
    for invitation in found:
        invitation.withdrawn_at = timezone.now()
        invitation.save(update_fields=["withdrawn_at"])
        _record(invitation, Activity.INVITATION_WITHDRAWN, by)
    return len(found)


@transaction.atomic
def change_membership(*, by: By, membership: Membership, role: str) -> Membership:
    """Change a member's role. Whoever may not invite any more has their open invitations withdrawn."""
    member = change_role(by=by, membership=membership, role=role)
    if member.role not in roles_with(Permission.MEMBERS_MANAGE):
        withdraw_made_by(by=by, workspace=member.workspace, email=member.user.email)
    return member


@transaction.atomic
def end_membership(*, by: By, membership: Membership) -> None:
    """Remove a member. Open invitations that the member made, or that would bring the member back, are withdrawn."""
    remove_member(by=by, membership=membership)
    workspace, email = membership.workspace, membership.user.email
    withdraw(by=by, workspace=workspace, email=email)
    withdraw_made_by(by=by, workspace=workspace, email=email)


@sensitive_variables("password")
def accept_as_new(*, invitation: Invitation, name: str, password: str) -> User:
    """Add a person with the invited address and make them a member, in one transaction."""
    with transaction.atomic():
        lock_installation()
        held = _lock_open(invitation)
        user = add_user(by=By.in_browser(held.email), email=held.email, password=password, name=name)
        _make_member(held, user)
    return user


@transaction.atomic
def accept(*, invitation: Invitation, user: User) -> Membership:
    """Make the invited person a member. Whoever became one meanwhile keeps that role."""
    held = _lock_open(invitation)
    if user.email != held.email:
        raise ValidationError(NOT_YOURS)
    return _make_member(held, user)


def _lock_open(invitation: Invitation) -> Invitation:
    """The invitation as it is now, under its workspace's lock. Raises when it is no longer open."""
    workspace = lock_workspace(invitation.workspace)
    held = open_in(workspace).filter(pk=invitation.pk).first()
    if held is None or held.expired or workspace.archived_at:
        raise ValidationError(OVER)
    return held


def _make_member(invitation: Invitation, user: User) -> Membership:
    """Mark the invitation as accepted and return the membership, which is made if there is none."""
    by = By.in_browser(user.email)
    workspace = invitation.workspace
    invitation.accepted_at = timezone.now()
    invitation.save(update_fields=["accepted_at"])
    _record(invitation, Activity.INVITATION_ACCEPTED, by)
    member = queries.members(workspace).filter(user=user).first()
    return member or add_member(by=by, workspace=workspace, user=user, role=invitation.role)


def _record(invitation: Invitation, kind: Activity, by: By, **more: object) -> None:
    """Add one activity to the workspace's chain: with address and role, never with the token."""
    detail = {"email": invitation.email, "role": invitation.role, **more}
    record_activity(invitation.workspace, kind, by, **detail)


@sensitive_variables("link", "text")
def send(invitation: Invitation, link: str) -> bool:
    """Send the link by mail; False where no mail server is set up."""
    if not mail.is_set_up():
        return False
    name = invitation.workspace.name
    text = LETTER.format(
        who=invitation.invited_by,
        workspace=name,
        role=invitation.get_role_display().lower(),
        until=invitation.expires_at,
        link=link,
    )
    mail.send(EmailMessage(SUBJECT.format(workspace=name), text, to=[invitation.email]))
    return True
