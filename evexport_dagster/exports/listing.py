"""The table of exports: filters and pages (product contract, section 9)."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any, Final, Literal, TypedDict, get_args, overload
from zoneinfo import ZoneInfo

from evexport_dagster.errors import SpecError
from evexport_dagster.exports.context import Context
from evexport_dagster.exports.jobs import ExportJob
from evexport_dagster.exports.leases import is_alive
from evexport_dagster.ledger import ExportType, Failure, RegisteredExport
from evexport_dagster.lifecycle import Status, status_of
from evexport_dagster.spec.model import ExportSpec, Recurring
from evexport_dagster.spec.revisions import meaning, restored
from evexport_dagster.windows import Window, day_start

Partner = Literal["local", "s3", "gcs", "azure"]
Format = Literal["csv", "json", "xml", "parquet"]
Frequency = Literal["4h", "8h", "12h", "24h", "once"]
PageSize = Literal[10, 20, 30, 40]


@dataclass(frozen=True)
class ExportRow:
    """One export in the table. `status` is None while it is not registered."""

    name: str
    export_id: int | None
    type: ExportType
    format: Format
    partner: Partner
    status: Status | None
    frequency: Frequency
    last_delivered: Window | None
    last_failure: Failure | None


class ExportFilter(TypedDict, total=False):
    """Which exports are wanted; what is not there, or None, asks for nothing.

    `exported_from` and `exported_to` ask for exports with a delivery that was made in that range:
    both days are included, on the account's clock; of instants the later one is not.
    """

    partner: Partner | None
    type: ExportType | None
    format: Format | None
    status: Status | None
    frequency: Frequency | None
    exported_from: date | datetime | None
    exported_to: date | datetime | None


FILTERS: Final[Mapping[str, tuple[str, ...]]] = {
    "partner": get_args(Partner),
    "type": get_args(ExportType),
    "format": get_args(Format),
    "status": get_args(Status),
    "frequency": get_args(Frequency),
}
"""What can be asked for by each filter that is a word."""

PAGE_SIZES: Final[tuple[int, ...]] = get_args(PageSize)


@dataclass(frozen=True)
class Paging:
    """One page of so many things; the first page is 1, and there always is one.

    Raises SpecError for a page that cannot be, or a size that is not offered.
    """

    page: int = 1
    per_page: int = 20

    def __post_init__(self) -> None:
        if self.page < 1:
            raise SpecError(f"there is no page {self.page}: the first one is 1")
        if self.per_page not in PAGE_SIZES:
            sizes = ", ".join(map(str, PAGE_SIZES))
            raise SpecError(f"a page does not hold {self.per_page}: one of {sizes}")

    @property
    def offset(self) -> int:
        """How many things come before the page."""
        return (self.page - 1) * self.per_page

    def pages(self, total: int) -> int:
        """How many pages so many things take."""
        return max(1, -(-total // self.per_page))


@dataclass(frozen=True)
class ExportPage(Sequence[ExportRow]):
    """One page of the table, as a sequence of its rows; `total` counts those of all pages."""

    rows: tuple[ExportRow, ...]
    page: int
    pages: int
    total: int

    @overload
    def __getitem__(self, index: int) -> ExportRow: ...
    @overload
    def __getitem__(self, index: slice) -> tuple[ExportRow, ...]: ...
    def __getitem__(self, index: int | slice) -> ExportRow | tuple[ExportRow, ...]:
        return self.rows[index]

    def __len__(self) -> int:
        return len(self.rows)


@dataclass(frozen=True)
class Listed:
    """An export as it runs: by its newest revision, else by its file. `place` is where its files
    go, as a meaning has it."""

    name: str
    spec: ExportSpec
    place: Mapping[str, Any]
    export: RegisteredExport | None

    @property
    def frequency(self) -> Frequency:
        """How often it runs."""
        schedule = self.spec.schedule
        found = f"{schedule.every}h" if isinstance(schedule, Recurring) else "once"
        return next(it for it in get_args(Frequency) if it == found)


def listed(context: Context, jobs: Iterable[ExportJob]) -> tuple[Listed, ...]:
    """Every export: those of the files, in their order, and those that only the ledger knows."""
    known = context.ledger.exports.registered() if context.has_ledger else ()
    registered = {export.name: export for export in known}
    found: dict[str, Listed] = {}
    for job in jobs:
        export = registered.pop(job.name, None)
        found[job.name] = of_revision(export) if export else of_job(context, job)
    return (*found.values(), *map(of_revision, registered.values()))


def of_job(context: Context, job: ExportJob) -> Listed:
    """An export that is not registered."""
    place = meaning(job.spec, context.settings)["destination"]
    return Listed(job.name, job.spec, place, None)


def of_revision(export: RegisteredExport) -> Listed:
    """A registered export, whatever has become of its file and its destination."""
    held = json.loads(export.revision.meaning)
    place = held["meaning"]["destination"]
    return Listed(export.name, restored(held["spec"]), place, export)


def page_of(
    context: Context, exports: Iterable[Listed], wanted: ExportFilter, paging: Paging
) -> ExportPage:
    """One page of the exports that are wanted; no rows beyond the last page.

    Raises SpecError for a value that no export can have.
    """
    for name, allowed in FILTERS.items():
        value = wanted.get(name)
        if value is not None and value not in allowed:
            raise SpecError(f"no export has the {name} {value!r}: one of {', '.join(allowed)}")
    fitting = [export for export in exports if _fits(context, export, wanted)]
    shown = fitting[paging.offset : paging.offset + paging.per_page]
    rows = tuple(row(context, export) for export in shown)
    return ExportPage(rows, paging.page, paging.pages(len(fitting)), len(fitting))


def row(context: Context, listed: Listed) -> ExportRow:
    """The row of an export."""
    export, last, failures = listed.export, None, tuple[Failure, ...]()
    if export is not None:
        last = context.ledger.histories.last_window(export.export_id)
        failures = context.ledger.failures.of(export.export_id)
    return ExportRow(
        name=listed.name,
        export_id=export.export_id if export else None,
        type=listed.spec.type,
        format=listed.spec.format,
        partner=listed.place["type"],
        status=status(context, export),
        frequency=listed.frequency,
        last_delivered=Window(*last) if last else None,
        last_failure=failures[0] if failures else None,
    )


def status(context: Context, export: RegisteredExport | None) -> Status | None:
    """The status of an export; None while it is not registered."""
    if export is None:
        return None
    leases = context.ledger.leases.holders(export.export_id)
    return status_of(export.state, running=any(is_alive(context, lease) for lease in leases))


def _fits(context: Context, listed: Listed, wanted: ExportFilter) -> bool:
    pairs = (
        (wanted.get("partner"), listed.place["type"]),
        (wanted.get("type"), listed.spec.type),
        (wanted.get("format"), listed.spec.format),
        (wanted.get("frequency"), listed.frequency),
    )
    if any(want not in (None, has) for want, has in pairs):
        return False
    state = wanted.get("status")
    if state is not None and state != status(context, listed.export):
        return False
    since, until = _range(wanted, context.settings.account.zone)
    if since is None and until is None:
        return True
    export = listed.export
    return export is not None and context.ledger.histories.was_recorded(
        export.export_id, since, until
    )


def _range(wanted: ExportFilter, zone: ZoneInfo) -> tuple[datetime | None, datetime | None]:
    """The instants that are asked for; the later one is not in the range."""
    since, until = wanted.get("exported_from"), wanted.get("exported_to")
    if since is not None and not isinstance(since, datetime):
        since = day_start(since, zone)
    if until is not None and not isinstance(until, datetime):
        until = day_start(until + timedelta(days=1), zone)
    return since, until
