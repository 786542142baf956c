"""The rows of a window as the source gives them: one stream, in chunks, read once.

source_events ──> chunk ──> survey ──> lines
                    │                    │
source_profiles ──> people, devices ─────┘
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final

import duckdb

from evexport_dagster.errors import Fault, SpecError
from evexport_dagster.query.prove import Chunk, one_chunk, proved
from evexport_dagster.source import EVENTS_VIEW, PROFILES_VIEW, Lake
from evexport_dagster.text import sql_literal
from evexport_dagster.windows import Window

NAME_IN_SOURCE = "name_in_source"
"""The column with the name of an event, where all of them make one series."""

_BATCH_ROWS = 32768
_CHUNK_BYTES = 224 << 20
_WHERE_SORTED = 1 / 3
"""Chunks are smaller where rows are sorted, since what sorts them holds memory all the while."""


@dataclass(frozen=True)
class Selection:
    """Which rows of the source are taken: a window, event names (their position is their number
    in the tables), a predicate over the canonical columns; and whether their device, an
    order among them, or at least that those of an event and instance come together, is needed.
    With `has_name` all rows are one series, each with its name in the source. With `as_string`
    scalars become texts."""

    window: Window
    events: Sequence[str]
    where: str | None
    device: bool
    sort: bool
    together: bool = False
    has_name: bool = False
    as_string: bool = False

    @property
    def in_order(self) -> bool:
        """Whether the rows are sorted at all."""
        return self.sort or self.together


def chunks(
    con: duckdb.DuckDBPyConnection, lake: Lake, selection: Selection
) -> Iterator[tuple[Chunk, bool]]:
    """The selected rows in chunks of a bounded size, each with whether it is the last.

    In the order of the source, or of their files where these have one. `event` is the
    position in the selection's names.
    """
    if not selection.events:
        return
    most = _CHUNK_BYTES * (_WHERE_SORTED if selection.in_order else 1)
    held: list[Chunk] = []
    size = 0
    # A connection with an open reader refuses other queries.
    with con.cursor() as stream:
        for batch in stream.sql(_events(lake, selection)).to_arrow_reader(_BATCH_ROWS):
            if size >= most:
                yield one_chunk(held), False
                held, size = [], 0
            held.append(proved(batch, as_string=selection.as_string))
            size += held[-1].size
    if held:
        yield one_chunk(held), True


def profile_ids(lake: Lake, selection: Selection) -> str:
    """SQL for the column `profile_id` of the selected rows."""
    return f"SELECT profile_id FROM ({_rows(lake, selection)})"


def _events(lake: Lake, selection: Selection) -> str:
    names = ", ".join(map(sql_literal, selection.events))
    device = "coalesce(device, '{}')" if selection.device else "'{}'"
    name = f", {NAME_IN_SOURCE}" if selection.has_name else ""
    instance = "0::BIGINT" if selection.has_name else "coalesce(instance_id, 0)"
    query = f"""
        SELECT
            enum_code(event_name::ENUM({names}))::BIGINT AS event,
            {instance} AS instance, event_time, event_id, profile_id,
            arrived_at, {device} AS device,
            coalesce(event_props, '{{}}') AS event_props, position::BIGINT AS position{name}
        FROM ({_rows(lake, selection)})
    """
    rows = f"SELECT * EXCLUDE (event_id) FROM ({query})"
    if not selection.in_order:
        return rows
    among = ", event_time, event_id, position" if selection.sort else ""
    return f"{rows} ORDER BY event, instance{among}"


def check_predicate(
    con: duckdb.DuckDBPyConnection, predicate: str | None, file: str, view: str = EVENTS_VIEW
) -> None:
    """Raise SpecError where `where` in a file is no predicate over the canonical columns of a
    view."""
    if predicate is None:
        return
    rows = seen(f"FROM {view}", view)
    try:
        # By itself first: what closes a parenthesis of ours would be another predicate.
        statements = con.extract_statements(f"SELECT 1 WHERE {predicate}")
        kind = con.sql(f"SELECT ({predicate}\n) FROM ({rows}) LIMIT 0").types[0]
        con.execute(f"{filtered(f'SELECT * FROM {view}', predicate, view=view)} LIMIT 0")
    except duckdb.Error as error:
        said = str(error).split("\n\nLINE", 1)[0].replace("\n", "; ")
    else:
        if len(statements) == 1 and kind.id in ("boolean", "null"):
            return
        said = "expected what is true or false" + (f", not {kind}" if len(statements) == 1 else "")
    raise SpecError(f"{file} has a fault", [Fault(f"{file}: where", repr(predicate), said)])


def _rows(lake: Lake, selection: Selection) -> str:
    start, end = (sql_instant(edge) for edge in (selection.window.start, selection.window.end))
    names = ", ".join(map(sql_literal, selection.events))
    conditions = [f"event_time >= {start}", f"event_time < {end}", f"event_name IN ({names})"]
    numbered = "" if lake.positioned else " REPLACE (row_number() OVER () AS position)"
    rows = f"SELECT *{numbered} FROM {EVENTS_VIEW} WHERE {' AND '.join(conditions)}"
    if selection.where is None:
        return rows
    return filtered(rows, selection.where, NAME_IN_SOURCE if selection.has_name else "event_name")


OBJECTS: Final = {
    EVENTS_VIEW: ("device", "event_props", "session_props"),
    PROFILES_VIEW: ("device", "properties", "comm_prefs", "subscription_groups"),
}
"""The columns of each view that a predicate sees as JSON."""


def filtered(rows: str, predicate: str, name: str = "event_name", view: str = EVENTS_VIEW) -> str:
    """SQL for the rows of a view that fit a predicate; it sees objects as JSON, malformed ones as
    NULL, and the name of the event in a column."""
    return f"""
        SELECT raw.* FROM ({seen(rows, view, name)})
        WHERE ({predicate}
        )
    """


def seen(rows: str, view: str, name: str = "event_name") -> str:
    """The rows of a view as a predicate sees them, each with itself as it is, `raw`."""
    columns = [f"CASE WHEN json_valid({it}) THEN {it}::JSON END AS {it}" for it in OBJECTS[view]]
    columns += [f"{name} AS event_name"] if view == EVENTS_VIEW else []
    return f"SELECT raw, raw.* REPLACE ({', '.join(columns)}) FROM ({rows}) AS raw"


def sql_instant(instant: datetime) -> str:
    """SQL for an instant."""
    return f"TIMESTAMPTZ '{instant.astimezone(UTC).isoformat(sep=' ')}'"
