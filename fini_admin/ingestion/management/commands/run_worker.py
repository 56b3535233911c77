"""`manage.py run_worker`: one foreground process that does all background work."""

import logging
import signal
import sys
import threading
import time
from datetime import UTC, datetime
from typing import Any
from uuid import uuid4

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError
from django.db import close_old_connections, connection
from huey.contrib.djhuey import HUEY

from fini_admin.audit import chain
from fini_admin.ingestion import schedules, work
from fini_admin.ingestion.models import Worker
from fini_admin.ingestion.tasks import Process, look
from fini_admin.keyring import UnknownKey
from fini_admin.people import sessions
from fini_admin.workspaces.fallback import end_fallbacks

log = logging.getLogger(__name__)
TICK = 1.0
BEAT = 3.0
SWEEP = 60.0
RECORD = 3600.0
IN_FLIGHT = 8
CONSUMER: dict[str, Any] = settings.HUEY["consumer"]


class Command(BaseCommand):
    """huey's consumer, and a clock that asks once a second whether anything is due."""

    help = (
        "Do the background work: send steps, follow sources. Any number may run; SIGTERM stops within 10 s."
    )

    def handle(self, **_: Any) -> None:
        """Run until told to stop, then leave nothing behind."""
        try:
            chain.check_key(chain.INSTALLATION)
        except UnknownKey as error:
            raise CommandError(str(error)) from None
        if not settings.POSTGRES:  # a file of its own, which no backup holds
            HUEY.storage.initialize_schema()
        # Until huey listens for it, a little after its threads were started, SIGTERM would cut everything off.
        signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
        Process.owner = str(uuid4())
        now = datetime.now(UTC)
        Worker.objects.create(pk=Process.owner, started_at=now, seen_at=now)
        consumer = HUEY.create_consumer(**CONSUMER, graceful_signal="TERM", shutdown_timeout=IN_FLIGHT)
        Process.stopping = consumer.stop_flag
        try:
            clocks = ((tick, TICK), (beat, BEAT), (sweep, SWEEP), (chain.record_heads, RECORD))
            for target, pause in clocks:
                threading.Thread(target=repeat, args=(target, pause, consumer.stop_flag), daemon=True).start()
            self.stdout.write(f"worker {Process.owner[:8]} is at work")
            consumer.run()
        finally:
            Process.stopping.set()
            work.abandon(Process.owner)
            connection.close()


def repeat(target: Any, pause: float, stopping: threading.Event) -> None:
    """Call `target` every `pause` seconds until the process stops; an error is logged and the clock goes on."""
    while not stopping.is_set():
        started = time.monotonic()
        try:
            close_old_connections()
            target()
        except Exception:  # a clock that stops would leave work lying: the log is told and it goes on
            log.exception("the worker's clock")
        stopping.wait(max(0.05, pause - (time.monotonic() - started)))
    connection.close()


def tick() -> None:
    """Start what is scheduled, close the calls of dead processes, and ring wherever something is due."""
    schedules.start_due()
    work.recover()
    if HUEY.pending_count() < CONSUMER["workers"]:
        for workspace_id in work.due_workspaces():
            look(str(workspace_id))


def beat() -> None:
    """The heartbeat."""
    work.beat(Process.owner)


def sweep() -> None:
    """What needs no haste."""
    sessions.clear()
    work.forget_dead(Process.owner)
    work.mark_stuck()
    work.reopen_calls()
    end_fallbacks()
