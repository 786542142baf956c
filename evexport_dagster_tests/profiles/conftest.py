from __future__ import annotations

from evexport_dagster_tests.handmade import home

__all__ = ["home"]
