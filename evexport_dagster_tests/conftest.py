"""What holds for every test."""

from evexport_dagster_tests.nothing_skipped import pytest_configure

__all__ = ["pytest_configure"]
