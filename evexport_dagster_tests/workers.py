"""A pytest plugin: how a run in several processes uses all of the machine until its end."""

from __future__ import annotations

from collections.abc import Generator

import pytest


@pytest.hookimpl(wrapper=True)
def pytest_xdist_auto_num_workers() -> Generator[None, int, int]:
    """One more than cores: a test that waits for servers leaves its own to another."""
    return (yield) + 1


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """What is marked as long begins first: at the end nobody would share its time."""
    items.sort(key=lambda it: it.get_closest_marker("long") is None)
