"""Writes: each is one transaction with its audit entry inside. All raise ValidationError on bad input."""

from functools import partial

from allauth.mfa.models import Authenticator
from allauth.usersessions.models import UserSession
from django.core.exceptions import ValidationError
from django.db import transaction

from fini_admin.audit.names import Activity, By
from fini_admin.people import letters, linking, mail, sessions, trail
from fini_admin.workspaces import queries
from fini_admin.workspaces.actions import lock_installation, lock_workspace
from fini_admin.workspaces.models import Role, User, Workspace

YOURSELF = "You cannot switch yourself off. Ask another superuser."
SWITCHED_OFF = "You were switched off a moment ago. Nothing was done."
LAST_SUPERUSER = "This is the last superuser who can log in. Make somebody else one first."


@transaction.atomic
def switch_off_user(*, by: By, user: User) -> list[str]:
    """Nobody logs in as this person any more, and every session ends now. Asked for twice, it happens once.

    The person stays, for the trail names them, and what they scheduled runs on. Returns the workspaces that have no
    admin left: who leaves must be out at once, whatever they were; a superuser gives those another.
    """
    # Always in this order, and the workspaces as a change of role does: an admin may be demoted at the same time.
    begin(by)
    for workspace in Workspace.objects.filter(memberships__user=user).order_by("pk"):
        lock_workspace(workspace)
    supers = list(User.objects.select_for_update(no_key=True).filter(is_superuser=True).order_by("pk"))
    person = User.objects.select_for_update(no_key=True).get(pk=user.pk)
    if person.email == by.actor:
        raise ValidationError(YOURSELF)
    if not person.is_active:
        return []
    if person.is_superuser and not any(one.is_active for one in supers if one.pk != person.pk):
        raise ValidationError(LAST_SUPERUSER)
    person.is_active = False
    person.save(update_fields=["is_active"])
    ended = sessions.close_all(person)
    alone = orphaned(person)
    detail = {"email": person.email, "sessions_ended": ended, "without_admin": alone}
    trail.write(Activity.USER_SWITCHED_OFF, by, **detail)
    return alone


def begin(by: By) -> None:
    """Acts on people come one after the other; whoever was switched off meanwhile does none. Raises ValidationError.

    Of two superusers who switch each other off at once the second waits here, and is off when it is their turn.
    """
    lock_installation()
    if User.objects.filter(email=by.actor, is_active=False).exists():
        raise ValidationError(SWITCHED_OFF)


def orphaned(person: User) -> list[str]:
    """The slugs of the workspaces in which this person was the last admin who could log in."""
    mine = person.memberships.filter(role=Role.ADMIN).select_related("workspace").order_by("workspace__slug")
    return [one.workspace.slug for one in mine if not queries.admins(one.workspace).exists()]


@transaction.atomic
def switch_on_user(*, by: By, user: User) -> None:
    """The person can log in again, as before. Asked for twice, it happens once."""
    begin(by)
    person = User.objects.select_for_update().get(pk=user.pk)
    if person.is_active:
        return
    person.is_active = True
    person.save(update_fields=["is_active"])
    trail.write(Activity.USER_SWITCHED_ON, by, email=person.email)


@transaction.atomic
def remove_second_factor(*, by: By, user: User) -> None:
    """For who lost the authenticator and the recovery codes; every session of theirs ends, and they are told by mail.

    Asked for twice, it happens once.
    """
    begin(by)
    removed, _ = Authenticator.objects.filter(user=user).delete()
    if removed:
        ended = sessions.close_all(user)
        detail = {"email": user.email, "sessions_ended": ended}
        trail.write(Activity.SECOND_FACTOR_REMOVED, by, **detail)
        told = letters.letter("mfa/email/totp_deactivated", user.email, {"by": by.actor})
        transaction.on_commit(partial(mail.send, told), robust=True)


@transaction.atomic
def link_login(*, by: By, user: User, number: str) -> None:
    """Link the log-in provider's identifier that asked for a person, in the request of this number, to that person."""
    begin(by)
    linking.link(by=by, user=user, number=number)


@transaction.atomic
def end_session(*, by: By, session: UserSession) -> None:
    """End one session."""
    if sessions.close([session.session_key]):
        trail.write(Activity.SESSIONS_ENDED, by, email=session.user.email, sessions=1)


@transaction.atomic
def end_other_sessions(*, by: By, user: User, but: str | None) -> int:
    """End all of a person's sessions but one; returns how many that were."""
    ended = sessions.close_all(user, but=but)
    if ended:
        trail.write(Activity.SESSIONS_ENDED, by, email=user.email, sessions=ended)
    return ended
