"""The forms of workspaces, keys, members and invitations. `forms.base.add_errors` adds what an action refuses."""

from datetime import date
from typing import Any

from django import forms
from django.core.exceptions import ValidationError
from django.utils import timezone

from fini_admin.lib.key_text import LONGEST, TOO_LONG
from fini_admin.web.forms.base import Choice, KeylessForm, hints
from fini_admin.web.wording.home import REMIND_BEFORE
from fini_admin.workspaces import passwords, validators
from fini_admin.workspaces.models import Role


class KeyDescriptionForm(KeylessForm):
    """A key's label, purpose, owner and expiry date."""

    label = forms.CharField(
        label="Label",
        max_length=60,
        help_text="A name for this key, shown here and in the audit trail. Do not put any of the key into it.",
        error_messages={"required": "Give the key a label."},
    )
    purpose = forms.CharField(
        label="Purpose", max_length=120, required=False, help_text="Optional. What the key is for."
    )
    owner = forms.CharField(
        label="Owner",
        max_length=150,
        required=False,
        help_text="Optional. Whom to ask about the key; if empty, whoever added it.",
    )
    expires_on = forms.DateField(
        label="Expires on",
        required=False,
        widget=forms.DateInput(format="%Y-%m-%d", attrs={"type": "date"}),
        help_text=(
            "Optional. The day on which the key ends in Fini; Home reminds you from"
            f" {REMIND_BEFORE.days} days before."
        ),
        error_messages={"invalid": "Enter a date like 2027-01-31."},
    )

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        self.fields["expires_on"].widget.attrs |= hints(least=timezone.localdate())

    def clean_expires_on(self) -> date | None:
        """A day from today on, or the stored one."""
        day: date | None = self.cleaned_data["expires_on"]
        if day and day < timezone.localdate() and day != self.initial.get("expires_on"):
            raise ValidationError("This day has passed. Enter a later one, or none.")
        return day


class KeyForm(KeyDescriptionForm):
    """A key to add."""

    key = forms.CharField(
        label="API key",
        strip=False,
        max_length=LONGEST,
        widget=forms.PasswordInput(attrs={"autocomplete": "off", "spellcheck": "false"}),
        help_text="It begins with fini_. Spaces, quotes and “Bearer” around it are removed.",
        error_messages={"required": "Paste the key from Fini.", "max_length": TOO_LONG},
    )
    field_order = ("key", "label")


class WorkspaceForm(KeylessForm):
    """A workspace to add."""

    name = forms.CharField(
        label="Name", max_length=100, error_messages={"required": "Give the workspace a name."}
    )
    slug = forms.CharField(
        label="Slug",
        max_length=63,
        widget=forms.TextInput(
            attrs={"autocapitalize": "none", "spellcheck": "false"} | hints(validators.SLUG.pattern)
        ),
        help_text="Its name in addresses and commands: lower-case letters, digits, hyphens. It cannot change later.",
        error_messages={"required": "Give the workspace a slug."},
    )


class NameForm(KeylessForm):
    """A workspace's new name."""

    name = forms.CharField(
        label="Rename to", max_length=100, error_messages={"required": "Give the workspace a name."}
    )


class MemberForm(KeylessForm):
    """A member to add."""

    email = forms.EmailField(
        label="E-mail",
        widget=forms.EmailInput(attrs={"autocomplete": "off"}),
        error_messages={
            "required": "Enter the person's e-mail address.",
            "invalid": validators.INVALID_EMAIL,
        },
    )
    role = Choice(label="Role", choices=Role.choices, initial=Role.VIEWER)


class NewPersonForm(MemberForm):
    """The same for superusers, who may also add a new person with a first password."""

    name = forms.CharField(
        label="Name",
        max_length=150,
        required=False,
        help_text="Only if you set a first password below. Whoever is invited enters the name themselves.",
    )
    password = forms.CharField(
        label="First password",
        strip=False,
        required=False,
        widget=forms.PasswordInput(attrs={"autocomplete": "new-password"} | hints(passwords.PATTERN)),
        help_text="Optional, for a person who is new here. If empty, they get an invitation and choose their own.",
    )


class AcceptForm(KeylessForm):
    """A new person who accepts an invitation. The e-mail address is the invitation's, so it is no field."""

    name = forms.CharField(
        label="Name",
        max_length=150,
        widget=forms.TextInput(attrs={"autocomplete": "name"}),
        error_messages={"required": "Enter your name."},
    )
    password = forms.CharField(
        label="Password",
        strip=False,
        widget=forms.PasswordInput(attrs={"autocomplete": "new-password"} | hints(passwords.PATTERN)),
        help_text=passwords.IN_WORDS,
        error_messages={"required": "Choose a password."},
    )


class MembershipForm(KeylessForm):
    """An action on a membership; on one's own it needs a confirmation."""

    sure = forms.BooleanField(
        label="I mean my own membership",
        error_messages={"required": "Tick this to change your own membership."},
    )

    def __init__(self, *args: Any, own: bool, **options: Any) -> None:
        super().__init__(*args, **options)
        if not own:
            del self.fields["sure"]


class RoleForm(MembershipForm):
    """A member's new role."""

    role = Choice(label="Change to", choices=Role.choices)
    field_order = ("role", "sure")
