"""The groups of people and devices as columns of values, made once each."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TypeAlias

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from evexport_dagster.compiled.numbers import booleans, numbers
from evexport_dagster.compiled.spans import spans
from evexport_dagster.compiled.taken import taken_apart
from evexport_dagster.formats import ValueFormat
from evexport_dagster.formats.cells import Group
from evexport_dagster.formats.values import Entries, Values, read_taken, strings
from evexport_dagster.query.shape import RecordShape
from evexport_dagster.query.staged import Staged
from evexport_dagster.source import FloatMembers

Places: TypeAlias = NDArray[np.int32]

NO_FLOATS = FloatMembers()
"""An object of which no member is a 32-bit float."""


class ValueGroups:
    """The groups of people and devices of a chunk, made once each, and looked up for rows."""

    def __init__(
        self,
        shape: RecordShape,
        format_: ValueFormat,
        floats: Mapping[str, FloatMembers],
        staged: Staged,
        pieces: Mapping[str, pa.Table],
    ) -> None:
        self._tables = []
        for name, table in pieces.items():
            columns: dict[str, pa.Array] = {}
            for it in shape.pieces_of(name):
                texts = table.column(it.column).combine_chunks()
                columns |= _columns(format_, it.groups, texts, floats)
            self._tables.append((staged.numbers_of(name), columns))

    def of_rows(self, rows: slice) -> dict[str, pa.Array]:
        """The columns of the groups, for these rows of the chunk."""
        return {
            name: column.take(numbers(places[rows]))
            for places, columns in self._tables
            for name, column in columns.items()
        }


def _columns(
    format_: ValueFormat,
    groups: Sequence[Group],
    pieces: pa.Array,
    floats: Mapping[str, FloatMembers],
) -> dict[str, pa.Array]:
    """The columns of some groups from pieces, in which their cells stand side by side; or of their
    cells, by `GROUP.LABEL`, where the format has structs."""
    columns: dict[str, pa.Array] = {}
    first = 0
    for group in groups:
        end = first + len(group.cells)
        of_pieces, places, found = taken_apart(spans(pieces), format_.separator, first, end)
        values, first = read_taken(found), end
        if format_.has_structs:
            columns |= _fields(group, of_pieces, places, values)
        else:
            of_source = floats.get(_OBJECTS.get(group.name, ""), NO_FLOATS)
            entries = _entries(group, of_pieces, places, values, of_source)
            columns[group.name] = format_.column(group.name, entries)
    return columns


_OBJECTS = {"profile": "properties", "deviceInfo": "device", "commPrefs": "comm_prefs"}
"""The column of the source whose members a group takes."""


def _fields(
    group: Group, of_pieces: Places, places: Places, values: Values
) -> dict[str, pa.StringArray]:
    rows, counts = len(of_pieces) - 1, np.diff(of_pieces)
    is_there = np.zeros((len(group.cells), rows), np.bool_)
    is_there[places, np.repeat(np.arange(rows), counts)] = True
    fields = {}
    for place, label in enumerate(group.labels):
        texts = values.texts.filter(booleans(places == place))
        missing = pa.nulls(rows, pa.string())
        fields[f"{group.name}.{label}"] = pc.replace_with_mask(
            missing, booleans(is_there[place]), texts
        )
    return fields


def _entries(
    group: Group, of_pieces: Places, places: Places, values: Values, floats: FloatMembers
) -> Entries:
    if floats:
        are_floats = [
            bool(cell.keys) and all(key in floats for key in cell.keys) for cell in group.cells
        ]
        values = values.with_floats(booleans(np.array(are_floats)[places]))
    labels = pa.DictionaryArray.from_arrays(numbers(places), strings(group.labels))
    return Entries(numbers(of_pieces), labels, values)
