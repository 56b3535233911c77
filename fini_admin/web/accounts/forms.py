"""The forms for log-in, passwords and codes, on top of allauth's."""

import hashlib
from typing import Any

from allauth.account.adapter import get_adapter
from allauth.account.forms import (
    ChangePasswordForm,
    LoginForm,
    ResetPasswordForm,
    ResetPasswordKeyForm,
)
from allauth.account.forms import (
    ReauthenticateForm as PasswordAgainForm,
)
from allauth.mfa.adapter import get_adapter as get_mfa_adapter
from allauth.mfa.base.forms import AuthenticateForm, ReauthenticateForm
from allauth.mfa.models import Authenticator
from allauth.mfa.totp.forms import ActivateTOTPForm
from django import forms
from django.core.cache import cache
from django.core.exceptions import ValidationError
from django.views.decorators.debug import sensitive_variables

from fini_admin.people import letters, second_factor
from fini_admin.people.allauth_internals import counted_try, current_request, normalized_code
from fini_admin.people.sealing import UNREADABLE
from fini_admin.web.forms.base import KeylessForm, hints
from fini_admin.workspaces import passwords
from fini_admin.workspaces.models import User
from fini_admin.workspaces.validators import INVALID_EMAIL

# Longer than a code holds, with one step before and one after: allauth itself forgets a used one after 30 s.
USED_FOR = 120
CANNOT_OPEN = (
    "The second factor cannot be checked: it was sealed with another key. Ask who runs this installation."
)


class CodeField(forms.CharField):
    """A field that does not show again what was typed: it may be a key (P5)."""

    def bound_data(self, data: Any, initial: Any) -> str:
        return ""


def code_field(label: str, help_text: str) -> CodeField:
    """The field for a code, with a phone's keyboard for digits."""
    attrs = {"autocomplete": "one-time-code", "inputmode": "numeric", "autofocus": True}
    return CodeField(
        label=label,
        help_text=help_text,
        max_length=40,
        widget=forms.TextInput(attrs=attrs),
        error_messages={"required": "Enter the code."},
    )


class LogInForm(KeylessForm, LoginForm):  # type: ignore[misc]  # allauth has no types
    """Address and password."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        _label(self, "login", "E-mail", "Enter your e-mail address.", autocomplete="username")
        _label(self, "password", "Password", "Enter your password.")
        # What was refused is most often the password, which is not shown again.
        self.fields["password" if self.is_bound else "login"].widget.attrs["autofocus"] = True


class ResetForm(KeylessForm, ResetPasswordForm):  # type: ignore[misc]  # allauth has no types
    """The address that a link to a new password is sent to."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        _label(self, "email", "E-mail", "Enter your e-mail address.")


def _label(form: forms.Form, field: str, label: str, required: str, **attributes: str) -> None:
    """Give a field of allauth's form our label and errors, and no placeholder."""
    found = form.fields[field]
    found.label = label
    found.error_messages["required"] = required
    if isinstance(found, forms.EmailField):
        found.error_messages["invalid"] = INVALID_EMAIL
    found.widget.attrs.update(attributes)
    found.widget.attrs.pop("placeholder", None)


class ChangeForm(KeylessForm, ChangePasswordForm):  # type: ignore[misc]  # allauth has no types
    """The old password and a new one, twice."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        _label(self, "oldpassword", "Current password", "Enter your current password.")
        _label_new(self)


class NewPasswordForm(KeylessForm, ResetPasswordKeyForm):  # type: ignore[misc]  # allauth has no types
    """A new password, twice, after a mail's link."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        _label_new(self)


def _label_new(form: forms.Form) -> None:
    """Give the two fields for a new password our labels, errors and checks."""
    _label(form, "password1", "New password", "Choose a password.")
    form.fields["password1"].help_text = passwords.IN_WORDS
    _label(form, "password2", "New password again", "Enter the new password again.")
    form.fields["password1"].widget.attrs |= hints(passwords.PATTERN)
    form.fields["password2"].widget.attrs |= hints(same="password1")


class AskForm(KeylessForm, PasswordAgainForm):  # type: ignore[misc]  # allauth has no types
    """The password, to prove again who one is."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        _label(self, "password", "Password", "Enter your password.")


def _use_once(user: User, code: str) -> None:
    """Mark a code as used. Raises ValidationError when it was."""
    if not cache.add(_used_key(user, code), 1, timeout=USED_FOR):
        raise get_mfa_adapter().validation_error("incorrect_code")


def _used_key(user: User, code: str) -> str:
    """The cache's key for a code that was used: a hash, for a key takes no text of any length and characters."""
    return f"code-used:{user.pk}:{hashlib.sha256(normalized_code(code).encode()).hexdigest()}"


class CodeCheck:
    """Checks of a code beyond allauth's: each counts once, and wrong ones are limited by the day."""

    user: User
    authenticator: Authenticator
    cleaned_data: dict[str, Any]

    @sensitive_variables("code")
    def clean_code(self) -> str:
        """The code. One that was used already is refused, and a mail tells the person.

        Wrong codes are limited by the day (ACCOUNT_RATE_LIMITS, second_factor), however slowly they come.
        """
        # Counted before it is looked at, so that tries that come at once are counted all.
        not_counted = counted_try(current_request(), "second_factor", key=f"code {self.user.pk}")
        if not_counted is None:
            raise get_adapter().validation_error("too_many_login_attempts")
        try:
            code: str = super().clean_code()  # type: ignore[misc]  # allauth's form stands behind it
            if self.authenticator.type == Authenticator.Type.TOTP:
                _use_once(self.user, code)
        except UNREADABLE:
            not_counted()
            raise ValidationError(CANNOT_OPEN) from None
        except ValidationError:
            if cache.get(_used_key(self.user, self.cleaned_data["code"])):
                get_adapter().send_notification_mail(letters.CODE_AGAIN, self.user)
            raise
        not_counted()
        return code


HELP = "The six digits that your authenticator shows now, or one of your recovery codes."


class CodeForm(KeylessForm, CodeCheck, AuthenticateForm):  # type: ignore[misc]  # allauth has no types
    """The code after the password."""

    code = code_field("Code", HELP)


class AgainForm(KeylessForm, CodeCheck, ReauthenticateForm):  # type: ignore[misc]  # allauth has no types
    """A code, to prove again who one is."""

    code = code_field("Code", HELP)


class ActivateForm(KeylessForm, ActivateTOTPForm):  # type: ignore[misc]  # allauth has no types
    """The first code of an authenticator that is being set up."""

    code = code_field("Code", "The six digits that the authenticator shows now.")

    def __init__(self, *args: Any, user: User, **kwargs: Any) -> None:
        # allauth's own would keep the secret unsealed in the session, and make a new one each time the page is opened.
        forms.Form.__init__(self, *args, **kwargs)
        self.user = user
        self.secret = second_factor.begin_set_up(current_request().session, user)

    @property
    def grouped_secret(self) -> str:
        """The secret in groups of four, for typing."""
        return " ".join(self.secret[at : at + 4] for at in range(0, len(self.secret), 4))

    @sensitive_variables("code")
    def clean_code(self) -> str:
        """The code, which cannot be used again to log in."""
        code: str = super().clean_code()
        _use_once(self.user, code)
        return code
