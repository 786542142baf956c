"""Personal data is hidden before anything else sees it, however its names are spelled."""

from __future__ import annotations

import hmac
import json
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any, Literal

import duckdb
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from evexport_dagster.errors import SpecError
from evexport_dagster.formats import ValueFormat
from evexport_dagster.query.hiding import Hiding
from evexport_dagster.query.privacy import protect, refuse_forbidden
from evexport_dagster.source import EVENTS_VIEW, PROFILES_VIEW
from evexport_dagster.spec.model import ExportSpec, Pii
from evexport_dagster_tests.query.lakes import Made, Row, Rows, event, make, open_rows, spec

KEY = "correct horse battery staple"
SECRET = "Zq7Wx9Kv"
"""Every value that must not be seen has this in it."""
VARIABLE = "EVEXPORT_TEST_PII_KEY"


@pytest.fixture(autouse=True, scope="module")
def key() -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv(VARIABLE, KEY)
        yield


def pii(forbid: Sequence[str] = (), **fields: str) -> dict[str, Any]:
    return {"key": {"env": VARIABLE}, "fields": fields, "forbid": list(forbid)}


def hashed(text: str, key: str = KEY) -> str:
    return hmac.new(key.encode(), text.encode(), "sha256").hexdigest()


@contextmanager
def opened(events: Sequence[Row], export: ExportSpec, *profiles: Row) -> Iterator[Rows]:
    rows = open_rows(events, profiles)
    protect(rows.con, export.pii)
    yield rows
    rows.con.close()


def made(events: Sequence[Row], export: ExportSpec, *profiles: Row) -> Made:
    with opened(events, export, *profiles) as rows:
        return make(rows, export)


def properties(*texts: str, **fields: str) -> list[dict[str, Any]]:
    """The properties that events with these export."""
    rows = [event(event_id=f"{n:03}", event_props=text) for n, text in enumerate(texts)]
    return [it["eventProps"] for it in made(rows, spec(pii=pii(**fields), sort=True)).objects()]


def person(profile: Row, export: ExportSpec) -> dict[str, Any]:
    """The record of an event of this profile."""
    row = event(profile_id="p")
    (record,) = made([row], export, {"profile_id": "p", **profile}).objects()
    return record


# Profiles


PROFILE = {
    "identities": ["ann", "", "ann2"],
    "email": "ann@acme.com",
    "phone": "+919876543210",
    "name": "Ann Lee",
    "gender": "F",
    "dob": "1990-01-31",
    "properties": '{"crm_id": 1234, "city": "Oslo"}',
}
FIELDS = ["Email", "Phone", "Name", "Gender", "DOB"]


def test_fields_of_the_profile_are_hashed() -> None:
    fields = dict.fromkeys([*FIELDS, "Identity", "crm_id"], "hash")
    export = spec(
        pii=pii(**fields),
        user_properties=FIELDS,
        identity={"identifiers": ["Identity", {"custom": "crm_id"}], "preference": "all"}
        | {"all_identities": True},
    )
    record = person(PROFILE, export)
    assert record["profile"] == {
        "Email": hashed("ann@acme.com"),
        "Phone": hashed("+919876543210"),
        "Name": hashed("Ann Lee"),
        "Gender": hashed("F"),
        "DOB": hashed("1990-01-31"),
    }
    everyone = [hashed(it) for it in ("ann", "ann2", "ann@acme.com", "+919876543210")]
    assert record["identity"]["identity"] == [hashed("ann"), hashed("1234")]
    assert record["identity"]["all_identities"] == everyone


def test_fields_of_the_profile_are_masked() -> None:
    export = spec(pii=pii(**dict.fromkeys([*FIELDS, "Identity"], "mask")), user_properties=FIELDS)
    record = person(PROFILE, export)
    assert record["profile"] == {
        "Email": "a***@acme.com",
        "Phone": "***10",
        "Name": "A***",
        "Gender": "***",
        "DOB": "***31",
    }
    assert record["identity"]["identity"] == "a***"


def test_a_dropped_identifier_is_no_identity_and_the_next_one_counts() -> None:
    identity = {"identifiers": ["Email", "Identity", {"custom": "crm_id"}], "all_identities": True}
    dropped = person(PROFILE, spec(pii=pii(Email="drop"), identity=identity))
    assert dropped["identity"]["identity"] == "ann"
    assert dropped["identity"]["all_identities"] == ["ann", "ann2", "+919876543210"]
    both = spec(pii=pii(Email="drop", Identity="drop"), identity=identity)
    assert person(PROFILE, both)["identity"]["identity"] == 1234
    nothing = pii(Email="drop", Identity="drop", Phone="drop", crm_id="drop")
    left = person(PROFILE, spec(pii=nothing, identity=identity))["identity"]
    assert left == {"clevertapId": "p"}


def test_an_empty_field_stays_missing_and_is_no_hash() -> None:
    empty = {"identities": [""], "email": "", "phone": None, "properties": '{"crm_id": ""}'}
    identity = {"identifiers": ["Email", "Identity", {"custom": "crm_id"}], "all_identities": True}
    for action in ("hash", "mask"):
        fields = dict.fromkeys(["Email", "Phone", "Identity", "crm_id"], action)
        record = person(empty, spec(pii=pii(**fields), identity=identity))
        assert record["identity"] == {"clevertapId": "p"}


def test_names_of_the_profile_are_meant_in_any_case() -> None:
    export = spec(pii=pii(email="hash", IDENTITY="drop"), identity={"identifiers": ["Email"]})
    assert person(PROFILE, export)["identity"]["identity"] == hashed("ann@acme.com")


def test_device_fields_are_hidden_by_their_name() -> None:
    device = f'{{"token": "{SECRET}", "make": "Nokia"}}'
    export = spec(pii=pii(token="hash"), device=["token", "make"])
    (record,) = made([event(device=device)], export).objects()
    assert record["deviceInfo"] == {"token": hashed(SECRET), "make": "Nokia"}


# Events


def test_a_hash_is_that_of_the_value_as_text() -> None:
    shown = {
        '"ann@acme.com"': "ann@acme.com",
        "1234567890123456789012": "1234567890123456789012",
        "59.90": "59.90",
        "true": "true",
        r'"a\"bé\u00e9"': 'a"béé',
        '["a", 1.50]': '["a",1.50]',
        '{"x": {"Email": null}}': '{"x":{"Email":null}}',
        r'"\ud800"': "\ufffd",
    }
    expected = [{"a": 1, "Email": hashed(text)} for text in shown.values()]
    plain = properties(*(f'{{"a":1,"Email":{value}}}' for value in shown), Email="hash")
    assert plain == expected
    spaced = properties(*(f'{{ "Email" : {value} , "a" : 1 }}' for value in shown), Email="hash")
    assert spaced == expected


@pytest.mark.parametrize("key", ["k", "ключ", "k" * 64, "k" * 65, "k" * 500])
def test_hashes_are_hmac_with_keys_of_any_length(key: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(VARIABLE, key)
    assert properties('{"a":"b"}', a="hash") == [{"a": hashed("b", key)}]


@pytest.mark.parametrize("action", ["drop", "hash", "mask"])
def test_what_is_missing_or_empty_stays_so(action: str) -> None:
    kept = {} if action == "drop" else {"b": ""}
    texts = [f'{{"a":{it},"b":"","c":3}}' for it in ("null", "NaN", "-Infinity")]
    assert properties(*texts, a=action, b=action) == [kept | {"c": 3}] * 3


def test_a_dropped_member_is_gone_and_others_are_as_they_were() -> None:
    left = {
        '{"Email":"x"}': "{}",
        '{"Email":"x","a":1}': '{"a":1}',
        '{"a":1,"Email":"x"}': '{"a":1}',
        '{"a":1,"Email":"x","b":2}': '{"a":1,"b":2}',
        '{"Email":"x","Email":"y"}': "{}",
        '{"a":{"Email":"x"}}': '{"a":{"Email":"x"}}',
        '{"a":{"Email":"x"},"Email":"y"}': '{"a":{"Email":"x"}}',
        '{"a":[{"Email":"x"}],"b":"Email"}': '{"a":[{"Email":"x"}],"b":"Email"}',
        r'{"a":"\"Email\":1","Email":2}': r'{"a":"\"Email\":1"}',
        r'{"\u0045mail":"x","email":"y"}': '{"email":"y"}',
        r'{"\u0045mail":"x","a":{"Email":"y"}}': '{"a":{"Email":"y"}}',
        '{"Email" : "x","a":{"Email":"y"}}': '{"a":{"Email":"y"}}',
        '{"Email" : "x", "a":1}': '{"a":1}',
        '{"a":1, "Email":"x"}': '{"a":1}',
        '{"a":1,\n"Email":[1,{"b":2}]}': '{"a":1}',
    }
    expected = [json.loads(text) for text in left.values()]
    assert properties(*left, Email="drop") == expected


def test_numbers_and_oddities_of_other_members_are_as_without_pii() -> None:
    text = r'{"Email":"x","n":12345678901234567890.10,"d":1,"d":2,"u":"\ud800","f":NaN}'
    plain = made([event(event_props=text)], spec())
    hidden = made([event(event_props=text)], spec(pii=pii(Email="mask")))
    assert hidden.lines[0] == [plain.lines[0][0].replace('"Email":"x"', '"Email":"***"')]
    assert hidden.oddities == plain.oddities


@pytest.mark.parametrize(
    "text", ['{"Email":"s",}', '{"Email":"s"', '[{"Email":"s"}]', '"\\"Email\\":1"', "Email"]
)
def test_malformed_objects_are_counted_as_before_and_no_predicate_sees_them(text: str) -> None:
    export = spec(pii=pii(Email="mask"))
    got = made([event(event_props=text)], export)
    assert got.objects()[0]["eventProps"] == {}
    assert got.oddities[0]["malformed_objects"] == 1
    seeing = spec(pii=pii(Email="mask"), where="contains(event_props::VARCHAR, 's')")
    assert made([event(event_props=text)], seeing).lines == ([],)


_PLAIN_NAMES = ["Email", "e mail", "a/b", "ключ", "%", "ﬁ", "["]
NAMES = [*_PLAIN_NAMES, 'q"uote', "back\\slash", ",", ":x", "\t", "\\E"]
_ACTIONS = st.sampled_from(["drop", "hash", "mask"])
_SECRETS = st.builds(
    lambda before, after: f"{before}{SECRET}{after}",
    st.text(max_size=3) | st.sampled_from(["+1", "a@", '"', "\\", ":", ","]),
    st.text(max_size=3) | st.sampled_from(["@x.org", '","Email":1', "\\", "}"]),
)
_PLAIN = st.sampled_from([1, 2.5, None, "x", "", "Email", '"Email":', [1], {"Email": 1}, ",", ":"])


@st.composite
def spelled(draw: st.DrawFn, text: str) -> str:
    """A text as JSON, some of its characters escaped."""
    escaped = draw(st.just(0) | st.integers(0, (1 << len(text)) - 1))
    pieces = []
    for n, char in enumerate(text):
        units = char.encode("utf-16-be")
        codes = (units[at : at + 2].hex() for at in range(0, len(units), 2))
        plain = json.dumps(char, ensure_ascii=False)[1:-1]
        pieces.append("".join(f"\\u{code}" for code in codes) if escaped >> n & 1 else plain)
    return f'"{"".join(pieces)}"'


@st.composite
def objects(draw: st.DrawFn, names: Sequence[str]) -> str:
    """JSON objects in which these names have secrets, often twice, in any spelling and order."""
    pairs = [(name, draw(_SECRETS)) for name in draw(st.lists(st.sampled_from(names), max_size=4))]
    others = st.sampled_from(["a", "Emai", "Email2", '"', "", "b"])
    members = []
    for name, secret in pairs:
        value = draw(spelled(secret))
        nested = draw(
            st.sampled_from(["{}", "{}", "{}", "[{}]", '{{"x":{}}}', '[1,{{"Email":{}}}]'])
        )
        members.append((draw(spelled(name)), nested.format(value)))
    for name in draw(st.lists(others, max_size=3)):
        members.append((draw(spelled(name)), json.dumps(draw(_PLAIN))))
    space = draw(st.sampled_from(["", "", " ", "\n\t"]))
    texts = [f"{key}{space}:{space}{value}" for key, value in draw(st.permutations(members))]
    text = f"{space}{{{space}{f'{space},{space}'.join(texts)}{space}}}{space}"
    return draw(st.sampled_from([text, text, text, text[:-1], f"[{text}]"]))


@settings(max_examples=15, deadline=None, suppress_health_check=list(HealthCheck))
@given(st.data())
def test_no_format_holds_a_raw_value(data: st.DataObject) -> None:
    fields = data.draw(st.dictionaries(st.sampled_from(NAMES), _ACTIONS, min_size=1, max_size=3))
    held = [*fields]
    person_fields = dict.fromkeys(["Phone", "Name", "Identity"], data.draw(_ACTIONS))
    export = spec(
        pii=pii(**{**fields, **person_fields}),
        format=data.draw(st.sampled_from(["csv", "json", "xml", "parquet"])),
        as_string=data.draw(st.booleans()),
        user_properties=["Phone", "Name", *(n for n in held[:2] if n != "Email")],
        identity={"identifiers": ["Identity", "Phone", {"custom": held[0]}]}
        | {"preference": data.draw(st.sampled_from(["first", "all"]))},
    )
    secret = data.draw(_SECRETS)
    profile = {"profile_id": "p", "name": secret, "phone": secret, "identities": [secret, secret]}
    profile["properties"] = data.draw(objects(held))
    texts = data.draw(st.lists(objects(held), min_size=5, max_size=30))
    got = made([event(profile_id="p", event_props=it) for it in texts], export, profile)
    assert len(got.lines[0]) >= len(texts)
    # A mask shows the domain of an address, the first character, or two digits.
    seen = [str(line).replace(f"***@{SECRET}", "") for line in got.lines[0]]
    assert not [line for line in seen if SECRET in line]


_TEXTS = st.lists(
    st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=12)
    | st.from_regex(r"[ +()./-]*([0-9][ ()-]?){5,12}", fullmatch=True)
    | st.emails()
)


@pytest.mark.parametrize("action", ["hash", "mask"])
def test_both_ways_hide_alike(action: Literal["hash", "mask"]) -> None:
    hiding = Hiding({}, b"k")
    with duckdb.connect() as con:
        hiding.register(con)
        query = f"SELECT {hiding.sql(action, 'x')} FROM (SELECT unnest(?::VARCHAR[]) AS x)"

        @settings(max_examples=100, deadline=None)
        @given(_TEXTS)
        def hides_alike(texts: list[str]) -> None:
            got = [text for (text,) in con.execute(query, [texts]).fetchall()]
            assert got == [hiding.text(action, text) for text in texts]

        hides_alike()


@settings(max_examples=15, deadline=None, suppress_health_check=list(HealthCheck))
@given(st.data())
def test_sql_hides_what_a_parser_hides(data: st.DataObject) -> None:
    fields = data.draw(st.dictionaries(st.sampled_from(NAMES), _ACTIONS, min_size=1, max_size=3))
    texts = data.draw(st.lists(objects(NAMES), min_size=5, max_size=40))
    export = spec(pii=pii(**fields))
    with opened([event(event_props=text) for text in texts], export) as rows:
        found = rows.con.execute(f"SELECT event_props FROM {EVENTS_VIEW} ORDER BY position")
        got = [text for (text,) in found.fetchall()]
    exact = Hiding(export.pii.fields_ if export.pii else {}, KEY.encode())
    meant = [_read(exact.object(text)) for text in texts]
    assert sorted(map(repr, map(_read, got))) == sorted(map(repr, meant))


def _read(text: str) -> object:
    """The pairs of an object; those of no object are all alike."""
    try:
        pairs = json.loads(text, object_pairs_hook=list)
    except ValueError:
        return None
    return pairs if text.strip().startswith("{") else None


# Predicates, and what is private


def test_predicates_see_hidden_values() -> None:
    rows = [event(event_props='{"Email":"ann@acme.com","n":1}')]
    seen = f"event_props->>'Email' = '{hashed('ann@acme.com')}'"
    fields = pii(Email="hash")
    assert len(made(rows, spec(pii=fields, where=seen)).lines[0]) == 1
    raw = "event_props->>'Email' = 'ann@acme.com'"
    assert made(rows, spec(pii=fields, where=raw)).lines == ([],)
    gone = "event_props->>'Email' IS NULL"
    assert len(made(rows, spec(pii=pii(Email="drop"), where=gone)).lines[0]) == 1


def test_the_order_of_the_source_stays() -> None:
    names = [f"p{n}" for n in range(40)]
    rows = [event(event_props=f'{{"{name}":1,"Email":"x"}}') for name in names]
    got = made(rows, spec(pii=pii(Email="hash")))
    assert list(got.surveys[0].names) == ["Email", *names]


def test_the_key_is_in_no_plan_and_no_catalog() -> None:
    inner = bytes(byte ^ 0x36 for byte in KEY.encode())
    export = spec(pii=pii(Email="hash", Identity="hash"))
    with opened([event(event_props='{"Email":"x"}')], export, {"profile_id": "p"}) as rows:
        told = [
            row
            for view in (EVENTS_VIEW, PROFILES_VIEW)
            for query in (f"EXPLAIN ANALYZE FROM {view}", f"EXPLAIN FROM {view}")
            for row in rows.con.execute(query).fetchall()
        ]
        for catalog in ("duckdb_views", "duckdb_functions", "duckdb_tables", "duckdb_columns"):
            told += rows.con.execute(f"FROM {catalog}()").fetchall()
    text = repr(told)
    assert KEY not in text
    assert inner.hex() not in text.lower()
    assert repr(inner)[2:12] not in text
    assert KEY not in repr(Hiding({}, KEY.encode()))


def test_a_key_that_is_not_set_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(VARIABLE)
    with pytest.raises(SpecError, match=VARIABLE), opened([event()], spec(pii=pii(a="hash"))):
        pass
    assert properties('{"a":"Ann"}', a="mask") == [{"a": "A***"}]


def test_a_source_that_is_opened_again_is_protected_again() -> None:
    export = spec(pii=pii(a="mask"))
    with opened([event(event_props='{"a":"Ann"}')], export) as rows:
        protect(rows.con, Pii.model_validate(pii(b="drop")))
        assert make(rows, export).objects()[0]["eventProps"] == {"a": "A***"}


# Forbidden names


def refused(export: ExportSpec, *texts: str) -> list[str]:
    """What is refused, a line each."""
    with opened([event(event_props=text) for text in texts or ("{}",)], export) as rows:
        got = make(rows, export)
        assert not isinstance(got.window.shape.format, ValueFormat)
        with pytest.raises(SpecError) as caught:
            refuse_forbidden(got.window)
    assert caught.value.kind == "spec"
    assert "pii.fields" in str(caught.value)
    assert SECRET not in str(caught.value)
    return [str(fault) for fault in caught.value.faults]


def passes(export: ExportSpec, *texts: str) -> None:
    with opened([event(event_props=text) for text in texts], export) as rows:
        refuse_forbidden(make(rows, export).window)


def test_a_forbidden_property_is_refused_in_any_case_and_by_either_name() -> None:
    text = f'{{"User SSN":"{SECRET}","n":1,"note":2}}'
    assert refused(spec(pii=pii(["*ssn*"])), text) == [
        "event 'Charged': 'User SSN': matches '*ssn*'"
    ]
    renamed = {"select": ["Charged"], "rename_properties": {"note": "PassWord", "User SSN": "x"}}
    assert refused(spec(pii=pii(["*ssn*", "pass*"]), events=renamed), text) == [
        "event 'Charged': 'User SSN' as 'x': matches '*ssn*'",
        "event 'Charged': 'note' as 'PassWord': matches 'pass*'",
    ]


def test_what_is_listed_or_not_selected_is_not_refused() -> None:
    text = f'{{"ssn":"{SECRET}","n":1}}'
    for action in ("drop", "hash", "mask"):
        passes(spec(pii=pii(["*ssn*"], ssn=action)), text)
    chosen = {"select": ["Charged"], "properties": ["n"], "schema_updates": "lock"}
    passes(spec(pii=pii(["*ssn*"]), events=chosen), text)
    passes(spec(pii=pii(["*ssn*"])), '{"n":1}')


def test_what_the_spec_takes_of_the_person_is_refused() -> None:
    export = spec(
        pii=pii(["*ssn*", "*mail*", "token"], crm_ssn="hash"),
        user_properties=["Gender", {"name": "my_ssn", "as": "number"}, "crm_ssn"],
        identity={"identifiers": [{"custom": "ssn"}], "all_identities": True},
        device=["token", "make"],
    )
    assert refused(export) == [
        "identity: 'ssn': matches '*ssn*'",
        "identity: 'Email': matches '*mail*'",
        "user_properties: 'my_ssn' as 'number': matches '*ssn*'",
        "device: 'token': matches 'token'",
    ]
