"""The whole state of the sandbox, behind one lock."""

import threading
from dataclasses import dataclass

from fini_admin.sandbox import synthetic
from fini_admin.sandbox.clock import Clock
from fini_admin.sandbox.faults import Faults
from fini_admin.sandbox.jobs import Jobs
from fini_admin.sandbox.keys import Keyring
from fini_admin.sandbox.log import Log
from fini_admin.sandbox.providers import Catalogue
from fini_admin.sandbox.settings import Settings
from fini_admin.sandbox.store import Store
from fini_admin.sandbox.window import Window


class World:
    """The emulated Fini. Hold `lock` for every read and every change."""

    def __init__(self, start: Settings, catalogue: Catalogue) -> None:
        self.lock = threading.RLock()
        self.start = start
        self.catalogue = catalogue
        self.clock = Clock()
        self.keys = Keyring()
        self.log = Log()
        self.changes = 0
        self.reset()

    def reset(self) -> None:
        """Return to the initial state."""
        self.settings = self.start
        self.clock.reset()
        self.keys.reset()
        self.log.clear()
        self.faults = Faults()
        self.window = Window()
        self.empty()
        self._seed()

    def empty(self) -> None:
        """Remove all sources and their jobs."""
        self.store = Store()
        self.jobs = Jobs(self.store)
        self.changes += 1

    def change_settings(self, settings: Settings) -> None:
        """Apply settings at once, also to the initial sources."""
        reseed = settings.seed_sources is not self.settings.seed_sources
        self.settings = settings
        self.changes += 1
        if reseed:
            self._seed()

    def _seed(self) -> None:
        synthetic.seed(self.store, self.clock.ms(), wanted=self.settings.seed_sources)

    def now(self) -> int:
        """Advance all jobs, and return the time."""
        ms = self.clock.ms()
        self.jobs.advance(ms)
        return ms

    def revision(self) -> tuple[int, int]:
        """A value that changes with the state."""
        return (self.changes, self.store.changes)


@dataclass(frozen=True)
class Call:
    """A request that passed the checks of key, rate and scope."""

    world: World
    workspace: str
    argument: str
    query: str
    body: object

    @property
    def settings(self) -> Settings:
        return self.world.settings
