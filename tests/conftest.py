"""What every test stands on."""

import gc
import os
from collections.abc import Iterable, Iterator

import hypothesis
import pytest
from django.db.backends.base.operations import BaseDatabaseOperations

from fini_admin.audit.recording import Context
from fini_admin.audit.triggers import install
from fini_admin.workspaces.models import Workspace
from fini_admin.workspaces.vault import Secret
from tests.support import people
from tests.support.log_ins import ada, enrolled, later, provider, provider_process, step_begins
from tests.support.triggers import drop
from tests.support.turns import (
    pytest_collection_modifyitems,
    pytest_xdist_auto_num_workers,
    pytest_xdist_make_scheduler,
)
from tests.support.who import by
from tests.support.work import (
    admin,
    connected,
    editor,
    impatient,
    ingest,
    process,
    register,
    sandbox,
    three,
)

# Fixtures that several folders use, and pytest's hooks.
__all__ = [
    "ada",
    "admin",
    "connected",
    "editor",
    "enrolled",
    "impatient",
    "ingest",
    "later",
    "process",
    "provider",
    "provider_process",
    "pytest_collection_modifyitems",
    "pytest_xdist_auto_num_workers",
    "pytest_xdist_make_scheduler",
    "register",
    "sandbox",
    "step_begins",
    "three",
]

hypothesis.settings.register_profile("here", deadline=None)
hypothesis.settings.register_profile("ci", deadline=None, derandomize=True)
hypothesis.settings.register_profile("fuzz", deadline=None, max_examples=10_000)
hypothesis.settings.load_profile("ci" if os.environ.get("CI") else "here")


@pytest.hookimpl(trylast=True)
def pytest_collection_finish(session: pytest.Session) -> None:
    """What stays to the end is not looked through again and again for what could be thrown away."""
    gc.collect()
    gc.freeze()


@pytest.fixture(scope="session", autouse=True)
def flush_may_empty_append_only_tables() -> Iterator[None]:
    """The flush after a transactional test is the only thing that may empty the trail, and only here."""
    plain = BaseDatabaseOperations.execute_sql_flush

    def flush(self: BaseDatabaseOperations, sql_list: Iterable[str]) -> None:
        drop(self.connection)
        try:
            plain(self, sql_list)
        finally:
            install(self.connection)

    BaseDatabaseOperations.execute_sql_flush = flush  # type: ignore[method-assign]
    yield
    BaseDatabaseOperations.execute_sql_flush = plain  # type: ignore[method-assign]


@pytest.fixture
def acme(db: None) -> Workspace:
    return people.workspace()


@pytest.fixture
def other(db: None) -> Workspace:
    return people.workspace("other", "Other Company")


@pytest.fixture
def context(acme: Workspace) -> Context:
    """Who calls Fini, with which key."""
    return Context(str(acme.pk), by("ada@example.com", "browser"), "main", "key-1", Secret(people.KEY), run=7)
