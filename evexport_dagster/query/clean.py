"""JSON objects of people and devices made strict and compact, in SQL where a guard allows it.

A cleaned object has no null members, nothing but JSON; what had to be mended is counted.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from evexport_dagster.query import guards

_AS_IT_IS: Final = 0
_NULLS_CUT: Final = 1
_EXACT: Final = 2
_COMPACT: Final = 3
"""The ways: the last is that of an object that a parser may find faultless; its numbers are
short."""


@dataclass(frozen=True)
class CleanedObject:
    """One object column on its way: three nested selects make `NAME_way`, then `NAME_mended`,
    then the results. `as_string` makes every scalar a text."""

    name: str
    as_string: bool

    @property
    def way(self) -> str:
        """The first step, as a column of a SELECT."""
        return f"{self._way}::UTINYINT AS {self.name}_way"

    @property
    def _way(self) -> str:
        text = self.name
        if self.as_string:
            return str(_EXACT)
        unique = f"list_unique(json_keys({text})) = len(json_keys({text}))"
        return (
            f"CASE WHEN NOT {guards.harmless(text)} THEN"
            f" CASE WHEN NOT {guards.compact(text)} THEN {_EXACT}"
            f" WHEN are_clean({text}) THEN {_AS_IT_IS} ELSE {_COMPACT} END"
            f" WHEN NOT ({guards.may_hold_null(text)}) THEN {_AS_IT_IS}"
            f" WHEN {guards.nulls_can_be_cut(text)} AND {unique} THEN {_NULLS_CUT}"
            f" ELSE {_EXACT} END"
        )

    @property
    def mended(self) -> str:
        """The second step, as a column of a SELECT: STRUCT(text, odd), or NULL."""
        exact = "exact_as_string" if self.as_string else "exact_object"
        return (
            f"CASE {self.name}_way WHEN {_EXACT} THEN {exact}({self.name})"
            f" WHEN {_COMPACT} THEN exact_unless_unique({self.name}) END AS {self.name}_mended"
        )

    @property
    def text(self) -> str:
        """The third step: SQL for the cleaned text."""
        return (
            f"CASE {self.name}_way WHEN {_AS_IT_IS} THEN {self.name}"
            f" WHEN {_NULLS_CUT} THEN {guards.without_nulls(self.name)}"
            f" ELSE {self.name}_mended.text END"
        )

    @property
    def odd(self) -> str:
        """The third step: SQL for what was counted, as JSON, or NULL."""
        return f"{self.name}_mended.odd"

    @property
    def exact(self) -> str:
        """The third step: SQL condition that only the exact path may take it apart, since DuckDB
        could respell its numbers with fewer digits."""
        return "false" if self.as_string else f"{self.name}_way = {_EXACT}"
