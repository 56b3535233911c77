"""The texts of the mails about logging in. Plain text, and no secret but a link that was asked for.

They are no templates, for those would escape them as HTML.
"""

from typing import Any

from django.conf import settings
from django.core.mail import EmailMessage
from django.utils import timezone

from fini_admin.people.browsers import known_name

NAME = "Fini Admin"
NOT_YOU = "If you know nothing of this, open Fini Admin yourself, reset your password, and tell an admin."
LEAVE_IT = "If you did not ask for this, ignore this mail: nothing changes."
CONFIRM = ("confirm your address", "Open this link to confirm that this address is yours. Then log in.")
CODE_AGAIN = "people/code_again"
# By the name of the mail, allauth's or ours: subject and text.
TOLD = {
    "account/email/password_changed": (
        "your password was changed",
        "Your password was changed. Every other session of yours has ended.",
    ),
    "account/email/password_reset": (
        "your password was reset",
        "A link that was mailed to this address set a new password. Every session of yours has ended.",
    ),
    "mfa/email/totp_activated": (
        "a second factor was set up",
        "From now on a code from an authenticator is asked for after your password.",
    ),
    "mfa/email/totp_deactivated": (
        "your second factor was removed",
        "Your password alone logs you in now, and your recovery codes no longer work.",
    ),
    "mfa/email/recovery_codes_generated": (
        "new recovery codes were made",
        "New recovery codes were shown to whoever is logged in as you. The old ones no longer work.",
    ),
    CODE_AGAIN: (
        "a code was used a second time",
        "A code that had been used already was refused. Either a button was pressed twice, or somebody saw the code.",
    ),
    "socialaccount/email/account_connected": (
        "a log-in was connected",
        "From now on you can log in through {provider}, which knows you by this address.",
    ),
}
# Subject, text, and the context's key of the link that the mail carries.
LINKED = {
    "account/email/password_reset_key": (
        "a new password",
        "Open this link to choose a new password. It works once, for {days} days at most.",
        "password_reset_url",
    ),
    "account/email/email_confirmation": (*CONFIRM, "activate_url"),
    "account/email/email_confirmation_signup": (*CONFIRM, "activate_url"),
}


def letter(name: str, address: str, context: dict[str, Any]) -> EmailMessage:
    """The mail of this name to an address; `ip`, `user_agent` and `by` of the context say who did it.

    Raises KeyError for an unknown name.
    """
    if name in LINKED:
        subject, text, link = LINKED[name]
        parts = [text.format(days=settings.PASSWORD_RESET_TIMEOUT // 86400), context[link], LEAVE_IT]
    else:
        subject, text = TOLD[name]
        parts = [text.format(provider=settings.OIDC_NAME), _done(context), NOT_YOU]
    return EmailMessage(f"{NAME}: {subject}", "\n\n".join(parts) + "\n", to=[address])


def _done(context: dict[str, Any]) -> str:
    """When it was done, and by whom and where, as far as that is known."""
    marks = {
        "by": context.get("by"),
        "from": context.get("ip"),
        "in": known_name(context.get("user_agent") or ""),
    }
    said = [f"{word} {value}" for word, value in marks.items() if value]
    return ", ".join([f"This was done on {timezone.now():%d %B %Y at %H:%M} UTC", *said]) + "."
