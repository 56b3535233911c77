"""What the installation's chain has recorded of the other chains' heads (P2).

A chain's own head says which row is its newest, but who puts an older head back with the rows it fits leaves nothing
that contradicts it, and who takes a whole chain away leaves nothing at all. So the installation's chain names every
chain when it starts (number 0), and states its head's number and hash again and again (chain.record_head).
"""

import json
from dataclasses import dataclass
from typing import Any

from django.db.models import QuerySet

from fini_admin.audit.expressions import RecordedChain
from fini_admin.audit.models import Entry
from fini_admin.audit.names import HEAD_RECORDED, INSTALLATION


class Invalid(Exception):
    """A row that should state a head and states none."""


@dataclass(frozen=True, slots=True)
class Recorded:
    """Row `row` of the installation's chain: the newest row of `chain` had this number and hash."""

    row: int
    chain: str
    seq: int
    hash: str

    def __str__(self) -> str:
        return f"row {self.row} of the installation's trail recorded row {self.seq} as the newest"


def detail_of(chain: str, seq: int, hash_: str) -> dict[str, object]:
    """What a row states that records a head."""
    return {"chain": chain, "seq": seq, "hash": hash_}


def recorded(chain: str = "") -> QuerySet[Entry]:
    """The rows that record a head: a chain's, or every chain's."""
    rows = Entry.objects.filter(chain=INSTALLATION, kind=HEAD_RECORDED)
    return rows.alias(of=RecordedChain("detail")).filter(of=chain) if chain else rows


def newest(chain: str) -> Recorded | None:
    """The head that was recorded last; None where the chain was never named. Raises Invalid."""
    row = recorded(chain).order_by("-seq").values("seq", "detail").first()
    return read(row["seq"], row["detail"]) if row else None


def of(chain: str) -> dict[int, Recorded]:
    """Every head that was recorded of a chain, by its number; raises Invalid.

    Of two that state the same number the earlier counts: what stood there first is what must stand there now.
    """
    found: dict[int, Recorded] = {}
    for seq, detail in recorded(chain).order_by("seq").values_list("seq", "detail"):
        told = read(seq, detail)
        found.setdefault(told.seq, told)
    return found


def names() -> set[str]:
    """Every chain that was named."""
    return set(recorded().values_list(RecordedChain("detail"), flat=True).distinct())


def read(row: int, detail: Any) -> Recorded:
    """What such a row states; raises Invalid."""
    try:
        said = json.loads(detail)
        told = Recorded(row, said["chain"], said["seq"], said["hash"])
    except (LookupError, TypeError, ValueError) as error:
        raise Invalid(f"row {row} of the installation's trail states no head") from error
    if not isinstance(told.seq, int) or not isinstance(told.hash, str):
        raise Invalid(f"row {row} of the installation's trail states no head")
    return told
