"""Notion's IDs are paired without dashes and case (T1)."""

from datetime import UTC, datetime

import pytest

from fini_admin.fini import routes
from fini_admin.ingestion.engine import follow
from fini_admin.ingestion.models import Item, ItemOutcome, Stage
from fini_admin.sources.models import Source
from fini_admin.workspaces.models import Workspace
from tests.support.work import Start

BARE, DASHED = "0123456789abcdef0123456789abcdef", "01234567-89ab-cdef-0123-456789abcdef"


@pytest.mark.parametrize("sent", [BARE, DASHED, DASHED.upper()])
@pytest.mark.parametrize("answered", [BARE, DASHED])
@pytest.mark.parametrize("late", [False, True])
def test_trap_1_a_notion_page_is_paired_in_whichever_form_fini_answers_its_id(
    sent: str, answered: str, late: bool, acme: Workspace, register: Start
) -> None:
    run = register([routes.Resource(sent, "Page", "https://docs.example/page", "text/markdown", "page")])
    Item.objects.filter(run=run).update(stage=Stage.PAIR, step=None)
    now = datetime.now(UTC)
    source = Source.objects.create(
        workspace=acme,
        fini_id="fini-1",
        provider="notion",
        external_id=answered,
        state_since=now,
        first_seen=now,
        last_seen=now,
        read_at=now,
    )
    if late:
        follow.end_unpaired(acme)
    else:
        follow.pair_items(acme, [source])
    item = Item.objects.get(run=run)
    assert (item.source, item.outcome) == (source, ItemOutcome.DONE)
