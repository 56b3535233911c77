"""Reading what the installation's chain recorded about the heads of the other chains (P2).

A head says which row is the newest. Somebody who puts an older head back, with the rows it fits, contradicts nothing in
that chain, and a chain that is deleted as a whole contradicts nothing at all. So the installation's chain records every
chain when it starts (number 0), and its head whenever it moved (chain.record_head).
"""

import json
from dataclasses import dataclass
from typing import Any

from django.db.models import QuerySet

from fini_admin.audit.expressions import RecordedChain
from fini_admin.audit.models import Entry
from fini_admin.audit.names import HEAD_RECORDED, INSTALLATION


class InvalidRecordedHead(Exception):
    """A `head_recorded` row whose detail is no head."""


@dataclass(frozen=True, slots=True)
class RecordedHead:
    """Row `row` of the installation's chain: `chain`'s newest row had this number and hash."""

    row: int
    chain: str
    seq: int
    hash: str

    def __str__(self) -> str:
        return f"row {self.row} of the installation's trail recorded row {self.seq} as the newest"


def detail(chain: str, seq: int, hash_: str) -> dict[str, object]:
    return {"chain": chain, "seq": seq, "hash": hash_}


def _recording_rows(chain: str = "") -> QuerySet[Entry]:
    """The rows that record heads, of one chain or of all."""
    rows = Entry.objects.filter(chain=INSTALLATION, kind=HEAD_RECORDED)
    return rows.alias(of=RecordedChain("detail")).filter(of=chain) if chain else rows


def newest_recorded(chain: str) -> RecordedHead | None:
    """The head that was recorded last; None for a chain that never was. Raises InvalidRecordedHead."""
    row = _recording_rows(chain).order_by("-seq").values("seq", "detail").first()
    return _parse(row["seq"], row["detail"]) if row else None


def all_recorded(chain: str) -> dict[int, RecordedHead]:
    """All recorded heads of a chain by number; raises InvalidRecordedHead.

    Where two have the same number, the earlier one counts: that row must still be there.
    """
    found: dict[int, RecordedHead] = {}
    for seq, detail in _recording_rows(chain).order_by("seq").values_list("seq", "detail"):
        told = _parse(seq, detail)
        found.setdefault(told.seq, told)
    return found


def recorded_chains() -> set[str]:
    return set(_recording_rows().values_list(RecordedChain("detail"), flat=True).distinct())


def _parse(row: int, detail: Any) -> RecordedHead:
    try:
        said = json.loads(detail)
        told = RecordedHead(row, said["chain"], said["seq"], said["hash"])
    except (LookupError, TypeError, ValueError) as error:
        raise InvalidRecordedHead(f"row {row} of the installation's trail states no head") from error
    if not isinstance(told.seq, int) or not isinstance(told.hash, str):
        raise InvalidRecordedHead(f"row {row} of the installation's trail states no head")
    return told
