"""Ten people on a run's page cost not one call to Fini."""

import threading
import time
from collections import Counter
from itertools import pairwise
from typing import Self
from urllib.error import HTTPError
from urllib.request import ProxyHandler, Request, build_opener

from tests.browser.product import Place, Product

PEOPLE_WATCHING = 10
PAUSE = 0.5  # four times as often as the pages ask
LEAST_GAP = 2.0  # between two walks of the worker: `reads.FIRST_GAP`


class Watchers:
    """Ten clients that ask for a page as htmx does, until they are told to stop."""

    def __init__(self, url: str, cookie: str) -> None:
        self.answers: Counter[int] = Counter()
        self.request = Request(url, headers={"Cookie": cookie, "HX-Request": "true"})  # noqa: S310 - our own http URL
        self.stopping = threading.Event()
        self.threads = [threading.Thread(target=self.watch) for _ in range(PEOPLE_WATCHING)]

    def watch(self) -> None:
        opener = build_opener(ProxyHandler({}))
        while not self.stopping.wait(PAUSE):
            try:
                with opener.open(self.request, timeout=20) as answer:
                    answer.read()
                    self.answers[answer.status] += 1
            except HTTPError as error:
                self.answers[error.code] += 1

    def __enter__(self) -> Self:
        for thread in self.threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stopping.set()
        for thread in self.threads:
            thread.join()


def test_ten_people_on_a_runs_page_cause_no_call(product: Product, session_of):
    place = product.place("watched")
    page = {"external_id": "slow", "title": "Slow", "original_url": "https://docs.acme.example/slow"}
    register = {"provider": "notion", "resources": [page | {"mime_type": "text/html"}], "then_ingest": True}
    cookie = "; ".join(f"{each['name']}={each['value']}" for each in session_of("viewer")["cookies"])

    with product.pace(pending_seconds=[0, 0.1], running_seconds=[6, 6]):
        product.furnish(slug=place.slug, people={}, register=[register])
        with Watchers(f"{product.url}{place.at('runs/1/')}", cookie) as watchers:
            place.wait()
            calls_while_it_ran = len(place.calls())
            time.sleep(3)
    assert set(watchers.answers) == {200}
    assert watchers.answers[200] > 5 * PEOPLE_WATCHING
    # Once it has ended nothing is asked, whoever looks.
    assert len(place.calls()) == calls_while_it_ran
    # While it ran the worker kept its own pace: a call for each of a hundred looks would have come in between.
    assert least_gap(place) > LEAST_GAP - 0.1


def least_gap(place: Place) -> float:
    """The shortest time between two walks after the source was sent."""
    calls = place.calls()
    sent = next(
        call["at"] for call in calls if call["path"] == "/v2/documents/public" and call["method"] == "POST"
    )
    walks = [call["at"] for call in calls if call["at"] > sent]
    assert len(walks) > 1
    return min(after - before for before, after in pairwise(walks))
