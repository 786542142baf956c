"""Personal data, hidden before anything else sees it (`pii`; product contract, section 2).

The views of a source are replaced by ones whose values are dropped, hashed or masked already, so
that no identity, predicate, preview or file can hold them raw. A name of `pii.fields` holds
wherever it stands: as a field of the profile, as a custom property of it, as a property of an
event, and as a field of the device.

Objects are JSON text. Nearly every row is hidden in SQL. One that has such a name twice, spelled
with escapes, beside blanks, or with a value that is nested, is read token by token.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from fnmatch import fnmatchcase
from functools import reduce
from typing import Final

import duckdb

from evexport_dagster.errors import Fault, SpecError
from evexport_dagster.query.hiding import Hiding
from evexport_dagster.query.people import STANDARD
from evexport_dagster.query.window import WindowRows
from evexport_dagster.settings import reveal
from evexport_dagster.source import EVENTS_VIEW, PROFILES_VIEW
from evexport_dagster.spec.model import ExportSpec, Pii
from evexport_dagster.spec.model_fields import PiiAction
from evexport_dagster.text import sql_literal

_TEXTS: Final = {**STANDARD, "token": "push_token"}
_IDENTITY: Final = "Identity"
_EVENT_OBJECTS: Final = ("event_props", "device", "session_props")
_PROFILE_OBJECTS: Final = ("properties", "device")
_PLAIN_VALUE: Final = r'(?:"(?:[^"\\]|\\.)*"|-?[0-9][0-9.eE+-]*|true|false|null)'
_ESCAPED_KEY: Final = r'\\.(?:[^"\\]|\\.)*"[ \t\r\n]*:'


def protect(con: duckdb.DuckDBPyConnection, pii: Pii | None) -> None:
    """Put protected views into the place of those of the source that was opened last.

    Raises SpecError where a field is hashed and the variable of the key is not set.
    """
    if pii is None or not pii.fields_:
        return
    actions = _actions(pii)
    hashes = pii.key is not None and "hash" in actions.values()
    hiding = Hiding(actions, reveal(pii.key).encode() if hashes and pii.key else b"")
    hiding.register(con)
    for view, columns, objects in (
        (EVENTS_VIEW, {}, _EVENT_OBJECTS),
        (PROFILES_VIEW, _profile_columns(hiding), _PROFILE_OBJECTS),
    ):
        raw = f"{hiding.name}_{view}"
        rows = reduce(_Objects(hiding).hidden, objects, f"FROM {raw}")
        replaced = ", ".join(f"{sql} AS {column}" for column, sql in columns.items())
        con.execute(f"ALTER VIEW {view} RENAME TO {raw}")
        con.execute(
            f"CREATE VIEW {view} AS"
            f" SELECT * {f'REPLACE ({replaced})' if replaced else ''} FROM ({rows})"
        )


def _actions(pii: Pii) -> dict[str, PiiAction]:
    """What happens to which names. Those of the profile are meant in any case: who writes `email`
    must not find `Email` in the files."""
    meant: dict[str, PiiAction] = {
        name: action
        for name in (*_TEXTS, _IDENTITY)
        for given, action in pii.fields_.items()
        if given.casefold() == name.casefold()
    }
    return {**meant, **pii.fields_}


def _profile_columns(hiding: Hiding) -> dict[str, str]:
    """SQL for the columns of a profile that are hidden."""
    actions = hiding.actions
    columns = {
        column: hiding.sql(actions[name], column)
        for name, column in _TEXTS.items()
        if name in actions
    }
    if action := actions.get(_IDENTITY):
        each = f"list_transform(identities, lambda x: {hiding.sql(action, 'x')})"
        columns["identities"] = "NULL::VARCHAR[]" if action == "drop" else each
    return columns


@dataclass(frozen=True)
class _Objects:
    """SQL that hides members of the objects in a column of some rows."""

    hiding: Hiding

    def hidden(self, rows: str, column: str) -> str:
        """The rows with the members of one column hidden, in steps that each read columns of the
        one before: the keys of objects that hold a name, which way they go, each name, the rest.
        """
        names = self.hiding.actions
        holds, keys, way = (f"{column}_{what}" for what in ("holds", "keys", "way"))
        apt = " AND ".join(_is_apt(column, keys, name) for name in names)
        rows = f"""
            SELECT *, CASE WHEN NOT {holds} THEN 'none' WHEN {keys} IS NOT NULL AND {apt} THEN 'sql'
                ELSE 'exact' END AS {way}
            FROM (
                SELECT *, CASE WHEN {holds} AND {_is_readable(column)} THEN json_keys({column}) END
                    AS {keys}
                FROM (SELECT *, {_may_hold(column, names)} AS {holds} FROM ({rows}))
            )
        """
        for name in filter(_is_plain, names):
            rows = self._hidden_member(rows, column, name)
        return f"""
            SELECT * EXCLUDE ({holds}, {keys}, {way}) REPLACE (
                CASE {way} WHEN 'exact' THEN {self.hiding.object_sql(column)} ELSE {column} END
                    AS {column}
            ) FROM ({rows})
        """

    def _hidden_member(self, rows: str, column: str, name: str) -> str:
        """The rows with one member hidden, where its object goes SQL's way."""
        action = self.hiding.actions[name]
        holds = f"{column}_way = 'sql' AND list_contains({column}_keys, {sql_literal(name)})"
        start = _quoted(name) + ":"
        if action == "drop":
            member = rf"\Q{start}\E{_PLAIN_VALUE}"
            without = f"regexp_replace({column}, {sql_literal(f',{member}|{member},?')}, '')"
            return f"""
                SELECT * REPLACE (CASE WHEN {holds} THEN {without} ELSE {column} END AS {column})
                FROM ({rows})
            """
        value, start = sql_literal(rf"\Q{start}\E({_PLAIN_VALUE})"), sql_literal(start)
        hidden = f"{start} || to_json({self.hiding.sql(action, 'plain')})"
        return f"""
            SELECT * EXCLUDE (token, plain) REPLACE (
                CASE WHEN token <> 'null' THEN replace({column}, {start} || token, {hidden})
                ELSE {column} END AS {column}
            ) FROM (
                SELECT *, CASE WHEN contains(token, {sql_literal(chr(92))})
                    THEN json_extract_string(token, '$') WHEN starts_with(token, '"')
                    THEN substr(token, 2, length(token) - 2) ELSE token END AS plain
                FROM (
                    SELECT *, CASE WHEN {holds} THEN regexp_extract({column}, {value}, 1) END
                        AS token
                    FROM ({rows})
                )
            )
        """


def _may_hold(text: str, names: Iterable[str]) -> str:
    """SQL condition that is true of every object that has one of these keys."""
    spelled = [f"contains({text}, {sql_literal(_quoted(name))})" for name in names]
    return f"coalesce({' OR '.join([*spelled, _has_escaped_key(text)])}, false)"


def _is_readable(text: str) -> str:
    """SQL condition: an object, without escapes in keys, that DuckDB's functions can read. Of
    other texts they fail, and show them."""
    is_object = rf"regexp_matches({text}, '^[ \t\r\n]*\{{')"
    return f"{is_object} AND NOT {_has_escaped_key(text)} AND json_valid({text})"


def _has_escaped_key(text: str) -> str:
    escape, key = sql_literal("\\"), sql_literal(_ESCAPED_KEY)
    return f"(contains({text}, {escape}) AND regexp_matches({text}, {key}))"


def _is_apt(text: str, keys: str, name: str) -> str:
    """SQL condition on a JSON object without escaped keys: it has no such member, or its one
    `"NAME"` is that of the member, with a plain value behind it."""
    absent = f"NOT list_contains({keys}, {sql_literal(name)})"
    if not _is_plain(name):
        return absent
    once = f"len(string_split({text}, {sql_literal(_quoted(name))})) = 2"
    member = sql_literal(rf"[{{,]\Q{_quoted(name)}:\E{_PLAIN_VALUE}[,}}]")
    return f"({absent} OR {once} AND regexp_matches({text}, {member}))"


def _is_plain(name: str) -> bool:
    """Whether JSON has no escape in this key, and `"NAME"` cannot begin with the end of a text."""
    escapes = any(char in '"\\' or char < " " for char in name)
    return not escapes and name[0] not in " ,:]}"


def _quoted(name: str) -> str:
    return f'"{name}"'


def refuse_forbidden(window: WindowRows) -> None:
    """Raise SpecError where what `pii.forbid` names would be exported as it is: a property that
    the events of the window have, by its name or its label, or what the spec takes of the person.
    """
    spec = window.shape.spec
    if spec.pii is None or not spec.pii.forbid:
        return
    taken = [*_of_person(spec), *_of_events(window)]
    hidden = _actions(spec.pii)
    faults = [
        Fault(f"{it.place}: {it.text}", "", f"matches {pattern!r}")
        for it in taken
        if it.name not in hidden and (pattern := _matching(it, spec.pii.forbid))
    ]
    if faults:
        raise SpecError(
            f"export {spec.name!r} would export what its pii.forbid names; nothing was written."
            " Name each of these in pii.fields (drop, hash or mask), or do not select it, or"
            " change the pattern:",
            faults,
        )


@dataclass(frozen=True)
class _Taken:
    """Something that an export takes: where, by which name, and the label it gets."""

    place: str
    name: str
    label: str

    @property
    def text(self) -> str:
        return repr(self.name) + (f" as {self.label!r}" if self.label != self.name else "")


def _of_person(spec: ExportSpec) -> Iterator[_Taken]:
    names = [it.name for it in spec.identity.identifiers]
    if spec.identity.all_identities:
        names += [_IDENTITY, "Email", "Phone"]
    yield from (_Taken("identity", name, name) for name in dict.fromkeys(names))
    yield from (_Taken("user_properties", it.name, it.label) for it in spec.user_properties)
    yield from (_Taken("device", name, name) for name in spec.device)


def _of_events(window: WindowRows) -> Iterator[_Taken]:
    events = zip(window.shape.events, window.plans, window.surveys, strict=True)
    session = window.shape.layout.session_prefix or ""
    for event, plan, survey in events:
        label_of = plan.columns(survey.names).label_of
        names = (name for name in survey.names if name in label_of)
        yield from (
            _Taken(f"event {event!r}", name.removeprefix(session), label_of[name]) for name in names
        )


def _matching(taken: _Taken, patterns: Iterable[str]) -> str | None:
    """The first pattern that a name fits, in any case."""
    names = {taken.name.casefold(), taken.label.casefold()}
    fitting = (p for p in patterns if any(fnmatchcase(name, p.casefold()) for name in names))
    return next(fitting, None)
