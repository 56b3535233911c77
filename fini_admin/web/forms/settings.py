"""The form of a workspace's settings, with a field for each entry of workspaces/preferences.SETTINGS.

The values that the page showed come back with it, signed: they tell what somebody else saved meanwhile.
"""

from collections.abc import Mapping
from typing import Any

from django import forms
from django.core import signing
from django.forms.boundfield import BoundField

from fini_admin.fini.providers import MIME_TYPE
from fini_admin.ingestion.settings_change import Values
from fini_admin.web.forms.base import KeylessForm, NumberField, YesNoField, hints
from fini_admin.workspaces.models import Workspace
from fini_admin.workspaces.preferences import SETTINGS, Setting, SettingKind, Value, in_force

MIME_PATTERN = MIME_TYPE.pattern.removeprefix(r"\A").removesuffix(r"\Z")


class SettingsForm(KeylessForm):
    """All settings, each with the value in force; an empty field is the default.

    `stored` are the workspace's own values, None where the default applies.
    """

    def __init__(
        self, data: Mapping[str, Any] | None = None, *, stored: Mapping[str, Value], **options: Any
    ) -> None:
        super().__init__(data, initial=in_force(stored), **options)
        self.stored = stored
        for setting in SETTINGS.values():
            self.fields[setting.name] = _field_of(setting)

    def groups(self) -> dict[str, list[BoundField]]:
        """The fields by heading."""
        found: dict[str, list[BoundField]] = {}
        for setting in SETTINGS.values():
            found.setdefault(setting.group, []).append(self[setting.name])
        return found

    def values(self) -> dict[str, Value]:
        """The values of a valid form. A value in force that was left as it is changes nothing: a default stays one."""
        return {
            name: self.stored.get(name) if value == self.initial[name] else value
            for name, value in self.cleaned_data.items()
        }


def _field_of(setting: Setting) -> forms.Field:
    """A setting's field; its help text says what it means, its bounds and its default."""
    said: dict[str, Any] = {
        "label": setting.label,
        "help_text": " ".join(filter(None, (setting.meaning, setting.bounds_hint, setting.default_hint))),
    }
    if setting.kind == SettingKind.DECISION:
        return YesNoField(**said)
    if setting.kind == SettingKind.NUMBER:
        wrong = dict.fromkeys(("invalid", "min_value", "max_value"), setting.out_of_bounds_error)
        said |= {"min_value": setting.least, "max_value": setting.most()}
        return NumberField(required=False, error_messages=wrong, **said)
    off = {"autocomplete": "off", "spellcheck": "false", "autocapitalize": "none"}
    widget = forms.TextInput(attrs=off | hints(MIME_PATTERN))
    return forms.CharField(
        required=False, empty_value=None, widget=widget, validators=[setting.check], **said
    )


def sign_shown(workspace: Workspace, values: Values) -> str:
    """The values that a page shows, signed; the page sends them back with the form."""
    return signing.dumps(dict(values), salt=_salt(workspace))


def read_shown(workspace: Workspace, text: str) -> Values | None:
    """The values that a page showed; None unless the text was signed for this workspace."""
    try:
        values: Values = signing.loads(text, salt=_salt(workspace))
    except signing.BadSignature:
        return None
    return values


def _salt(workspace: Workspace) -> str:
    return f"settings {workspace.pk}"
