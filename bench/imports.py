"""Twenty imports at a steady Fini: what each preview said of its calls and its time, beside what they came to, as JSON.

Run in an installation's environment with a worker at work: `python bench/imports.py`.
"""

import json
import random
import sys
import time

from bench import ready  # noqa: F401 - what follows needs Django set up
from fini_admin.audit.names import By, Origin
from fini_admin.audit.queries import calls_within
from fini_admin.fini.routes import Resource
from fini_admin.ingestion import previews
from fini_admin.ingestion.kinds import registrations
from fini_admin.ingestion.models import Run
from fini_admin.ingestion.planning.effort import effort_of
from fini_admin.ingestion.planning.planned_calls import call_plan
from fini_admin.workspaces.models import Workspace

IMPORTS = 20
PATIENCE = 300


def one(workspace: Workspace, number: int, size: int) -> dict[str, float | int | None]:
    """An import of so many resources, from its preview to its end."""
    given = [
        Resource(f"i{number}-{n}", f"Page {n}", f"https://docs.example/{number}/{n}", "text/html")
        for n in range(size)
    ]
    preview = registrations.freeze_register(
        workspace=workspace,
        provider="notion",
        resources=given,
        then_ingest=True,
    )
    said = effort_of(call_plan(preview), size, then_ingest=True)
    run = previews.confirm(by=By("bench", Origin.COMMAND_LINE), preview=preview)
    deadline = time.monotonic() + PATIENCE
    while run.ended_at is None and time.monotonic() < deadline:
        time.sleep(0.2)
        run = Run.objects.get(pk=run.pk)
    if run.ended_at is None:
        raise SystemExit(f"run {run.number} did not end")
    (calls,) = calls_within(str(workspace.pk), [(run.created_at, run.ended_at)])
    took = (run.ended_at - run.created_at).total_seconds()
    return {"size": size, "said": said.calls, "calls": calls, "seconds_said": said.seconds, "seconds": took}


def main() -> None:
    """Prints the imports in their order."""
    dice, workspace = random.Random(1), Workspace.objects.get()
    sizes = [dice.choice((10, 40, 90, 150, 300, 500)) + dice.randrange(10) for _ in range(IMPORTS)]
    json.dump([one(workspace, number, size) for number, size in enumerate(sizes)], sys.stdout)


if __name__ == "__main__":
    main()
