"""Many people watch an import, each as a page does: how long an answer takes, and what it costs Fini."""

import gzip
import http.client
import json
import re
import statistics
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Self
from urllib.parse import urlsplit

import requests

from bench.fields import Person
from tests.browser.product import PASSWORD, served
from tests.support.product import SLUG, Product, until
from tests.support.records import resources
from tests.support.sandbox import Sandbox

PEOPLE, SECONDS, SOURCES = 50, 60, 3_000
TICK, PATIENCE = 3.0, 20  # a page asks as often while a run goes on (live.js)
# A list of which nothing is on the first page any more is held back, and asked for seldom (live.js).
HELD, SELDOM = "data-hold", 15
NICE = ("nice", "-n", "5")  # as the Procfile starts it
PAGES = (f"/w/{SLUG}/runs/1/", f"/w/{SLUG}/sources/", f"/w/{SLUG}/")
EMAIL = "watcher@fini.example"
PIECE = re.compile(r'hx-target="([^"]+)"[^>]* data-d="([^"]+)"')
ROW = re.compile(r'<tr data-d="([^"]+)"\s+id="([^"]+)"')
Row = tuple[str, str, str]


@dataclass
class Watcher:
    """A tab with a page that asks for news on each tick, as live.js does."""

    url: str
    cookie: str
    path: str
    took: list[float] = field(default_factory=list)
    received: int = 0
    errors: int = 0
    digests: dict[str, str] = field(default_factory=dict)

    def watch(self, stopping: threading.Event, after: float) -> None:
        own = {"Cookie": self.cookie}
        page = requests.get(self.url + self.path, headers=own, timeout=PATIENCE).text
        mark = re.findall(r'data-mark="([^"]*)"', page)[0]
        parts = ",".join(dict.fromkeys(re.findall(r'data-live="(\w+)"', page)))
        stopping.wait(after)
        rows: dict[str, str] = {}
        seldom = 0.0
        while not stopping.wait(TICK):
            asked = parts if time.monotonic() >= seldom else ""
            digests = ",".join([*self.digests.values(), *rows.values()])
            text, mark = self.ask(own | {"HX-Request": "true", "X-Seen": f"{mark} {asked} {digests}"}, mark)
            self.digests |= dict(PIECE.findall(text))
            came = {name: digest for digest, name in ROW.findall(text)}
            if rows and came and not rows.keys() & came.keys() and HELD in page:
                seldom = time.monotonic() + SELDOM
            else:
                rows |= came

    def ask(self, headers: dict[str, str], mark: str) -> tuple[str, str]:
        """The news, and the mark of what is shown then. By hand, for the machine is the server's as well."""
        began = time.monotonic()
        connection = http.client.HTTPConnection(urlsplit(self.url).netloc, timeout=PATIENCE)
        connection.request("GET", self.path, headers=headers | {"Accept-Encoding": "gzip"})
        answer = connection.getresponse()
        body = answer.read()
        self.took.append((time.monotonic() - began) * 1000)
        connection.close()
        self.errors += answer.status not in (200, 204)
        self.received += len(body)
        plain = gzip.decompress(body) if answer.headers.get("Content-Encoding") == "gzip" else body
        return plain.decode(), answer.headers.get("X-Seen", mark)


class Watching:
    """All of them, until it is left."""

    def __init__(self, url: str, cookie: str) -> None:
        self.watchers = [Watcher(url, cookie, PAGES[number % len(PAGES)]) for number in range(PEOPLE)]
        self.stopping = threading.Event()
        self.threads = [
            threading.Thread(target=one.watch, args=(self.stopping, number * TICK / PEOPLE))
            for number, one in enumerate(self.watchers)
        ]

    def __enter__(self) -> Self:
        for thread in self.threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stopping.set()
        for thread in self.threads:
            thread.join()


def measure() -> Iterator[Row]:
    """The rows of the bench."""
    with (
        Sandbox.start(per_minute=0) as sandbox,
        Product(sandbox.url, sandbox.key, FINI_CALLS_PER_MINUTE=100_000, WEB_CONCURRENCY=2) as product,
    ):
        sandbox.settings(pending_seconds=[0, 10], running_seconds=[5, SECONDS - 15], seed_sources=False)
        product.command("collectstatic", "--noinput", "--verbosity", "0")
        product.command("add_user", EMAIL, "--role", "viewer", "--workspace", SLUG, stdin=PASSWORD)
        product.worker(ready=True, line=NICE)
        given = json.dumps(resources("watched", SOURCES))
        with served(product.env) as url:
            session = Person(url).log_in(EMAIL, PASSWORD).session
            cookie = "; ".join(f"{name}={value}" for name, value in session.cookies.items())
            number = product.start_run("register", SLUG, "notion", "-", "--ingest", stdin=given)
            with Watching(url, cookie) as watching:
                time.sleep(SECONDS)
            until(lambda: product.run(number)["state"] == "ended", 600, product.unfinished)
        by_browser = "SELECT count(*) AS n FROM trail_entry WHERE kind = 'call.asked' AND origin = 'browser'"
        yield from _rows(watching.watchers, product.query(by_browser)[0]["n"])


def _rows(watchers: list[Watcher], calls: int) -> Iterator[Row]:
    took = sorted(one for watcher in watchers for one in watcher.took)
    what = f"{PEOPLE} people watch {SOURCES:,} sources being ingested for {SECONDS} s"
    yield f"{what}: answers", f"{len(took):,}", "-"
    yield f"{what}: median ms", f"{statistics.median(took):.0f}", "-"
    yield f"{what}: p95 ms", f"{took[len(took) * 95 // 100]:.0f}", "at most 30"
    each = max(watcher.received for watcher in watchers) * 600 / SECONDS / 1_000_000
    yield f"{what}: MB in ten minutes, at most", f"{each:.2f}", "at most 1"
    yield f"{what}: errors", str(sum(watcher.errors for watcher in watchers)), "0"
    yield f"{what}: calls to Fini that a page made", str(calls), "0"
