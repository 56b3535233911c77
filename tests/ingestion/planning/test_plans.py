"""What a retry, a refresh and a deletion do about an ID: the whole table."""

from datetime import UTC, datetime
from typing import Any

import pytest

from fini_admin.ingestion.models import Run
from fini_admin.ingestion.planning.plans import (
    USABLE,
    Action,
    ItemPlan,
    after_reading,
    plan_delete,
    plan_for_item,
    plan_for_source,
    plan_refresh,
)
from fini_admin.sources.models import Source

RESOURCE = {
    "externalId": "n-1",
    "title": "Page",
    "originalUrl": "https://docs.example/1",
    "mimeType": "text/html",
}


def source(state: str = "failed", **fields: Any) -> Source:
    held = {"job_status": "FAILED", "read_at": datetime.now(UTC), "provider": "notion"} | fields
    return Source(pk=7, fini_id="id-7", state=state, **held)


def run(kind: str = "ingest", *, then_ingest: bool = False) -> Run:
    return Run(number=3, kind=kind, then_ingest=then_ingest)


@pytest.mark.parametrize(
    ("held", "way"),
    [
        (source("failed"), Action.REFRESH),
        (source("empty", job_status="COMPLETED"), Action.REFRESH),
        (source("registered", job_status=""), Action.ADD),
        (source("queued", job_status=""), Action.ADD),
        (source("unknown"), Action.READ),
        (source("stuck"), Action.READ),
        (source("failed", read_at=None), Action.READ),
        (source("usable"), Action.NOTHING),
        (source("gone"), Action.NOTHING),
        (source("sent"), Action.NOTHING),
        (source("running"), Action.NOTHING),
        (source("failed", provider="files"), Action.NOTHING),
        (source("registered", job_status="", provider="files"), Action.NOTHING),
        (source("registered", job_status="", provider="web", original_url="ftp://x"), Action.NOTHING),
        (source("registered", job_status="", provider="web", original_url="https://a.example/"), Action.ADD),
    ],
)
def test_what_a_retry_does_about_a_source_follows_from_the_source(held: Source, way: Action) -> None:
    assert plan_for_source(held, {}).way == way


@pytest.mark.parametrize(
    ("outcome", "way"),
    [
        ("failed", Action.REFRESH),
        ("refused", Action.REFRESH),
        ("unknown", Action.READ),
        ("done", Action.NOTHING),
        ("skipped", Action.NOTHING),
        (None, Action.NOTHING),
    ],
)
def test_what_is_done_or_skipped_never_goes_and_unknown_is_read_first(
    outcome: str | None, way: Action
) -> None:
    assert plan_for_item(run(), outcome, source(), None, {}).way == way


def test_what_was_never_registered_is_registered_with_what_is_known() -> None:
    assert plan_for_item(run("register"), "refused", None, RESOURCE, {}) == ItemPlan(Action.REGISTER)
    assert plan_for_item(run("ingest"), "failed", None, None, {}).way == Action.NOTHING
    both = run("register", then_ingest=True)
    assert plan_for_item(both, "failed", source(), RESOURCE, {}).way == Action.REFRESH
    assert plan_for_item(both, "failed", None, RESOURCE, {}).way == Action.REGISTER


def test_a_run_that_only_registered_never_ingests_when_it_is_retried() -> None:
    assert plan_for_item(run("register"), "unknown", source("queued"), RESOURCE, {}).way == Action.REGISTER


def test_a_deletion_is_tried_again_as_a_deletion() -> None:
    assert plan_for_item(run("delete"), "failed", source("usable"), None, {}).way == Action.DELETE
    assert plan_for_item(run("delete"), "failed", source("gone"), None, {}).way == Action.NOTHING
    assert plan_for_item(run("delete"), "refused", None, None, {}).way == Action.NOTHING


def test_what_another_run_has_is_named() -> None:
    for plan in (plan_for_source, plan_refresh, plan_delete):
        assert plan(source(), {7: 41}) == ItemPlan(Action.NOTHING, "Run 41 has it")


@pytest.mark.parametrize(
    ("held", "plan"),
    [
        (source("running"), ItemPlan(Action.FOLLOW)),
        (source("stuck"), ItemPlan(Action.FOLLOW)),
        (source("usable"), ItemPlan(Action.NOTHING, USABLE)),
        (source("failed"), ItemPlan(Action.REFRESH)),
        (source("registered", job_status=""), ItemPlan(Action.ADD)),
    ],
)
def test_what_was_read_first_goes_on_as_its_record_says(held: Source, plan: ItemPlan) -> None:
    assert after_reading(held) == plan


@pytest.mark.parametrize("outcome", ["refused", "failed"])
def test_a_refresh_that_was_not_done_is_tried_again_though_the_source_is_usable(outcome: str) -> None:
    plan = plan_for_item(run("refresh"), outcome, source("usable"), None, {})
    assert plan == ItemPlan(Action.REFRESH)
    assert plan_for_item(run("ingest"), outcome, source("usable"), None, {}).way == Action.NOTHING
    assert plan_for_item(run("refresh"), "unknown", source("usable"), None, {}).way == Action.READ
