"""Tags for all templates: states, times, durations, providers."""

from collections.abc import Sequence
from datetime import UTC, datetime
from functools import lru_cache
from typing import NamedTuple

from django import template
from django.template.base import FilterExpression
from django.utils import timezone
from django.utils.html import format_html
from django.utils.safestring import SafeString

from fini_admin.audit.chain import time_of
from fini_admin.fini.providers import provider_label
from fini_admin.web import live, static_bundles
from fini_admin.web.wording import times

register = template.Library()


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
    "done": Look("dot", "green", "Fini did it"),
    "refused": Look("cross", "red", "Fini refused it"),
    "skipped": Look("slash", "grey", "Not sent: it became ineligible, or the run was stopped"),
    "waiting": Look("quarter", "grey"),
    "paused": Look("bars", "amber", "Nothing is sent until it is resumed"),
    "stopping": Look("bars", "amber", "Nothing more is sent; what was sent is followed to its end"),
    "ended": Look("dot", "grey", "Every ID has an outcome"),
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
@lru_cache(maxsize=1024, typed=True)  # what is safe as it is and what is not are two
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
    """A time in the viewer's zone; the tooltip names the zone and has UTC. Takes the trail's ISO texts too.

    A text that is no time, as a row that was tampered with may hold one, is shown as it is.
    """
    if not value:
        return ""
    at = value if isinstance(value, datetime) else time_of(value)
    if at is None:
        return str(value)
    return format_html(
        '<time datetime="{}" title="{}">{}</time>',
        at.astimezone(UTC).isoformat(),
        times.exactly(at),
        times.moment(at),
    )


@register.simple_tag
def zone() -> str:
    """The name of the zone that times are in."""
    return times.zone_name(timezone.localtime())


class Cells(template.Node):
    """The cells of a row; of a page that asks for news, with their digest, and left out if it has them."""

    def __init__(self, shown: Sequence[FilterExpression], nodelist: template.NodeList) -> None:
        self.shown, self.nodelist = shown, nodelist

    def render(self, context: template.Context) -> SafeString:
        known = context.get(live.KNOWN)
        if known is None:
            return self.nodelist.render(context)
        version = live.row_version(value.resolve(context) for value in self.shown)
        cells = "" if version in known else self.nodelist.render(context)
        return SafeString(f"<!--cells {version}-->{cells}")


@register.tag
def cells(parser: template.base.Parser, token: template.base.Token) -> Cells:
    """`{% cells item %}…{% endcells %}`: the cells of a row of a live part, and all that they show (live.py)."""
    shown = [parser.compile_filter(name) for name in token.split_contents()[1:]]
    nodelist = parser.parse(["endcells"])
    parser.delete_first_token()
    return Cells(shown, nodelist)


@register.filter
def files_of(bundle: str) -> tuple[str, ...]:
    """The files to load for a bundle of styles or scripts."""
    return static_bundles.files_of(bundle)


@register.filter
def provider(name: str) -> str:
    """A provider's label."""
    return provider_label(name)


@register.filter
def age(value: datetime | None) -> str:
    """The time since then in its largest unit: 3 days."""
    if not value:
        return ""
    passed = timezone.now() - value
    return times.duration(passed) if passed >= times.SECOND else "1 s"


@register.filter
def until(begun: datetime, ended: datetime) -> str:
    """How long something took: took 12 s, at once."""
    return times.took(ended - begun)
