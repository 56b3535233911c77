"""Seals everything anew with the newest of ENCRYPTION_KEYS (P5).

Each batch is a transaction of its own, and takes only what an older key sealed, so that an interrupted rotation can be
run again. The old and the new key open everything meanwhile, so that web and workers go on.
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
from fini_admin.people.allauth_internals import SECRETS
from fini_admin.workspaces import vault
from fini_admin.workspaces.models import ApiKey

BATCH = 100


class Sealed(Protocol):
    """A kind of row that is sealed or signed with an encryption key."""

    name: str

    def rows(self) -> QuerySet[Any]:
        """All rows of this kind."""

    def numbers(self, row: Any) -> set[bytes]:
        """The numbers of the encryption keys that the row was sealed with."""

    def opens(self, row: Any) -> bool:
        """Whether any seal of the row opens; may raise as `renew`."""

    def renew(self, row: Any) -> None:
        """Seal the row anew and store it. Raises SealBroken or keyring.UnknownKey."""


class Keys:
    """API keys, with their fingerprints. A key that is off has neither."""

    name = "API keys"

    def rows(self) -> QuerySet[ApiKey]:
        return ApiKey.objects.exclude(sealed=b"")

    def numbers(self, row: ApiKey) -> set[bytes]:
        marks = bytes.fromhex((row.fingerprint or "")[:8])
        return {bytes(row.sealed)[: keyring.NUMBER]} | ({marks} if marks else set())

    def opens(self, row: ApiKey) -> bool:
        return bool(vault.open_key(row))

    @sensitive_variables()
    def renew(self, row: ApiKey) -> None:
        plain = vault.open_key(row).reveal()
        row.sealed = vault.seal(plain, workspace=row.workspace_id, row=row.pk)
        row.fingerprint = vault.fingerprints(plain)[0]
        row.save(update_fields=["sealed", "fingerprint"])


class SecondFactors:
    """TOTP secrets and the seeds of recovery codes."""

    name = "second factors"

    def rows(self) -> QuerySet[Any]:
        rows: QuerySet[Any] = Authenticator.objects.all()
        return rows

    def numbers(self, row: Any) -> set[bytes]:
        return {base64.b64decode(row.data[name])[: keyring.NUMBER] for name in SECRETS if name in row.data}

    def opens(self, row: Any) -> bool:
        return any(
            sealing.open_sealed(row.data[name], user=row.user_id) for name in SECRETS if name in row.data
        )

    @sensitive_variables()
    def renew(self, row: Any) -> None:
        for name in SECRETS:
            if name in row.data:
                plain = sealing.open_sealed(row.data[name], user=row.user_id)
                row.data[name] = sealing.seal(plain, user=row.user_id)
        row.save(update_fields=["data"])


class Heads:
    """Heads of the audit trail's chains. A broken one is not signed anew, for that would hide it (P2)."""

    name = "chain heads"

    def rows(self) -> QuerySet[Head]:
        return Head.objects.all()

    def numbers(self, row: Head) -> set[bytes]:
        return {bytes.fromhex(row.mac[:8])}

    def opens(self, row: Head) -> bool:
        return chain.is_head_authentic(row)

    def renew(self, row: Head) -> None:
        if not chain.is_head_authentic(row):
            raise vault.SealBroken("the head does not hold: see what verify_audit says")
        Head.objects.filter(pk=row.pk).update(mac=chain.head_mac(row.chain, row.seq, row.hash))


KINDS: tuple[Sealed, ...] = (Keys(), SecondFactors(), Heads())


@dataclass
class Result:
    """How many rows of a kind were sealed anew, how many were already, and which cannot be."""

    name: str
    renewed: int = 0
    already: int = 0
    problems: list[str] = field(default_factory=list)


def rotate(*, by: By, batch: int = BATCH, told: Callable[[Result], None]) -> list[Result]:
    """Seal everything anew that an older key sealed, and call `told` after each batch.

    A row that does not open stays as it is, and is named in the result's problems.
    """
    results = []
    for kind in KINDS:
        result = Result(kind.name)
        keys = list(kind.rows().order_by("pk").values_list("pk", flat=True))
        for some in chunks(keys, batch):
            _renew_batch(kind, some, result)
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


def _renew_batch(kind: Sealed, keys: Sequence[Any], result: Result) -> None:
    """Seal one batch of rows anew, in one transaction."""
    newest = keyring.key_number(keyring.newest())
    with transaction.atomic():
        for row in kind.rows().select_for_update().filter(pk__in=keys).order_by("pk"):
            try:
                if kind.numbers(row) == {newest}:
                    result.already += 1
                    continue
                kind.renew(row)
            except (vault.SealBroken, keyring.UnknownKey, ValueError) as error:
                result.problems.append(f"{_name(row)}: {error}")
            else:
                result.renewed += 1


def _name(row: Model) -> str:
    """A row's name for the operator, without what it holds."""
    label = f"{row.label} of {row.workspace}" if isinstance(row, ApiKey) else str(row.pk)
    return f"{row._meta.verbose_name} {label}"


def opened_by(keys: list[bytes]) -> dict[str, int]:
    """How many rows of each kind these encryption keys open, by trying each row."""
    with keyring.only_keys(keys):
        return {kind.name: sum(_opens(kind, row) for row in kind.rows()) for kind in KINDS}


def _opens(kind: Sealed, row: Any) -> bool:
    """Whether a row opens, or its signature holds; False for one that is broken."""
    try:
        return kind.opens(row)
    except (vault.SealBroken, keyring.UnknownKey, ValueError):
        return False
