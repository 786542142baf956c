from __future__ import annotations

import os
from collections.abc import Iterator

import pytest
from playwright.sync_api import Page, sync_playwright

from evexport_dagster_tests.browser.install import installed


@pytest.fixture(scope="module")
def page() -> Iterator[Page]:
    """A page of a headless browser."""
    browser = installed()
    # Dagster's pages do not start where the browser has no proper language.
    environment = {**os.environ, **browser.environment, "LANG": "en_US.UTF-8", "LC_ALL": ""}
    with sync_playwright() as playwright:
        started = playwright.chromium.launch(
            executable_path=browser.program,
            env=dict(environment),
            args=["--no-sandbox", "--lang=en-US"],
        )
        opened = started.new_page(viewport={"width": 1500, "height": 1100}, locale="en-US")
        yield opened
        started.close()
