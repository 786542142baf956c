from __future__ import annotations

from evexport_dagster.spec.catalog import built_in_catalog


def test_engagement_events_are_system_events_too() -> None:
    catalog = built_in_catalog()
    assert len(catalog.system) == 23
    assert len(catalog.engagement) == 10
    assert set(catalog.engagement) < set(catalog.system)
    assert len(set(catalog.system)) == len(catalog.system)


def test_an_event_is_found_by_its_exact_name() -> None:
    catalog = built_in_catalog()
    assert catalog.is_system("App Launched")
    assert not catalog.is_engagement("App Launched")
    assert catalog.is_engagement("Notification Sent")
    assert not catalog.is_system("app launched")
    assert not catalog.is_system("Charged")


def test_a_project_adds_names_behind_and_none_twice() -> None:
    catalog = built_in_catalog().extended(["Mine", "App Launched"], ["Mine"])
    assert catalog.system == (*built_in_catalog().system, "Mine")
    assert catalog.engagement == (*built_in_catalog().engagement, "Mine")
    assert not built_in_catalog().is_system("Mine")
