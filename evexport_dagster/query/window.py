"""One window of an export as records: staged once, surveyed, then read event by event."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import duckdb
import pyarrow as pa

from evexport_dagster.columns import EventColumns
from evexport_dagster.query.clean import CleanedObject, Cleaning
from evexport_dagster.query.guards import Numbers
from evexport_dagster.query.join import DUPLICATE_PROFILES, stage_devices, stage_people, stage_ready
from evexport_dagster.query.shape import RecordShape
from evexport_dagster.query.stage import Selection, stage_events
from evexport_dagster.query.survey import EventSurvey, survey_staged
from evexport_dagster.source import Lake

BATCH_ROWS = 32_768


@dataclass(frozen=True)
class StagedWindow:
    """The rows of a window in temporary tables; events go by their position in `events`."""

    con: duckdb.DuckDBPyConnection
    lake: Lake
    shape: RecordShape
    events: tuple[str, ...]
    surveys: tuple[EventSurvey, ...]

    def join(self) -> tuple[Counter[str], ...]:
        """Joins people and devices, once; gives what was odd about them, per event."""
        cleaning = Cleaning(Numbers.SHORT, self.shape.spec.as_string)
        further_rows = stage_people(self.con, self.lake, self.shape, cleaning)
        stage_devices(self.con, self.shape, cleaning)
        odd = stage_ready(self.con, sort=self.shape.spec.sort)
        for counted, survey in zip(odd, self.surveys, strict=True):
            if further_rows and survey.rows:
                counted[DUPLICATE_PROFILES] = further_rows
        return tuple(odd)

    def as_is(self, event: int, columns: EventColumns) -> bool:
        """Whether every property that a row of the event has is exported."""
        return columns.sources >= self.surveys[event].names.keys()

    def records(
        self, event: int, columns: EventColumns, limit: int | None = None
    ) -> Iterator[pa.RecordBatch]:
        """Batches of (instance, line): the event's records in the order of their files."""
        label = self.shape.spec.events.choice(self.events[event]).label
        line = self.shape.line(label, columns, as_is=self.as_is(event, columns))
        self.con.execute("SET preserve_insertion_order = true")
        picked = f"{self.shape.picked(columns)} AS props_picked"
        rows = f"SELECT *, {picked} FROM ready WHERE event = {event}"
        query = f"SELECT instance, {line} AS line FROM ({rows})"
        if limit is not None:
            query += f" LIMIT {limit}"
        yield from self.con.sql(query).to_arrow_reader(BATCH_ROWS)


def stage_window(
    con: duckdb.DuckDBPyConnection, lake: Lake, shape: RecordShape, events: Sequence[str]
) -> StagedWindow:
    """Stage and survey the rows of these events: the one pass over the source."""
    spec = shape.spec
    picks = any(spec.events.choice(name).properties != "all" for name in events)
    passes = shape.format.any_number_passes and not picks
    cleaning = Cleaning(Numbers.ANY if passes else Numbers.SHORT, spec.as_string)
    selection = Selection(
        window=shape.window,
        events=tuple(events),
        where=spec.where,
        device=bool(spec.device),
        sort=spec.sort,
    )
    stage_events(con, lake, selection, CleanedObject("event_props", cleaning))
    return StagedWindow(con, lake, shape, tuple(events), survey_staged(con, len(events)))
