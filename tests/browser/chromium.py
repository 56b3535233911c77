"""The browser that the tests and the pictures use."""

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager

from playwright.sync_api import Browser, expect, sync_playwright

# The first is the same engine without a window's frame, which takes half of the work.
NAMES = ("chromium-headless-shell", "chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
FLAGS = [
    "--disable-gpu",
    "--disable-dev-shm-usage",
    "--disable-background-networking",
    "--disable-component-update",
]

# Milliseconds that an action or an expectation may take: the machine is at work on other tests as well.
AT_MOST = 30_000
expect.set_options(timeout=AT_MOST)


@contextmanager
def chromium() -> Iterator[Browser]:
    """The system's Chromium, or the one Playwright installed where the system has none (.ci/browser)."""
    program = next(filter(None, map(shutil.which, NAMES)), None)
    flags = [*FLAGS, "--no-sandbox"] if os.geteuid() == 0 else FLAGS
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=program, args=flags)
        try:
            yield browser
        finally:
            browser.close()
