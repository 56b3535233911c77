"""Which of the log-in provider's identifiers (subjects) is which person here.

The first one that proves a person's address is linked at once. A second one is refused, whoever it is: an address is
given to somebody else, an identifier is not. A superuser may link it on *People*.
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
from fini_admin.people import letters, mail, trail
from fini_admin.people.access import lock_people
from fini_admin.people.models import LinkRequest
from fini_admin.workspaces.models import User

GONE = "This log-in is no longer asked for. Look at the page again."
TAKEN = "This log-in is linked to {email} already."


def is_first(login: SocialLogin) -> bool:
    """Whether the provider's identifier is new here, and the address it proved is a person's."""
    return login.is_existing and login.account.pk is None


def link_first(request: HttpRequest, login: SocialLogin) -> bool:
    """Link an identifier to the person whose address it proved; False when the person is linked to another one.

    Then the refusal is recorded, and the request is kept for a superuser. Two that come at once are one after the
    other: the person's row is held.
    """
    account = login.account
    with transaction.atomic():
        person = User.objects.select_for_update(no_key=True).get(pk=login.user.pk)
        if not SocialAccount.objects.filter(user=person, provider=account.provider).exists():
            login.connect(request, person)
            return True
        identifier = {"provider": account.provider, "uid": account.uid}
        LinkRequest.objects.update_or_create(user=person, **identifier, defaults={"asked_at": timezone.now()})
        said = {"provider": settings.OIDC_NAME, "subject": trail.shown(account.uid)}
        trail.write(Activity.LOGIN_FAILED, trail.NOBODY, login=person.email, **said)
    return False


def waiting(people: list[User]) -> dict[int, LinkRequest]:
    """The last request of each of these people, by their number."""
    asked = LinkRequest.objects.filter(user__in=people, provider=settings.OIDC_ID).order_by("asked_at", "pk")
    return {one.user_id: one for one in asked}


@transaction.atomic
def link_login(*, by: By, user: User, number: str) -> None:
    """Link the identifier of the request with this number to its person, beside the one that is linked.

    Recorded, and told by mail. Raises ValidationError when the request is gone, or it is somebody else's by now.
    """
    lock_people(by)
    asked = _requests_of(user).filter(pk=number).first() if number.isascii() and number.isdigit() else None
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
    """A person's requests, held until the transaction ends."""
    return LinkRequest.objects.select_for_update().filter(user=user, provider=settings.OIDC_ID)
