"""A warehouse that reads the Parquet files through views: by column name, one folder an event,
whole numbers from `member1`, decimals from `member4`, texts from `member5`."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import duckdb
import pytest

from evexport_dagster_tests.handmade import Handmade, at, event, home, one_time

__all__ = ["home"]

VIEW = """
    CREATE VIEW "{event}" AS
    SELECT
        eventName AS event_name,
        to_timestamp(timestamp['eventTime']::BIGINT) AS event_time,
        nullif(identity['identity'].member0, '') AS identity,
        nullif(profile['Email'].member5, '') AS email,
        nullif(deviceInfo['platform'].member5, '') AS platform,
        commPrefs['MSG-push'].member0 AS push,
        commPrefs['subscriptionGroups'].member6['news'].member5 AS news,
        eventProps['Session id'].member1 AS session,
        coalesce(eventProps['Session id'].member2, eventProps['Session id'].member1) AS session_64,
        coalesce(eventProps['Amount'].member4, eventProps['Amount'].member1) AS amount,
        eventProps['Amount'].member1 AS whole_amount,
        nullif(eventProps['Currency'].member5, '') AS currency,
        eventProps['First'].member0 AS is_first,
        eventProps['Items'].member5 AS items
    FROM '{folder}/{event}/*.parquet' WHERE eventName = '{event}'
"""


@pytest.fixture
def warehouse(home: Handmade) -> Iterator[duckdb.DuckDBPyConnection]:
    """Two events, and a view of each of their folders."""
    small: dict[str, Any] = {"Session id": 7, "Amount": 5, "Currency": "INR"}
    large: dict[str, Any] = {"Session id": 6_551_468_005_287_140_372, "Amount": 5.25}
    home.events(
        [
            event("Charged", at(0, 1), **small),
            event("Charged", at(0, 2), **large, Currency=""),
            event("Charged", at(0, 3), First=True, Items=[{"sku": "a", "price": 1.5}], Amount=59.9),
            event("Viewed", at(0, 4), Amount=-(1 << 31), Currency="007"),
            event("Viewed", at(0, 5), Amount="5", Currency=None),
        ]
    )
    with duckdb.connect() as con:
        con.execute(
            f"""
            COPY (
                SELECT 'p1' AS profile_id, ['ann'] AS identities, 'ann@example.com' AS email,
                    NULL AS phone, NULL AS name, NULL AS gender, NULL AS dob, '{{}}' AS properties,
                    '{{"MSG-push":false,"subscriptionGroups":{{"news":"Subscribed"}}}}'
                        AS comm_prefs
            ) TO '{home.folder}/lake/profiles.parquet'
            """
        )
        home.spec(
            format="parquet",
            events={"select": ["Charged", "Viewed"]},
            user_properties=["Email"],
            device=["platform"],
            comm_prefs=["subscriptionGroups", "MSG-push"],
            schedule=one_time("2026-06-14", "2026-06-14"),
        )
        home.run()
        for name in ("Charged", "Viewed"):
            con.execute(VIEW.format(event=name, folder=home.out))
        yield con


def test_views_give_the_values_of_the_source(warehouse: duckdb.DuckDBPyConnection) -> None:
    def rows(query: str) -> list[tuple[object, ...]]:
        return warehouse.execute(query).fetchall()

    columns = "session, session_64, amount, whole_amount, currency, is_first, items"
    assert rows(f'SELECT {columns} FROM "Charged" ORDER BY event_time') == [
        (7, 7, 5.0, 5, "INR", None, None),
        (None, 6_551_468_005_287_140_372, 5.25, None, None, None, None),
        (None, None, 59.9, None, None, True, '[{"sku":"a","price":1.5}]'),
    ]
    assert rows('SELECT amount, currency FROM "Viewed" ORDER BY event_time') == [
        (-2147483648.0, "007"),
        (None, None),
    ]
    person = 'SELECT DISTINCT identity, email, platform, push, news FROM "Charged"'
    assert rows(person) == [("ann", "ann@example.com", None, False, "Subscribed")]
    assert rows('SELECT sum(amount), sum(whole_amount) FROM "Charged"') == [(70.15, 5)]


def test_views_know_when_it_was(warehouse: duckdb.DuckDBPyConnection) -> None:
    query = 'SELECT min(epoch(event_time)), max(epoch(event_time)), count(*) FROM "Charged"'
    first, last = (at(0, hour).timestamp() for hour in (1, 3))
    assert warehouse.execute(query).fetchall() == [(first, last, 3)]
