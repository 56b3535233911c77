"""Links between the log-in provider's identifiers (subjects) and people.

The first identifier that proves a person's address is linked at once. A second one is refused, for an address may be
given to somebody else, an identifier is not; a superuser may link it on *People*.
"""

from functools import partial

from allauth.socialaccount.models import SocialAccount, SocialLogin
from django.conf import settings
from django.core.exceptions import ValidationError
from django.db import transaction
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils import timezone

from fini_admin.audit.names import Activity, By
from fini_admin.lib.paging import whole_number
from fini_admin.people import letters, mail, trail
from fini_admin.people.access import lock_people
from fini_admin.people.models import LinkRequest
from fini_admin.workspaces.models import User
from fini_admin.workspaces.workspaces import lock_installation

GONE = "This log-in is no longer asked for. Look at the page again."
TAKEN = "This log-in is linked to {email} already."


def is_unlinked(login: SocialLogin) -> bool:
    """Whether the identifier is linked to nobody, and proved the address of a person who is known here."""
    return login.is_existing and login.account.pk is None


def link_first(request: HttpRequest, login: SocialLogin) -> bool:
    """Link an identifier to the person whose address it proved; False when another one is linked to that person.

    In that case the refusal is recorded, and a request is kept for a superuser. The person's row is locked, so that of
    two identifiers that come at once only one is linked.
    """
    account = login.account
    with transaction.atomic():
        lock_installation()  # before the person's row, as in all acts on people
        person = User.objects.select_for_update(no_key=True).get(pk=login.user.pk)
        if not SocialAccount.objects.filter(user=person, provider=account.provider).exists():
            login.connect(request, person)
            return True
        identifier = {"provider": account.provider, "uid": account.uid}
        LinkRequest.objects.update_or_create(user=person, **identifier, defaults={"asked_at": timezone.now()})
        said = {"provider": settings.OIDC_NAME, "subject": trail.shown(account.uid)}
        trail.write(Activity.LOGIN_FAILED, trail.NOBODY, login=person.email, **said)
    return False


def latest_requests(people: list[User]) -> dict[int, LinkRequest]:
    """The latest request of each of these people, by the person's number."""
    asked = LinkRequest.objects.filter(user__in=people, provider=settings.OIDC_ID).order_by("asked_at", "pk")
    return {one.user_id: one for one in asked}


@transaction.atomic
def link_login(*, by: By, user: User, number: str) -> None:
    """Link the identifier of the request with this number to its person, beside the one that is linked.

    Recorded, and told by mail. Raises ValidationError when the request is gone, or it is somebody else's by now.
    """
    lock_people(by)
    which = whole_number(number)
    asked = None if which is None else _requests_of(user).filter(pk=which).first()
    if asked is None:
        raise ValidationError(GONE)
    identifier = {"provider": asked.provider, "uid": asked.uid}
    linked, is_new = SocialAccount.objects.get_or_create(**identifier, defaults={"user": user})
    if linked.user_id != user.pk:
        raise ValidationError(TAKEN.format(email=linked.user.email))
    asked.delete()
    if is_new:
        said = {"email": user.email, "provider": settings.OIDC_NAME, "subject": trail.shown(asked.uid)}
        trail.write(Activity.LOGIN_CONNECTED, by, **said)
        told = letters.letter("socialaccount/email/account_connected", user.email, {"by": by.actor})
        transaction.on_commit(partial(mail.send, told), robust=True)


def _requests_of(user: User) -> QuerySet[LinkRequest]:
    """A person's requests, locked until the transaction ends."""
    return LinkRequest.objects.select_for_update().filter(user=user, provider=settings.OIDC_ID)
