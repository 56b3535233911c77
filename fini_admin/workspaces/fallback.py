"""The key that was live before a switch: the work goes back to it by itself, or it goes off when its time is over."""

import logging

from django.db import transaction
from django.utils import timezone

from fini_admin.audit.names import Activity, By, Origin
from fini_admin.lib.keyring import UnknownKey
from fini_admin.lib.outage import outage_of
from fini_admin.workspaces import actions, queries
from fini_admin.workspaces.models import ApiKey, KeyState, Workspace

log = logging.getLogger(__name__)
BY = By("Fini Admin", Origin.WORKER)


def fallback(workspace: Workspace) -> ApiKey | None:
    """The key to go back to, None when there is none; of several the one that was live last."""
    waiting = ApiKey.objects.filter(workspace=workspace, fallback_until__gt=timezone.now(), refused_at=None)
    return waiting.order_by("-fallback_until").first()


@transaction.atomic
def fall_back(refused: ApiKey) -> ApiKey | None:
    """Fini refused this key: when it is the live one and there is a fallback, that one is live again.

    None when nothing changed. The refused key waits; it stays marked until Fini takes it again.
    """
    workspace = actions.lock_workspace(refused.workspace)
    live, key = queries.live_key(workspace), fallback(workspace)
    if key is None or live is None or live.pk != refused.pk:
        return None
    now = timezone.now()
    ApiKey.objects.filter(pk=live.pk).update(state=KeyState.WAITING, fallen_back_at=now)
    ApiKey.objects.filter(pk=key.pk).update(state=KeyState.LIVE, fallback_until=None)
    detail = {"state": str(KeyState.LIVE), "before": live.label, "before_key": str(live.pk)}
    actions.record_key(key, Activity.KEY_FALLEN_BACK, BY, **detail)
    return key


def end_fallbacks() -> int:
    """Switch off each fallback whose time is over, while the key that took its place does; how many.

    Each by itself: an error in one is logged, and it is tried again the next time.
    """
    ended = 0
    for key in ApiKey.objects.filter(fallback_until__lte=timezone.now()).select_related("workspace"):
        try:
            ended += end_fallback(key)
        except UnknownKey as error:
            log.warning("fallback of %s: %s", key.workspace, error)
        except Exception as error:  # a fault in one workspace must stop neither the clock nor the others
            if outage_of(error):
                raise
            log.exception("fallback of %s", key.workspace)
    return ended


@transaction.atomic
def end_fallback(key: ApiKey) -> bool:
    """One of them; never the last key that the work could go out with."""
    workspace = actions.lock_workspace(key.workspace)
    live = queries.live_key(workspace)
    over = ApiKey.objects.filter(pk=key.pk, fallback_until__lte=timezone.now()).exists()
    if not over or live is None or live.refused_at:
        return False
    actions.switch_off_key(by=BY, key=key)
    return True
