"""Forms of runs: they clean and never save."""

from django import forms
from django.core.exceptions import ValidationError

from fini_admin.fini.secrets import looks_like_key
from fini_admin.ingestion.models import Kind, RunState

CHOICES = (("", "As Fini decides"), ("yes", "Yes"), ("no", "No"))
BOOLEANS = {"yes": True, "no": False}


def no_key(value: str) -> None:
    """Refuse a text that looks like an API key (P5); the message does not repeat it."""
    if looks_like_key(value):
        raise ValidationError("This looks like an API key. A key belongs only in the key's own field.")


class Decided(forms.TypedChoiceField):
    """Yes, no, or left to Fini: True, False, None."""

    def __init__(self, **options: object) -> None:
        super().__init__(choices=CHOICES, coerce=BOOLEANS.get, empty_value=None, required=False, **options)  # type: ignore[arg-type]  # the stubs know no mapping's get


class ConfirmForm(forms.Form):
    """What may be said with a preview: why, and what ingest sends along."""

    reason = forms.CharField(
        required=False,
        max_length=200,
        validators=[no_key],
        help_text="Kept with the run and in the audit trail.",
    )


class IngestForm(ConfirmForm):
    """The same for what ends in an ingest."""

    english = Decided(label="English", help_text="The ingest call's english; how Fini decides is not stated.")
    baser = Decided(label="Baser", help_text="The ingest call's baser; what it does is not stated.")


class RunFilters(forms.Form):
    """Which runs."""

    kind = forms.ChoiceField(required=False, choices=[("", "All"), *Kind.choices], label="What")
    state = forms.ChoiceField(required=False, choices=[("", "All"), *RunState.choices], label="State")
