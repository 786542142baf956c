"""Headers over time: what is written once changes only at its end."""

from __future__ import annotations

import datetime as dt

import pytest

from evexport_dagster.errors import UnavailableError
from evexport_dagster.ledger import Receipt
from evexport_dagster.stores.local import LocalStore
from evexport_dagster_tests.handmade import Handmade, at, event, header

FIXED = ["eventName", "eventTime", "identity", "clevertapId"]


def columns(home: Handmade, receipt: Receipt) -> list[str]:
    """The columns of event properties in a delivery's file."""
    found = header(home.tree()[receipt.files[0].key])
    assert found[: len(FIXED)] == FIXED
    return found[len(FIXED) :]


def choose(home: Handmade, **choice: object) -> None:
    home.spec(events={"select": ["Charged"], **choice})


@pytest.fixture
def growing(home: Handmade) -> Handmade:
    """Three days: the properties b and c; then a too, without b; then d."""
    home.events(
        [
            event("Charged", at(0, 1), c=1, b=2),
            event("Charged", at(1, 1), c=1, a=3),
            event("Charged", at(2, 1), d=4, b=5),
        ]
    )
    home.now = at(1, 1)
    choose(home)
    return home


def day(home: Handmade) -> Receipt:
    """The next day's delivery of the one event."""
    (receipt,) = home.run()
    home.now += dt.timedelta(days=1)
    return receipt


def test_a_header_grows_only_at_its_end(growing: Handmade) -> None:
    receipts = [day(growing) for _ in range(3)]
    headers = [columns(growing, receipt) for receipt in receipts]
    assert headers == [["b", "c"], ["b", "c", "a"], ["b", "c", "a", "d"]]
    assert [it.column_version for it in receipts] == [1, 2, 3]
    assert [it["d"] for rows in growing.delivered().values() for it in rows if "d" in it] == ["4"]
    (again,) = growing.run(from_=at(0), to=at(1))
    assert again.column_version == 3
    assert columns(growing, again) == ["b", "c", "a", "d"]


def test_what_a_lock_leaves_out_is_counted_and_named(growing: Handmade) -> None:
    growing.events([event("Charged", at(0, 2), b=1)])
    choose(growing, schema_updates="lock")
    assert day(growing).oddities == {}
    growing.events(
        [event("Charged", at(1, hour), b=1, **{f"new {hour % 2}": 1}) for hour in range(5)]
    )
    receipt = day(growing)
    assert columns(growing, receipt) == ["b"]
    assert receipt.oddities == {"left_out": {"new 0": 3, "new 1": 2}}
    assert receipt.rows == 5


def test_append_beside_a_list_keeps_out_what_was_deselected(growing: Handmade) -> None:
    # At creation the source has a, b, c and d: of those only the listed ones are exported.
    choose(growing, properties=["c", {"name": "b", "as": "B"}], schema_updates="append")
    assert columns(growing, day(growing)) == ["c", "B"]
    growing.events([event("Charged", at(1, 1), a=3, e=6, c=1)])
    assert columns(growing, day(growing)) == ["c", "B", "e"]


def test_a_retry_uses_the_columns_of_its_first_attempt(
    growing: Handmade, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(_store: LocalStore, _key: str, _path: object) -> None:
        raise UnavailableError("the network is down")

    with monkeypatch.context() as broken:
        broken.setattr(LocalStore, "put", fail)
        with pytest.raises(UnavailableError):
            growing.run()
    growing.now = at(2, 1)
    (other,) = growing.run(from_=at(1))
    assert (other.column_version, columns(growing, other)) == (2, ["b", "c", "a"])
    (retried,) = growing.run()
    assert (retried.window_start, retried.column_version) == (at(0), 1)
    assert columns(growing, retried) == ["b", "c"]
    (again,) = growing.run(from_=at(0), to=at(1))
    assert columns(growing, again) == ["b", "c", "a"]


def test_columns_of_an_event_that_had_no_rows_at_first(growing: Handmade) -> None:
    growing.events([event("Other", at(0, 1), x=1)])
    choose(growing, schema_updates="lock")
    assert day(growing).rows == 0
    growing.events([event("Charged", at(1, 1), b=1, a=2)])
    assert columns(growing, day(growing)) == ["a", "b"]
