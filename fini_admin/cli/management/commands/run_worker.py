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
from django.db import close_old_connections, connection
from huey.contrib.djhuey import HUEY

from fini_admin.audit import chain
from fini_admin.cli import base
from fini_admin.ingestion import previews, schedules, wakeup
from fini_admin.ingestion.engine import clock_skew, loop
from fini_admin.ingestion.models import Worker
from fini_admin.ingestion.runs import steering
from fini_admin.lib import outage
from fini_admin.people import sessions
from fini_admin.workspaces.keys import end_fallbacks

log = logging.getLogger(__name__)
TICK = 1.0
BEAT = 3.0
SWEEP = 60.0
RECORD = 3600.0
IN_FLIGHT = 8
# Seconds for releasing leases after IN_FLIGHT: a process must end within 10 s of SIGTERM.
LAST_WORDS = 1
CONSUMER: dict[str, Any] = settings.HUEY["consumer"]


class Process:
    """The process as an owner of leases, and whether it is stopping."""

    owner = ""
    stopping = threading.Event()


class Command(base.Command):
    """huey's consumer, and threads that look for due work once a second and do housekeeping."""

    help = (
        "Do the background work: send steps, follow sources. Any number may run; SIGTERM stops within 10 s."
    )

    def handle(self, **_: Any) -> None:
        """Run until SIGTERM, then release all leases."""
        chain.check_head_key(chain.INSTALLATION)
        if not settings.POSTGRES:  # huey's queue is a file of its own, which backups leave out
            HUEY.storage.initialize_schema()
        # huey handles SIGTERM only after its threads started; until then it would kill the process.
        signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
        Process.owner = str(uuid4())
        Worker.objects.create(pk=Process.owner, seen_at=datetime.now(UTC))
        consumer = HUEY.create_consumer(**CONSUMER, graceful_signal="TERM", shutdown_timeout=IN_FLIGHT)
        Process.stopping = consumer.stop_flag
        wakeup.perform_with(lambda: loop.work(Process.owner, Process.stopping))
        outages = _Outages()
        try:
            clocks = ((tick, TICK), (_beat, BEAT), (sweep, SWEEP), (chain.record_heads, RECORD))
            for target, pause in clocks:
                given = (target, pause, consumer.stop_flag, outages)
                threading.Thread(target=_repeat, args=given, daemon=True).start()
            self.stdout.write(f"worker {Process.owner[:8]} is at work")
            consumer.run()
        finally:
            Process.stopping.set()
            _release_leases()


class _Outages:
    """Logs an outage of the database once, whichever thread meets it, and its end once all threads work again."""

    def __init__(self) -> None:
        self.lock = threading.Lock()
        self.failing: set[str] = set()

    def met(self, clock: str, error: Exception) -> bool:
        """Note an error of a thread; returns whether it is an outage."""
        said = outage.outage_line(error)
        with self.lock:
            if said and not self.failing:
                log.error("The worker waits, and goes on by itself. %s", said)
            if said:
                self.failing.add(clock)
        return bool(said)

    def over(self, clock: str) -> None:
        """Note that a thread did its work."""
        with self.lock:
            if clock in self.failing:
                self.failing.discard(clock)
                if not self.failing:
                    log.warning("The database is back, and the worker goes on.")


def _repeat(target: Any, pause: float, stopping: threading.Event, outages: _Outages) -> None:
    """Call `target` every `pause` seconds until the process stops. An error is logged and does not end the loop."""
    while not stopping.is_set():
        started, rest = time.monotonic(), pause
        try:
            close_old_connections()
            target()
            outages.over(target.__name__)
        except Exception as error:  # the loop must go on, or due work would never start
            if outages.met(target.__name__, error):
                rest = min(pause, BEAT)
            else:
                log.exception("the worker's clock")
        stopping.wait(max(0.05, rest - (time.monotonic() - started)))
    connection.close()


def _release_leases() -> None:
    """Release this process's leases. During an outage they expire instead."""
    try:
        with outage.lock_timeout(LAST_WORDS):
            loop.abandon(Process.owner)
    except Exception as error:
        if not outage.outage_of(error):
            raise
        log.exception("What this worker held is free in a minute")
    finally:
        connection.close()


def tick() -> None:
    """Start due schedules, settle calls of dead processes, and wake the seats when anything is due."""
    schedules.start_due()
    loop.recover()
    if loop.anything_due():
        for _ in range(CONSUMER["workers"]):
            wakeup.ring()


def _beat() -> None:
    """Report this process as alive, and extend its leases."""
    loop.beat(Process.owner)


def sweep() -> None:
    """Housekeeping without urgency."""
    clock_skew.bring_back()
    sessions.clear()
    previews.delete_expired()
    loop.forget_dead(Process.owner)
    loop.mark_stuck()
    loop.stop_waiting()
    steering.finish_stops()
    loop.reopen_calls()
    end_fallbacks()
