"""The curl command, run by a real shell: what curl would get is what was sent, and no key is in it."""

import hashlib
import json
import os
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, example, given
from hypothesis import settings as depth
from hypothesis import strategies as st

from fini_admin.audit.models import Entry
from fini_admin.lib.key_text import looks_like_key
from fini_admin.web.wording import curl
from tests.support import people

BASE = "https://fini.example"
# Prints its arguments and its standard input as JSON, and is named curl.
FAKE = """#!/usr/bin/env python3
import json, sys
given = sys.stdin.buffer.read().decode() if "@-" in sys.argv else ""
sys.stdout.write(json.dumps({"argv": sys.argv[1:], "stdin": given}))
"""
AWKWARD = "'\"\\\n\r\t $`!*?[]{}()<>|&;#~%@=\u2028é漢🎉"
TEXTS = st.text(
    st.one_of(st.sampled_from(AWKWARD), st.characters(exclude_characters="\x00", exclude_categories=["Cs"]))
)


@pytest.fixture(scope="module")
def shell() -> Iterator[Any]:
    """Run a command in `sh` with the fake curl first on the path; returns what it was given."""
    with tempfile.TemporaryDirectory() as folder:
        fake = Path(folder) / "curl"
        fake.write_text(FAKE)
        fake.chmod(0o755)
        path = f"{folder}:{os.environ['PATH']}"

        def run(command: str) -> dict[str, Any]:
            env = {"PATH": path, "FINI_API_KEY": people.KEY, "LC_ALL": "C.UTF-8"}
            done = subprocess.run(
                ["/bin/sh"], input=command.encode(), env=env, cwd=folder, capture_output=True, check=True
            )
            assert done.stderr == b""
            told: dict[str, Any] = json.loads(done.stdout)
            return told

        yield run


@pytest.fixture(autouse=True)
def fini(settings) -> None:
    settings.FINI_API_BASE_URL = BASE


def entry(path: str = "/v2/documents/public", method: str = "POST", body: str = "") -> Entry:
    return Entry(method=method, path=path, request_sha256=hashlib.sha256(body.encode()).hexdigest())


@depth(max_examples=30, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(path=TEXTS, body=TEXTS)
@example(path="?cursor=a'b&limit=1", body='it\'s "quoted" $HOME `id` \\ \n !x')
@example(path="", body="@/etc/passwd")
@example(path="[1-9]{a,b}", body="-n \\n %s")
def test_a_shell_hands_curl_the_very_path_and_body(shell, path, body):
    told = shell(curl.command(entry(f"/v2/{path}"), body))
    argv = told["argv"]
    assert argv[-1] == f"{BASE}/v2/{path}"
    assert argv[:5] == [
        "--globoff",
        "--request",
        "POST",
        "-H",
        f"Authorization: Bearer {people.KEY}",
    ]
    assert "--data-raw" not in argv if not body else argv[argv.index("--data-raw") + 1] == body


@depth(max_examples=3, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(tail=TEXTS)
@example(tail="'\\n %s \n")
def test_a_body_that_is_too_long_for_an_argument_goes_through_the_standard_input(shell, tail):
    body = "ü'" * 100_000 + tail
    told = shell(curl.command(entry(), body))
    assert told["stdin"] == body
    assert told["argv"][-2:] == ["@-", f"{BASE}/v2/documents/public"]


def test_it_holds_no_key_and_names_the_variable(shell):
    command = curl.command(entry(body="{}"), "{}")
    assert '-H "Authorization: Bearer $FINI_API_KEY"' in command
    assert not looks_like_key(command)


def test_a_read_sends_no_body_and_no_type_of_one(shell):
    argv = shell(curl.command(entry(method="GET"), ""))["argv"]
    assert argv[2] == "GET"
    assert argv[-2:] == ["Accept: application/json", f"{BASE}/v2/documents/public"]


def test_a_kept_body_is_exact_only_byte_for_byte():
    assert curl.is_exact(entry(body="é"), "é")
    assert not curl.is_exact(entry(body="fini_live_abc"), "[key removed]")
