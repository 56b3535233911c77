"""Invitations: found by their link, made, withdrawn, accepted. Whoever has the link and the address comes in, once.

Writes are one transaction each with its row in the workspace's trail inside, and raise ValidationError on bad input.
"""

import hashlib
import re
import secrets
from datetime import timedelta

from django.conf import settings
from django.core.exceptions import ValidationError
from django.core.mail import EmailMessage
from django.db import transaction
from django.db.models import QuerySet
from django.utils import timezone
from django.views.decorators.debug import sensitive_variables

from fini_admin.audit.names import Activity, By, Origin
from fini_admin.people import mail
from fini_admin.people.models import Invitation
from fini_admin.workspaces import queries, validators
from fini_admin.workspaces.members import add_member, add_user, check_role
from fini_admin.workspaces.models import Membership, User, Workspace
from fini_admin.workspaces.workspaces import lock_installation, lock_workspace, record_activity

VALID_FOR = timedelta(days=7)
# All of them stand on the members' page, and each may send a mail.
MOST_OPEN = 50
TOO_MANY = f"There are {MOST_OPEN} open invitations already. Withdraw one first."
OVER = "This invitation no longer counts."
NOT_YOURS = "This invitation is for another address."
TOKEN = re.compile(r"[A-Za-z0-9_-]{43}")
# What hands no mail to a post office. The link would stand in a log or a file.
NO_POST_OFFICE = {"console", "dummy", "filebased"}
SUBJECT = "{workspace}: you are invited to Fini Admin"
LETTER = """{who} invites you to the workspace {workspace} in Fini Admin, as {role}.

Open this link to come in. It counts for you alone, once, until {until:%d %B %Y, %H:%M} UTC:

{link}

If you do not know what this is about, leave it: nothing happens.
"""


def open_in(workspace: Workspace) -> QuerySet[Invitation]:
    """A workspace's invitations that were neither accepted nor withdrawn, the newest first; expired ones too."""
    return Invitation.objects.filter(workspace=workspace, accepted_at=None, withdrawn_at=None).order_by("-pk")


def waits_for(email: str) -> bool:
    """Whether somebody whom nobody here knows is invited at this address."""
    rows = Invitation.objects.filter(email=email, accepted_at=None, withdrawn_at=None)
    open_now = rows.filter(expires_at__gt=timezone.now(), workspace__archived_at=None)
    return open_now.exists() and not User.objects.filter(email=email).exists()


@sensitive_variables("token")
def by_token(token: str) -> Invitation | None:
    """The invitation of a link; None for what is unknown, withdrawn, expired, or of an archived workspace.

    One that was accepted is found: who accepted it may go on by its link.
    """
    if not TOKEN.fullmatch(token):
        return None
    rows = Invitation.objects.filter(withdrawn_at=None, workspace__archived_at=None)
    rows = rows.filter(expires_at__gt=timezone.now(), token_hash=hashed(token))
    return rows.select_related("workspace").first()


@sensitive_variables("token")
def hashed(token: str) -> str:
    """What is kept of a token. It is random and long: nothing slower, and no key, is needed."""
    return hashlib.sha256(token.encode()).hexdigest()


@sensitive_variables("token")
def invite(*, by: By, workspace: Workspace, email: str, role: str) -> tuple[Invitation, str]:
    """An invitation and the token of its link, which nobody can see again. It takes the place of an open one."""
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
        invitation.token_hash, invitation.expires_at = hashed(token), now + VALID_FOR
        invitation.full_clean()
        invitation.save(force_insert=True)
        detail = {"expires_at": invitation.expires_at.isoformat(), "replaces": bool(replaced)}
        record(invitation, Activity.MEMBER_INVITED, by, **detail)
    return invitation, token


@transaction.atomic
def withdraw(*, by: By, workspace: Workspace, email: str) -> bool:
    """The open invitation of this address counts no more; whether there was one."""
    workspace = lock_workspace(workspace)
    invitation = open_in(workspace).filter(email=email).first()
    if invitation is None:
        return False
    invitation.withdrawn_at = timezone.now()
    invitation.save(update_fields=["withdrawn_at"])
    record(invitation, Activity.INVITATION_WITHDRAWN, by)
    return True


@sensitive_variables("password")
def accept_as_new(*, invitation: Invitation, name: str, password: str) -> User:
    """A person whom nobody here knew, with the invited address, as a member: both or neither."""
    with transaction.atomic():
        lock_installation()
        held = still_open(invitation)
        user = add_user(by=By(held.email, Origin.BROWSER), email=held.email, password=password, name=name)
        settle(held, user)
    return user


@transaction.atomic
def accept(*, invitation: Invitation, user: User) -> Membership:
    """The invited person is a member. Who became one meanwhile keeps that role."""
    held = still_open(invitation)
    if user.email != held.email:
        raise ValidationError(NOT_YOURS)
    return settle(held, user)


def still_open(invitation: Invitation) -> Invitation:
    """The invitation as it stands now, under its workspace's lock; raises when it no longer counts."""
    workspace = lock_workspace(invitation.workspace)
    held = open_in(workspace).filter(pk=invitation.pk).first()
    if held is None or held.expired or workspace.archived_at:
        raise ValidationError(OVER)
    return held


def settle(invitation: Invitation, user: User) -> Membership:
    """Accepted: the membership, unless there is one."""
    by = By(user.email, Origin.BROWSER)
    workspace = invitation.workspace
    invitation.accepted_at = timezone.now()
    invitation.save(update_fields=["accepted_at"])
    record(invitation, Activity.INVITATION_ACCEPTED, by)
    member = queries.members(workspace).filter(user=user).first()
    return member or add_member(by=by, workspace=workspace, user=user, role=invitation.role)


def record(invitation: Invitation, kind: Activity, by: By, **more: object) -> None:
    """One activity in the workspace's chain: address and role, never the token."""
    detail = {"email": invitation.email, "role": invitation.role, **more}
    record_activity(invitation.workspace, kind, by, **detail)


@sensitive_variables("link", "text")
def send(invitation: Invitation, link: str) -> bool:
    """Hand the link to the post office; False where none is set up."""
    backend = settings.EMAIL_BACKEND.rpartition(".backends.")[2].partition(".")[0]
    if backend in NO_POST_OFFICE:
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
