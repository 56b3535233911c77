"""The sandbox as a process: flags, signals, the state file, the management command."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.support.cpu import lateness
from tests.support.product import until
from tests.support.sandbox import Sandbox

from .conftest import Caller

ROOT = Path(__file__).resolve().parents[2]


def run(*words):
    """Run a command that ends by itself."""
    return subprocess.run(
        [sys.executable, *words], cwd=ROOT, capture_output=True, text=True, timeout=30, check=False
    )


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_stops_it_at_once_even_with_requests_in_flight(number):
    with Sandbox.start() as sandbox:
        sandbox.fault(delay=30)
        with pytest.raises(TimeoutError):
            Caller(sandbox).raw("GET", "/v2/documents/public", timeout=0.1)
        start = time.monotonic()
        sandbox.process.send_signal(number)
        assert sandbox.process.wait(timeout=15) == 0
        assert time.monotonic() - start < 2 * lateness()


def test_the_state_file_brings_sources_jobs_keys_and_settings_back(tmp_path):
    path = tmp_path / "deep" / "sandbox.json"
    with Sandbox.start(state=path) as sandbox:
        fini = Caller(sandbox)
        ids = fini.usable("a")
        ids |= fini.registered("b")
        sandbox.settings(pending_seconds=[50, 50], running_seconds=[50, 50], max_page=7)
        fini.ingest([ids["b"]])
        sandbox.add_key("fini_kept_0123456789abcdef", "other", ["read"])
        sandbox.revoke(sandbox.key)
        before = sandbox.documents()
    text = path.read_text()
    assert "fini_" not in text
    with Sandbox.start(state=path) as sandbox:
        fini = Caller(sandbox)
        assert sandbox.documents() == before
        assert sandbox.settings()["max_page"] == 7
        assert (fini.get().status, fini.get(key="fini_kept_0123456789abcdef").status) == (401, 200)
        sandbox.advance(101)
        ended = {record["id"]: record["linkedJobStatus"] for record in sandbox.documents()}
        assert ended[ids["b"]] == "COMPLETED"


def test_the_state_is_saved_while_it_runs(tmp_path):
    path = tmp_path / "sandbox.json"
    with Sandbox.start(state=path) as sandbox:
        sandbox.seed(count=1)
        until(lambda: path.exists() and len(json.loads(path.read_text())["documents"]) == 7, 5)
        sandbox.process.kill()
    with Sandbox.start(state=path) as sandbox:
        assert len(sandbox.documents()) == 7


def test_flags_set_what_a_reset_goes_back_to():
    with Sandbox.start(per_minute=0, latency=0.01) as sandbox:
        sandbox.settings(per_minute=5)
        sandbox.reset()
        settings = sandbox.settings()
        assert (settings["per_minute"], settings["latency"]) == (None, 0.01)


def test_another_catalogue_can_be_loaded(tmp_path):
    page = {"externalId": "p", "title": "P", "originalUrl": "https://wiki.example/p"}
    space = {"externalId": "S", "title": "S", "originalUrl": "https://wiki.example/", "pages": [page]}
    for name, tree in (("notion", []), ("zendesk", []), ("confluence", [space])):
        (tmp_path / f"{name}.json").write_text(json.dumps(tree))
    with Sandbox.start(catalogue=tmp_path) as sandbox:
        fini = Caller(sandbox)
        assert fini.get("/resources/confluence").data == [space]
        crawl = {"links": ["https://wiki.example/"]}
        assert fini.post("/deep-crawl/links", crawl).data["data"] == ["https://wiki.example/p"]


@pytest.mark.parametrize(
    "flags",
    [["--catalogue", "/nowhere"], ["--port", "99999"], ["--per-minute", "-1"], ["--latency", "soon"]],
)
def test_what_cannot_be_is_said_and_the_exit_status_is_not_0(flags):
    ended = run("-m", "fini_admin.sandbox", *flags)
    assert ended.returncode != 0
    assert ended.stderr.strip()
    assert "Traceback" not in ended.stderr


def test_a_taken_port_and_a_broken_state_file_are_said_in_one_line(tmp_path, process):
    broken = tmp_path / "state.json"
    broken.write_text('{"documents": 1}')
    for flags in (["--port", process.url.rsplit(":", 1)[1]], ["--port", "0", "--state", str(broken)]):
        ended = run("-m", "fini_admin.sandbox", *flags)
        assert ended.returncode == 1
        assert ended.stderr.count("\n") == 1


def test_the_help_tells_of_the_key_and_the_control_routes(process):
    ended = run("-m", "fini_admin.sandbox", "--help")
    assert ended.returncode == 0
    for word in (process.key, "/_sandbox/settings", "/_sandbox/faults", "--per-minute", "--state"):
        assert word in ended.stdout


def test_the_management_command_serves_too():
    command = [sys.executable, "manage.py", "sandbox", "--port", "0"]
    environment = {**os.environ, "DJANGO_SETTINGS_MODULE": "tests.settings"}
    with subprocess.Popen(command, cwd=ROOT, env=environment, stdout=subprocess.PIPE, text=True) as process:
        try:
            words = process.stdout.readline().split() if process.stdout else []
            assert Caller(Sandbox(process, words[2], words[4])).get().status == 200
        finally:
            process.terminate()
        assert process.wait(timeout=5) == 0
