"""Messages about keys: the result of a verification, and what follows from it."""

from datetime import timedelta

from django.utils import timezone

from fini_admin.audit.usage import KeyUse
from fini_admin.ingestion.models import Verification
from fini_admin.ingestion.runs.standstill import NO_WORKER
from fini_admin.web.charts import LEAST_IN_COLUMN, Part, PartsBar, parts_bar
from fini_admin.workspaces.keys import NEW_KEY, OTHER_WORKSPACE, OWN_KEY
from fini_admin.workspaces.models import ApiKey, KeyState

# By the scopes of a key.
MAY = {
    "read write": "It may read and write.",
    "read": "It may read, may not write: registering and ingesting will be refused.",
    "write": "It may write, may not read: discovering, and following what was sent, will be refused.",
    "": "It may neither read nor write: every call will be refused.",
}
# By whether the key lists sources that are known here.
SAME_WORKSPACE = {
    True: "It belongs to this workspace.",
    False: f"It {OTHER_WORKSPACE}",
    None: "Which workspace it belongs to is unknown: there was nothing to compare when it was verified.",
}
READS = "reads go out with it from now on, writes with the live key."
VERIFYING = "Verifying… Fini is asked whether it accepts the key, and which scopes the key has."
NOT_VERIFYING = f"The verification waits. {NO_WORKER}"
# How long a successful verification is announced; after that the key's card alone says it.
SHOWN_FOR = timedelta(minutes=5)


def use_bar(use: KeyUse, busiest: int) -> PartsBar:
    """A key's calls of 30 days and how many of them failed, as its share of the busiest key's."""
    calls = use.calls[-1]
    parts = [
        Part("done", calls - use.errors, f"{calls - use.errors:,}"),
        Part("failed", use.errors, f"{use.errors:,}"),
    ]
    return parts_bar(parts, whole=busiest, least=LEAST_IN_COLUMN)


def scopes_in_words(key: ApiKey) -> str:
    """The scopes that the last verification found."""
    if not key.verified_at:
        return "not verified yet"
    return " and ".join(key.scopes.split()) or "none"


def lack_in_words(key: ApiKey) -> str:
    """What a verified key may not do, and what to do about it."""
    return f"{MAY.get(key.scopes, '')} {NEW_KEY}".strip()


def same_workspace_in_words(key: ApiKey) -> str:
    """Whether a waiting key opens this workspace; empty for the live key and before a verification."""
    return SAME_WORKSPACE[key.same_workspace] if key.verified_at and key.state != KeyState.LIVE else ""


def result_of_verification(
    key: ApiKey, verification: Verification | None, *, reader: bool
) -> tuple[str, str]:
    """The message and tone (`success`, `warning`, `error`) of a finished verification; both empty without one.

    `reader`: reads go out with this key.
    """
    if verification is None or verification.ended_at is None:
        return "", ""
    if verification.error:
        return f"The key {key.label} is not verified. {verification.error}", "error"
    return _accepted(key, reader=reader) if verification.ended_at > timezone.now() - SHOWN_FOR else ("", "")


def _accepted(key: ApiKey, *, reader: bool) -> tuple[str, str]:
    """The same for a key that Fini accepts."""
    takes, may, whose = (
        f"Fini accepts the key {key.label}.",
        MAY.get(key.scopes, ""),
        same_workspace_in_words(key),
    )
    if key.same_workspace is False and key.state != KeyState.LIVE:
        return f"{takes} {whose} {OWN_KEY}", "error"
    if key.scopes == "read write":
        return f"{takes} {may} {whose}".rstrip(), "success"
    if reader:
        return f"{takes} It may only read: {READS}", "success"
    return f"{takes} {may} {NEW_KEY}", "warning"
