"""The state file of --state, which outlives the process. Holds no log, and only hashes of keys."""

import json
import os
import sys
import threading
from dataclasses import asdict, fields
from operator import attrgetter
from pathlib import Path
from typing import Any

from fini_admin.sandbox.documents import Document
from fini_admin.sandbox.keys import Grant
from fini_admin.sandbox.settings import Settings
from fini_admin.sandbox.world import World

_INTERVAL = 1.0
_FIELDS = [field.name for field in fields(Document)]


class StateFile:
    """Saves a world when it changed, at most once a second."""

    def __init__(self, path: Path, world: World) -> None:
        self._path = path
        self._world = world
        self._saved: tuple[int, int] | None = None
        self._saving = threading.Lock()

    def load(self) -> None:
        """Restore the saved state; raises ValueError or OSError when the file cannot be used."""
        if not self._path.exists():
            self._path.parent.mkdir(parents=True, exist_ok=True)
            return
        try:
            _restore(self._world, json.loads(self._path.read_text(encoding="utf-8")))
        except (KeyError, TypeError, AttributeError) as error:
            raise ValueError(f"{self._path} is not a state file: {error!r}") from error
        self._saved = self._world.revision()

    def save(self) -> None:
        """Write a new file, then replace the old one."""
        with self._saving:
            with self._world.lock:
                self._world.now()
                revision = self._world.revision()
                if revision == self._saved:
                    return
                state = _snapshot(self._world)
            draft = self._path.with_name(self._path.name + ".tmp")
            with draft.open("w", encoding="utf-8") as file:
                json.dump(state, file)
                file.flush()
                os.fsync(file.fileno())
            draft.replace(self._path)
            self._saved = revision

    def keep_saving(self) -> None:
        """Save in the background until the process ends."""
        threading.Thread(target=self._loop, daemon=True).start()

    def _loop(self) -> None:
        pause = threading.Event()
        while not pause.wait(_INTERVAL):
            try:
                self.save()
            except OSError as error:
                sys.stderr.write(f"sandbox: the state could not be saved: {error}\n")


def _snapshot(world: World) -> dict[str, Any]:
    row = attrgetter(*_FIELDS)
    return {
        "settings": asdict(world.settings),
        "offset": world.clock.offset,
        "keys": {
            digest: [grant.workspace, list(grant.scopes)] for digest, grant in world.keys.grants.items()
        },
        "fields": _FIELDS,
        "documents": [row(document) for document in world.store.documents.values()],
        "due": list(world.jobs.due),
    }


def _restore(world: World, state: dict[str, Any]) -> None:
    world.empty()
    world.settings = Settings().changed(state["settings"])
    world.clock.offset = float(state["offset"])
    world.keys.grants = {
        digest: Grant(workspace, tuple(scopes)) for digest, (workspace, scopes) in state["keys"].items()
    }
    documents = [Document(**dict(zip(state["fields"], row, strict=True))) for row in state["documents"]]
    for document in sorted(documents, key=lambda document: document.order):
        world.store.add(document)
    world.jobs.load([(at, serial, name, job, what) for at, serial, name, job, what in state["due"]])
