"""A DuckDB database as a source: attached read-only, its names qualified.

A search path belongs to one connection, and a view is bound anew by whoever reads it. So what a
query of the user calls `events` becomes `source_database.events`, which every connection finds.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import duckdb

from evexport_dagster.text import sql_literal

_ALIAS: Final = "source_database"
_MAIN: Final = "main"


@dataclass(frozen=True)
class Names:
    """What the database has, in lower case: (schema, name) of tables and views, and of macros."""

    relations: frozenset[tuple[str, str]]
    macros: frozenset[tuple[str, str]]


def attach(con: duckdb.DuckDBPyConnection, path: Path) -> Names:
    """Attach the database, in the place of one attached before; raises `duckdb.Error`."""
    con.execute(f"ATTACH OR REPLACE {sql_literal(str(path))} AS {_ALIAS} (READ_ONLY)")
    relations = con.execute(
        "SELECT lower(table_schema), lower(table_name) FROM information_schema.tables"
        " WHERE table_catalog = ?",
        [_ALIAS],
    ).fetchall()
    macros = con.execute(
        "SELECT lower(schema_name), lower(function_name) FROM duckdb_functions()"
        " WHERE database_name = ? AND NOT internal",
        [_ALIAS],
    ).fetchall()
    return Names(frozenset(relations), frozenset(macros))


def qualified(con: duckdb.DuckDBPyConnection, sql: str, names: Names) -> str:
    """The SELECT with the database's relations and macros named in full.

    What is no SELECT comes back as it is, for DuckDB to say what is wrong with it.
    """
    ((parsed,),) = con.execute("SELECT json_serialize_sql(?::VARCHAR)", [sql]).fetchall()
    text = sql.encode()
    for place in sorted(set(_places(json.loads(parsed), names, frozenset())), reverse=True):
        text = b"%b%b.%b" % (text[:place], _ALIAS.encode(), text[place:])
    return text.decode()


def _places(node: Any, names: Names, hidden: frozenset[str]) -> Iterator[int]:
    """The bytes before which the database's name belongs; `hidden` are the CTEs in scope."""
    if isinstance(node, list):
        for element in node:
            yield from _places(element, names, hidden)
        return
    if not isinstance(node, dict):
        return
    if node.get("type") == "RECURSIVE_CTE_NODE":
        hidden |= {node["cte_name"].lower()}
    for entry in node.get("cte_map", {}).get("map", ()):
        yield from _places(entry["value"], names, hidden)
        hidden |= {entry["key"].lower()}
    if _is_of_the_database(node, names, hidden):
        yield node["query_location"]
    if node.get("type") == "TABLE_FUNCTION":
        # The call within has no place of its own.
        node = node | {"function": node["function"] | {"query_location": node["query_location"]}}
    for key, child in node.items():
        if key != "cte_map":
            yield from _places(child, names, hidden)


def _is_of_the_database(node: dict[str, Any], names: Names, hidden: frozenset[str]) -> bool:
    if node.get("type") == "BASE_TABLE":
        schema, name = node["schema_name"].lower(), node["table_name"].lower()
        is_cte = not schema and name in hidden
        known = (schema or _MAIN, name) in names.relations
        return not node["catalog_name"] and known and not is_cte
    if node.get("type") == "FUNCTION":
        schema, name = node["schema"].lower(), node["function_name"].lower()
        return not node["catalog"] and (schema or _MAIN, name) in names.macros
    return False
