"""The fields by which the audit trail is searched; each reads the value of a term `key:value` as well."""

import re
from collections.abc import Callable
from typing import Any
from uuid import UUID

from django import forms
from django.core.exceptions import ValidationError

from fini_admin.audit.matching import Duration

MOST_NAMES = 5
MILLISECONDS = {"": 1, "ms": 1, "s": 1_000, "min": 60_000}
_DURATION = re.compile(r"([<>])\s*(\d{1,7}(?:\.\d{1,3})?)\s*(ms|s|min|)", re.ASCII)


def plain_input(**attrs: object) -> forms.TextInput:
    return forms.TextInput(attrs={"autocomplete": "off", "spellcheck": "false"} | attrs)


class StatusField(forms.RegexField):
    """A status or a class of them."""

    def __init__(self) -> None:
        super().__init__(
            regex=r"(?i)^[1-5](\d\d|xx)\Z",
            required=False,
            label="Status",
            error_messages={"invalid": "Enter a status such as 500, or a class such as 5xx."},
            widget=plain_input(size=6),
        )

    def clean(self, value: Any) -> str:
        return str(super().clean(value)).lower()


class PersonField(forms.CharField):
    """The one actor whose name contains the text; a text that matches nobody finds nothing."""

    def __init__(self) -> None:
        super().__init__(required=False, max_length=254, label="Person", widget=plain_input(list="actors"))
        self.actors: Callable[[], list[str]] = list

    def clean(self, value: Any) -> str:
        typed = str(super().clean(value)).strip()
        known = self.actors() if typed else []
        found = [typed] if typed in known else [name for name in known if typed.lower() in name.lower()]
        if len(found) > 1:
            more = "" if len(found) <= MOST_NAMES else ", …"
            raise ValidationError(
                f"Several people match: {', '.join(found[:MOST_NAMES])}{more}. Enter one of them."
            )
        return found[0] if found else typed


class DurationField(forms.CharField):
    """How long a call took, as *over* or *under*."""

    def __init__(self) -> None:
        super().__init__(
            required=False,
            max_length=20,
            label="Duration",
            widget=plain_input(size=8),
            help_text="Such as >2s or <100ms",
        )

    def clean(self, value: Any) -> Duration | None:
        typed = str(super().clean(value)).strip()
        if not typed:
            return None
        found = _DURATION.fullmatch(typed)
        if not found:
            raise ValidationError("Enter a duration such as >2s, <100ms or >1min.")
        sign, number, unit = found.groups()
        return Duration(sign == ">", round(float(number) * MILLISECONDS[unit]))


class CallField(forms.CharField):
    """A call's ID."""

    def __init__(self) -> None:
        super().__init__(required=False, max_length=60, label="Call", widget=plain_input())

    def clean(self, value: Any) -> str:
        typed = str(super().clean(value)).strip()
        try:
            return str(UUID(typed)) if typed else ""
        except ValueError as error:
            raise ValidationError("Enter a call's ID: 36 characters, as its page shows it.") from error
