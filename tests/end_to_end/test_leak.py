"""A key that was entered is found nowhere, in no form, whatever goes wrong on the way (P5)."""

import base64
import json
import secrets
import string
import threading
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest

from tests.support.product import POSTGRES, SLUG, Product, until
from tests.support.records import resources
from tests.support.sandbox import Sandbox

LENGTH = 45
PIECE = 16
SAMPLE_EVERY = 0.02
ORDINARY = "+/=~"
# Anything without white space is a key: these are written differently in JSON, HTML, URLs and shells.
AWKWARD = "\"\\&<%'/"


def new_key(odd: str) -> str:
    """A key of 45 characters that nobody has seen before."""
    letters = string.ascii_letters + string.digits
    plain = "".join(secrets.choice(letters) for _ in range(LENGTH - len("fini_") - len(odd)))
    half = len(plain) // 2
    return f"fini_{plain[:half]}{odd}{plain[half:]}"


def forms(piece: str) -> dict[str, bytes]:
    """Every way of writing a piece of the key that is searched for."""
    raw = piece.encode()
    found = {
        "plain": raw,
        "reversed": piece[::-1].encode(),
        "in a URL": quote(piece, safe="").encode(),
        "in JSON": json.dumps(piece)[1:-1].encode(),
        "hexadecimal": raw.hex().encode(),
    }
    for before in range(3):
        for name, encode in (("base64", base64.b64encode), ("URL-safe base64", base64.urlsafe_b64encode)):
            found[f"{name} after {before}"] = core(encode(bytes(before) + raw), before, len(raw))
    return found


def core(encoded: bytes, before: int, length: int) -> bytes:
    """What stays the same whatever stands before and behind: no padding, no character shared with a neighbour."""
    start = (0, 2, 3)[before]
    whole = encoded.rstrip(b"=")
    return whole[start:-1] if (before + length) % 3 else whole[start:]


def leaks(key: str, places: Iterator[tuple[str, bytes]]) -> list[str]:
    """Where the key stands: a piece of it is as bad, and is in whatever holds the whole, in the same form."""
    pieces = {"beginning": key[len("fini_") :][:PIECE], "end": key[-PIECE:]}
    wanted = {
        f"its {part}, {form}": text for part, piece in pieces.items() for form, text in forms(piece).items()
    }
    return [
        f"{place}: {form}" for place, content in places for form, text in wanted.items() if text in content
    ]


def places(product: Product) -> Iterator[tuple[str, bytes]]:
    """All that the installation keeps, and all that its processes said."""
    for path in sorted(product.folder.rglob("*")):
        if path.is_file():
            yield str(path.relative_to(product.folder)), path.read_bytes()
    for row in product.query("SELECT sha256, content FROM trail_body"):
        yield f"trail body {row['sha256']}", zlib.decompress(bytes(row["content"]))
    if POSTGRES:
        tables = product.query("SELECT tablename FROM pg_tables WHERE schemaname = 'public'")
        for name in (table["tablename"] for table in tables):
            rows = product.query(f'SELECT t::text AS row FROM "{name}" t')  # noqa: S608 - the catalogue's own names
            yield f"table {name}", "\n".join(row["row"] for row in rows).encode()


@contextmanager
def watched(product: Product) -> Iterator[dict[str, bytes]]:
    """Command lines and environments of the product's processes, seen while they run."""
    seen: dict[str, bytes] = {}
    stop = threading.Event()
    mark = str(product.var).encode()

    def look() -> None:
        while not stop.wait(SAMPLE_EVERY):
            for folder in Path("/proc").glob("[0-9]*"):
                try:
                    environ = (folder / "environ").read_bytes()
                    if mark in environ:
                        seen[folder.name] = environ + (folder / "cmdline").read_bytes()
                except OSError:  # it ended, or is not ours to see
                    continue

    watcher = threading.Thread(target=look, daemon=True)
    watcher.start()
    yield seen
    stop.set()
    watcher.join()


def echo_everywhere(sandbox: Sandbox, key: str) -> int:
    """Answers of every kind that repeat the key; returns how many will strike."""
    told = json.dumps({"message": f"Bearer {key} was not taken", "statusCode": 500})
    register: dict[str, Any] = {"method": "POST", "path": "resources"}
    ingest: dict[str, Any] = {"method": "POST", "path": "public$"}
    listing: dict[str, Any] = {"method": "GET", "path": r"public\?"}
    faults: list[dict[str, Any]] = [
        register | {"status": 500, "message": f"Bearer {key}"},
        register
        | {"status": 502, "body": f"<p>Authorization: Bearer {key}</p>", "content_type": "text/html"},
        register | {"status": 429, "headers": {"Retry-After": key}},
        listing | {"body": told},
        listing | {"body": told, "truncate": True},
        ingest | {"status": 400, "message": f"{key} is not one of us"},
        ingest | {"status": 500, "after": True, "message": key},
    ]
    for fault in faults:
        sandbox.fault(**fault)
    return len(faults)


def whole_story(product: Product, sandbox: Sandbox, key: str) -> None:
    """Register and ingest while Fini repeats the key at every turn, then a 401 that repeats it again."""
    faults = echo_everywhere(sandbox, key)
    product.worker()
    given = json.dumps(resources("leak", 12))
    product.start_run("register", SLUG, "notion", "-", "--ingest", stdin=given)
    until(lambda: len(sandbox.documents()) == 12, 60)
    for document in sandbox.documents()[:2]:
        sandbox.change(document["id"], title=f"How {key} works")
    product.wait_for_end(90)
    assert len([entry for entry in sandbox.log() if entry["fault"]]) == faults
    titled = json.dumps([resources("leak", 1)[0] | {"title": key}])
    assert product.command("register", SLUG, "notion", "-", stdin=titled, check=False).returncode == 1
    product.command("add_key", SLUG, "--label", "again", stdin=key, check=False)
    sandbox.fault(status=401, message=f"{key} was revoked")
    product.start_run("register", SLUG, "notion", "-", stdin=given)
    until(lambda: product.query("SELECT seq FROM trail_entry WHERE kind = 'key.refused'"), 30)
    product.command("export_audit", SLUG, "--bodies")
    product.command("export_audit", SLUG, "--bodies", "--format", "csv")
    product.command("export_sources", SLUG)


@pytest.mark.parametrize("odd", [ORDINARY, AWKWARD], ids=["ordinary", "awkward"])
def test_a_key_is_found_nowhere_in_any_form(odd):
    key = new_key(odd)
    assert len(key) == LENGTH
    with Sandbox.start(per_minute=0) as sandbox:
        sandbox.add_key(key)
        sandbox.settings(seed_sources=False, running_seconds=[0.2, 1.0], pending_seconds=[0.1, 0.2])
        with Product(sandbox.url, key, FINI_TIMEOUT=1) as product, watched(product) as processes:
            whole_story(product, sandbox, key)
            assert leaks(key, places(product)) == []
            assert product.terminate(product.workers[0]) == 0
            assert leaks(key, places(product)) == []
            assert len(processes) > 3
            assert leaks(key, iter(processes.items())) == []
            assert "[key removed]" in product.said(), "no answer with the key in it was recorded"


@pytest.mark.parametrize("before", ["", "a", "ab"])
def test_the_search_finds_a_key_in_each_form(before):
    key = new_key(ORDINARY)
    written = [
        key,
        key[::-1],
        quote(key, safe=""),
        json.dumps({"key": key}),
        key.encode().hex(),
        base64.b64encode(f"{before}{key} and more".encode()).decode(),
        base64.urlsafe_b64encode(f"{before}{key}".encode()).decode().rstrip("="),
    ]
    assert [text for text in written if not leaks(key, iter([("here", text.encode())]))] == []
