"""Verifying a key: what it may do is found without storing anything."""

import io

import pytest
from django.core.management import CommandError, call_command

from fini_admin.audit.models import Entry
from fini_admin.workspaces.models import Workspace
from tests.support import people
from tests.support.sandbox import Sandbox

pytestmark = pytest.mark.usefixtures("connected")


@pytest.fixture
def add(acme: Workspace, monkeypatch: pytest.MonkeyPatch):
    def run(plain: str, label: str = "second") -> str:
        monkeypatch.setattr("sys.stdin", io.StringIO(plain))
        out = io.StringIO()
        call_command("add_key", "acme", "--label", label, "--verify", stdout=out)
        return out.getvalue()

    return run


def test_a_good_key_is_verified_and_nothing_is_stored(acme: Workspace, sandbox: Sandbox, add) -> None:
    sandbox.add_key(people.KEY)
    before = sandbox.documents()
    assert "read and write" in add(people.KEY)
    assert sandbox.documents() == before
    assert people.trail(acme)[-1] == ("key.verified", *people.trail(acme)[-1][1:])
    # A read and a write with the new key, and a read with the live one, to see whether they open the same.
    assert Entry.objects.filter(kind="call.answered").count() == 3


def test_a_read_only_key_is_told(acme: Workspace, sandbox: Sandbox, add) -> None:
    sandbox.add_key(people.KEY, scopes=["read"])
    with pytest.raises(CommandError, match="lacks the scope write"):
        add(people.KEY)


def test_a_key_that_fini_refuses_is_told_and_kept(acme: Workspace, add) -> None:
    with pytest.raises(CommandError, match="not verified: Fini refused the API key"):
        add("fini_unknown_to_fini_0123456789")
    assert acme.keys.filter(label="second").exists()


def test_a_key_of_another_fini_workspace_is_told(sandbox: Sandbox, acme: Workspace, add) -> None:
    sandbox.seed(1, workspace="elsewhere")
    sandbox.add_key(people.KEY, workspace="elsewhere")
    with pytest.raises(CommandError, match="belongs to another Fini workspace"):
        add(people.KEY)
