"""The Fini of the tests that kill and stop processes: empty and quick."""

from collections.abc import Iterator

import pytest

from tests.support.sandbox import Sandbox


@pytest.fixture
def sandbox() -> Iterator[Sandbox]:
    with Sandbox.start(per_minute=0) as sandbox:
        sandbox.settings(seed_sources=False, pending_seconds=[0, 0], running_seconds=[0, 0.1])
        yield sandbox
