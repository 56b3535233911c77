"""Time calls with and without recording. `python -m bench` runs it in a product's environment."""

import json
import statistics
import sys
import time
from collections.abc import Callable

import django
import requests

CALLS = 300
WARM = 20


def median_ms(call: Callable[[], object]) -> float:
    times = []
    for number in range(WARM + CALLS):
        started = time.perf_counter()
        call()
        if number >= WARM:
            times.append(time.perf_counter() - started)
    return statistics.median(times) * 1000


def main() -> None:
    django.setup()
    from django.conf import settings  # noqa: PLC0415 - after the set-up

    from fini_admin.audit.names import By, Origin  # noqa: PLC0415 - settings first
    from fini_admin.audit.transport import exchange  # noqa: PLC0415 - settings first
    from fini_admin.fini import routes  # noqa: PLC0415 - settings first
    from fini_admin.ingestion.engine.credentials import context  # noqa: PLC0415 - settings first
    from fini_admin.workspaces.models import Workspace  # noqa: PLC0415 - settings first

    request = routes.list_sources(limit=10, cursor="")
    who = context(Workspace.objects.get(), by=By("bench", Origin.COMMAND_LINE), owner="bench")
    session = requests.Session()
    session.trust_env = False
    bearer = {"Authorization": f"Bearer {who.secret.reveal()}"}
    url = settings.FINI_API_BASE_URL + request.target
    bare = median_ms(lambda: session.get(url, headers=bearer, timeout=10).content)
    recorded = median_ms(lambda: exchange(request, who))
    sys.stdout.write(json.dumps({"bare": bare, "recorded": recorded}))


if __name__ == "__main__":
    main()
