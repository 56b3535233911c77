"""The base of all forms, which refuses keys; its fields; filters in a URL. Forms clean and never save."""

import re
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any, cast
from urllib.parse import urlencode
from zoneinfo import ZoneInfo

from django import forms
from django.core.exceptions import ValidationError
from django.http import QueryDict
from django.utils import timezone

from fini_admin.lib.key_text import REPLACEMENT
from fini_admin.web.key_guard import fields_with_key

KEY_HERE = "This looks like an API key and was taken out. A key belongs only in the key's own field."
MARK_HERE = f"“{REPLACEMENT}” stands where a key was taken out. Write something else in its place."
# A pattern for texts without the replacement (errors.js).
UNMARKED = rf"(?![\s\S]*{re.escape(REPLACEMENT)})[\s\S]*"
# A hidden field that names the keys and passwords which were not kept while the person confirmed who they are.
MISSING = "again-missing"
ONCE_MORE = "Enter this once more: keys and passwords are not kept while you confirm that it is you."
# A zone without daylight saving time.
PLAIN_ZONE = ZoneInfo("UTC")
EARLIEST = 2000
LATEST = 9000


class FromList(forms.Field):
    """One of a list. Django's error repeats the value, which may be a key; this one does not (P5)."""

    default_error_messages = {"invalid_choice": "Select a valid choice."}


class Choice(FromList, forms.ChoiceField):
    """One of a list of texts."""


class TypedChoice(FromList, forms.TypedChoiceField):
    """One of a list, converted by `coerce`."""


def hints(pattern: str = "", *, least: object = None, most: object = None, same: str = "") -> dict[str, str]:
    """Attributes by which errors.js removes an error while the field is corrected. They refuse nothing.

    `pattern` matches the whole text and uses only what JavaScript and Python share; `same` names the field to repeat.
    """
    said = {"pattern": pattern, "least": least, "most": most, "same": same}
    return {f"data-{name}": str(value) for name, value in said.items() if value not in (None, "")}


class NumberField(forms.IntegerField):
    """A whole number in digits. Django's also accepts 5_0, +5 and 1.0."""

    widget = forms.TextInput  # type="number" would not show invalid text again

    def to_python(self, value: Any) -> int | None:
        typed = str("" if value is None else value).strip()
        if typed and not (typed.isascii() and typed.isdigit()):
            raise ValidationError(self.error_messages["invalid"], code="invalid")
        return super().to_python(typed)

    def widget_attrs(self, widget: forms.Widget) -> dict[str, Any]:
        typed = {"inputmode": "numeric", "autocomplete": "off", "spellcheck": "false"}
        return super().widget_attrs(widget) | typed | hints(r"\d+", least=self.min_value, most=self.max_value)


class RunNumberField(NumberField):
    """A run's number, to filter by."""

    def __init__(self) -> None:
        super().__init__(
            required=False,
            min_value=1,
            max_value=10**18,
            label="Run",
            widget=forms.TextInput(attrs={"size": 6}),
            error_messages=dict.fromkeys(("invalid", "min_value", "max_value"), "Enter a run's number."),
        )


class TimeField(forms.DateTimeField):
    """A time in the viewer's zone, which the label names."""

    def __init__(self, label: str) -> None:
        widget = forms.DateTimeInput(attrs={"type": "datetime-local"}, format="%Y-%m-%dT%H:%M")
        super().__init__(
            required=False,
            label=label,
            widget=widget,
            error_messages={"invalid": "Enter a date like 2026-11-24, or a date and a time."},
        )

    def to_python(self, value: Any) -> datetime | None:
        """As Django's, but an hour that clocks repeat is read as the first, and one that they skip is invalid."""
        with timezone.override(PLAIN_ZONE):
            at: datetime | None = super().to_python(value)
        if at is not None and not EARLIEST <= at.year <= LATEST:  # before a zone moves it out of the calendar
            raise ValidationError(f"Enter a year from {EARLIEST} on.")
        if at is None or at.tzinfo is not PLAIN_ZONE:  # the text names a zone
            return at
        zone = timezone.get_current_timezone()
        local = at.replace(tzinfo=zone, fold=0)
        instant = local.astimezone(UTC)
        if instant.astimezone(zone) != local:  # an hour that clocks skip
            raise ValidationError(self.error_messages["invalid"], code="invalid")
        return instant


class YesNoField(TypedChoice):
    """Yes, no, or left to Fini: True, False, None."""

    CHOICES = (("", "As Fini decides"), ("yes", "Yes"), ("no", "No"))
    BOOLEANS = {"yes": True, "no": False}

    def __init__(self, **options: object) -> None:
        super().__init__(
            choices=self.CHOICES,
            coerce=self.BOOLEANS.get,
            empty_value=None,
            required=False,
            **options,  # type: ignore[arg-type]  # the stubs know no mapping's get
        )

    def prepare_value(self, value: Any) -> Any:
        words = {held: word for word, held in self.BOOLEANS.items()}
        return words[value] if isinstance(value, bool) else value


def choices_with_all(names: Mapping[str, str]) -> list[tuple[str, str]]:
    """The choices of a select, after one for all."""
    return [("", "All"), *names.items()]


class KeylessForm(forms.Form):
    """The base of all forms: a field that held what looks like an API key is invalid (P5).

    The request arrives with the key replaced (key_guard.py) and the text around it intact. The replacement is refused
    as well, so that sending the form again does not save it.
    """

    refuses_mark = True

    def full_clean(self) -> None:
        """As Django's, then an error about a key takes the place of the field's other errors."""
        for name in set(_fields_left_empty(self.data)) & set(self.fields):
            self.fields[name].required, self.fields[name].error_messages["required"] = True, ONCE_MORE
        super().full_clean()
        for name, field in self.fields.items():
            said = key_text_error(self.data, self.add_prefix(name)) if self.is_bound else ""
            if said == KEY_HERE or (said and self.refuses_mark):
                self.errors.pop(name, None)
                self.add_error(name, self.key_error(name, said))
                field.widget.attrs |= hints(UNMARKED)

    def key_error(self, name: str, said: str) -> str:
        """The error to show; forms may add to it."""
        return said


class Filters(KeylessForm):
    """Filters in a URL. They accept the replacement of a key, since titles from Fini may contain it."""

    refuses_mark = False

    def __init__(self, data: Mapping[str, Any]) -> None:
        super().__init__(data)
        zone = timezone.localtime().tzname() or timezone.get_current_timezone_name()
        for field in self.fields.values():
            if isinstance(field, TimeField):
                field.label = f"{field.label} ({zone})"

    def values(self) -> dict[str, Any]:
        """The valid fields that are not empty."""
        self.is_valid()
        return {name: value for name, value in self.cleaned_data.items() if value not in ("", None)}

    def in_use(self) -> bool:
        """Whether any field was filled in, valid or not."""
        return any(self.data.get(name) for name in self.fields)

    def used(self) -> int:
        """How many fields the button on a telephone counts: the order and the part of a list shown filter nothing."""
        return sum(bool(self.data.get(name)) for name in self.fields if name not in ("sort", "lane"))

    def query(self, **changes: str) -> str:
        """The valid filters as a query string, with `changes` applied; an empty value removes one."""
        query = {name: str(self.data[name]) for name in self.values()} | changes
        return urlencode({name: value for name, value in query.items() if value})

    def chips(self) -> list[dict[str, str]]:
        """The filters in use: name, label with value, and the query string without it."""
        return [
            {
                "name": name,
                "said": f"{self.fields[name].label}: {self.said(name)}",
                "query": self.query(**{name: ""}),
            }
            for name in self.values()
        ]

    def said(self, name: str) -> str:
        """A field's value as shown to people."""
        value, field = str(self.data[name]), self.fields[name]
        if isinstance(field, forms.ChoiceField):
            return str(dict(cast("list[tuple[str, str]]", field.choices))[value])
        return value.replace("T", " ") if isinstance(field, TimeField) else value


def key_text_error(data: Mapping[str, Any], name: str) -> str:
    """The error about a key in this field, or about the text that replaced one; empty when there is none."""
    if name in fields_with_key(data):
        return KEY_HERE
    sent = data.getlist(name) if isinstance(data, QueryDict) else [data.get(name)]
    return MARK_HERE if any(isinstance(value, str) and REPLACEMENT in value for value in sent) else ""


def _fields_left_empty(data: Any) -> list[str]:
    """The fields that were emptied while the person confirmed who they are (web/accounts/challenge.py)."""
    return data.getlist(MISSING) if isinstance(data, QueryDict) else []


def add_errors(form: forms.Form, error: ValidationError, *others: forms.Form) -> None:
    """Add an action's ValidationError to the form, or to that of `others` which has the field.

    Errors about no field of theirs go above the fields of `form`.
    """
    told = error.message_dict if hasattr(error, "error_dict") else {"": error.messages}
    for field, said in told.items():
        mine = next((one for one in (form, *others) if field in one.fields), None)
        if mine is None:
            form.add_error(None, said)
        else:
            mine.add_error(field, said)
