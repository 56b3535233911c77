"""A key that is switched off, or a workspace archived, while a call is prepared: the call does not go out (P4)."""

from collections.abc import Callable
from typing import Any

import pytest

from fini_admin.audit.models import Entry
from fini_admin.ingestion import verifications
from fini_admin.ingestion.models import Step, Verification, Watch
from fini_admin.workspaces import vault
from fini_admin.workspaces.keys import switch_off_key
from fini_admin.workspaces.models import ApiKey, KeyState, Workspace
from fini_admin.workspaces.workspaces import archive_workspace
from tests.ingestion.engine.test_other_hands import works
from tests.support.sandbox import Sandbox
from tests.support.who import by
from tests.support.work import Start, resources

BY = by("ada", "browser")


def switch_off(workspace: Workspace) -> None:
    switch_off_key(by=BY, key=ApiKey.objects.get(workspace=workspace, label="main"))


def archive(workspace: Workspace) -> None:
    archive_workspace(by=BY, workspace=workspace)


@pytest.fixture(params=[switch_off, archive])
def withdraw(request: pytest.FixtureRequest, acme: Workspace, monkeypatch: pytest.MonkeyPatch) -> Any:
    """Once the key of the next call was opened, that key or its workspace is withdrawn."""

    def set_opener(opener: Callable[[ApiKey], vault.Secret]) -> None:
        for module in ("credentials", "key_check"):
            monkeypatch.setattr(f"fini_admin.ingestion.engine.{module}.open_key", opener)

    def opened(key: ApiKey) -> vault.Secret:
        set_opener(vault.open_key)
        secret = vault.open_key(key)
        request.param(acme)
        return secret

    return lambda: set_opener(opened)


@pytest.mark.parametrize("calls_before", [0, 1])
def test_neither_a_write_nor_a_read_goes_out_after_it(
    acme: Workspace, sandbox: Sandbox, register: Start, withdraw: Callable[[], None], calls_before: int
) -> None:
    run = register(resources(1))
    works(acme, calls_before)
    withdraw()
    works(acme, 1)
    assert len(sandbox.log()) == Entry.objects.filter(kind="call.asked").count() == calls_before
    steps, watches = Step.objects.filter(run=run), Watch.objects.filter(workspace=acme)
    assert set(steps.values_list("owner")) | set(watches.values_list("owner")) == {("",)}


def test_a_verification_asks_nothing_after_it(
    acme: Workspace, sandbox: Sandbox, withdraw: Callable[[], None]
) -> None:
    key = ApiKey.objects.get(workspace=acme)
    verifications.ask(by=BY, key=key)
    withdraw()
    works(acme, 2)
    assert sandbox.log() == []
    told = Verification.objects.get()
    key.refresh_from_db()
    off = "The key main is off for good. Nothing was asked." if key.state == KeyState.OFF else ""
    assert (told.owner, told.call, told.error) == ("", "", off)
