"""Fill each field of each form with text that is slow to clean, while another person uses a page."""

import multiprocessing
import os
import statistics
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import quote, urljoin, urlsplit

import requests

from tests.browser.product import PEOPLE, Place, Product, running
from tests.support.markup import Data, Form, Page
from tests.support.records import resources

SIZE = 200_000
# gunicorn refuses longer request lines.
IN_ADDRESS = 3_500
FILLINGS = {
    "quotes": '"',
    "newlines": "\n",
    "unseen characters": "\u200b",
    "prefixes": "fini_",
    "percent signs": "%",
    "blanks": " ",
}
TOKEN = "csrfmiddlewaretoken"  # noqa: S105 - a field's name
# Forms that would end the session, and samples of forms.
LEFT_OUT = ("/accounts/logout/", "/accounts/sessions/", "/styleguide/")
LOOKS = 30
SECOND, TWICE = 1_000, 2
Row = tuple[str, str, str]


@dataclass
class Person:
    """A session that is logged in."""

    url: str
    session: requests.Session = field(default_factory=requests.Session)

    def log_in(self, email: str, password: str) -> "Person":
        page = self.look("/accounts/login/")
        form = next(form for form in page.forms if form.method == "POST")
        self.send(form, {"login": [email], "password": [password]})
        return self

    def look(self, path: str) -> Page:
        """Load a page; an empty one for answers that are not HTML."""
        answer = self.session.get(urljoin(self.url, path), timeout=60)
        is_page = answer.ok and answer.headers["Content-Type"].startswith("text/html")
        return Page(answer.text if is_page else "", urlsplit(answer.url).path)

    def send(self, form: Form, data: Data) -> requests.Response:
        to = urljoin(self.url, form.address())
        if form.method == "GET":
            return self.session.get(to, params=data, timeout=60, allow_redirects=False)
        token = {TOKEN: [self.session.cookies.get("csrftoken") or ""]}
        return self.session.post(to, data=data | token, timeout=60, allow_redirects=False)


@dataclass(frozen=True)
class Sent:
    """One field of one form, filled and sent."""

    milliseconds: float
    cpu: float
    what: str
    status: int


def measure() -> Iterator[Row]:
    """The slowest field, and how long another person's page takes alone and meanwhile."""
    with tempfile.TemporaryDirectory() as folder, running(Path(folder), WEB_CONCURRENCY=2) as product:
        place = furnished(product)
        superuser = Person(product.url).log_in(PEOPLE["superuser"][0], product.password)
        forms = list(all_forms([(Person(product.url), "/accounts/login/"), (superuser, place.at())]))
        viewer = Person(product.url).log_in(PEOPLE["viewer"][0], product.password)
        web = web_processes(product)
        alone = [took(viewer, place.at("sources/")) for _ in range(LOOKS)]
        with looking(viewer, place.at("sources/")) as meanwhile:
            sent = [one for person, form in forms for one in every_field(person, form, web)]
        alone += [took(viewer, place.at("sources/")) for _ in range(LOOKS)]
    slowest = max(sent, key=lambda one: one.milliseconds)
    yield f"fields filled with {SIZE:,} bytes, {len(forms)} forms", f"{len(sent):,}", "-"
    yield f"the slowest of them, ms ({slowest.what})", f"{slowest.milliseconds:.0f}", f"below {SECOND:,}"
    dearest = max(sent, key=lambda one: one.cpu)
    yield f"the server's CPU for the dearest, ms ({dearest.what})", f"{dearest.cpu:.0f}", f"below {SECOND:,}"
    yield "the median of them, ms", f"{statistics.median(one.milliseconds for one in sent):.0f}", "-"
    yield "answers 5xx among them", str(sum(one.status >= 500 for one in sent)), "0"
    yield "another person's page alone, median ms", f"{statistics.median(alone):.0f}", "-"
    times = statistics.median(meanwhile) / statistics.median(alone)
    said = f"{statistics.median(meanwhile):.0f} ({times:.1f} times)"
    yield "the same meanwhile, median ms", said, f"at most {TWICE} times"


def furnished(product: Product) -> Place:
    """A workspace with sources, a tree, a queue and a preview."""
    notion = resources("bench", 20)
    registered = [
        {
            "external_id": one["externalId"],
            "title": one["title"],
            "original_url": one["originalUrl"],
            "mime_type": one["mimeType"],
        }
        for one in notion
    ]
    runs = [{"provider": "notion", "then_ingest": False, "resources": registered}]
    place = product.place("bench", discover=["zendesk"], register=runs)
    product.furnish(slug=place.slug, people={}, preview=PEOPLE["admin"][0])
    return place


def all_forms(starts: list[tuple[Person, str]]) -> Iterator[tuple[Person, Form]]:
    """The forms of all pages that can be reached from these, each once."""
    seen: set[str] = set()
    known: set[tuple[str, str, tuple[str, ...]]] = set()
    for person, start in starts:
        waiting = [start]
        while waiting:
            path = waiting.pop()
            if path in seen:
                continue
            seen.add(path)
            page = person.look(path)
            links = (urlsplit(link) for link in sorted(page.links))
            waiting += [link.path for link in links if not link.netloc and not link.path.startswith(LEFT_OUT)]
            for form in page.forms:
                names = tuple(one.name for one in form.fields)
                to = (form.method, generalized(form.address()), names)
                if to not in known and not form.address().startswith(LEFT_OUT):
                    known.add(to)
                    yield person, form


def generalized(path: str) -> str:
    """A path with `*` for numbers and IDs."""
    parts = urlsplit(path).path.split("/")
    return "/".join("*" if any(letter.isdigit() for letter in part) else part for part in parts)


def every_field(person: Person, form: Form, web: list[Path]) -> Iterator[Sent]:
    """Send each field with each filling, the other fields unchanged."""
    for control in form.fields:
        if control.name == TOKEN:
            continue
        for name, part in FILLINGS.items():
            most = IN_ADDRESS // len(quote(part)) if form.method == "GET" else SIZE // len(part.encode())
            data = form.data() | {control.name: [part * most]}
            started, spent = time.perf_counter(), spent_by(web)
            status = person.send(form, data).status_code
            milliseconds, cpu = (time.perf_counter() - started) * 1000, spent_by(web) - spent
            what = f"{form.method} {generalized(form.address())} {control.name}: {name}"
            sys.stderr.write(f"{milliseconds:7.0f} ms {cpu:7.0f} CPU {status} {what}\n")
            yield Sent(milliseconds, cpu, what, status)


def web_processes(product: Product) -> list[Path]:
    """The /proc folders of this installation's web processes."""
    mark = f"VAR_DIR={product.env['VAR_DIR']}".encode()
    found = []
    for folder in Path("/proc").glob("[0-9]*"):
        with suppress(OSError):  # it ended, or is not ours to see
            if b"gunicorn" in (folder / "cmdline").read_bytes() and mark in (folder / "environ").read_bytes():
                found.append(folder)
    return found


def spent_by(web: list[Path]) -> float:
    """Milliseconds of CPU time that these processes have used, for all requests."""
    ticks = [(folder / "stat").read_text().rpartition(")")[2].split()[11:13] for folder in web]
    return sum(int(tick) for pair in ticks for tick in pair) * 1000 / os.sysconf("SC_CLK_TCK")


def took(person: Person, path: str) -> float:
    started = time.perf_counter()
    person.session.get(urljoin(person.url, path), timeout=60)
    return (time.perf_counter() - started) * 1000


@contextmanager
def looking(person: Person, path: str) -> Iterator[list[float]]:
    """Load a page repeatedly during the block; the times are filled in at its end.

    In a process of its own, because here it would wait for the thread that fills the fields.
    """
    times: list[float] = []
    context = multiprocessing.get_context("fork")
    stop, found = context.Event(), context.SimpleQueue()

    def look() -> None:
        seen = []
        while not stop.wait(0.05):
            seen.append(took(person, path))
        found.put(seen)

    process = context.Process(target=look)
    process.start()
    try:
        yield times
    finally:
        stop.set()
        times += found.get()
        process.join()
