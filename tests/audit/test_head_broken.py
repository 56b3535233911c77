"""A head that was changed or put back stops no work, and the next row says so for good (P2)."""

import io
from collections.abc import Callable
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from django.test import Client

from fini_admin.audit.chain import INSTALLATION
from fini_admin.audit.models import Entry, Head
from fini_admin.audit.names import HEAD_BROKEN
from fini_admin.workspaces.models import Workspace
from tests.audit.put_back import SQLITE, activity, sql
from tests.support import people

ODD = ["mac = 'zz'", "mac = ''", "mac = '0'", "hash = ''", "seq = seq - 1"]
ODD_TYPES = ["mac = x'00ff'", "hash = x'00ff'", "seq = 'x'"]  # only SQLite takes them
KINDS = [*ODD, *(ODD_TYPES if SQLITE else [])]


def put_back(chain: str, act: Callable[[], Any]) -> None:
    """Put the head alone back to where it was before `act`: its MAC is still its own."""
    older = Head.objects.filter(chain=chain).values("seq", "hash", "mac").get()
    act()
    Head.objects.filter(chain=chain).update(**older)


def is_told(chain: str) -> bool:
    return Entry.objects.filter(chain=chain, kind=HEAD_BROKEN).count() == 1


@pytest.mark.django_db
@pytest.mark.parametrize("change", KINDS)
def test_a_head_that_was_changed_stops_no_work_and_is_told_of(acme: Workspace, change: str) -> None:
    name = str(acme.pk)
    activity(name)
    sql(f"UPDATE audit_head SET {change} WHERE chain = %s", name)  # noqa: S608 - words of ours
    activity(name)
    activity(name)
    assert is_told(name)
    with pytest.raises(CommandError, match="the head was changed before row"):
        call_command("verify_audit", "acme", stdout=io.StringIO())


@pytest.mark.django_db
def test_a_head_that_alone_was_put_back_is_told_of(acme: Workspace) -> None:
    name = str(acme.pk)
    put_back(name, lambda: activity(name))
    activity(name)
    assert is_told(name)
    numbers = list(Entry.objects.filter(chain=name).order_by("seq").values_list("seq", flat=True))
    assert numbers == list(range(1, len(numbers) + 1))


@pytest.mark.django_db
def test_people_log_in_after_the_installations_head_was_put_back(client: Client) -> None:
    people.user()
    put_back(INSTALLATION, lambda: people.user("bob@example.com"))
    given = {"login": "ada@example.com", "password": people.PASSWORD}
    assert client.post("/accounts/login/", given).status_code == 302
    assert is_told(INSTALLATION)
