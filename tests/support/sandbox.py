"""The sandbox as a process of its own, for all tests that need a Fini."""

import atexit
import json
import subprocess
import sys
from collections.abc import Iterable
from pathlib import Path
from types import TracebackType
from typing import Any, Self
from urllib.parse import quote
from urllib.request import ProxyHandler, Request, build_opener

_ROOT = Path(__file__).resolve().parents[2]
_OPENER = build_opener(ProxyHandler({}))


class Sandbox:
    """A running sandbox and its control routes."""

    def __init__(self, process: subprocess.Popen[str], url: str, key: str) -> None:
        self.process = process
        self.url = url
        self.key = key

    @classmethod
    def start(cls, **flags: object) -> Self:
        """Start one on a free port; `per_minute=0` becomes `--per-minute 0`."""
        options = {"port": 0, **flags}
        command = [sys.executable, "-m", "fini_admin.sandbox"]
        for name, value in options.items():
            command += [f"--{name.replace('_', '-')}", str(value)]
        process = subprocess.Popen(command, cwd=_ROOT, stdout=subprocess.PIPE, text=True)
        if process.stdout is None:
            raise RuntimeError("the sandbox has no standard output")
        words = process.stdout.readline().split()
        if len(words) != 5:
            process.kill()
            process.wait()
            process.stdout.close()
            raise RuntimeError("the sandbox did not start")
        sandbox = cls(process, words[2], words[4])
        atexit.register(sandbox.stop)
        return sandbox

    def stop(self) -> int:
        """End it as an operator would and give its exit status."""
        atexit.unregister(self.stop)
        if self.process.poll() is None:
            self.process.terminate()
        try:
            status = self.process.wait(timeout=10)
        except subprocess.TimeoutExpired:
            self.process.kill()
            status = self.process.wait()
        if self.process.stdout is not None:
            self.process.stdout.close()
        return status

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    def control(self, method: str, name: str, body: object = None) -> Any:
        """Call a control route; a refusal raises urllib's HTTPError."""
        data = None if body is None else json.dumps(body).encode()
        headers = {"Content-Type": "application/json"}
        request = Request(f"{self.url}/_sandbox/{name}", data, headers, method=method)  # noqa: S310 - our own http URL
        with _OPENER.open(request, timeout=60) as answer:
            return json.load(answer)

    def settings(self, **changes: object) -> dict[str, Any]:
        """Change switches, if any are named, and give all of them."""
        result: dict[str, Any] = (
            self.control("PATCH", "settings", changes) if changes else self.control("GET", "settings")
        )
        return result

    def fault(self, **fields: object) -> dict[str, Any]:
        """Make a coming answer go wrong."""
        result: dict[str, Any] = self.control("POST", "faults", fields)
        return result

    def faults(self) -> list[dict[str, Any]]:
        """List the faults still to come."""
        result: list[dict[str, Any]] = self.control("GET", "faults")["faults"]
        return result

    def clear_faults(self) -> None:
        """Call off all faults."""
        self.control("DELETE", "faults")

    def log(self, since: int = 0) -> list[dict[str, Any]]:
        """Give the requests it got, control routes excepted."""
        result: list[dict[str, Any]] = self.control("GET", f"log?since={since}")["requests"]
        return result

    def clear_log(self) -> None:
        """Forget the requests."""
        self.control("DELETE", "log")

    def documents(self, workspace: str = "demo") -> list[dict[str, Any]]:
        """Give a workspace's sources, newest first, with `paragraphCount` and `jobCount` instead of text."""
        path = f"documents?workspace={quote(workspace)}"
        result: list[dict[str, Any]] = self.control("GET", path)["documents"]
        return result

    def add_key(self, key: str, workspace: str = "demo", scopes: Iterable[str] = ("read", "write")) -> None:
        """Let a key in."""
        self.control("POST", "keys", {"key": key, "workspace": workspace, "scopes": list(scopes)})

    def revoke(self, key: str) -> None:
        """Shut a key out."""
        self.control("DELETE", "keys", {"key": key})

    def seed(
        self,
        count: int | None = None,
        documents: list[dict[str, Any]] | None = None,
        workspace: str = "demo",
        **fields: object,
    ) -> list[str]:
        """Put sources in without a call and give their IDs; with a count, `source` and `state` may be named."""
        body: dict[str, object] = {"workspace": workspace, "documents": documents or [], **fields}
        if count is not None:
            body["count"] = count
        ids: list[str] = self.control("POST", "documents", body)["ids"]
        return ids

    def change(self, document_id: str, **fields: object) -> dict[str, Any]:
        """Change a source; its updatedAt moves."""
        result: dict[str, Any] = self.control("PATCH", "documents", {"id": document_id, **fields})
        return result

    def remove(self, ids: Iterable[str]) -> int:
        """Take sources out without a call."""
        removed: int = self.control("DELETE", "documents", {"ids": list(ids)})["removed"]
        return removed

    def advance(self, seconds: float) -> None:
        """Move the sandbox's clock forward: jobs end, the rate's minute passes."""
        self.control("POST", "advance", {"seconds": seconds})

    def reset(self) -> None:
        """Put everything back to the start."""
        self.control("POST", "reset")
