"""The probes of a deployment: whether this process is alive, and whether work can be done."""

import logging

from django.core.cache import cache
from django.db import DatabaseError
from django.http import HttpRequest, HttpResponse, JsonResponse

from fini_admin.audit import chain
from fini_admin.ingestion.runs.queries import worker_alive
from fini_admin.lib import outage
from fini_admin.lib.keyring import UnknownKey
from fini_admin.web.permissions import public

log = logging.getLogger(__name__)
# How long /readyz waits for another writer. Most probes time out soon after.
PROBE_SECONDS = 2


@public
def healthz(request: HttpRequest) -> HttpResponse:
    """200 while this process answers. Reads neither database nor worker."""
    return HttpResponse("ok", content_type="text/plain; charset=utf-8")


@public
def readyz(request: HttpRequest) -> JsonResponse:
    """200 when work can be done, else 503 with the names of what is missing.

    `database`: it takes no write within PROBE_SECONDS; `why` says more, and the rest is unknown. `worker`: none is
    alive. `encryption_keys`: ENCRYPTION_KEYS lacks the key of the newest signature.
    """
    try:
        with outage.lock_timeout(PROBE_SECONDS):
            cache.set("readyz", "", timeout=1)
        found = {"encryption_keys": _encryption_keys_fit(), "worker": worker_alive()}
    except DatabaseError as error:
        away = outage.outage_of(error)
        why = f"{away.what}: {away.cure}" if away else "The database refuses a write; the log says more."
        log.exception("not ready")
        return JsonResponse({"ready": False, "missing": ["database"], "why": why}, status=503)
    missing = [name for name, there in found.items() if not there]
    return JsonResponse({"ready": not missing, "missing": missing}, status=503 if missing else 200)


def _encryption_keys_fit() -> bool:
    """Whether ENCRYPTION_KEYS holds the key that signed the installation's chain."""
    try:
        chain.check_head_key(chain.INSTALLATION)
    except UnknownKey:
        return False
    return True
