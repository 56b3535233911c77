"""Verifications of keys that people asked for: a worker makes their calls, first in turn, and the page follows them."""

from datetime import UTC, datetime
from uuid import UUID

from django.db import transaction
from django.db.models import QuerySet

from fini_admin.audit.names import By
from fini_admin.ingestion.budget import lock_budget
from fini_admin.ingestion.models import Verification
from fini_admin.ingestion.wakeup import wake
from fini_admin.lib import lease
from fini_admin.workspaces.models import ApiKey, Workspace


@transaction.atomic
def ask(*, by: By, key: ApiKey) -> bool:
    """Have a worker verify a key; False when that is under way already. What the last one found goes."""
    lock_budget(key.workspace)
    if Verification.objects.filter(key=key, ended_at=None).exists():
        return False
    asked = {"actor": by.actor, "origin": by.origin, "asked_at": datetime.now(UTC), "progress": {}}
    ended = {"ended_at": None, "error": "", "owner": "", "lease_until": None, "call": ""}
    Verification.objects.update_or_create(key=key, defaults=asked | ended)
    wake()
    return True


def of_workspace(workspace: Workspace) -> list[Verification]:
    """The last verification of each key that was ever verified by a worker."""
    return list(Verification.objects.filter(key__workspace=workspace))


def due(now: datetime) -> QuerySet[Verification]:
    """Verifications whose next call may go out, the one that was asked for first in front."""
    open_ = Verification.objects.filter(ended_at=None, call="", key__workspace__archived_at=None)
    return lease.free(open_, now).order_by("asked_at", "pk")


def take(key_id: UUID, owner: str) -> bool:
    """Take a due verification; False when another process was quicker."""
    return lease.take(Verification.objects.filter(pk=key_id, ended_at=None, call=""), owner)


def give_back(key_id: UUID, owner: str) -> None:
    """Let go of a verification that has no call open."""
    lease.give_back(Verification.objects.filter(pk=key_id, owner=owner, call=""))


def end(verification: Verification, error: str = "") -> None:
    """Give a verification its end, with why it found nothing, in words for people."""
    own = Verification.objects.filter(pk=verification.pk)
    lease.give_back(own, ended_at=datetime.now(UTC), error=error, progress={}, call="")
