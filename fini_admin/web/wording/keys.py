"""What people read about keys: what a verification found, and what comes of it."""

from datetime import timedelta

from django.utils import timezone

from fini_admin.ingestion.models import Verification
from fini_admin.workspaces.models import ApiKey, KeyState

# By the scopes that were found.
MAY = {
    "read write": "It may read and write.",
    "read": "It may read, may not write: registering and ingesting will be refused.",
    "write": "It may write, may not read: discovering, and following what was sent, will be refused.",
    "": "It may neither read nor write: every call will be refused.",
}
# Whose key it is, as its sources tell.
BELONGS = {
    True: "It opens this workspace.",
    False: "It opens another Fini workspace: none of the sources here is in it.",
    None: "Whether it opens this workspace cannot be told: there are no sources to compare.",
}
READS = "reads go out with it from now on, writes with the live key."
OTHER_SCOPES = "Make a key with the scopes read and write in Fini, add it here and switch to it."
VERIFYING = "Verifying… Fini is asked whether it takes the key, and for what."
NO_WORKER = "The verification waits: no worker is at work. Start one with manage.py run_worker."
# So long a page says that a verification went well: the key's facts say it after that.
NEWS = timedelta(minutes=5)


def scopes(key: ApiKey) -> str:
    """The scopes that the last verification found."""
    if not key.verified_at:
        return "not verified yet"
    return " and ".join(key.scopes.split()) or "none"


def belongs(key: ApiKey) -> str:
    """Whose key the last verification found a waiting one to be; empty where nothing is to be said."""
    return BELONGS[key.same_workspace] if key.verified_at and key.state != KeyState.LIVE else ""


def found(key: ApiKey, verification: Verification | None, *, reader: bool) -> tuple[str, str]:
    """What a verification that ended found, and its tone (`success`, `warning`, `error`); both empty without one.

    `reader`: reads go out with this key.
    """
    if verification is None or verification.ended_at is None:
        return "", ""
    if verification.error:
        return f"The key {key.label} is not verified. {verification.error}", "error"
    return _accepted(key, reader=reader) if verification.ended_at > timezone.now() - NEWS else ("", "")


def _accepted(key: ApiKey, *, reader: bool) -> tuple[str, str]:
    """The same for a key that Fini takes."""
    takes, may, whose = f"Fini accepts the key {key.label}.", MAY.get(key.scopes, ""), belongs(key)
    if key.same_workspace is False and key.state != KeyState.LIVE:
        return f"{takes} {whose} Add a key that was made in this workspace.", "error"
    if key.scopes == "read write":
        return f"{takes} {may} {whose}".rstrip(), "success"
    if reader:
        return f"{takes} It may only read: {READS}", "success"
    return f"{takes} {may} {OTHER_SCOPES}", "warning"
