"""The form of the button *Sync*."""

from django import forms
from django.core.validators import RegexValidator

from fini_admin.web.forms.base import KeylessForm

ONE_TIME_NUMBER = r"\A[\w-]{16,64}\Z"


class SyncForm(KeylessForm):
    """A one-time number."""

    token = forms.CharField(
        max_length=64, validators=[RegexValidator(ONE_TIME_NUMBER)], widget=forms.HiddenInput
    )
