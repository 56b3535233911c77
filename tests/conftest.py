"""What every test stands on."""

import gc
import os
from collections.abc import Iterable, Iterator

import hypothesis
import pytest
from django.db.backends.base.operations import BaseDatabaseOperations
from xdist.remote import Producer
from xdist.scheduler import LoadScopeScheduling

from fini_admin.audit.recording import Context
from fini_admin.audit.triggers import install
from fini_admin.workspaces.models import Workspace
from fini_admin.workspaces.vault import Secret
from tests.support import people
from tests.support.log_ins import ada, enrolled, later, provider, provider_process
from tests.support.triggers import drop
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

# Fixtures that several folders use.
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
    "register",
    "sandbox",
    "three",
]

hypothesis.settings.register_profile("here", deadline=None)
hypothesis.settings.register_profile("ci", deadline=None, derandomize=True)
hypothesis.settings.register_profile("fuzz", deadline=None, max_examples=10_000)
hypothesis.settings.load_profile("ci" if os.environ.get("CI") else "here")


# These wait for processes or ask for every page: they begin first, so that none is left alone at the end.
LONGEST = (
    "tests/end_to_end/test_budget.py",
    "tests/crash/test_kill.py",
    "tests/browser/test_reauthentication.py",
    "tests/browser/test_selection.py",
    "tests/browser/test_every_page.py",
    "tests/browser/test_telephone.py",
    "tests/browser/test_people.py",
    "tests/browser/test_stillness.py",
    "tests/browser/",
    "tests/web/test_key_text.py",
    "tests/crash/",
    "tests/end_to_end/",
    "tests/ingestion/test_key_echo.py",
    "tests/ingestion/engine/",
    "tests/installation/",
    "tests/web/test_matrix.py",
    "tests/web/test_foreign_ids.py",
    "tests/web/accounts/test_challenge.py",
    "tests/web/test_buttons.py",
    "tests/web/test_nul.py",
)
BROWSER = "tests/browser/"


class Scheduler(LoadScopeScheduling):
    """A file's tests one after the other in one process: they share what the file's fixtures made.

    The browser's files share an installation and a browser: half of the processes, rounded up, set them up and take
    turns in taking those files. `--dist loadgroup` would do it, but groups nothing under pytest 9.2 (pytest-xdist issue
    1386); `--dist loadfile` begins with the files that have most tests, which are the quickest ones.
    """

    def __init__(self, config: pytest.Config, log: Producer) -> None:
        super().__init__(config, log)
        self.browser_files: dict[str, int] = {}

    def _split_scope(self, nodeid: str) -> str:
        path = nodeid.partition("::")[0]
        if not path.startswith(BROWSER):
            return path
        number = self.browser_files.setdefault(path, len(self.browser_files))
        return f"{BROWSER}{number % max(1, (len(self.nodes) + 1) // 2)}"


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Producer) -> Scheduler:
    """xdist asks for the scheduler here."""
    config.option.loadscopereorder = False
    return Scheduler(config, log)


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_auto_num_workers(config: pytest.Config) -> int:
    """How many processes `-n auto` is. Three at least: many tests wait, for a process or until a minute is over.

    More would be no quicker on two cores, for most tests keep several processes at work.
    """
    return max(3, os.cpu_count() or 1)


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """The longest files first."""
    items.sort(
        key=lambda item: next((n for n, path in enumerate(LONGEST) if item.nodeid.startswith(path)), 99)
    )


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
