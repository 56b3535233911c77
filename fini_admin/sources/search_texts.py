"""Writing the search texts of all rows anew; usually each is written with its row (models.SearchText)."""

from django.db import connection, transaction
from django.db.models import Q

from fini_admin.lib.paging import CHUNK
from fini_admin.sources import search_index
from fini_admin.sources.models import DiscoveredResource, Source


def rebuild() -> int:
    """Write every search text, then fill the index from them; returns how many rows there are."""
    number = fill()
    search_index.install(connection)
    search_index.rebuild()
    return number


def fill(*, missing_only: bool = False) -> int:
    """Write the search texts, or only those that were never written, in batches; returns how many."""
    wanted = Q(search_text="") if missing_only else Q()
    return _fill(Source, wanted) + _fill(DiscoveredResource, wanted)


def _fill(model: type[Source] | type[DiscoveredResource], wanted: Q) -> int:
    """Write the search texts of a table's rows, each batch in a transaction of its own."""
    statement = f"UPDATE {model._meta.db_table} SET search_text = %s WHERE id = %s"  # noqa: S608 - our own names
    found = model.objects.filter(wanted).order_by("pk")
    number = after = 0
    while rows := list[Source | DiscoveredResource](found.filter(pk__gt=after)[:CHUNK]):
        with transaction.atomic(), connection.cursor() as cursor:
            cursor.executemany(statement, [(row.found_by(), row.pk) for row in rows])
        number, after = number + len(rows), rows[-1].pk
    return number
