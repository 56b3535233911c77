"""Which shortcuts a person wants."""

from django import forms

from fini_admin.web.forms.base import KeylessForm


class ShortcutsForm(KeylessForm):
    """Keys without Ctrl or ⌘ can be switched off: who dictates, or types by accident, does not want them."""

    single_keys = forms.BooleanField(required=False, label="Use single-key shortcuts")
