"""Lakes as hostile as lakes get: generated from a seed, written in every form of a source."""

from __future__ import annotations

import csv
import json
import random
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, fields
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any, Final

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq

START: Final = datetime(2024, 11, 2, 4, tzinfo=UTC)
"""The first midnight in New York of three days, one of them of 25 hours."""

HOURS: Final = 73

NAMES: Final = ("App Launched", "app launched", "a/b", "日本", 'na,me"q\n', "x" * 130)

TEXTS: Final = (
    *("", " ", "a,b", 'q"q', "line\nbreak", "cr\rx", "crlf\r\n", "tab\t", "\\", "'", '"', '""'),
    *(":null", '":null,', '\\":null,', '{"a":null}', "[1, 2]", "null", "true", "NaN", "{", "["),
    *("1.0", "1.00", "1e5", "007", "é", "e\u0301", "日本", "😀", "\u2028", "\x7f", "\x1f"),
    *("\ufeff", "\uffff", "\ufffd", "a\0b", "=1+1", "</x>", "\\u0041", "A" * 3000),
)
KEYS: Final = (
    *("a", "A", "b", "B", "amount", "Amount", "", 'q"q', "x\ny", "c,d", "a/b", "a~b", "~0", "~1"),
    *("😀", "é", "e\u0301", "eventName", "browser", "identity", "eventProps.browser", "null"),
    *("\0", "a\0", "a\ufffd", "$.a", "a.b", "a[0]", "*", " lead", "0", "Email", "it's", "\\"),
    *("\r", "ключ", "\u2028", '":null,"x', "eventProps.eventName", "MSG-push"),
)
NUMBERS: Final = (
    *("59.90", "1e3", "1E+5", "-0", "0", "1.0", "100", "1.50e-7", "1e400", "-1e-400", "2e0", "0.1"),
    *("0.1234567890123456789", "12345678901234567890.123456789", "9007199254740993"),
    *("1234567890123456789012345678901234567890", "-9223372036854775809", "18446744073709551616"),
)
ESCAPED: Final = (
    *(r'"\/"', r'"\u0041\u00e9"', r'"\u0000"', r'"\ud83d\ude00"', r'"\ud83d\u0041"'),
    *(r'"\ud800"', r'"x\udc00y"', r'"\udc00\ud83d"', r'"\ud83d\ud83d\ude00"'),
)
NO_OBJECTS: Final = (
    *("null", "[]", "[1]", '"text"', r'"{\"a\":1}"', "5", "true", "NaN", "", " ", "{bad", "{a:1}"),
    *('{"a":1,}', '{"a":1} x', "{'a':1}", '{"a":01}', '{"a":.5}', '{"a":+1}', '{"a"}', '{"a":1'),
    *('{"a":tru}', r'{"a":"\x41"}', '{"a":1}{"b":2}', '/**/{"a":1}', '{"a":"\n"}'),
)
DEVICE_KEYS: Final = ("platform", "token", "model", "browser", "dimensions", "unasked")


@dataclass(frozen=True)
class Event:
    """A row of events; objects are JSON texts."""

    event_id: str
    event_name: str
    event_time: datetime
    profile_id: str | None
    device: str | None
    event_props: str | None
    instance_id: int


@dataclass(frozen=True)
class Profile:
    """A row of profiles; objects are JSON texts."""

    profile_id: str | None
    identities: list[str] | None
    email: str | None
    phone: str | None
    name: str | None
    gender: str | None
    dob: str | None
    properties: str | None
    comm_prefs: str | None
    updated_at: datetime


@dataclass(frozen=True)
class Lake:
    """Events, in the order of the source, and profiles."""

    events: tuple[Event, ...]
    profiles: tuple[Profile, ...]


# Texts of JSON


@dataclass(frozen=True)
class Writer:
    """Writes JSON in all the ways that the grammar, or at worst a sloppy producer, allows."""

    choose: random.Random
    valid: bool = False

    def props(self) -> str | None:
        """An object of properties; seldom something else."""
        if self.valid or self.choose.random() < 0.85:
            return self.object()
        return self.choose.choice((None, *NO_OBJECTS))

    def device(self) -> str | None:
        """An object of some device fields; seldom something else."""
        keys = self.choose.sample(DEVICE_KEYS, self.choose.randint(0, len(DEVICE_KEYS)))
        device = "{" + ",".join(f'"{key}":{self.value(2)}' for key in keys) + "}"
        return device if self.valid else self.choose.choice((device, device, device, None, "{bad"))

    def object(self, depth: int = 0) -> str:
        """An object, with keys that may come twice, in the same or another spelling."""
        count = self.choose.choice((0, 1, 3, 6, 12)) if depth == 0 else self.choose.randint(0, 3)
        pairs = (
            f"{self.text(self.choose.choice(KEYS))}{self.space()}:{self.value(depth + 1)}"
            for _ in range(count)
        )
        return "{" + ",".join(pairs) + self.space() + "}"

    def value(self, depth: int) -> str:
        """Any value."""
        kinds: tuple[Callable[[], str], ...] = (
            lambda: self.choose.choice(NUMBERS),
            lambda: self.text(self.choose.choice(TEXTS)),
            lambda: self.choose.choice(("true", "false", "null", "null")),
            lambda: self.choose.choice(ESCAPED[: 4 if self.valid else None]),
            lambda: self.choose.choice(("1",) if self.valid else ("NaN", "Infinity", "-Infinity")),
            lambda: "[" * 60 + "]" * 60,
            lambda: self.object(depth + 1),
            lambda: f"[{self.value(depth + 1)},{self.space()}{self.value(depth + 1)}]",
        )
        weights = (6, 6, 2, 2, 1, 0.2, 2, 2) if depth < 4 else (6, 6, 2, 2, 1, 0, 0, 0)
        kind = self.choose.choices(kinds, weights)[0]
        return self.space() + kind() + self.space()

    def text(self, text: str) -> str:
        """A string, now and then spelt in escapes."""
        if len(text) < 20 and self.choose.random() < 0.2:
            units = text.encode("utf-16-be").hex()
            return '"' + "".join(f"\\u{units[i : i + 4]}" for i in range(0, len(units), 4)) + '"'
        return json.dumps(text, ensure_ascii=self.choose.random() < 0.5)

    def space(self) -> str:
        """White space between tokens."""
        return "" if self.choose.random() < 0.95 else " \t" if self.valid else "\n  "


# Lakes


def lake(
    seed: int, count: int, props: Callable[[Writer], str | None] = Writer.props, valid: bool = False
) -> Lake:
    """A lake of `count` events, each in a second of its own, but for rows that come twice."""
    choose = random.Random(seed)
    writer = Writer(choose, valid)
    seconds = {0, 24 * 3600, 49 * 3600, 49 * 3600 - 1, HOURS * 3600 - 1}
    seconds |= set(choose.sample(range(HOURS * 3600), count))
    events = [
        Event(
            event_id=f"e{number:05}",
            event_name=choose.choice(NAMES),
            event_time=START + timedelta(seconds=second, microseconds=choose.choice((0, 999_999))),
            profile_id=choose.choice((None, "nobody", *(f"p{i}" for i in range(12)))),
            device=writer.device(),
            event_props=props(writer),
            instance_id=choose.choice((0, 0, 0, 23)),
        )
        for number, second in enumerate(choose.sample(sorted(seconds), len(seconds)))
    ]
    ids = [*range(12), 3, 3, 4, 4, 5, None, None]
    return Lake(
        events=(*events, *choose.sample(events, 3)),
        profiles=tuple(_profile(choose, age, number) for age, number in enumerate(ids)),
    )


def _profile(choose: random.Random, age: int, number: int | None) -> Profile:
    own = None if number is None else f"p{number}"
    properties = (
        *(None, "{}", "{bad", '{"crm_id":null,"tier":NaN}', '{"crm_id":"","tier":1.10}'),
        *('{"tier":[1,{"x":null}],"tier":"twice"}', f'{{"crm_id":"c{number}","tier":true}}'),
    )
    prefs = (
        *(None, "{}", '{"MSG-push":false,"MSG-push":true}', '{"MSG-sms":"yes","MSG-whatsapp":0}'),
        '{"MSG-push":true,"MSG-email":null,"subscriptionGroups":{"a b":"Subscribed"}}',
    )
    identities: tuple[list[str] | None, ...] = (
        None,
        [],
        ["", f"x{number}", f"x{number}"],
        ["i,1", 'i"2', "a@b.c"],
    )
    return Profile(
        profile_id=own,
        identities=choose.choice(identities),
        email=choose.choice((None, "", "a@b.c", 'we"ird,@x')),
        phone=choose.choice((None, "", "+15551234567", "555")),
        name=choose.choice((None, "", "Zoë\n", "null")),
        gender=choose.choice((None, "", "M")),
        dob=choose.choice((None, "1990-01-31")),
        properties=choose.choice(properties),
        comm_prefs=choose.choice(prefs),
        updated_at=START + timedelta(hours=(age * 7) % 31),
    )


def text_map(writer: Writer) -> str:
    """Properties as a MAP of texts holds them."""
    keys = writer.choose.sample(KEYS, writer.choose.randint(0, 8))
    return json.dumps({key: writer.choose.choice((None, *TEXTS)) for key in keys})


STRUCT: Final = pa.struct(
    {
        "whole": pa.int64(),
        "exact": pa.decimal128(38, 19),
        "real": pa.float64(),
        "yes": pa.bool_(),
        'te"xt': pa.string(),
        "browser": pa.string(),
        "list": pa.list_(pa.string()),
    }
)


def struct(writer: Writer) -> str:
    """Properties as a STRUCT of several types holds them."""
    choose = writer.choose
    members = {
        "whole": choose.choice(("null", "0", "-9223372036854775808", "9223372036854775807")),
        "exact": choose.choice(("null", "0.1234567890123456789", "59.9", "-1000")),
        "real": choose.choice(("null", "0.1", "1e300", "5e-324", "NaN", "Infinity")),
        "yes": choose.choice(("null", "true", "false")),
        'te"xt': json.dumps(choose.choice(TEXTS)),
        "browser": json.dumps(choose.choice(TEXTS)),
        "list": choose.choice(("null", "[]", '["x",null,""]')),
    }
    return "{" + ",".join(f"{json.dumps(key)}:{value}" for key, value in members.items()) + "}"


# Forms of a source

Rows = Sequence[Event] | Sequence[Profile]
Source = dict[str, Any]
"""The mapping of a source, as it stands in `evexport.yaml`."""


@dataclass(frozen=True)
class Form:
    """A form of a source: what lake it can hold, and how it is written into a folder."""

    make: Callable[[int, int], Lake]
    write: Callable[[Lake, Path], Source]


def _column(rows: Rows, name: str, types: dict[str, pa.DataType]) -> pa.Array:
    values = [getattr(row, name) for row in rows]
    of_type = types.get(name)
    if isinstance(of_type, pa.JsonType):
        return pa.ExtensionArray.from_storage(of_type, pa.array(values, pa.string()))
    if of_type is not None:
        values = [None if text is None else _typed(text) for text in values]
    kinds = {"identities": pa.list_(pa.string()), "instance_id": pa.int32()}
    timed = pa.timestamp("us", "UTC") if name.endswith(("_time", "_at")) else pa.string()
    return pa.array(values, of_type or kinds.get(name, timed))


def _typed(text: str) -> Any:
    members = json.loads(text, parse_float=Decimal)
    if "real" in members and members["real"] is not None:
        members["real"] = float(members["real"])
    return members


def _table(rows: Rows, types: dict[str, pa.DataType]) -> pa.Table:
    names = [field.name for field in fields(type(rows[0]))]
    return pa.table({name: _column(rows, name, types) for name in names})


def _parquet(lake: Lake, folder: Path, **types: pa.DataType) -> Source:
    half = len(lake.events) // 2
    pq.write_table(_table(lake.events[:half], types), folder / "events-1.parquet")
    pq.write_table(_table(lake.events[half:], types), folder / "events-2.parquet")
    pq.write_table(_table(lake.profiles, {}), folder / "profiles.parquet")
    return {"events": {"from": "events-*.parquet"}, "profiles": {"from": "profiles.parquet"}}


def _as_texts(lake: Lake, folder: Path) -> Source:
    return _parquet(lake, folder)


def _as_json(lake: Lake, folder: Path) -> Source:
    return _parquet(lake, folder, device=pa.json_(), event_props=pa.json_())


def _as_struct(lake: Lake, folder: Path) -> Source:
    return _parquet(lake, folder, event_props=STRUCT)


def _as_map(lake: Lake, folder: Path) -> Source:
    return _parquet(lake, folder, event_props=pa.map_(pa.string(), pa.string()))


def _as_database(lake: Lake, folder: Path) -> Source:
    _parquet(lake, folder)
    with duckdb.connect(str(folder / "lake.duckdb")) as connection:
        connection.execute(f"CREATE TABLE e AS FROM read_parquet('{folder}/events-*.parquet')")
        connection.execute(f"CREATE TABLE p AS FROM read_parquet('{folder}/profiles.parquet')")
    return {"events": {"from": "e"}, "profiles": {"from": "p"}, "database": "lake.duckdb"}


def _as_lines(lake: Lake, folder: Path) -> Source:
    with (folder / "events.jsonl").open("w", encoding="utf-8") as file:
        for event in lake.events:
            row = asdict(event) | {"event_time": event.event_time.isoformat()}
            objects = {name: row.pop(name) for name in ("device", "event_props")}
            inline = "".join(f',"{name}":{text or "null"}' for name, text in objects.items())
            file.write(json.dumps(row)[:-1] + inline + "}\n")
    return _text_times(lake, folder, "events.jsonl")


def _as_csv(lake: Lake, folder: Path) -> Source:
    rows = [asdict(event) | {"event_time": event.event_time.isoformat()} for event in lake.events]
    with (folder / "events.csv").open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, rows[0].keys())
        writer.writeheader()
        writer.writerows(rows)
    return _text_times(lake, folder, "events.csv")


def _text_times(lake: Lake, folder: Path, file: str) -> Source:
    columns = {"event_time": "CAST(event_time AS TIMESTAMPTZ)"}
    return _as_texts(lake, folder) | {"events": {"from": file, "columns": columns}}


FORMS: Final = {
    "texts": Form(lake, _as_texts),
    "JSON": Form(lambda seed, count: lake(seed, count, valid=True), _as_json),
    "STRUCT": Form(lambda seed, count: lake(seed, count, struct), _as_struct),
    "MAP": Form(lambda seed, count: lake(seed, count, text_map), _as_map),
    "database": Form(lake, _as_database),
    "JSON lines": Form(lambda seed, count: lake(seed, count, valid=True), _as_lines),
    "CSV": Form(lake, _as_csv),
}
