"""What templates say in one way everywhere: a state, a time, a number of days."""

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
    """How a state looks beside its word: a drawn shape and a tone (ui.md, states); `note` is for the hover."""

    shape: str
    tone: str
    note: str = ""


LOOKS = {
    # of a source
    "registered": Look("ring", "grey", "In Fini, not sent"),
    "queued": Look("quarter", "grey", "Waits to be sent to ingestion"),
    "sent": Look("arrow", "blue", "Fini took it"),
    "running": Look("half", "blue", "Fini works on it"),
    "usable": Look("dot", "green", "Content is there; not yet published"),
    "empty": Look("dashes", "amber", "Completed, nothing usable"),
    "unknown": Look("question", "amber", "We asked and got no answer: checking"),
    "stuck": Look("clock", "amber", "No end after 24 hours"),
    "failed": Look("cross", "red", "Fini failed on it"),
    "gone": Look("slash", "struck", "No longer in Fini"),
    # of an ID in a run, a run, a call
    "done": Look("dot", "green", "It ended well"),
    "refused": Look("cross", "red", "Fini refused it"),
    "skipped": Look("slash", "grey", "Not sent: it became ineligible"),
    "waiting": Look("quarter", "grey"),
    "ended": Look("dot", "grey", "Every ID has its end"),
    "answered": Look("dot", "green", "An answer came"),
    "lost": Look("question", "amber", "It may have left, and no whole answer came"),
    "unsent": Look("slash", "grey", "It certainly did not leave"),
    "not done": Look("slash", "grey", "Fini did not take it; it may be sent again"),
    "in flight": Look("half", "blue", "No outcome yet"),
    # of a key
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
    """A state as shape and word; `word` says it otherwise than by its name."""
    look = LOOKS.get(str(state), PLAIN)
    return format_html(DRAWN, look.tone, look.note, look.shape, word or state)


@register.simple_tag
def shape(state: str) -> SafeString:
    """A state as its shape alone, the word for screen readers: for dense lists."""
    look = LOOKS.get(str(state), PLAIN)
    return format_html(
        DRAWN, look.tone, state, look.shape, format_html('<span class="unseen">{}</span>', state)
    )


@register.simple_tag
def time(value: datetime | str | None) -> SafeString | str:
    """A time in the viewer's zone with the zone named, UTC on hover; the trail's times are UTC text."""
    if not value:
        return ""
    at = datetime.fromisoformat(value) if isinstance(value, str) else value
    utc = at.astimezone(UTC)
    hover = f"{utc:%Y-%m-%d %H:%M:%S} UTC"
    return format_html('<time datetime="{}" title="{}">{}</time>', utc.isoformat(), hover, said(at))


def said(at: datetime) -> str:
    """A time as people say it: 3 min ago, today 14:02 CET, 24 Nov 2026, 14:02 CET."""
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
    """A provider's name as people write it."""
    return provider_label(name)


@register.filter
def age(value: datetime | None) -> str:
    """How long ago, in its largest unit: 3 days."""
    now = timezone.now()
    if not value or now - value < MINUTE:
        return "under a minute" if value else ""
    return timesince(value, now, depth=1).replace("\xa0", " ")


@register.filter
def until(begun: datetime, ended: datetime) -> str:
    """How long something took, in its largest unit: 12 s, 3 minutes."""
    took = ended - begun
    if took < MINUTE:
        return f"{took // timedelta(seconds=1)} s"
    return timesince(begun, ended, depth=1).replace("\xa0", " ")
