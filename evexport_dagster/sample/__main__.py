"""`python -m evexport_dagster.sample FOLDER`: a sample lake of any size."""

from __future__ import annotations

import time
from datetime import datetime
from pathlib import Path
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import click

from evexport_dagster.errors import ExportError
from evexport_dagster.sample.lake import make_lake
from evexport_dagster.sample.project import DAYS, SAMPLE_DAY, ZONE, first_day

COUNT = click.IntRange(min=1)


def known_zone(_context: click.Context, _parameter: click.Parameter, zone: str) -> str:
    """A time zone's name, if there is one of that name."""
    try:
        ZoneInfo(zone)
    except (ZoneInfoNotFoundError, ValueError) as error:
        raise click.BadParameter(f"{zone!r} is not a time zone, such as {ZONE}") from error
    return zone


@click.command(context_settings={"show_default": True})
@click.argument("folder", type=click.Path(path_type=Path))
@click.option("--events", type=COUNT, default=20_000, help="Number of events.")
@click.option(
    "--first-day",
    "first",
    type=click.DateTime(["%Y-%m-%d"]),
    default=first_day(SAMPLE_DAY).isoformat(),
    help="First day of the range.",
)
@click.option("--days", type=COUNT, default=DAYS, help="Length of the range.")
@click.option("--zone", default=ZONE, callback=known_zone, help="Time zone of the account.")
@click.option("--profiles", type=COUNT, show_default="a twentieth", help="Number of profiles.")
@click.option("--seed", type=int, default=7, help="Another seed gives other rows.")
@click.option("--instances", type=COUNT, default=3, help="Number of database instances.")
def main(
    folder: Path,
    events: int,
    first: datetime,
    days: int,
    zone: str,
    profiles: int | None,
    seed: int,
    instances: int,
) -> None:
    """Write a lake of believable events to FOLDER, the same for the same options."""
    began = time.perf_counter()
    try:
        lake = make_lake(
            folder,
            events=events,
            first_day=first.date(),
            days=days,
            zone=zone,
            profiles=profiles,
            seed=seed,
            instances=instances,
        )
    except ExportError as error:
        raise click.ClickException(str(error)) from error
    seconds = time.perf_counter() - began
    click.echo(
        f"{lake.events:,} events in {len(lake.event_files)} files and {lake.profiles:,} profiles "
        f"from {lake.start:%Y-%m-%d %H:%M %Z} to {lake.end:%Y-%m-%d %H:%M %Z}: "
        f"{seconds:.1f} s, {lake.events / seconds:,.0f} events/s"
    )


if __name__ == "__main__":
    main()
