"""A chain whose head was recorded, and short ways to change it behind the application's back."""

import json
from typing import Any

from django.db import connection, transaction

from fini_admin.audit import chain
from fini_admin.audit.models import Entry
from fini_admin.audit.names import HEAD_RECORDED
from tests.support.who import by

SQLITE = connection.vendor == "sqlite"
RECORDED_AT = 5


def recorded(name: str) -> list[int]:
    """The numbers that were recorded of a chain's head, in order."""
    found = Entry.objects.filter(chain="-", kind=HEAD_RECORDED).order_by("seq")
    said = [json.loads(row.detail or "") for row in found]
    return [one["seq"] for one in said if one["chain"] == name]


def activity(name: str, kind: str = "run.started") -> None:
    with transaction.atomic():
        chain.record(chain=name, kind=kind, by=by("ada", "browser"))


def sql(statement: str, *params: Any) -> None:
    with connection.cursor() as cursor:
        cursor.execute(statement, params)


def roll_back(name: str, seq: int) -> None:
    """The chain as it was when row `seq` was its newest: an old copy of its rows and of its head's row."""
    hash_ = Entry.objects.get(chain=name, seq=seq).hash if seq else chain.FIRST_PREV
    sql("DELETE FROM trail_entry WHERE chain = %s AND seq > %s", name, seq)
    sql(
        "UPDATE audit_head SET seq = %s, hash = %s, mac = %s WHERE chain = %s",
        seq,
        hash_,
        chain.head_mac(name, seq, hash_),
        name,
    )


def remove(name: str) -> None:
    """The whole chain, with its head's row and its bodies."""
    for table in ("trail_entry", "trail_body", "audit_head", "audit_opencall"):
        sql(f"DELETE FROM {table} WHERE chain = %s", name)  # noqa: S608 - names of ours


def written_on(name: str) -> None:
    """Rolled back, and the product went on since, past the number that was recorded."""
    roll_back(name, RECORDED_AT - 2)
    for _ in range(4):
        activity(name)
