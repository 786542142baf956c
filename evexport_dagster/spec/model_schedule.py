"""When an export runs, and which days it covers."""

from __future__ import annotations

from datetime import date, timedelta
from typing import Annotated, Any, Literal

import pydantic
from pydantic import (
    AfterValidator,
    BeforeValidator,
    ValidationInfo,
    field_validator,
    model_validator,
)

from evexport_dagster.spec.fields import (
    Model,
    Written,
    Wrong,
    refuse,
)

Hours = Literal[4, 8, 12, 24]

Every = Annotated[
    Hours,
    Written(
        Literal["4h", "8h", "12h", "24h"],
        lambda text: int(text.removesuffix("h")),
        lambda hours: f"{hours}h",
        (int,),
    ),
]


def _from_json(value: Any, info: ValidationInfo) -> Any:
    # JSON has no days: a spec that was stored is read back here. YAML has them.
    if info.mode == "json" and isinstance(value, str):
        return date.fromisoformat(value)
    return value


_YEARS = (1700, 8999)
"""Days from which clocks can count on, in either direction."""


def _countable(day: date) -> date:
    if not _YEARS[0] <= day.year <= _YEARS[1]:
        raise refuse(Wrong(f"expected a day of the years {_YEARS[0]} to {_YEARS[1]}"))
    return day


Day = Annotated[date, BeforeValidator(_from_json), AfterValidator(_countable)]


class DayRange(Model):
    """Days, both ends included, in the account's time zone."""

    from_: Day = pydantic.Field(alias="from", examples=["2026-06-01"])
    """The first day."""

    to: Day = pydantic.Field(examples=["2026-06-30"])
    """The last day; it must have ended."""

    @field_validator("to")
    @classmethod
    def _not_before(cls, to: date, info: ValidationInfo) -> date:
        first = info.data.get("from_")
        if first is not None and to < first:
            raise refuse(Wrong(f"expected a day not before the first one, {first}"))
        return to


class OneTime(DayRange):
    """Each day of the range, once."""


class Recurring(Model):
    """Every window from the start on, as it ends."""

    every: Every
    """The length of a window: 4h, 8h, 12h or 24h, cut from midnight on."""

    start: Day = pydantic.Field(examples=["2026-06-14"])
    """The first window starts at this day's midnight."""

    history: DayRange | None = None
    """Days before the start, exported once beside it, as the export `<name>_history`."""

    @field_validator("history")
    @classmethod
    def _before_start(cls, history: DayRange | None, info: ValidationInfo) -> DayRange | None:
        start = info.data.get("start")
        if history is not None and start is not None and history.to >= start:
            raise refuse(Wrong(f"expected a last day before the recurring start, {start}", ("to",)))
        return history

    def gap_days(self) -> int:
        """Days between the history's end and the start that nothing exports."""
        return (self.start - self.history.to - timedelta(days=1)).days if self.history else 0


class _ScheduleForm(Model):
    recurring: Recurring | None = None
    """Every 4, 8, 12 or 24 hours from a day on, with or without history."""

    one_time: OneTime | None = None
    """A range of days that have ended, once."""

    @model_validator(mode="after")
    def _exactly_one(self) -> _ScheduleForm:
        if (self.recurring is None) == (self.one_time is None):
            raise refuse(Wrong("expected either `recurring` or `one_time`"))
        return self


Schedule = Annotated[
    Recurring | OneTime,
    Written(
        _ScheduleForm,
        lambda form: form.recurring or form.one_time,
        lambda it: {"recurring" if isinstance(it, Recurring) else "one_time": it},
        (Recurring, OneTime),
    ),
]
