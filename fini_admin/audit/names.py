"""The names of what the audit trail records. A name is never used for something else later."""

from enum import StrEnum


class CallKind(StrEnum):
    """The rows of a call (P1): one *asked*, then exactly one of the other three."""

    ASKED = "call.asked"
    ANSWERED = "call.answered"
    LOST = "call.lost"
    UNSENT = "call.unsent"


class Activity(StrEnum):
    """What a person did in the dashboard or by command."""

    WORKSPACE_CREATED = "workspace.created"
    USER_ADDED = "user.added"
    MEMBER_ADDED = "member.added"
    MEMBER_CHANGED = "member.changed"
    KEY_ADDED = "key.added"
    KEY_VERIFIED = "key.verified"
    KEY_REFUSED = "key.refused"
    LOGGED_IN = "login.succeeded"
    LOGIN_FAILED = "login.failed"
    LOGGED_OUT = "logout"
    RUN_STARTED = "run.started"
    AUDIT_EXPORTED = "audit.exported"


OUTCOME_KINDS = (CallKind.ANSWERED, CallKind.LOST, CallKind.UNSENT)
ANCHOR = "audit.anchor"  # a signed entry that covers the rows before it: only then may they go (P2)
