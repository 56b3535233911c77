"""A trail that is old enough to be pruned, and short ways to prune it and to look at what is left."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from io import StringIO
from typing import Any

import pytest
from django.core.management import call_command
from django.db import connection, transaction

from fini_admin.audit import chain, pruning
from fini_admin.audit.models import Body, Entry
from fini_admin.audit.names import ANCHOR
from fini_admin.audit.verify import ChainBroken, verify
from tests.support.triggers import drop
from tests.support.who import by

LEFT = 5  # rows of `trail` once it is pruned: two calls, and the anchor


class Clock:
    """The trail's clock, so many days ago."""

    days = 0.0

    def now(self) -> str:
        return chain.utc_text(datetime.now(UTC) - timedelta(days=self.days))


def prune(slug: str = "acme", **options: Any) -> str:
    output = StringIO()
    call_command("prune_audit", slug, stdout=output, **options)
    return output.getvalue().strip()


def numbers(name: str) -> list[int]:
    return list(Entry.objects.filter(chain=name).order_by("seq").values_list("seq", flat=True))


def held(name: str) -> list[tuple]:
    """All there is of a chain."""
    kept = Body.objects.filter(chain=name).order_by("sha256").values_list("sha256", flat=True)
    return [*Entry.objects.filter(chain=name).order_by("seq").values_list(), *((one,) for one in kept)]


def anchored(name: str) -> list[tuple]:
    """The anchors there are, and what they cover."""
    return list(Entry.objects.filter(chain=name, kind=ANCHOR).order_by("seq").values_list("seq", "covers"))


def sql(statement: str, *params: Any) -> None:
    with connection.cursor() as cursor:
        cursor.execute(statement, params)


def broken(name: str, act: Callable[[], object]) -> str:
    """What verify says after an act of tampering that no trigger stopped, which is then undone."""
    before = verify(name, with_bodies=True)
    with transaction.atomic():
        drop(connection)
        act()
        with pytest.raises(ChainBroken) as found:
            verify(name)
        transaction.set_rollback(True)
    assert verify(name, with_bodies=True) == before
    return str(found.value)


def half(name: str, gone: int) -> pruning.Plan:
    """A prune that was interrupted when so many rows had gone."""
    plan = pruning.plan(name, 400)
    assert plan
    with transaction.atomic():
        pruning.write_anchor(name, plan, days=400, by=by("ada"))
    Entry.objects.filter(chain=name, seq__lte=gone).delete()
    return plan
