"""The four formats of profiles, read by readers that know nothing of the exporter."""

from __future__ import annotations

import csv
import gzip
import io
import json
from xml.etree import ElementTree

import duckdb
import pytest

from evexport_dagster_tests.handmade import Document, Handmade, at
from evexport_dagster_tests.profiles.people import people, profile, spec

FIELDS: Document = {
    "identity": {"identifiers": ["Identity", "Email"], "all_identities": True},
    "user_properties": ["Email", {"name": "tier", "as": "level"}],
    "device": ["platform", "make"],
    "comm_prefs": ["MSG-sms", "MSG-email", "subscriptionGroups"],
    "rename_properties": {"crm id": "crm"},
    "tombstones": True,
}
IDENTITIES = ["id-a", "a@example.com"]
PROPS: Document = {"crm id": 7, "tier": "gold", "exact": 0.5, "tags": ["x", None], "empty": ""}


def delivered(home: Handmade, format_: str, **changes: object) -> bytes:
    """The bytes of the second window's file, in which `a` is new and `gone` has vanished."""
    people(home, [profile("gone", at(-3))])
    spec(home, format=format_, **{**FIELDS, **changes})
    home.now = at(1, 1)
    home.run("people")
    people(home, [profile("a", at(1), **PROPS)])
    home.now = at(2, 1)
    ((file,),) = (receipt.files for receipt in home.run("people"))
    assert file.rows == 2
    return home.tree()[file.key]


def test_json(home: Handmade) -> None:
    lines = gzip.decompress(delivered(home, "json")).decode().splitlines()
    alive, gone = sorted(map(json.loads, lines), key=lambda it: it["deleted"])
    assert alive == {
        "deleted": False,
        "identity": {"identity": "id-a", "all_identities": IDENTITIES, "clevertapId": "a"},
        "profile": {"Email": "a@example.com", "level": "gold"},
        "deviceInfo": {"platform": "iOS", "make": "Apple"},
        "commPrefs": {"subscriptionGroups": {"news": True}, "MSG-email": True, "MSG-sms": False},
        "profileProps": {
            "crm": 7,
            "tier": "gold",
            "exact": 0.5,
            "tags": ["x", None],
            "empty": "",
        },
    }
    assert list(alive) == [*gone] == [*_GROUPS]
    assert gone == {name: {} for name in _GROUPS} | {
        "deleted": True,
        "identity": {"clevertapId": "gone"},
    }


_GROUPS = ("deleted", "identity", "profile", "deviceInfo", "commPrefs", "profileProps")


def test_csv(home: Handmade) -> None:
    text = gzip.decompress(delivered(home, "csv")).decode()
    rows = {row["clevertapId"]: row for row in csv.DictReader(io.StringIO(text))}
    assert next(csv.reader(io.StringIO(text))) == [
        *("deleted", "identity", "all_identities", "clevertapId", "Email", "level"),
        *("platform", "make", "subscriptionGroups", "MSG-email", "MSG-sms"),
        *("crm", "empty", "exact", "tags", "tier"),
    ]
    assert rows["a"]["crm"] == "7"
    assert rows["a"]["deleted"] == "false"
    assert json.loads(rows["a"]["all_identities"]) == IDENTITIES
    assert {key: it for key, it in rows["gone"].items() if it} == {
        "deleted": "true",
        "clevertapId": "gone",
    }


def test_xml(home: Handmade) -> None:
    root = ElementTree.fromstring(gzip.decompress(delivered(home, "xml")))
    assert {it.tag for it in root} == {"Profile"}
    found = {}
    for record in root:
        groups = {
            group.tag: {entry[0].text: entry[1].text for entry in group} for group in record[1:]
        }
        found[groups["identity"]["clevertapId"]] = (record[0].tag, record[0].text, groups)
    lead, deleted, groups = found["a"]
    assert (lead, deleted) == ("deleted", "false")
    assert list(groups) == [*_GROUPS[1:]]
    assert groups["profileProps"]["crm"] == "7"
    assert groups["deviceInfo"] == {"platform": "iOS", "make": "Apple"}
    assert found["gone"][1:] == (
        "true",
        {it: {} for it in _GROUPS[1:]} | {"identity": {"clevertapId": "gone"}},
    )


@pytest.mark.parametrize("compression", ["default", "gzip"])
def test_parquet(home: Handmade, compression: str) -> None:
    data = delivered(home, "parquet", compression=compression)
    path = home.folder / "read.parquet"
    path.write_bytes(gzip.decompress(data) if compression == "gzip" else data)
    with duckdb.connect() as con:
        described = con.sql(f"DESCRIBE FROM '{path}'").fetchall()
        assert [name for name, *_ in described] == [
            *("deleted", "identity", "deviceInfo", "commPrefs", "profile", "profileProps")
        ]
        rows = con.sql(
            f"""
            SELECT identity['clevertapId'].member0, deleted, profileProps['crm'].member1,
                profileProps['exact'].member4, profileProps['tier'].member5,
                profile['Email'].member5, deviceInfo['make'].member5,
                commPrefs['MSG-email'].member0, cardinality(profileProps)
            FROM '{path}' ORDER BY ALL
            """
        ).fetchall()
    assert rows == [
        ("a", False, 7, 0.5, "gold", "a@example.com", "Apple", True, 5),
        ("gone", True, None, None, None, None, None, None, 0),
    ]


@pytest.mark.parametrize("format_", ["csv", "json", "xml", "parquet"])
def test_a_record_without_tombstones_begins_with_its_identity(home: Handmade, format_: str) -> None:
    people(home, [profile("a", at(-3), n=1)], "device")
    spec(home, format=format_, user_properties=[], device=["make"])
    home.now = at(1, 1)
    ((file,),) = (receipt.files for receipt in home.run("people"))
    data = home.tree()[file.key]
    if format_ == "parquet":
        path = home.out / file.key
        with duckdb.connect() as con:
            names = [name for name, *_ in con.sql(f"DESCRIBE FROM '{path}'").fetchall()]
        assert names == ["identity", "deviceInfo", "commPrefs", "profile", "profileProps"]
        return
    text = gzip.decompress(data).decode()
    assert (
        text
        == {
            "csv": "identity,clevertapId,make,n\nid-a,a,,1\n",
            "json": '{"identity":{"identity":"id-a","clevertapId":"a"},"deviceInfo":{},'
            '"profileProps":{"n":1}}\n',
            "xml": "<?xml version='1.0' encoding='UTF-8'?><root>\n<Profile><identity>"
            "<entry><key>identity</key><value>id-a</value></entry>"
            "<entry><key>clevertapId</key><value>a</value></entry></identity>"
            "<deviceInfo></deviceInfo>"
            "<profileProps><entry><key>n</key><value>1</value></entry></profileProps></Profile>\n"
            "</root>\n",
        }[format_]
    )


def test_columns_are_kept_in_the_order_in_which_they_came(home: Handmade) -> None:
    people(home, [profile("a", at(-3), b=1)])
    spec(home, format="csv")
    spec(home, "locked", format="csv", schema_updates="lock")
    headers = []
    for day, props in enumerate([{"b": 1}, {"a": 1, "b": 1}], 1):
        people(home, [profile("a", at(day - 1), **props)])
        home.now = at(day, 1)
        for name in ("people", "locked"):
            ((file,),) = (receipt.files for receipt in home.run(name))
            header = gzip.decompress(home.tree()[file.key]).decode().splitlines()[0]
            headers.append(header.split(",")[3:])
    assert headers == [["b"], ["b"], ["b", "a"], ["b"]]


def test_listed_properties_are_renamed_and_in_order(home: Handmade) -> None:
    people(home, [profile("a", at(-3), b=1, c=2, d=3)])
    spec(home, format="csv", properties=["c", {"name": "b", "as": "B"}], user_properties=[])
    home.now = at(1, 1)
    ((file,),) = (receipt.files for receipt in home.run("people"))
    assert (
        gzip.decompress(home.tree()[file.key]).decode() == "identity,clevertapId,c,B\nid-a,a,2,1\n"
    )


def test_personal_data_is_hidden(home: Handmade) -> None:
    people(home, [profile("a", at(-3), ssn="1", email="ann@example.com")])
    spec(home, pii={"fields": {"email": "mask", "ssn": "drop", "make": "mask"}}, device=["make"])
    home.now = at(1, 1)
    ((file,),) = (receipt.files for receipt in home.run("people"))
    (record,) = map(json.loads, gzip.decompress(home.tree()[file.key]).decode().splitlines())
    assert record["profile"] == {"Email": "a***@example.com"}
    assert record["deviceInfo"] == {"make": "A***"}
    assert record["profileProps"] == {}
