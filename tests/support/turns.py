"""Which tests begin first, and which process takes which."""

import os

import pytest
from xdist.remote import Producer
from xdist.scheduler import LoadScopeScheduling

# These wait for processes or ask for every page: they begin first, so that none is left alone at the end.
LONGEST = (
    "tests/end_to_end/test_budget.py",
    "tests/crash/test_kill.py",
    "tests/browser/test_reauthentication.py",
    "tests/browser/test_selection.py",
    "tests/browser/test_every_page.py",
    "tests/browser/test_telephone.py",
    "tests/browser/test_people.py",
    "tests/browser/test_stillness.py",
    "tests/browser/",
    "tests/web/test_key_text.py",
    "tests/crash/",
    "tests/end_to_end/",
    "tests/ingestion/test_key_echo.py",
    "tests/ingestion/engine/",
    "tests/installation/",
    "tests/web/test_matrix.py",
    "tests/web/test_foreign_ids.py",
    "tests/web/accounts/test_challenge.py",
    "tests/web/test_buttons.py",
    "tests/web/test_nul.py",
)
BROWSER = "tests/browser/"


class Scheduler(LoadScopeScheduling):
    """A file's tests one after the other in one process: they share what the file's fixtures made.

    The browser's files share an installation and a browser: half of the processes, rounded up, set them up and take
    turns in taking those files. `--dist loadgroup` would do it, but groups nothing under pytest 9.2 (pytest-xdist issue
    1386); `--dist loadfile` begins with the files that have most tests, which are the quickest ones.
    """

    def __init__(self, config: pytest.Config, log: Producer) -> None:
        super().__init__(config, log)
        self.browser_files: dict[str, int] = {}

    def _split_scope(self, nodeid: str) -> str:
        path = nodeid.partition("::")[0]
        if not path.startswith(BROWSER):
            return path
        number = self.browser_files.setdefault(path, len(self.browser_files))
        # Not those that are there at the moment: a file's group is asked for again when a process has ended.
        return f"{BROWSER}{number % ((self.numnodes + 1) // 2)}"


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Producer) -> Scheduler:
    """xdist asks for the scheduler here."""
    config.option.loadscopereorder = False
    return Scheduler(config, log)


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_auto_num_workers(config: pytest.Config) -> int:
    """How many processes `-n auto` is. Three at least: many tests wait, for a process or until a minute is over.

    More would be no quicker on two cores, for most tests keep several processes at work.
    """
    return max(3, os.cpu_count() or 1)


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """The longest files first."""
    items.sort(
        key=lambda item: next((n for n, path in enumerate(LONGEST) if item.nodeid.startswith(path)), 99)
    )
