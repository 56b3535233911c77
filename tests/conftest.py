"""What every test stands on."""

import os
from collections.abc import Iterable, Iterator

import hypothesis
import pytest
from django.db.backends.base.operations import BaseDatabaseOperations

from fini_admin.audit.triggers import install
from tests.support.triggers import drop

hypothesis.settings.register_profile("here", deadline=None)
hypothesis.settings.register_profile("ci", deadline=None, derandomize=True)
hypothesis.settings.load_profile("ci" if os.environ.get("CI") else "here")


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
