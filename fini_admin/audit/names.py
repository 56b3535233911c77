"""Names that the audit trail stores. A name is never reused with another meaning."""

from dataclasses import dataclass
from enum import StrEnum

INSTALLATION = (
    "-"  # the chain of what belongs to no workspace; it also records the other chains' heads (heads.py)
)


class CallKind(StrEnum):
    """Kinds of a call's rows: one *asked*, then exactly one of the other three (P1)."""

    ASKED = "call.asked"
    ANSWERED = "call.answered"
    LOST = "call.lost"
    UNSENT = "call.unsent"


class Activity(StrEnum):
    """Kinds of rows for what a person did, in the browser or by a command."""

    WORKSPACE_CREATED = "workspace.created"
    WORKSPACE_RENAMED = "workspace.renamed"
    WORKSPACE_ARCHIVED = "workspace.archived"
    WORKSPACE_RESTORED = "workspace.restored"
    SETTINGS_CHANGED = "settings.changed"
    USER_ADDED = "user.added"
    MEMBER_ADDED = "member.added"
    MEMBER_INVITED = "member.invited"
    INVITATION_WITHDRAWN = "invitation.withdrawn"
    INVITATION_ACCEPTED = "invitation.accepted"
    MEMBER_CHANGED = "member.changed"
    MEMBER_REMOVED = "member.removed"
    KEY_ADDED = "key.added"
    KEY_CHANGED = "key.changed"
    KEY_SWITCHED = "key.switched"
    KEY_SWITCHED_OFF = "key.switched_off"
    KEY_VERIFIED = "key.verified"
    KEY_REFUSED = "key.refused"
    KEY_FALLEN_BACK = "key.fallen_back"
    LOGGED_IN = "login.succeeded"
    LOGIN_FAILED = "login.failed"
    LOGGED_OUT = "logout"
    LOGIN_LOCKED = "login.locked"
    LOGIN_CONNECTED = "login.connected"
    PASSWORD_CHANGED = "password.changed"  # noqa: S105 - a name
    SECOND_FACTOR_ADDED = "second_factor.added"
    SECOND_FACTOR_REMOVED = "second_factor.removed"
    RECOVERY_CODES_RENEWED = "recovery_codes.renewed"
    SESSIONS_ENDED = "sessions.ended"
    USER_SWITCHED_OFF = "user.switched_off"
    USER_SWITCHED_ON = "user.switched_on"
    ENCRYPTION_ROTATED = "encryption.rotated"
    RUN_STARTED = "run.started"
    RUN_PAUSED = "run.paused"
    RUN_RESUMED = "run.resumed"
    RUN_STOPPED = "run.stopped"
    WORK_HELD = "work.held"
    WORK_RELEASED = "work.released"
    QUEUE_REMOVED = "queue.removed"
    QUEUE_PUT_BACK = "queue.put_back"
    AUDIT_EXPORTED = "audit.exported"
    SEARCH_SHARED = "search.shared"
    SEARCH_WITHDRAWN = "search.withdrawn"


# Recorded in the installation's chain, so the activity page of a workspace does not offer them.
OF_NO_WORKSPACE = frozenset(
    {
        Activity.USER_ADDED,
        Activity.USER_SWITCHED_OFF,
        Activity.USER_SWITCHED_ON,
        Activity.LOGGED_IN,
        Activity.LOGIN_FAILED,
        Activity.LOGIN_LOCKED,
        Activity.LOGIN_CONNECTED,
        Activity.LOGGED_OUT,
        Activity.PASSWORD_CHANGED,
        Activity.SECOND_FACTOR_ADDED,
        Activity.SECOND_FACTOR_REMOVED,
        Activity.RECOVERY_CODES_RENEWED,
        Activity.SESSIONS_ENDED,
        Activity.ENCRYPTION_ROTATED,
    }
)
# After each of these the workspace's head is recorded in the installation's chain (chain.record_head).
OF_MEMBERS_AND_KEYS = frozenset(
    kind for kind in Activity if kind.startswith(("member.", "invitation.", "key."))
)
OUTCOME_KINDS = (CallKind.ANSWERED, CallKind.LOST, CallKind.UNSENT)
ANCHOR = "audit.anchor"  # signed; the rows that it covers may be deleted (P2)
HEAD_BROKEN = (
    "audit.head_broken"  # the head failed its check when the next row was written: rows may be missing (P2)
)
HEAD_RECORDED = "audit.head_recorded"  # in the installation's chain: where another chain's head was (P2)


class Origin(StrEnum):
    """Where something was done from; stored with every row of the trail and every run."""

    BROWSER = "browser"
    COMMAND_LINE = "command line"
    WORKER = "worker"
    SCHEDULE = "schedule"


@dataclass(frozen=True, slots=True)
class By:
    """Who does something, and from where.

    Made by `requires` and its siblings (`request.by`), by `cli.base.by`, and by what works without a person.
    """

    actor: str
    origin: Origin

    @classmethod
    def in_browser(cls, email: str) -> "By":
        """The person with this address, on a page."""
        return cls(email, Origin.BROWSER)


def where_from(origin: str | None) -> str:
    """The words for an origin as it is stored; a value that this version does not know is shown as it is."""
    known: dict[str, str] = {
        Origin.BROWSER: "in the browser",
        Origin.WORKER: "by the worker",
        Origin.SCHEDULE: "by a schedule",
        Origin.COMMAND_LINE: "",
    }
    return known.get(origin or "", f"by {origin}" if origin else "")
