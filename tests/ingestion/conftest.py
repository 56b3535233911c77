"""The workspace of these tests has a key that the sandbox takes."""

import pytest

from fini_admin.sources.models import Source
from fini_admin.workspaces.models import Workspace
from tests.support import people
from tests.support.sandbox import Sandbox
from tests.support.work import Start, drive, resources


@pytest.fixture
def acme(acme: Workspace, sandbox: Sandbox) -> Workspace:
    people.key(acme, plain=sandbox.key)
    return acme


@pytest.fixture
def eight(acme: Workspace, register: Start) -> list[int]:
    """Eight usable sources of Notion, by their keys."""
    register(resources(8), then_ingest=True)
    drive(acme)
    return list(Source.objects.filter(provider="notion").order_by("pk").values_list("pk", flat=True))
