"""Times as people type and read them: on the clock of the account."""

from __future__ import annotations

from datetime import date, datetime, timedelta
from zoneinfo import ZoneInfo

import click

from evexport_dagster.windows import Window, parse_instant


def typed_instant(text: str | None, option: str, zone: ZoneInfo) -> datetime | None:
    """The time given to an option; raises BadParameter that says what a time looks like."""
    if text is None:
        return None
    try:
        return parse_instant(text, zone)
    except ValueError as error:
        raise _bad(option, str(error)) from error


def typed_range(
    from_: str | None, to: str | None, zone: ZoneInfo
) -> tuple[datetime | None, datetime | None]:
    """The range of `--from` and `--to`; raises BadParameter where it holds no time."""
    start, end = typed_instant(from_, "--from", zone), typed_instant(to, "--to", zone)
    if start is not None and end is not None and end <= start:
        raise _bad("--to", f"{to!r} is not later than {from_!r}, where the range starts")
    return start, end


def typed_day_or_instant(text: str | None, option: str, zone: ZoneInfo) -> date | datetime | None:
    """The day, or else the time, given to an option; raises BadParameter as `typed_instant`."""
    instant = typed_instant(text, option, zone)
    if text is not None and len(text) == len("2026-06-14"):
        return date.fromisoformat(text)
    return instant


def window_text(window: Window, zone: ZoneInfo) -> str:
    """`2026-06-14 20:00 to 24:00`, or only the day where it is a whole one."""
    start, end = window.start.astimezone(zone), window.end.astimezone(zone)
    day, next_day = start.date(), start.date() + timedelta(days=1)
    ends_at_midnight = f"{end:%Y-%m-%d %H:%M}" == f"{next_day} 00:00"
    if ends_at_midnight and f"{start:%H:%M}" == "00:00":
        return str(day)
    if ends_at_midnight:
        return f"{start:%Y-%m-%d %H:%M} to 24:00"
    return f"{start:%Y-%m-%d %H:%M} to {end:%H:%M}"


def instant_text(instant: datetime | None, zone: ZoneInfo) -> str:
    """`2026-06-14 20:00`, or nothing."""
    return "" if instant is None else f"{instant.astimezone(zone):%Y-%m-%d %H:%M}"


def window_document(window: Window, zone: ZoneInfo) -> list[str]:
    """Start and end, ISO 8601 with the offset of the account's zone."""
    return [iso(window.start, zone), iso(window.end, zone)]


def iso(instant: datetime, zone: ZoneInfo) -> str:
    """ISO 8601 with the offset of the account's zone."""
    return instant.astimezone(zone).isoformat()


def _bad(option: str, message: str) -> click.BadParameter:
    return click.BadParameter(message, click.get_current_context(), param_hint=f"'{option}'")
