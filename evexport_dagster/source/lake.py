"""A source, opened: its two relations as views of canonical columns on one DuckDB connection."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import duckdb

from evexport_dagster.errors import Fault, SourceError, UnavailableError
from evexport_dagster.settings import Destination, Relation, Source
from evexport_dagster.source import json_rows
from evexport_dagster.source.canonical import EVENTS, PROFILES, CanonicalColumn
from evexport_dagster.source.database import Names, attach, qualified
from evexport_dagster.source.json_text import (
    FloatMembers,
    float_members,
    instant,
    is_object,
    object_text,
)
from evexport_dagster.source.relation import BaseRelation, read_files, read_query, read_table
from evexport_dagster.source.remote import RemoteFiles, raised_beneath
from evexport_dagster.text import sql_identifier

EVENTS_VIEW = "source_events"
PROFILES_VIEW = "source_profiles"


@dataclass(frozen=True)
class Lake:
    """The opened source: which optional columns it has, whether its rows carry a position, and
    which members of its objects, by column, are 32-bit floats.

    `source_events` and `source_profiles` are views with every canonical column; objects are
    JSON text, absent optional columns are NULL. `position` orders events as the source does.
    Every connection to the same DuckDB instance sees them; each has a time zone of its own.
    """

    event_columns: frozenset[str]
    profile_columns: frozenset[str]
    positioned: bool
    floats: Mapping[str, FloatMembers] = field(default_factory=dict)


def open_lake(
    con: duckdb.DuckDBPyConnection,
    name: str,
    source: Source,
    folder: Path,
    connection: Destination | None = None,
) -> Lake:
    """Create the views of the source `name`, in the place of those of a source opened before.

    Files in clouds are read as `connection` says. The source itself is never written. Where it
    does not fit, no view is changed.

    Raises:
        SourceError: with one fault for each relation or column that does not fit.
        UnavailableError: files in a cloud are out of reach for now.
    """
    json_rows.register(con)
    names = _attached(con, name, source.database, folder)
    remote = RemoteFiles(name, connection)
    if source.clouds:
        remote.register(con)
    faults: list[Fault] = []
    opened = {}
    for view, columns, relation in (
        (EVENTS_VIEW, EVENTS, source.events),
        (PROFILES_VIEW, PROFILES, source.profiles),
    ):
        place = f"sources.{name}.{'events' if view == EVENTS_VIEW else 'profiles'}"
        base = _base(con, relation, folder, names, remote)
        if isinstance(base, str):
            faults.append(_fault(place, relation.from_ or relation.sql, base))
            continue
        mapped = _mapped(con, dict(relation.columns.items()), names)
        opened[view] = _Mapping(con, place, base, mapped)
        faults += opened[view].fit(columns)
    if faults:
        raise SourceError(f"source {name!r} cannot be read as it is mapped", faults)
    for view, mapping in opened.items():
        con.execute(f"CREATE OR REPLACE VIEW {view} AS {mapping.sql}")
    return Lake(
        event_columns=opened[EVENTS_VIEW].present,
        profile_columns=opened[PROFILES_VIEW].present,
        positioned=opened[EVENTS_VIEW].base.position is not None,
        floats=opened[PROFILES_VIEW].floats | opened[EVENTS_VIEW].floats,
    )


def _attached(
    con: duckdb.DuckDBPyConnection, name: str, database: Path | None, folder: Path
) -> Names | None:
    if database is None:
        return None
    try:
        return attach(con, folder / database)
    except duckdb.Error as error:
        fault = _fault(f"sources.{name}.database", str(database), _said(error))
        raise SourceError(f"source {name!r} cannot be opened", [fault]) from None


def _base(
    con: duckdb.DuckDBPyConnection,
    relation: Relation,
    folder: Path,
    names: Names | None,
    remote: RemoteFiles,
) -> BaseRelation | str:
    """The relation before its mapping, or what is wrong with it."""
    try:
        if relation.sql is not None:
            base = read_query(con, relation.sql, names)
        elif names is not None:
            base = read_table(con, str(relation.from_), names)
        else:
            base = read_files(con, str(relation.from_), folder, remote)
        if isinstance(base, BaseRelation):
            con.sql(f"SELECT * FROM {base.sql} LIMIT 0")
    except (duckdb.Error, OSError) as error:
        return _said(error)
    except SourceError as error:
        return str(error)
    return base


def _mapped(
    con: duckdb.DuckDBPyConnection, columns: dict[str, str], names: Names | None
) -> dict[str, str]:
    """The mapping of a relation, ready to be read on any connection."""
    if names is None:
        return columns
    return {
        column: qualified(con, f"SELECT {text}", names).removeprefix("SELECT ")
        for column, text in columns.items()
    }


class _Mapping:
    """The canonical view of one relation in the making."""

    def __init__(
        self,
        con: duckdb.DuckDBPyConnection,
        place: str,
        base: BaseRelation,
        columns: Mapping[str, str],
    ) -> None:
        self.con, self.place, self.base, self.columns = con, place, base, columns
        self.existing = con.sql(f"SELECT * FROM {base.sql} LIMIT 0").columns
        self.present: frozenset[str] = frozenset()
        self.floats: dict[str, FloatMembers] = {}
        self.sql = ""

    def fit(self, wanted: Sequence[CanonicalColumn]) -> list[Fault]:
        """Make the view's SELECT, or say what does not fit."""
        faults = [*self._unknown(wanted)]
        selected, present = [], set()
        for column in wanted:
            expression = self._expression(column)
            if expression is None:
                selected.append(f"NULL::{_NULL_TYPES[column.kind]} AS {column.name}")
                if column.required:
                    faults.append(self._missing(column))
                continue
            try:
                kind = self._kind(column, expression)
            except duckdb.Error as error:
                faults.append(self._fault(column, self.columns[column.name], _said(error)))
                continue
            canonical = _canonical(expression, kind, column)
            if canonical is None:
                faults.append(self._fault(column, str(kind), _advice(expression, kind, column)))
                continue
            selected.append(f"{canonical} AS {column.name}")
            present.add(column.name)
            if floats := float_members(kind):
                self.floats[column.name] = floats
        if not faults:
            self.present = frozenset(present)
            selected.append(f"{self.base.position or 'NULL::UBIGINT'} AS position")
            self.sql = f"SELECT {', '.join(selected)} FROM {self.base.sql}"
        return faults

    def _expression(self, column: CanonicalColumn) -> str | None:
        mapped = self.columns.get(column.name, column.name)
        if mapped in self.existing:
            return sql_identifier(mapped)
        end = "\n)" if "--" in mapped else ")"
        return f"({mapped}{end}" if column.name in self.columns else None

    def _kind(self, column: CanonicalColumn, expression: str) -> Any:
        text = self.columns.get(column.name)
        if text is not None and text not in self.existing:
            # By itself first: what closes a parenthesis of ours would be another expression.
            self.con.extract_statements(f"SELECT {text}")
        return self.con.sql(f"SELECT {expression} FROM {self.base.sql} LIMIT 0").types[0]

    def _unknown(self, wanted: Iterable[CanonicalColumn]) -> list[Fault]:
        names = [column.name for column in wanted]
        return [
            _fault(f"{self.place}.columns.{name}", name, f"is not one of {', '.join(names)}")
            for name in self.columns
            if name not in names
        ]

    def _missing(self, column: CanonicalColumn) -> Fault:
        return _fault(
            f"{self.place}.columns.{column.name}",
            ", ".join(self.existing),
            f"has no column {column.name}; map one, or an expression (NULL for none)",
        )

    def _fault(self, column: CanonicalColumn, found: str, problem: str) -> Fault:
        return _fault(f"{self.place}.columns.{column.name}", found, problem)


_NULL_TYPES = {
    "text": "VARCHAR",
    "instant": "TIMESTAMPTZ",
    "object": "VARCHAR",
    "nested": "VARCHAR",
    "list": "VARCHAR[]",
    "integer": "BIGINT",
}


def _canonical(expression: str, kind: Any, column: CanonicalColumn) -> str | None:
    """SQL for the canonical value of an expression of this type; None where the type is wrong."""
    if kind.id == "null":
        return f"NULL::{_NULL_TYPES[column.kind]}"
    if column.kind == "text":
        nested = kind.id in ("struct", "map", "list", "array", "union")
        return None if nested else f"CAST({expression} AS VARCHAR)"
    if column.kind == "instant":
        return instant(expression, kind)
    if column.kind == "object":
        return object_text(expression, kind) if is_object(kind) else None
    if column.kind == "nested":
        nested = is_object(kind) or kind.id in ("list", "array")
        return object_text(expression, kind) if nested else None
    if column.kind == "list":
        return _text_list(expression, kind)
    integer = kind.id.endswith("int") or kind.id in ("integer", "uinteger", "varchar")
    # A text that is no number, or a number beyond any instance, must not fail the rows beside it.
    return f"CAST(TRY_CAST({expression} AS INTEGER) AS BIGINT)" if integer else None


def _text_list(expression: str, kind: Any) -> str | None:
    """SQL for a list of texts: of a LIST, of JSON text that holds one, or of a single text."""
    if kind.id in ("list", "array"):
        return f"CAST({expression} AS VARCHAR[])"
    if kind.id != "varchar":
        return None
    text = f"CAST({expression} AS VARCHAR)"
    return (
        f"CASE WHEN {text} IS NULL THEN NULL"
        f" WHEN json_valid({text}) AND json_type({text}) = 'ARRAY'"
        f" THEN json_extract_string({text}, '$[*]') ELSE [{text}] END"
    )


def _advice(expression: str, kind: Any, column: CanonicalColumn) -> str:
    """What to write instead of an expression of a wrong type."""
    if column.kind == "instant":
        if kind.id.startswith("timestamp"):
            return f"has no time zone; say which it is in: {expression} AT TIME ZONE 'UTC'"
        return (
            f"must be TIMESTAMP WITH TIME ZONE; for epoch seconds: to_timestamp({expression}),"
            f" for text: TRY_CAST({expression} AS TIMESTAMPTZ)"
        )
    wanted = {
        "text": "text or a scalar",
        "object": "JSON, STRUCT or MAP",
        "nested": "JSON, LIST, STRUCT or MAP",
        "list": "a list of texts",
        "integer": "an integer",
    }
    return f"must be {wanted[column.kind]}"


def _fault(place: str, found: str | None, problem: str) -> Fault:
    return Fault(f"evexport.yaml: {place}", str(found), problem)


def _said(error: duckdb.Error | OSError) -> str:
    """The message, without DuckDB's excerpt of our SQL behind it.

    Raises UnavailableError where a file is out of reach for now.
    """
    beneath = raised_beneath(error)
    if isinstance(beneath, UnavailableError):
        raise beneath
    if beneath is not None:
        return str(beneath)
    return str(error).split("\n\nLINE", 1)[0].replace("\n", "; ")
