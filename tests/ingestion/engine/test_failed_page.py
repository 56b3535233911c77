"""What a page of the list that failed was refused for: one table for every walk over the list (T6, T10)."""

import pytest

from fini_admin.fini.errors import (
    BadRequest,
    Dropped,
    FiniError,
    FiniFailed,
    KeyRefused,
    NotFound,
    NotUnderstood,
    ScopeMissing,
    Throttled,
    TimedOut,
    Unreachable,
)
from fini_admin.ingestion.engine.list_pages import HALVINGS, FailedPage, why_failed
from fini_admin.ingestion.models import Budget
from fini_admin.workspaces.models import Workspace

AGAIN = (FailedPage.OTHER, FailedPage.OTHER, FailedPage.OTHER)
HEAVY = (FailedPage.SIZE, FailedPage.SIZE, FailedPage.OTHER)


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("error", "at_head", "after_cursor", "one_record"),
    [
        (KeyRefused(status=401), FailedPage.KEY, FailedPage.KEY, FailedPage.KEY),
        (BadRequest(status=400), FailedPage.SIZE, FailedPage.CURSOR, FailedPage.OTHER),
        (BadRequest(status=422), FailedPage.SIZE, FailedPage.CURSOR, FailedPage.OTHER),
        (BadRequest(status=413), FailedPage.OTHER, FailedPage.CURSOR, FailedPage.OTHER),
        (NotFound(status=404), FailedPage.OTHER, FailedPage.CURSOR, FailedPage.OTHER),
        (ScopeMissing(status=403), *AGAIN),
        (NotUnderstood(), *HEAVY),
        (TimedOut(), *HEAVY),
        (FiniFailed(status=500), *HEAVY),
        (FiniFailed(status=503), *AGAIN),
        (FiniFailed(status=502), *HEAVY),
        (FiniFailed(status=504), *HEAVY),
        (Throttled(status=429), *AGAIN),
        (Unreachable(), *AGAIN),
        (Dropped(), *AGAIN),
    ],
)
def test_a_failed_page_is_asked_for_as_its_error_says(
    acme: Workspace, error: FiniError, at_head: FailedPage, after_cursor: FailedPage, one_record: FailedPage
) -> None:
    assert why_failed(sized(acme, 100), error, cursor="", failures=0) == at_head
    assert why_failed(sized(acme, 100), error, cursor="a record", failures=0) == after_cursor
    assert why_failed(sized(acme, 1), error, cursor="", failures=0) == one_record


@pytest.mark.django_db
def test_only_a_size_that_fini_refused_is_the_limit_for_a_while(acme: Workspace) -> None:
    why_failed(sized(acme, 100), TimedOut(), cursor="", failures=0)
    late = Budget.objects.get(pk=acme.pk)
    assert (late.page_size, late.page_limit, late.limited_until) == (50, 100, None)
    why_failed(late, BadRequest(status=400), cursor="", failures=0)
    refused = Budget.objects.get(pk=acme.pk)
    assert (refused.page_size, refused.page_limit) == (25, 25)
    assert refused.limited_until is not None


@pytest.mark.django_db
def test_what_failed_in_every_size_is_not_taken_for_too_large_where_others_let_pages_grow(
    acme: Workspace,
) -> None:
    for failures in range(HALVINGS):
        error = FiniFailed(status=500)
        assert why_failed(sized(acme, 100), error, cursor="", failures=failures) == FailedPage.SIZE
    assert (
        why_failed(sized(acme, 100), FiniFailed(status=500), cursor="", failures=HALVINGS) == FailedPage.OTHER
    )
    assert Budget.objects.get(pk=acme.pk).page_size == 100


def sized(workspace: Workspace, size: int) -> Budget:
    """The workspace's budget with pages of this size and no limit."""
    limits = {"page_size": size, "page_limit": 100, "limited_until": None}
    held, _ = Budget.objects.update_or_create(workspace=workspace, defaults=limits)
    return held
