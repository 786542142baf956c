"""SQL that turns typed values into JSON text without a change of value.

DuckDB's `to_json` writes a 32-bit 0.1 as 0.10000000149011612, timestamps with a blank, and every
null field as a member; here a number keeps its digits, instants are ISO 8601, and a null field of
the object itself is no member. NaN and infinities are written as such (of times as NaN) and left
to the exact path, which counts them.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from evexport_dagster.text import sql_identifier, sql_literal

_PLAIN = {"boolean", "tinyint", "smallint", "integer", "bigint", "hugeint", "bignum"} | {
    f"u{size}" for size in ("tinyint", "smallint", "integer", "bigint", "hugeint")
}
_INSTANTS = {
    "timestamp": "strftime({0}, '\"%Y-%m-%dT%H:%M:%S.%f\"')",
    "timestamp_s": "strftime({0}, '\"%Y-%m-%dT%H:%M:%S\"')",
    "timestamp_ms": "strftime({0}, '\"%Y-%m-%dT%H:%M:%S.%g\"')",
    # Text behind %n comes out broken.
    "timestamp_ns": "'\"' || strftime({0}, '%Y-%m-%dT%H:%M:%S.%n') || '\"'",
    "timestamp with time zone": "strftime({0}, '\"%Y-%m-%dT%H:%M:%S.%fZ\"')",
    "timestamptz_ns": "'\"' || strftime({0}, '%Y-%m-%dT%H:%M:%S.%n') || 'Z\"'",
    "date": "strftime({0}, '\"%Y-%m-%d\"')",
}
_ZONED = ("timestamp with time zone", "timestamptz_ns")


@dataclass(frozen=True)
class FloatMembers:
    """The members of an object whose source holds them as 32-bit floats: some, or every one."""

    names: frozenset[str] = frozenset()
    every: bool = False

    def __bool__(self) -> bool:
        return self.every or bool(self.names)

    def __contains__(self, name: str) -> bool:
        return self.every or name in self.names


def float_members(kind: Any) -> FloatMembers:
    """The 32-bit floats of a column of this DuckDB type, which JSON text does not tell."""
    if kind.id == "map":
        return FloatMembers(every=kind.children[1][1].id == "float")
    children = kind.children if kind.id == "struct" else ()
    return FloatMembers(frozenset(name for name, child in children if child.id == "float"))


def instant(expression: str, kind: Any) -> str | None:
    """SQL for a TIMESTAMPTZ of a value with a time zone, nanoseconds floored; None without one."""
    if kind.id == "timestamptz_ns":
        nanos = f"epoch_ns({expression})"
        return f"make_timestamptz(({nanos} - ({nanos} % 1000 + 1000) % 1000) // 1000)"
    return f"CAST({expression} AS TIMESTAMPTZ)" if kind.id in _ZONED else None


def is_object(kind: Any) -> bool:
    """Whether a column of this DuckDB type can hold an object: STRUCT, MAP, or JSON text."""
    return kind.id in ("struct", "map") or kind.id == "varchar"


def object_text(expression: str, kind: Any) -> str:
    """SQL for the JSON text of a JSON, VARCHAR, LIST, STRUCT or MAP value; NULL stays NULL."""
    if kind.id == "varchar":
        return f"CAST({expression} AS VARCHAR)"
    return _value(expression, kind, depth=0)


def _value(expression: str, kind: Any, depth: int) -> str:
    """SQL for one value; the lambda parameters of nested levels differ by their depth."""
    if kind.id in _PLAIN or kind.id == "decimal":
        return f"CAST({expression} AS VARCHAR)"
    if kind.id in ("float", "double"):
        return (
            f"CASE WHEN isnan({expression}) THEN 'NaN'"
            f" WHEN isinf({expression}) THEN if({expression} > 0, 'Infinity', '-Infinity')"
            f" ELSE CAST({expression} AS VARCHAR) END"
        )
    if kind.id in _INSTANTS:
        time = f"({expression} AT TIME ZONE 'UTC')" if kind.id in _ZONED else expression
        written = _INSTANTS[kind.id].format(time)
        return f"CASE WHEN isfinite({time}) THEN {written} WHEN {time} IS NOT NULL THEN 'NaN' END"
    if kind.id == "varchar":
        is_json = str(kind) == "JSON"
        return f"CAST({expression} AS VARCHAR)" if is_json else f"to_json({expression})"
    if kind.id == "struct":
        return _struct(expression, kind, depth)
    if kind.id == "map":
        return _map(expression, kind, depth)
    if kind.id in ("list", "array"):
        return _list(expression, kind, depth)
    if kind.id == "union":
        return _union(expression, kind, depth)
    text = f"base64({expression})" if kind.id == "blob" else f"CAST({expression} AS VARCHAR)"
    return f"to_json({text})"


def _struct(expression: str, kind: Any, depth: int) -> str:
    members = []
    for name, child in kind.children:
        value = f"struct_extract({expression}, {sql_literal(name)})"
        key = f"to_json({sql_literal(name)})"
        members.append(f"{key} || ':' || {_member(value, child, depth)}")
    joined = f"array_to_string([{', '.join(members)}]::VARCHAR[], ',')"
    return f"CASE WHEN {expression} IS NOT NULL THEN '{{' || coalesce({joined}, '') || '}}' END"


def _map(expression: str, kind: Any, depth: int) -> str:
    entry = sql_identifier(f"entry_{depth}")
    _, (_, value_kind) = kind.children
    key = f"to_json(CAST({entry}.key AS VARCHAR))"
    member = f"{key} || ':' || {_member(f'{entry}.value', value_kind, depth)}"
    members = f"list_transform(map_entries({expression}), lambda {entry}: {member})"
    joined = f"array_to_string({members}, ',')"
    return f"CASE WHEN {expression} IS NOT NULL THEN '{{' || coalesce({joined}, '') || '}}' END"


def _union(expression: str, kind: Any, depth: int) -> str:
    cases = [
        f"WHEN {sql_literal(name)}"
        f" THEN {_value(f'union_extract({expression}, {sql_literal(name)})', child, depth)}"
        for name, child in kind.children[1:]  # the first one is the tag
    ]
    return f"CASE CAST(union_tag({expression}) AS VARCHAR) {' '.join(cases)} END"


def _member(expression: str, kind: Any, depth: int) -> str:
    """SQL for the value of a member: NULL, so no member, at the top; `null` further down."""
    value = _value(expression, kind, depth + 1)
    return value if depth == 0 else f"coalesce({value}, 'null')"


def _list(expression: str, kind: Any, depth: int) -> str:
    element = sql_identifier(f"element_{depth}")
    _, child = kind.children[0]
    value = f"coalesce({_value(element, child, depth + 1)}, 'null')"
    elements = f"list_transform(CAST({expression} AS {child}[]), lambda {element}: {value})"
    joined = f"array_to_string({elements}, ',')"
    return f"CASE WHEN {expression} IS NOT NULL THEN '[' || coalesce({joined}, '') || ']' END"
