"""The groups of people and devices as columns of values, made once each."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import accumulate, pairwise

import pyarrow as pa
import pyarrow.compute as pc

from evexport_dagster.compiled.numbers import numbers
from evexport_dagster.formats import ValueFormat
from evexport_dagster.formats.cells import Group
from evexport_dagster.formats.values import Entries, booleans, integers, lists, read_tokens, strings
from evexport_dagster.query.shape import RecordShape
from evexport_dagster.query.staged import Staged
from evexport_dagster.source import FloatMembers

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
    cells = pc.split_pattern(pieces, format_.separator)
    firsts = [0, *accumulate(len(group.labels) for group in groups)]
    if format_.has_structs:
        labels = (f"{group.name}.{label}" for group in groups for label in group.labels)
        return {label: _texts(pc.list_element(cells, n)) for n, label in enumerate(labels)}
    return {
        group.name: format_.column(
            group.name,
            _entries(
                pc.list_slice(cells, first, end),
                group,
                floats.get(_OBJECTS.get(group.name, ""), NO_FLOATS),
            ),
        )
        for group, (first, end) in zip(groups, pairwise(firsts), strict=True)
    }


_OBJECTS = {"profile": "properties", "deviceInfo": "device", "commPrefs": "comm_prefs"}
"""The column of the source whose members a group takes."""


def _texts(tokens: pa.StringArray) -> pa.StringArray:
    """The texts of JSON tokens; empty ones are missing."""
    present = pc.greater(pc.binary_length(tokens), integers([0], pa.int32())[0])
    texts = read_tokens(tokens.filter(present)).texts
    return pc.replace_with_mask(pa.nulls(len(tokens), pa.string()), present, texts)


def _entries(cells: pa.ListArray, group: Group, floats: FloatMembers) -> Entries:
    """The entries of a group, whose cells are as many for each piece; empty ones are missing."""
    rows, width = len(cells), len(group.cells)
    tokens = cells.flatten()
    present = pc.greater(pc.binary_length(tokens), integers([0], pa.int32())[0])
    every = lists(integers(range(width), pa.int32()), [width])
    codes = every.take(integers(bytes(rows), pa.uint8(), "B")).flatten().filter(present)
    counted = pc.cumulative_sum(present.cast(pa.int32()))
    ends = integers(range(width - 1, rows * width, width), pa.int32())
    values = read_tokens(tokens.filter(present))
    if floats:
        are_floats = booleans(
            [bool(cell.keys) and all(key in floats for key in cell.keys) for cell in group.cells]
        )
        values = values.with_floats(are_floats.take(codes))
    return Entries(
        pa.concat_arrays([integers([0], pa.int32()), counted.take(ends)]),
        pa.DictionaryArray.from_arrays(codes, strings(group.labels)),
        values,
    )
