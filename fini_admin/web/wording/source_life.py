"""A source's life as a strip: its states over time, each as wide as it lasted."""

from collections.abc import Sequence
from datetime import datetime
from itertools import pairwise

from django.utils import timezone

from fini_admin.sources.models import StateChange
from fini_admin.web.charts import Part, Strip, parts_bar
from fini_admin.web.wording import times


def life(changes: Sequence[StateChange]) -> Strip | None:
    """The strip of these changes, given newest first, up to now; None where there is nothing to compare."""
    if not changes:
        return None
    met = [(change.at, change.new) for change in reversed(changes)]
    spans = [*pairwise([*met, (timezone.now(), "")])]
    parts = [_span(state, begun, ended) for (begun, state), (ended, _) in spans]
    rows = [
        (times.moment(begun), f"{part.name} {part.text}")
        for ((begun, _), _), part in zip(spans, parts, strict=True)
    ]
    return Strip(parts_bar(parts), times.moment(met[0][0]), "now", rows)


def _span(state: str, begun: datetime, ended: datetime) -> Part:
    """A state with how long it lasted, in seconds and in words."""
    lasted = max(ended - begun, times.SECOND)
    return Part(state, lasted // times.SECOND, f"for {times.duration(lasted)}, from {times.moment(begun)}")
