"""What a spec file asks for: an export, and the one of its history."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

from evexport_dagster.errors import RefusedError, SpecError
from evexport_dagster.ledger import ExportKind
from evexport_dagster.settings import Destination, Settings
from evexport_dagster.spec.load import LoadedSpec
from evexport_dagster.spec.model import ExportSpec, Recurring
from evexport_dagster.windows import (
    Cadence,
    Window,
    day_start,
    day_windows,
    ended_windows,
    windows_between,
)


@dataclass(frozen=True)
class ExportJob:
    """One export of a project, registered or not. Days are inclusive, in the account's zone."""

    name: str
    spec: ExportSpec
    kind: ExportKind
    destination: Destination
    file: Path
    cadence: Cadence
    zone: ZoneInfo
    first_day: date
    last_day: date | None
    settle: timedelta
    engagement: tuple[str, ...]
    system: tuple[str, ...] = ()

    @property
    def listed_events(self) -> tuple[str, ...] | None:
        """The keys of the event dimension, where they are fixed by the spec or its layout; None
        where later ones join."""
        if series := self.spec.files_as.series:
            return (series,)
        select = self.spec.series.select
        return None if select in ("all", "system") else self.source_events

    @property
    def source_events(self) -> tuple[str, ...] | None:
        """The events of the source that are taken, as far as they are known; None: all."""
        select = self.spec.series.select
        if isinstance(select, tuple):
            return select
        return {"all": None, "system": self.system, "engagement": self.engagement}[select]

    @property
    def start(self) -> datetime:
        """The first instant of the first window."""
        return day_start(self.first_day, self.zone)

    @property
    def end(self) -> datetime | None:
        """The end of the last window; None where there is none."""
        return None if self.last_day is None else day_start(_next(self.last_day), self.zone)

    def ended(self, now: datetime) -> Iterator[Window]:
        """The windows that have ended and settled, in order."""
        if self.last_day is None:
            yield from ended_windows(self.first_day, now, self.settle, self.cadence, self.zone)
            return
        for window in day_windows(self.first_day, self.last_day, self.zone):
            if window.end + self.settle <= now:
                yield window

    def between(self, start: datetime, end: datetime) -> Iterator[Window]:
        """The windows of the export that touch [start, end), in order, ended or not."""
        first, last = max(start, self.start), end if self.end is None else min(end, self.end)
        if first < last:
            yield from windows_between(first, last, self.cadence, self.zone)

    def touching(
        self, from_: datetime | None, to: datetime | None, now: datetime
    ) -> tuple[Window, ...]:
        """The windows of the export that touch [from_, to); without `to`, those that have ended.

        Raises:
            RefusedError: there is none, or one of them has not ended.
        """
        last = to or max((window.end for window in self.ended(now)), default=self.start)
        end = last if self.end is None else min(last, self.end)
        start = self.start if from_ is None else max(from_, self.start)
        windows = tuple(windows_between(start, end, self.cadence, self.zone)) if start < end else ()
        if not windows:
            until = "" if self.last_day is None else f" and ends with {self.last_day}"
            raise RefusedError(
                f"export {self.name!r} has no window to deliver in that range:"
                f" it starts on {self.first_day}{until}"
            )
        if windows[-1].end + self.settle > now:
            raise RefusedError(
                f"export {self.name!r}: the window that ends {_shown(windows[-1].end, self.zone)}"
                f" has not ended and settled yet; choose an earlier end of the range"
            )
        return windows


def jobs_of(loaded: LoadedSpec, settings: Settings) -> tuple[ExportJob, ...]:
    """The export of a spec file, and the one of its history where it has one."""
    history = loaded.spec.history()
    own: ExportKind = "recurring" if isinstance(loaded.spec.schedule, Recurring) else "one_time"
    made = [job_of(loaded.spec, own, loaded.path, settings)]
    if history is not None:
        made.append(job_of(history, "history", loaded.path, settings))
    return tuple(made)


def family_of(
    name: str, families: Iterable[tuple[ExportJob, ...]], broken: Mapping[str, SpecError]
) -> tuple[ExportJob, tuple[ExportJob, ...]]:
    """The export of this name, and all that its file asks for; raises SpecError where there is
    none, or its file is `broken`."""
    found = [(job, family) for family in families for job in family]
    for job, family in found:
        if job.name == name:
            return job, family
    if name in broken:
        raise broken[name]
    there = ", ".join(job.name for job, _ in found) or "none"
    raise SpecError(f"there is no export {name!r}; there is {there}")


def job_of(spec: ExportSpec, kind: ExportKind, file: Path, settings: Settings) -> ExportJob:
    """One export by its whole spec, in a project."""
    schedule = spec.schedule
    return ExportJob(
        name=spec.name,
        spec=spec,
        kind=kind,
        destination=settings.destinations[spec.destination],
        file=file,
        cadence=schedule.every if isinstance(schedule, Recurring) else 24,
        zone=settings.account.zone,
        first_day=_first_day(spec),
        last_day=None if isinstance(schedule, Recurring) else schedule.to,
        settle=settings.runtime.settle,
        engagement=tuple(settings.catalog.engagement),
        system=tuple(settings.catalog.system),
    )


def _first_day(spec: ExportSpec) -> date:
    """The day of the first window. Profiles have no days: once is one window, the last one."""
    schedule = spec.schedule
    if isinstance(schedule, Recurring):
        return schedule.start
    return schedule.to if spec.type == "profiles" else schedule.from_


def _next(day: date) -> date:
    return day + timedelta(days=1)


def _shown(instant: datetime, zone: ZoneInfo) -> str:
    return instant.astimezone(zone).isoformat(sep=" ", timespec="minutes")
