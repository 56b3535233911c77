"""A new encryption key takes over: everything sealed is sealed anew with the newest of ENCRYPTION_KEYS (P5).

In batches, each a transaction of its own, and only what an older key sealed: interrupted, it is started again and goes
on where it was. Old and new key open everything meanwhile, so nothing has to stand still.
"""

import base64
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

from allauth.mfa.models import Authenticator
from django.db import transaction
from django.db.models import Model, QuerySet
from django.views.decorators.debug import sensitive_variables

from fini_admin.audit import chain
from fini_admin.audit.models import Head
from fini_admin.audit.names import Activity, By
from fini_admin.lib import keyring
from fini_admin.lib.paging import chunks
from fini_admin.people import sealing
from fini_admin.workspaces import vault
from fini_admin.workspaces.models import ApiKey

BATCH = 100
SECRETS = ("secret", "seed")  # what allauth keeps of a second factor


class Sealed(Protocol):
    """A kind of row that an encryption key sealed or signed."""

    name: str

    def rows(self) -> QuerySet[Any]:
        """All of them."""

    def numbers(self, row: Any) -> set[bytes]:
        """The numbers of the encryption keys that the row names."""

    def opens(self, row: Any) -> bool:
        """Whether anything of it opens; may raise as `renew`."""

    def renew(self, row: Any) -> None:
        """Seal it anew and store it; raises SealBroken or keyring.UnknownKey."""


class Keys:
    """The workspaces' API keys, with the fingerprints they are recognised by."""

    name = "API keys"

    def rows(self) -> QuerySet[ApiKey]:
        """Those that hold anything; one that is off is empty."""
        return ApiKey.objects.exclude(sealed=b"")

    def numbers(self, row: ApiKey) -> set[bytes]:
        """Of the seal and of the fingerprint."""
        marks = bytes.fromhex((row.fingerprint or "")[:8])
        return {bytes(row.sealed)[: vault.NUMBER]} | ({marks} if marks else set())

    def opens(self, row: ApiKey) -> bool:
        """The seal."""
        return bool(vault.open_key(row))

    @sensitive_variables()
    def renew(self, row: ApiKey) -> None:
        """Seal and fingerprint."""
        plain = vault.open_key(row).reveal()
        row.sealed = vault.seal(plain, workspace=row.workspace_id, row=row.pk)
        row.fingerprint = vault.fingerprints(plain)[0]
        row.save(update_fields=["sealed", "fingerprint"])


class SecondFactors:
    """TOTP secrets and the seeds of recovery codes."""

    name = "second factors"

    def rows(self) -> QuerySet[Any]:
        """All of them."""
        rows: QuerySet[Any] = Authenticator.objects.all()
        return rows

    def numbers(self, row: Any) -> set[bytes]:
        """Of each secret in it."""
        return {base64.b64decode(row.data[name])[: vault.NUMBER] for name in SECRETS if name in row.data}

    def opens(self, row: Any) -> bool:
        """Any secret in it."""
        return any(
            sealing.open_sealed(row.data[name], user=row.user_id) for name in SECRETS if name in row.data
        )

    @sensitive_variables()
    def renew(self, row: Any) -> None:
        """Each secret in it."""
        for name in SECRETS:
            if name in row.data:
                plain = sealing.open_sealed(row.data[name], user=row.user_id)
                row.data[name] = sealing.seal(plain, user=row.user_id)
        row.save(update_fields=["data"])


class Heads:
    """The heads of the audit trail's chains. One that does not hold is never signed anew: that would hide it."""

    name = "chain heads"

    def rows(self) -> QuerySet[Head]:
        """All of them."""
        return Head.objects.all()

    def numbers(self, row: Head) -> set[bytes]:
        """Of its signature."""
        return {bytes.fromhex(row.mac[:8])}

    def opens(self, row: Head) -> bool:
        """Whether the signature holds."""
        return chain.is_head_authentic(row)

    def renew(self, row: Head) -> None:
        """The signature."""
        if not chain.is_head_authentic(row):
            raise vault.SealBroken("the head does not hold: see what verify_audit says")
        Head.objects.filter(pk=row.pk).update(mac=chain.head_mac(row.chain, row.seq, row.hash))


KINDS: tuple[Sealed, ...] = (Keys(), SecondFactors(), Heads())


@dataclass
class Result:
    """What a rotation did with a kind: how many rows it sealed anew, how many were so already, what is in the way."""

    name: str
    renewed: int = 0
    already: int = 0
    problems: list[str] = field(default_factory=list)


def rotate(*, by: By, batch: int = BATCH, told: Callable[[Result], None]) -> list[Result]:
    """Seal everything anew that an older key sealed; `told` hears of each batch. What does not open stays as it is."""
    results = []
    for kind in KINDS:
        result = Result(kind.name)
        keys = list(kind.rows().order_by("pk").values_list("pk", flat=True))
        for some in chunks(keys, batch):
            renew(kind, some, result)
            told(result)
        results.append(result)
    detail: dict[str, object] = {result.name: result.renewed for result in results}
    with transaction.atomic():
        chain.record(
            chain=chain.INSTALLATION,
            kind=Activity.ENCRYPTION_ROTATED,
            by=by,
            detail=detail,
        )
    return results


def renew(kind: Sealed, keys: Sequence[Any], result: Result) -> None:
    """One batch, in a transaction of its own."""
    newest = keyring.key_number(keyring.newest())
    with transaction.atomic():
        for row in kind.rows().select_for_update().filter(pk__in=keys).order_by("pk"):
            try:
                if kind.numbers(row) == {newest}:
                    result.already += 1
                    continue
                kind.renew(row)
            except (vault.SealBroken, keyring.UnknownKey, ValueError) as error:
                result.problems.append(f"{named(row)}: {error}")
            else:
                result.renewed += 1


def named(row: Model) -> str:
    """A row as the operator can find it, without what it holds."""
    label = f"{row.label} of {row.workspace}" if isinstance(row, ApiKey) else str(row.pk)
    return f"{row._meta.verbose_name} {label}"


def opened_by(keys: list[bytes]) -> dict[str, int]:
    """How many rows of each kind these keys alone open: tried, not concluded from a number."""
    with keyring.only_keys(keys):
        return {kind.name: sum(opens(kind, row) for row in kind.rows()) for kind in KINDS}


def opens(kind: Sealed, row: Any) -> bool:
    """Whether a row opens, or its signature holds, with the keys there are now."""
    try:
        return kind.opens(row)
    except (vault.SealBroken, keyring.UnknownKey, ValueError):
        return False
