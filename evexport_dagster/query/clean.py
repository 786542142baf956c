"""Every JSON object of a window made strict and compact, in SQL where a guard allows it.

A cleaned object has no null members, no duplicate keys, nothing but JSON; what had to be mended
is counted. `exact` marks rows whose numbers DuckDB could respell with fewer digits.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from evexport_dagster.query import guards
from evexport_dagster.query.guards import Numbers

EXACT: Final = 2
"""The way from which on an object needs a parser."""

COMPACT: Final = 3
"""The way of an object that a parser may find faultless; its numbers are short."""


@dataclass(frozen=True)
class Cleaning:
    """How the objects of a run are cleaned: the numbers that may pass, and `as_string`."""

    numbers: Numbers
    as_string: bool

    @property
    def only_short(self) -> bool:
        """Whether DuckDB may respell the numbers."""
        return self.numbers is Numbers.SHORT

    def way(self, text: str) -> str:
        """SQL for the way that an object takes: 0 as it is, 1 nulls cut, 2 exact, 3 as it is
        unless a parser finds a fault, a null member or a key twice."""
        if self.as_string:
            return "2::UTINYINT"
        unique = f"list_unique(json_keys({text})) = len(json_keys({text}))"
        return (
            f"CASE WHEN NOT {guards.harmless(text, self.numbers)} THEN"
            f" CASE WHEN NOT {guards.compact(text, self.numbers)} THEN {EXACT}"
            f" WHEN {guards.nested_once(text)} THEN 0 ELSE {COMPACT} END::UTINYINT"
            f" WHEN NOT ({guards.may_hold_null(text)}) THEN 0::UTINYINT"
            f" WHEN {guards.nulls_can_be_cut(text)} AND {unique} THEN 1::UTINYINT"
            " ELSE 2::UTINYINT END"
        )

    def mended(self, text: str, way: str) -> str:
        """SQL for STRUCT(text, odd) of an object that has to be looked at, else NULL."""
        exact = "exact_as_string" if self.as_string else "exact_object"
        return f"CASE {way} WHEN 2 THEN {exact}({text}) WHEN 3 THEN exact_unless_unique({text}) END"

    def cleaned(self, text: str, way: str, mended: str) -> str:
        """SQL for the cleaned text of an object."""
        return (
            f"CASE {way} WHEN 0 THEN {text} WHEN 1 THEN {guards.without_nulls(text)}"
            f" ELSE {mended}.text END"
        )

    def exact(self, way: str) -> str:
        """SQL condition: only the exact path may take this object apart."""
        return "false" if self.as_string else f"{way} = 2"


@dataclass(frozen=True)
class CleanedObject:
    """One object column on its way: three nested selects make `NAME_way`, then `NAME_mended`,
    then the results."""

    name: str
    cleaning: Cleaning

    @property
    def way(self) -> str:
        """The first step, as a column of a SELECT."""
        return f"{self.cleaning.way(self.name)} AS {self.name}_way"

    @property
    def mended(self) -> str:
        """The second step, as a column of a SELECT."""
        return f"{self.cleaning.mended(self.name, f'{self.name}_way')} AS {self.name}_mended"

    @property
    def text(self) -> str:
        """The third step: SQL for the cleaned text."""
        return self.cleaning.cleaned(self.name, f"{self.name}_way", f"{self.name}_mended")

    @property
    def odd(self) -> str:
        """The third step: SQL for what was counted, as JSON, or NULL."""
        return f"{self.name}_mended.odd"

    @property
    def exact(self) -> str:
        """The third step: SQL condition that only the exact path may take it apart."""
        return self.cleaning.exact(f"{self.name}_way")
