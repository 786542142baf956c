"""A page of the headless browser."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager

from playwright.sync_api import Page, sync_playwright

from evexport_dagster_tests.browser.install import installed


@contextmanager
def open_page() -> Iterator[Page]:
    """An empty page. While it is open this thread has an event loop, which keeps Dagster from
    running anything here."""
    browser = installed()
    # Dagster's pages do not start where the browser has no proper language.
    environment = {**os.environ, **browser.environment, "LANG": "en_US.UTF-8", "LC_ALL": ""}
    with sync_playwright() as playwright:
        started = playwright.chromium.launch(
            executable_path=browser.program,
            env=dict(environment),
            args=["--no-sandbox", "--lang=en-US"],
        )
        yield started.new_page(viewport={"width": 1500, "height": 1100}, locale="en-US")
        started.close()
