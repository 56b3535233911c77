"""A row that was changed by hand is for verify_audit to name: it ends no page and no export with a fault (P2)."""

import io

import pytest
from django.core.management import CommandError, call_command
from django.db import connection
from django.test import Client

from fini_admin.audit.recording import Context
from fini_admin.workspaces.models import Workspace
from tests.audit.put_back import SQLITE, sql
from tests.support import rows
from tests.support.triggers import drop

GARBLED = "2026-13-45 garbled"
ONLY_SQLITE = pytest.mark.skipif(not SQLITE, reason="PostgreSQL takes no value of another type")


@pytest.fixture
def call(admin: Client, context: Context) -> str:
    """A call with its bodies, and a database that lets itself be tampered with."""
    made = rows.answered(context, rows.REGISTER, status=201, kept='["a"]')
    drop(connection)
    return str(made)


@pytest.mark.django_db
@pytest.mark.parametrize("path", ["audit/", "audit/?part=summary", "activity/?show=all", "audit/{call}/"])
def test_a_time_that_is_none_is_shown_as_it_is(admin: Client, acme: Workspace, call: str, path: str) -> None:
    sql("UPDATE trail_entry SET at = %s WHERE chain = %s", GARBLED, str(acme.pk))
    answer = admin.get(f"/w/acme/{path.format(call=call)}")
    assert answer.status_code == 200
    assert path.endswith("summary") or GARBLED in answer.content.decode()


@ONLY_SQLITE
@pytest.mark.django_db
def test_a_body_that_is_a_text_is_damaged(admin: Client, call: str) -> None:
    sql("UPDATE trail_body SET content = %s", "no bytes")
    assert "damaged" in admin.get(f"/w/acme/audit/{call}/").content.decode()
    assert admin.get(f"/w/acme/audit/{call}/answer/").status_code == 404
    said, printed = io.StringIO(), io.StringIO()
    with pytest.raises(CommandError, match="The rest was printed"):
        call_command("export_audit", "acme", bodies=True, stdout=printed, stderr=said)
    assert "body is missing or damaged" in said.getvalue()


@ONLY_SQLITE
@pytest.mark.django_db
def test_a_column_that_holds_bytes_ends_the_export_with_its_row(acme: Workspace, call: str) -> None:
    sql("UPDATE trail_entry SET error = x'00ff' WHERE chain = %s AND seq = 2", str(acme.pk))
    with pytest.raises(CommandError, match="Row 2 cannot be read"):
        call_command("export_audit", "acme", stdout=io.StringIO())
