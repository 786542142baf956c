"""Pieces of records, as the lines of a window are made of them, in the default layout."""

from __future__ import annotations

import json
from collections.abc import Sequence

import numpy as np

from evexport_dagster.columns import EventColumns
from evexport_dagster.compiled.records import FILLED, Records, template, templates
from evexport_dagster.compiled.spans import spans_of
from evexport_dagster.formats import LineFormat


def head(format_: LineFormat, event: str) -> tuple[str, str]:
    """What a record of an event begins with, and what stands behind its time."""
    before, after = format_.around_time("eventTime", is_number=False)
    name = format_.event_name("eventName", event)
    return format_.begin + name + format_.separator + before, after + format_.separator


def properties(format_: LineFormat, texts: Sequence[str], columns: EventColumns) -> list[str]:
    """The pieces that the properties of objects, given as clean texts, are."""
    places = [{key: place for place, key in enumerate(json.loads(text))} for text in texts]
    kept = templates([template(format_.properties(it, columns)) for it in places])
    rows, parts = np.arange(len(texts)), np.full((len(texts), 1), FILLED, np.int32)
    made = Records(spans_of([""]), parts, spans_of(texts), kept, rows, format_.way)
    return [text.as_py() for text in made.of(rows).array]
