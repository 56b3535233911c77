"""A source's name, and how long it has been in its state."""

from datetime import UTC

from django import template
from django.urls import reverse
from django.utils import timezone
from django.utils.html import format_html
from django.utils.safestring import SafeString

from fini_admin.ingestion.eligibility import holder_named
from fini_admin.sources import names
from fini_admin.sources.models import Source
from fini_admin.sources.selection import UNTITLED
from fini_admin.sources.states import ENDED, State
from fini_admin.web.templatetags.common import age, badge
from fini_admin.web.wording import times
from fini_admin.web.wording.sources import state_in_words

SHOWN, LAST = 200, 16  # characters of an address in a list: of its beginning, of its end

register = template.Library()

register.filter(names.source_name)
register.filter(names.visible)


@register.filter
def address_ends(address: str) -> tuple[str, str]:
    """An address without its scheme in two: what may be cut, and the end that tells it from others of its host."""
    bare = address.partition("://")[2] or address
    begin, _, end = bare.rstrip("/").rpartition("/")
    if not begin:
        return bare[:SHOWN], ""
    return begin[:SHOWN], f"/{end}" if len(end) <= LAST else f"/…{end[-LAST:]}"


@register.filter
def titled(title: str) -> str:
    """A resource's title, or the one that is offered for a resource without one."""
    return names.visible(title) or UNTITLED


@register.simple_tag
def state_of(source: Source, lane: str | None) -> SafeString:
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
    """How long it has been in its state: "for 4 min", or "since 14:02" for an end older than an hour."""
    since = source.state_since
    return format_html(
        '<time datetime="{}" title="since {}">{}</time>',
        since.astimezone(UTC).isoformat(),
        times.exactly(since),
        time_in_state(source),
    )


@register.filter
def time_in_state(source: Source) -> str:
    """The words of `in_state`."""
    passed = timezone.now() - source.state_since
    if passed >= times.HOUR and source.state in (*ENDED, State.GONE):
        return f"since {times.moment(source.state_since)}"
    return f"for {age(source.state_since)}"
