"""The workspace of these tests has a key that the sandbox takes."""

import pytest

from fini_admin.workspaces.models import Workspace
from tests.support import people
from tests.support.sandbox import Sandbox


@pytest.fixture
def acme(acme: Workspace, sandbox: Sandbox) -> Workspace:
    people.key(acme, plain=sandbox.key)
    return acme
