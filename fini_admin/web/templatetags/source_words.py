"""A source's name, and how long it has been in its state."""

import unicodedata
from datetime import UTC, timedelta

from django import template
from django.urls import reverse
from django.utils import timezone
from django.utils.html import format_html
from django.utils.safestring import SafeString

from fini_admin.ingestion.eligibility import holder_named
from fini_admin.sources.models import Source
from fini_admin.sources.states import ENDED, State
from fini_admin.web.templatetags.common import HOUR, MINUTE, age, badge, time_in_words
from fini_admin.web.wording.sources import state_in_words

register = template.Library()

UNSEEN = {"C", "Z"}


@register.filter
def source_name(source: Source) -> str:
    """The title; the external ID or Fini's ID where the title has no visible character."""
    names = (source.title, source.external_id)
    return next((name for name in names if any(map(_is_visible, name))), source.fini_id)


def _is_visible(letter: str) -> bool:
    """Whether a character is neither a space nor a control character."""
    return unicodedata.category(letter)[0] not in UNSEEN


@register.simple_tag
def state_of(source: Source, lane: str | None = None) -> SafeString:
    """A source's state, and beside it that a refresh waits; `lane` is that of its open queue entry."""
    return badge(source.state, state_in_words(source.state, lane))


@register.simple_tag
def reason_of(reason: str, slug: str) -> SafeString:
    """Why nothing can be done about an ID; a run that has it is led to."""
    run = holder_named(reason)
    if run is None:
        return format_html("{}", reason)
    return format_html('<a href="{}">{}</a>', reverse("run", args=[slug, run]), reason)


@register.simple_tag
def in_state(source: Source) -> SafeString:
    """How long it has been in its state: "for 4 min", or "since today 14:02 CET" for an end older than an hour."""
    since = source.state_since
    utc = since.astimezone(UTC)
    return format_html(
        '<time datetime="{}" title="since {} UTC">{}</time>',
        utc.isoformat(),
        f"{utc:%Y-%m-%d %H:%M:%S}",
        _time_in_state(source),
    )


def _time_in_state(source: Source) -> str:
    passed = timezone.now() - source.state_since
    if passed < HOUR:
        minutes = max(passed, timedelta(0)) // MINUTE
        return f"for {minutes} min" if minutes else "for under a minute"
    if source.state in (*ENDED, State.GONE):
        return f"since {time_in_words(source.state_since)}"
    return f"for {age(source.state_since)}"
