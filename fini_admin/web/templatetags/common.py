"""Tags for all templates: states, times, durations, providers."""

from datetime import UTC, datetime, timedelta
from typing import NamedTuple

from django import template
from django.utils import timezone
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.timesince import timesince

from fini_admin.fini.providers import provider_label

register = template.Library()

MINUTE, HOUR = timedelta(minutes=1), timedelta(hours=1)


class Look(NamedTuple):
    """How a state is drawn: a shape, a tone, and a `note` for the tooltip."""

    shape: str
    tone: str
    note: str = ""


LOOKS = {
    # states of a source
    "registered": Look("ring", "grey", "In Fini, and not queued"),
    "queued": Look("quarter", "grey", "Waiting to be sent to ingestion"),
    "sent": Look("arrow", "blue", "Fini accepted it"),
    "running": Look("half", "blue", "Fini is processing it"),
    "usable": Look("dot", "green", "It has content; not yet published"),
    "empty": Look("dashes", "amber", "Completed, nothing usable"),
    "unknown": Look("question", "amber", "Sent without an answer; being checked"),
    "stuck": Look("clock", "amber", "No end after 24 hours"),
    "failed": Look("cross", "red", "Fini failed on it"),
    "gone": Look("slash", "struck", "No longer in Fini"),
    # outcomes of an ID, states of a run, outcomes of a call
    "done": Look("dot", "green", "Ended well"),
    "refused": Look("cross", "red", "Fini refused it"),
    "skipped": Look("slash", "grey", "Not sent: it became ineligible"),
    "waiting": Look("quarter", "grey"),
    "ended": Look("dot", "grey", "Every ID has an outcome"),
    "answered": Look("dot", "green", "An answer came"),
    "lost": Look("question", "amber", "It may have been sent; no complete answer came"),
    "unsent": Look("slash", "grey", "It was not sent"),
    "not done": Look("slash", "grey", "Fini did not accept it; it may be sent again"),
    "in flight": Look("half", "blue", "No outcome yet"),
    # states of a key
    "live": Look("dot", "green", "Calls go out with this key"),
    "off": Look("slash", "grey", "Switched off for good"),
}
PLAIN = Look("ring", "grey")


DRAWN = (
    '<span class="badge tone-{}" title="{}">'
    '<svg class="shape" aria-hidden="true"><use href="#shape-{}"/></svg>{}</span>'
)


@register.simple_tag
def badge(state: str, word: str = "") -> SafeString:
    """A state as shape and word; `word` replaces the state's name."""
    look = LOOKS.get(str(state), PLAIN)
    return format_html(DRAWN, look.tone, look.note, look.shape, word or state)


@register.simple_tag
def shape(state: str) -> SafeString:
    """A state's shape, with the name for screen readers only: for dense lists."""
    look = LOOKS.get(str(state), PLAIN)
    return format_html(
        DRAWN, look.tone, state, look.shape, format_html('<span class="unseen">{}</span>', state)
    )


@register.simple_tag
def time(value: datetime | str | None) -> SafeString | str:
    """A time in the viewer's zone, with the zone's name and UTC in the tooltip. Takes the trail's ISO texts too."""
    if not value:
        return ""
    at = datetime.fromisoformat(value) if isinstance(value, str) else value
    utc = at.astimezone(UTC)
    hover = f"{utc:%Y-%m-%d %H:%M:%S} UTC"
    return format_html('<time datetime="{}" title="{}">{}</time>', utc.isoformat(), hover, time_in_words(at))


def time_in_words(at: datetime) -> str:
    """3 min ago; today 14:02 CET; 24 Nov 2026, 14:02 CET."""
    now, local = timezone.localtime(), timezone.localtime(at)
    passed = now - local
    if timedelta(0) <= passed < MINUTE:
        return "just now"
    if MINUTE <= passed < HOUR:
        return f"{passed // MINUTE} min ago"
    zone = local.tzname() or ""
    clock = f"{local:%H:%M} {zone if zone[:1].isalpha() else f'UTC{zone}'}"
    days = (now.date() - local.date()).days
    if days in (0, 1):
        return f"{('today', 'yesterday')[days]} {clock}"
    return f"{local.day} {local:%b %Y}, {clock}"


@register.filter
def provider(name: str) -> str:
    """A provider's label."""
    return provider_label(name)


@register.filter
def age(value: datetime | None) -> str:
    """The time since then in its largest unit: 3 days."""
    now = timezone.now()
    if not value or now - value < MINUTE:
        return "under a minute" if value else ""
    return timesince(value, now, depth=1).replace("\xa0", " ")


@register.filter
def until(begun: datetime, ended: datetime) -> str:
    """A duration in its largest unit: 12 s, 3 minutes."""
    took = ended - begun
    if took < MINUTE:
        return f"{took // timedelta(seconds=1)} s"
    return timesince(begun, ended, depth=1).replace("\xa0", " ")
