"""The forms about runs: the confirmation of a preview, and the filters of runs and of the queue."""

import re
from collections.abc import Callable, Mapping
from copy import copy
from datetime import timedelta
from functools import partial
from typing import Any, cast

from django import forms
from django.core.exceptions import ValidationError
from django.core.validators import RegexValidator

from fini_admin.fini.providers import PROVIDERS
from fini_admin.ingestion.models import RunKind, RunState
from fini_admin.ingestion.queue import LANES, OUT, WAITING, QueueCriteria
from fini_admin.web.forms.base import (
    Choice,
    Filters,
    KeylessForm,
    NumberField,
    TypedChoice,
    YesNoField,
    choices_with_all,
)

ONE_TIME_NUMBER = re.compile(r"\A[\w-]{16,64}\Z", re.ASCII)
QUEUED_FROM = {**{name: provider.label for name, provider in PROVIDERS.items()}, "web": "Web"}
AGES = {
    "1h": ("Over 1 hour", timedelta(hours=1)),
    "1d": ("Over 1 day", timedelta(days=1)),
    "3d": ("Over 3 days", timedelta(days=3)),
    "7d": ("Over 7 days", timedelta(days=7)),
}

UNSTATED = "Fini does not say what it does; leave it if you are not sure."


class OneTimeForm(KeylessForm):
    """What starts a run. Its one-time number is the run's: the same form sent twice leads to one run."""

    token = forms.CharField(validators=[RegexValidator(ONE_TIME_NUMBER)], widget=forms.HiddenInput)


class ConfirmForm(KeylessForm):
    """The reason given with a confirmation. `folded` names the fields that stand under *More*."""

    folded: tuple[str, ...] = ()
    reason = forms.CharField(
        required=False,
        max_length=200,
        help_text="Optional. Kept with the run and in the audit trail.",
    )


class IngestForm(ConfirmForm):
    """The same, with the options that ingest sends to Fini."""

    folded = ("english", "baser")
    english = YesNoField(label="English", help_text=f"Sent to Fini as “english”. {UNSTATED}")
    baser = YesNoField(label="Baser", help_text=f"Sent to Fini as “baser”. {UNSTATED}")


class DeleteForm(ConfirmForm):
    """What confirms a deletion of `total` sources: their number, typed, and whether `linked` knowledge goes too."""

    number = NumberField(
        required=False,
        widget=forms.TextInput(attrs={"size": 8}),
    )
    articles = forms.BooleanField(required=False, label="Also delete their articles")
    field_order = ("number", "articles", "reason")

    def __init__(
        self, data: Mapping[str, Any] | None, *, total: int, linked: int, with_articles: bool
    ) -> None:
        super().__init__(data, initial={"articles": with_articles})
        self.total = total
        what = f"{total:,} source{'' if total == 1 else 's'}"
        self.fields["number"].label = f"Type {total:,} to delete {what}"
        self.fields["articles"].help_text = (
            f"{linked:,} of these have knowledge linked to them in Fini. It stays unless you tick this;"
            " each call then says “deleteArticles”: true."
        )
        if not linked and not with_articles:
            del self.fields["articles"]

    def clean_number(self) -> int:
        """The number that stands on the button, and no other."""
        typed: int | None = self.cleaned_data["number"]
        if typed != self.total:
            raise ValidationError(f"Nothing was deleted: type {self.total:,} to confirm.")
        return typed


class RunFilters(Filters):
    """Filters of runs."""

    kind = Choice(required=False, choices=[("", "All"), *RunKind.choices], label="What")
    state = Choice(required=False, choices=[("", "All"), *RunState.choices], label="State")


class QueueFilters(Filters):
    """Filters of the queue. `people` lists who queued something, and runs only when the field is rendered.

    The tabs choose the lane; without one in the URL `first_lane` chooses by the other filters.
    """

    q = forms.CharField(required=False, max_length=200, label="Title, URL or ID")
    provider = Choice(required=False, choices=choices_with_all(QUEUED_FROM), label="Provider")
    who = forms.CharField(required=False, max_length=254, label="Registered by")
    longer = TypedChoice(
        required=False,
        choices=[("", "Any time"), *((name, text) for name, (text, _) in AGES.items())],
        coerce=lambda name: AGES[name][1],
        empty_value=None,
        label="Waiting",
    )
    lane = Choice(choices=list(LANES.items()), widget=forms.HiddenInput)

    def __init__(
        self, data: Mapping[str, Any], people: Callable[[], list[str]], first_lane: Callable[..., str]
    ) -> None:
        asked = data.get("lane")
        sent: Any = copy(data)
        sent["lane"] = asked if asked in LANES else WAITING[0]
        super().__init__(sent)
        if asked not in LANES:
            sent["lane"] = first_lane(**(self.wanted() or {}))
            self.data = sent
        self.lane_shown: str = sent["lane"]
        if self.lane_shown == OUT:
            self.fields["longer"].label = "Out"
        self.fields["who"].widget = forms.Select(choices=partial(self.names, people))  # type: ignore[arg-type]  # the stubs know no callable

    def names(self, people: Callable[[], list[str]]) -> list[tuple[str, str]]:
        """The choices of the field, including the chosen person even if nothing of theirs is queued."""
        chosen = str(self["who"].value() or "")
        return [("", "Anyone"), *((name, name) for name in sorted({*people(), chosen} - {""}))]

    def wanted(self) -> QueueCriteria | None:
        """The filters; None when one is invalid, so that the page shows nothing instead of too much."""
        if not self.is_valid():
            return None
        return cast("QueueCriteria", {name: value for name, value in self.values().items() if name != "lane"})
