"""The command line of `manage.py sandbox` and of `python -m fini_admin.sandbox`."""

import argparse
import signal
import sys
import threading
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from fini_admin.sandbox.keys import READY_KEY
from fini_admin.sandbox.providers import SHIPPED, Catalogue
from fini_admin.sandbox.server import HOST, Server
from fini_admin.sandbox.settings import Settings
from fini_admin.sandbox.statefile import StateFile
from fini_admin.sandbox.world import World

DESCRIPTION = "Run an emulated Fini on 127.0.0.1, for demos, development and tests."
EPILOG = f"""\
A key is ready made, for the workspace "demo", with the scopes read and write:

  {READY_KEY}

Control routes (JSON, no key, never limited, delayed or logged):

  GET, PATCH         /_sandbox/settings   the switches; GET lists them all with their values
  GET, POST, DELETE  /_sandbox/faults     make the next answers go wrong: method, path (regular expression),
                                          count, skip, probability; status, message, error, headers, delay,
                                          drop (before, after), truncate, body, content_type, huge, drip, after,
                                          half (of each list that is sent, only the first half is worked on)
  GET, DELETE        /_sandbox/log        what was asked (?since=NUMBER)
  POST, DELETE       /_sandbox/keys       add {{key, workspace, scopes}}, revoke {{key}}
  GET, POST          /_sandbox/documents  list (?workspace=demo), add {{workspace, count or documents}}
  PATCH, DELETE      /_sandbox/documents  change {{id, fields}}, remove {{ids}}
  POST               /_sandbox/advance    move the clock forward {{seconds}}
  POST               /_sandbox/reset      everything back to the start
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--port", type=_port, default=8001, help="where to listen; 0 picks a free port (default 8001)"
    )
    parser.add_argument(
        "--catalogue",
        type=Path,
        default=SHIPPED,
        metavar="DIR",
        help="directory with notion.json, zendesk.json and confluence.json (default: the shipped one)",
    )
    parser.add_argument(
        "--state", type=Path, metavar="FILE", help="keep sources, keys and switches in this file"
    )
    parser.add_argument(
        "--latency",
        type=_seconds,
        default=0.0,
        metavar="SECONDS",
        help="wait before each request is worked on (default 0)",
    )
    parser.add_argument(
        "--per-minute",
        type=_count,
        default=100,
        metavar="N",
        help="requests let in per workspace in any 60 seconds; 0 for no limit (default 100)",
    )


def main() -> int:
    """Run without Django."""
    parser = argparse.ArgumentParser(
        prog="python -m fini_admin.sandbox",
        description=DESCRIPTION,
        epilog=EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    add_arguments(parser)
    try:
        run(vars(parser.parse_args()))
    except (OSError, ValueError) as error:
        sys.stderr.write(f"sandbox: {error}\n")
        return 1
    return 0


def run(options: Mapping[str, Any]) -> None:
    """Serve until SIGTERM or SIGINT; raises OSError or ValueError when it cannot start."""
    per_minute = options["per_minute"] or None
    start = Settings(latency=options["latency"], per_minute=per_minute)
    world = World(start, Catalogue.load(options["catalogue"]))
    state = StateFile(options["state"], world) if options["state"] else None
    if state:
        state.load()
    stopping = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stopping.set())
    with Server(options["port"], world) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        if state:
            state.keep_saving()
        sys.stdout.write(f"sandbox on http://{HOST}:{server.server_port} key {READY_KEY}\n")
        sys.stdout.flush()
        stopping.wait()
    if state:
        state.save()


def _port(text: str) -> int:
    value = int(text)
    if value not in range(65536):
        raise argparse.ArgumentTypeError("must be a port, 0 to 65535")
    return value


def _seconds(text: str) -> float:
    value = float(text)
    if not 0 <= value < float("inf"):
        raise argparse.ArgumentTypeError("must be a number of seconds, 0 or more")
    return value


def _count(text: str) -> int:
    value = int(text)
    if value < 0:
        raise argparse.ArgumentTypeError("must be a whole number, 0 or more")
    return value
