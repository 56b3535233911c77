"""Log-ins in the installation's own chain of the audit trail."""

from typing import Any

from django.contrib.auth.signals import user_logged_in, user_logged_out, user_login_failed
from django.db import transaction

from fini_admin.audit import chain
from fini_admin.audit.names import Activity
from fini_admin.fini.secrets import looks_like_key
from fini_admin.workspaces.models import User

ORIGIN = "browser"
NOBODY = "not logged in"
LONGEST_ADDRESS = 254


def connect() -> None:
    """Listen; called once, when the app is ready."""
    user_logged_in.connect(logged_in, dispatch_uid="trail")
    user_logged_out.connect(logged_out, dispatch_uid="trail")
    user_login_failed.connect(login_failed, dispatch_uid="trail")


def logged_in(*, user: User, **_: Any) -> None:
    """Somebody is in."""
    write(Activity.LOGGED_IN, user.email)


def logged_out(*, user: User | None, **_: Any) -> None:
    """Somebody left; None when the session had ended before."""
    if user is not None:
        write(Activity.LOGGED_OUT, user.email)


def login_failed(*, credentials: dict[str, Any], **_: Any) -> None:
    """Somebody was refused. A key typed into the wrong field is not written down (P5)."""
    typed = str(credentials.get("email") or credentials.get("username") or "")
    shown = "" if looks_like_key(typed) else typed[:LONGEST_ADDRESS]
    write(Activity.LOGIN_FAILED, NOBODY, login=shown)


@transaction.atomic
def write(kind: Activity, actor: str, **detail: object) -> None:
    """One activity that belongs to no workspace."""
    chain.record(chain=chain.INSTALLATION, kind=kind, actor=actor, origin=ORIGIN, detail=detail)
