"""The audit trail among many calls: prints as JSON the 95th percentile in ms, and the queries, of each look by size.

Run in an installation's environment: `python bench/trail.py 10000 1000000`. Times are of whole pages at the server.
"""

import json
import statistics
import sys
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from urllib.parse import urlencode

from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from bench import ready  # noqa: F401 - what follows needs Django set up
from fini_admin.audit import call_names
from fini_admin.audit.models import CallName, Entry, Head
from fini_admin.audit.names import By, Origin
from fini_admin.lib.paging import chunks
from fini_admin.workspaces import workspaces
from fini_admin.workspaces.models import Membership, Role, User, Workspace

LOOKS = 30
APART = 1  # seconds between two calls
RUN, CALLS_OF_SOURCE = 500, 20
NEVER = "2000-01-01T00:00"

# One call for each n: what was asked in row 2n + 2, its outcome in row 2n + 3. Half of the people use each key, the
# first six never delete, and two calls in a hundred end with one of 200 errors.
VALUES = {
    "chain": "'{chain}'",
    "seq": "2 * n + {place}",
    "at": "{at}",
    "kind": "CASE WHEN {place} = 2 THEN 'call.asked' WHEN n % 200 = 0 THEN 'call.lost' ELSE 'call.answered' END",
    "call": "{call}",
    "method": "CASE WHEN n % 4 = 0 THEN 'POST' ELSE 'GET' END",
    "route": "CASE WHEN n % 8 = 0 THEN 'ingest' WHEN n % 4 = 0 THEN 'register'"
    " WHEN n % 20 > 5 AND n % 7 = 0 THEN 'delete' ELSE 'list' END",
    "path": "'/v2/documents/public?limit=' || (n % 100)",
    "request_sha256": "{hash}",
    "status": "CASE WHEN {place} = 2 OR n % 200 = 0 THEN NULL WHEN n % 50 = 0 THEN 400 + 100 * (n / 50 % 2)"
    " ELSE 200 END",
    "outcome": "CASE WHEN {place} = 2 THEN NULL WHEN n % 200 = 0 THEN 'unknown' WHEN n % 50 = 0 THEN 'refused'"
    " ELSE 'done' END",
    "error": "CASE WHEN {place} = 3 AND n % 50 = 0 THEN 'Fini failed on it: reason ' || (n / 50 % 200) END",
    "duration_ms": "CASE WHEN {place} = 3 THEN 20 + n % 900 END",
    "actor": "'person-' || (n % 20) || '@example.com'",
    "origin": "'browser'",
    "run": "n / {run} + 1",
    "key": "CASE WHEN n % 20 < 10 THEN 'main' ELSE 'second' END",
    "key_id": "'key'",
    "attempt": "1",
    "prev": "{hash}",
    "hash": "{hash}",
}
ENGINE = {
    "sqlite": {
        "at": "strftime('%Y-%m-%dT%H:%M:%f', {start} + n * {apart}, 'unixepoch') || '000Z'",
        "call": "printf('%08x-0000-4000-8000-{mark:012x}', n)",
        "hash": "printf('%064x', n)",
        "numbers": "WITH RECURSIVE numbers(n) AS (SELECT 0 UNION ALL SELECT n + 1 FROM numbers WHERE n + 1 < {size})",
    },
    "postgresql": {
        "at": "to_char(to_timestamp({start} + n * {apart}) AT TIME ZONE 'UTC', 'YYYY-MM-DD\"T\"HH24:MI:SS.US\"Z\"')",
        "call": "lpad(to_hex(n), 8, '0') || '-0000-4000-8000-{mark:012x}'",
        "hash": "lpad(to_hex(n), 64, '0')",
        "numbers": "WITH numbers AS (SELECT generate_series(0, {size} - 1) AS n)",
    },
}


def fill(workspace: Workspace, size: int, mark: int) -> None:
    """Calls one second apart up to now, some of them about a source, by plain SQL: their hashes are not real."""
    engine, start = (
        ENGINE[connection.vendor],
        int((datetime.now(UTC) - timedelta(seconds=size * APART)).timestamp()),
    )
    words = {"start": start, "apart": APART, "size": size, "mark": mark, "chain": workspace.pk, "run": RUN}
    told = {name: text.format(**words) for name, text in engine.items()} | words
    rows = (", ".join(text.format(**told, place=place) for text in VALUES.values()) for place in (2, 3))
    both = " UNION ALL ".join(f"SELECT {row} FROM numbers" for row in rows)  # noqa: S608 - our own words
    with connection.cursor() as cursor:
        cursor.execute(f"INSERT INTO trail_entry ({', '.join(VALUES)}) {told['numbers']} {both}")
    calls = Entry.objects.filter(chain=workspace.pk, kind="call.answered", route="ingest").order_by("seq")
    numbers = enumerate(calls.values_list("call", flat=True).iterator())
    sources = max(size // 8 // CALLS_OF_SOURCE, 1)
    for part in chunks(numbers, 5_000):
        CallName.objects.bulk_create(
            CallName(chain=workspace.pk, name=call_names.key_of(f"source-{n % sources}"), call=call)
            for n, call in part
        )
    Head.objects.filter(chain=workspace.pk).update(seq=2 * size + 1)


def searches(size: int) -> dict[str, str]:
    """What is searched for, by what it is called."""
    since = (datetime.now(UTC) - timedelta(seconds=size * APART / 2)).strftime("since:%Y-%m-%dT%H:%M")
    one = {
        "person": "person:person-3@example.com",
        "run": f"run:{size // RUN // 2 + 1}",
        "source": "source:source-0",
        "key": "key:main",
        "route": "route:ingest",
        "errors": "outcome:error",
        "time": since,
    }
    pairs = {f"{a} and {b}": f"{one[a]} {one[b]}" for n, a in enumerate(one) for b in list(one)[n + 1 :]}
    nobody = {
        "a status nobody has": "status:599",
        "a person nobody is": "person:nobody@example.com",
        "a key nobody has": "key:none",
        "a run nobody made": "run:999999999",
        "a source nobody has": "source:nothing",
        "a time nobody called at": f"until:{NEVER}",
        "nobody by nobody's key": "person:person-3@example.com key:second",
        "a route a person never took": "person:person-3@example.com route:delete",
        "a call that was never made": "call:00000000-0000-4000-8000-000000000000",
    }
    text = {"error text": 'error:"reason 17"', "error text nobody has": "error:zebra"}
    return {"all": ""} | one | pairs | nobody | text


def looks(client: Client, path: str, size: int) -> Iterator[tuple[str, float, int]]:
    deep = str(size // 10)
    for name, typed in searches(size).items():
        yield name, *measured(client, path, {"q": typed})
    for name in ("all", "person", "route", "errors", "person and route"):
        yield f"{name}, deep", *measured(client, path, {"q": searches(size)[name], "after": deep})
    yield "facets and charts", *measured(client, path, {"part": "summary"})


def measured(client: Client, path: str, query: dict[str, str]) -> tuple[float, int]:
    """The 95th percentile of a page's time, and how many queries it takes beyond those of an empty page."""
    url = f"{path}?{urlencode(query)}"
    times = []
    for _ in range(LOOKS):
        started = time.perf_counter()
        answer = client.get(url, HTTP_HX_REQUEST="true", secure=True)
        times.append((time.perf_counter() - started) * 1000)
        if answer.status_code != 200:
            raise RuntimeError(f"{url}: {answer.status_code}")
    with CaptureQueriesContext(connection) as seen:
        client.get(url, HTTP_HX_REQUEST="true", secure=True)
    return statistics.quantiles(times, n=20)[-1], len(seen)


def main(sizes: list[int]) -> None:
    user = User.objects.create(email="bench@example.com")
    client = Client(SERVER_NAME="127.0.0.1")
    client.force_login(user)
    made = {}
    for mark, size in enumerate(sizes):
        workspace = workspaces.create_workspace(
            by=By("bench", Origin.COMMAND_LINE), slug=f"bench-{size}", name="Bench"
        )
        Membership.objects.create(user=user, workspace=workspace, role=Role.ADMIN)
        fill(workspace, size, mark)
        made[size] = workspace
    with connection.cursor() as cursor:
        cursor.execute("ANALYZE" if connection.vendor == "sqlite" else "VACUUM ANALYZE")
    found = {
        size: list(looks(client, f"/w/{workspace.slug}/audit/", size)) for size, workspace in made.items()
    }
    print(json.dumps(found))


if __name__ == "__main__":
    main([int(size) for size in sys.argv[1:]])
