"""One bad ID sinks a batch (T4): a refused batch is halved until the offender stands alone, and the rest is sent."""

import re
from collections.abc import Sequence

from django.db.models import F

from fini_admin.ingestion.models import Budget, Item, ItemOutcome, RunKind, Step
from fini_admin.ingestion.reasons import LOOKED_AT
from fini_admin.ingestion.runs.items import finish_and_release
from fini_admin.ingestion.runs.steps import add_step, close_step
from fini_admin.lib.paging import chunks

MOST_CALLS = 40
# A refusal may quote a title, and a title may say anything.
QUOTED = re.compile(r"""(?<!\w)(["'`]).*?\1(?!\w)|“.*?”|‘.*?’(?!\w)|«.*?»""", re.DOTALL)
TOO_MANY = re.compile(r"(?:no more|not more|more|at most|maximum of|up to)\D{0,12}(\d+)", re.IGNORECASE)


def split_step(step: Step, items: Sequence[Item], refusal: str) -> None:
    """Cut a refused step in two; refuse its item if it has one, or all of them once MOST_CALLS are spent on it."""
    root = step.root or step
    limit = _stated_limit(refusal)
    close_step(step, refusal=refusal)
    if limit and limit < len(items):
        Budget.objects.filter(workspace=step.run.workspace_id).update(batch_limit=limit)
        parts = list(chunks(items, limit))
        root_of_parts = None
    elif len(items) == 1 or _calls_spent(root) + 2 > MOST_CALLS:
        finish_and_release(step.run, items, ItemOutcome.REFUSED, _refusal_reason(items, refusal))
        return
    else:
        parts = list(chunks(items, (len(items) + 1) // 2))
        root_of_parts = root
        Step.objects.filter(pk=root.pk).update(splits=F("splits") + len(parts))
    for part in parts:
        add_step(
            step.run,
            RunKind(step.kind),
            step.provider,
            part,
            root=root_of_parts,
            in_doubt=step.in_doubt,
        )


def _calls_spent(root: Step) -> int:
    return Step.objects.values_list("splits", flat=True).get(pk=root.pk)


def _refusal_reason(items: Sequence[Item], refusal: str) -> str:
    """Reason shown for refused items."""
    if len(items) == 1:
        return refusal
    return f"One of {len(items)} was refused and was not found within {MOST_CALLS} calls: {refusal}"


def _stated_limit(refusal: str) -> int | None:
    """The most that a batch may hold, if the refusal states it: "must contain no more than 50 elements"."""
    said = own_words(refusal)
    if not re.search(r"\b(elements?|batch)\b", said, re.IGNORECASE):
        return None
    told = TOO_MANY.search(said)
    return int(told[1]) if told and int(told[1]) > 0 else None


def own_words(refusal: str) -> str:
    """The beginning of a refusal without what it quotes: a quoted title may say anything."""
    return QUOTED.sub("", refusal[:LOOKED_AT])
