"""Tags about runs: the bar, and what a run does."""

from typing import Any

from django import template
from django.urls import reverse

from fini_admin.ingestion.models import Run
from fini_admin.web.charts import LEAST, LEAST_IN_COLUMN, WIDTH
from fini_admin.web.wording import runs

register = template.Library()


@register.inclusion_tag("components/_run_bar.html", takes_context=True)
def run_bar(context: dict[str, Any], run: Run, size: str = "") -> dict[str, object]:
    """A run's bar, each segment a link to its IDs; `size` is empty or `small`."""
    url = reverse("run", args=[context["request"].workspace.slug, run.number])
    segments = runs.segments(run, least=LEAST_IN_COLUMN if size == "small" else LEAST)
    return {"segments": segments, "url": url, "size": size, "width": WIDTH}


@register.filter
def run_title(run: Run) -> str:
    """What a run does, to how many."""
    return runs.title(run)


@register.filter
def run_word(run: Run, outcome: str) -> str:
    """What an outcome of this run is called."""
    return runs.word(run, outcome)


@register.filter
def run_far(run: Run) -> str:
    """How far a run in a list is, or how long it took."""
    return runs.how_far(run)


@register.filter
def run_duration(seconds: int) -> str:
    """A length of time that is not known exactly: "about 4 min"."""
    return runs.duration(seconds)
