"""What a retry, a refresh and a deletion do about an ID: the whole table."""

from datetime import UTC, datetime
from typing import Any

import pytest

from fini_admin.ingestion.models import Run
from fini_admin.ingestion.plans import (
    USABLE,
    Plan,
    Way,
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
        (source("failed"), Way.REFRESH),
        (source("empty", job_status="COMPLETED"), Way.REFRESH),
        (source("registered", job_status=""), Way.ADD),
        (source("queued", job_status=""), Way.ADD),
        (source("unknown"), Way.READ),
        (source("stuck"), Way.READ),
        (source("failed", read_at=None), Way.READ),
        (source("usable"), Way.NOTHING),
        (source("gone"), Way.NOTHING),
        (source("sent"), Way.NOTHING),
        (source("running"), Way.NOTHING),
        (source("failed", provider="files"), Way.NOTHING),
        (source("registered", job_status="", provider="files"), Way.NOTHING),
        (source("registered", job_status="", provider="web", original_url="ftp://x"), Way.NOTHING),
        (source("registered", job_status="", provider="web", original_url="https://a.example/"), Way.ADD),
    ],
)
def test_what_a_retry_does_about_a_source_follows_from_the_source(held: Source, way: Way) -> None:
    assert plan_for_source(held, {}).way == way


@pytest.mark.parametrize(
    ("outcome", "way"),
    [
        ("failed", Way.REFRESH),
        ("refused", Way.REFRESH),
        ("unknown", Way.READ),
        ("done", Way.NOTHING),
        ("skipped", Way.NOTHING),
        (None, Way.NOTHING),
    ],
)
def test_what_is_done_or_skipped_never_goes_and_unknown_is_read_first(outcome: str | None, way: Way) -> None:
    assert plan_for_item(run(), outcome, source(), None, {}).way == way


def test_what_was_never_registered_is_registered_with_what_is_known() -> None:
    assert plan_for_item(run("register"), "refused", None, RESOURCE, {}) == Plan(Way.REGISTER)
    assert plan_for_item(run("ingest"), "failed", None, None, {}).way == Way.NOTHING
    both = run("register", then_ingest=True)
    assert plan_for_item(both, "failed", source(), RESOURCE, {}).way == Way.REFRESH
    assert plan_for_item(both, "failed", None, RESOURCE, {}).way == Way.REGISTER


def test_a_run_that_only_registered_never_ingests_when_it_is_retried() -> None:
    assert plan_for_item(run("register"), "unknown", source("queued"), RESOURCE, {}).way == Way.REGISTER


def test_a_deletion_is_tried_again_as_a_deletion() -> None:
    assert plan_for_item(run("delete"), "failed", source("usable"), None, {}).way == Way.DELETE
    assert plan_for_item(run("delete"), "failed", source("gone"), None, {}).way == Way.NOTHING
    assert plan_for_item(run("delete"), "refused", None, None, {}).way == Way.NOTHING


def test_what_another_run_has_is_named() -> None:
    for plan in (plan_for_source, plan_refresh, plan_delete):
        assert plan(source(), {7: 41}) == Plan(Way.NOTHING, "Run 41 has it")


@pytest.mark.parametrize(
    ("held", "plan"),
    [
        (source("running"), Plan(Way.FOLLOW)),
        (source("stuck"), Plan(Way.FOLLOW)),
        (source("usable"), Plan(Way.NOTHING, USABLE)),
        (source("failed"), Plan(Way.REFRESH)),
        (source("registered", job_status=""), Plan(Way.ADD)),
    ],
)
def test_what_was_read_first_goes_on_as_its_record_says(held: Source, plan: Plan) -> None:
    assert after_reading(held) == plan
