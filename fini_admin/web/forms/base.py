"""What all forms are made of: fields, filters in an address, the base that refuses keys. Forms clean and never save."""

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
# What a field must not hold for the error beside it to go (errors.js).
UNMARKED = rf"(?![\s\S]*{re.escape(REPLACEMENT)})[\s\S]*"
# Names the fields, keys and passwords, that a form had to leave behind while the person showed who they are.
MISSING = "again-missing"
ONCE_MORE = "Enter this once more: keys and passwords are not kept while you confirm that it is you."
# Where no hour is repeated or left out.
PLAIN_ZONE = ZoneInfo("UTC")
EARLIEST = 2000
LATEST = 9000


class Listed(forms.Field):
    """What must be one of a list. Unlike Django's, its error does not repeat what was sent: it may be a key (P5)."""

    default_error_messages = {"invalid_choice": "Select a valid choice."}


class Choice(Listed, forms.ChoiceField):
    """One of a list of texts."""


class TypedChoice(Listed, forms.TypedChoiceField):
    """One of a list, as something else than its text."""


def hints(pattern: str = "", *, least: object = None, most: object = None, same: str = "") -> dict[str, str]:
    """Attributes by which an error beside a field goes while it is mended (errors.js); they refuse nothing.

    `pattern` is for the whole text, in what JavaScript and Python have in common; `same` names the field to repeat.
    """
    said = {"pattern": pattern, "least": least, "most": most, "same": same}
    return {f"data-{name}": str(value) for name, value in said.items() if value not in (None, "")}


class NumberField(forms.IntegerField):
    """A whole number in digits. Django's takes 5_0 for 50, and +5 and 1.0, too."""

    def to_python(self, value: Any) -> int | None:
        typed = str("" if value is None else value).strip()
        if typed and not (typed.isascii() and typed.isdigit()):
            raise ValidationError(self.error_messages["invalid"], code="invalid")
        return super().to_python(typed)

    def widget_attrs(self, widget: forms.Widget) -> dict[str, Any]:
        """As Django's, and by what an error goes again while somebody types."""
        return super().widget_attrs(widget) | hints(r"\d+", least=self.min_value, most=self.max_value)


class TimeField(forms.DateTimeField):
    """A time in the viewer's zone, whose name the label says."""

    def __init__(self, label: str) -> None:
        widget = forms.DateTimeInput(attrs={"type": "datetime-local"}, format="%Y-%m-%dT%H:%M")
        super().__init__(
            required=False, label=label, widget=widget, error_messages={"invalid": "Enter a date and a time."}
        )

    def to_python(self, value: Any) -> datetime | None:
        """As Django's, but a time in the hour that the clocks repeat is taken as the first of the two."""
        with timezone.override(PLAIN_ZONE):
            at: datetime | None = super().to_python(value)
        if at is None or at.tzinfo is not PLAIN_ZONE:  # a zone was written with it
            return at
        zone = timezone.get_current_timezone()
        local = at.replace(tzinfo=zone, fold=0)
        instant = local.astimezone(UTC)
        if instant.astimezone(zone) != local:  # an hour that the clocks leave out
            raise ValidationError(self.error_messages["invalid"], code="invalid")
        return instant

    def clean(self, value: Any) -> datetime | None:
        at: datetime | None = super().clean(value)
        if at and not EARLIEST <= at.year <= LATEST:
            raise ValidationError(f"Enter a year from {EARLIEST} on.")
        return at


class Decided(TypedChoice):
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
        """An initial True or False as the choice that it is."""
        words = {held: word for word, held in self.BOOLEANS.items()}
        return words[value] if isinstance(value, bool) else value


def choices(names: Mapping[str, str]) -> list[tuple[str, str]]:
    """A select's lines, the first for all."""
    return [("", "All"), *names.items()]


class KeylessForm(forms.Form):
    """The base of all forms: a field that held what looks like an API key is refused (P5).

    The key is no longer in it: it was replaced as the request came in (key_guard.py), and what stood around it stays.
    What stands in its place is refused as well, so that nobody saves it by sending the form again.
    """

    refuses_mark = True

    def full_clean(self) -> None:
        """As Django's, then whatever else is wrong with such a field gives way to that."""
        for name in set(left_behind(self.data)) & set(self.fields):
            self.fields[name].required, self.fields[name].error_messages["required"] = True, ONCE_MORE
        super().full_clean()
        for name, field in self.fields.items():
            said = key_fault(self.data, self.add_prefix(name)) if self.is_bound else ""
            if said == KEY_HERE or (said and self.refuses_mark):
                self.errors.pop(name, None)
                self.add_error(name, self.key_error(name, said))
                field.widget.attrs |= hints(UNMARKED)

    def key_error(self, name: str, said: str) -> str:
        """What is said beside such a field."""
        return said


class Filters(KeylessForm):
    """Filters in the address. Titles of Fini's may hold what stands in place of a key: it can be searched for."""

    refuses_mark = False

    def __init__(self, data: Mapping[str, Any]) -> None:
        super().__init__(data)
        zone = timezone.localtime().tzname() or timezone.get_current_timezone_name()
        for field in self.fields.values():
            if isinstance(field, TimeField):
                field.label = f"{field.label} ({zone})"

    def values(self) -> dict[str, Any]:
        """What is to be filtered by: the fields that are filled in and right."""
        self.is_valid()
        return {name: value for name, value in self.cleaned_data.items() if value not in ("", None)}

    def in_use(self) -> bool:
        """Whether anything was typed or chosen."""
        return any(self.data.get(name) for name in self.fields)

    def query(self, **changes: str) -> str:
        """The same as it stands in an address, with some changed or added, or left out where they are empty."""
        query = {name: str(self.data[name]) for name in self.values()} | changes
        return urlencode({name: value for name, value in query.items() if value})

    def chips(self) -> list[dict[str, str]]:
        """The filters in use: what each says, and the address's query without it."""
        return [
            {
                "name": name,
                "said": f"{self.fields[name].label}: {self.said(name)}",
                "query": self.query(**{name: ""}),
            }
            for name in self.values()
        ]

    def said(self, name: str) -> str:
        """A field's value as people read it."""
        value, field = str(self.data[name]), self.fields[name]
        if isinstance(field, forms.ChoiceField):
            return str(dict(cast("list[tuple[str, str]]", field.choices))[value])
        return value.replace("T", " ") if isinstance(field, TimeField) else value


def key_fault(data: Mapping[str, Any], name: str) -> str:
    """What is wrong with what was sent under this name, as far as keys go; empty when nothing is."""
    if name in fields_with_key(data):
        return KEY_HERE
    sent = data.getlist(name) if isinstance(data, QueryDict) else [data.get(name)]
    return MARK_HERE if any(isinstance(value, str) and REPLACEMENT in value for value in sent) else ""


def left_behind(data: Any) -> list[str]:
    """The names of the fields that came back empty although they had been filled in (web/accounts/challenge.py)."""
    return data.getlist(MISSING) if isinstance(data, QueryDict) else []


def refuse(form: forms.Form, error: ValidationError, *others: forms.Form) -> None:
    """What an action refused, beside the field it is about, which may be another form's of the same page.

    What is about no field stands above those of `form`.
    """
    told = error.message_dict if hasattr(error, "error_dict") else {"": error.messages}
    for field, said in told.items():
        mine = next((one for one in (form, *others) if field in one.fields), None)
        if mine is None:
            form.add_error(None, said)
        else:
            mine.add_error(field, said)
