"""A source that grows as time goes by: events that come in time, late, and at the edges of windows.

Every event has a number of its own, so that what arrives in a destination can be compared as a set
of (number, event, end of its window).
"""

from __future__ import annotations

import datetime as dt
import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from random import Random

from evexport_dagster.exports import ExportJob
from evexport_dagster_tests.handmade import Document, Handmade, arrived, csv_rows, event, visible

NAMES = ("Charged", "App Launched", "Product Viewed")
LATEST = dt.timedelta(hours=36)
"""How late an event can be."""

_MINUTE, _DAY = dt.timedelta(minutes=1), dt.timedelta(days=1)
_FILE = re.compile(r"-(\d+)-\d+-\d+\.csv\.gz$")
_DAYS_OF_A_FILE = 10

Place = tuple[str, str, int]
"""An event by its number, its name, and the end of the window in which it was delivered."""


@dataclass(frozen=True)
class Happening:
    """An event that happens, and becomes visible later."""

    number: str
    name: str
    time: dt.datetime
    arrives: dt.datetime

    @property
    def row(self) -> Document:
        """The row of the source."""
        row = event(self.name, self.time, int(self.number) % 2, n=self.number)
        return arrived({**row, "event_id": self.number}, self.arrives)


@dataclass
class World:
    """What happens, in order of arrival, and what of it the source has by now."""

    home: Handmade
    happenings: list[Happening]
    _shown: int = 0
    _files: dict[int, list[Document]] = field(default_factory=dict)

    def reveal(self) -> None:
        """Write what has become visible to the source."""
        changed = set[int]()
        while self._shown < len(self.happenings):
            happening = self.happenings[self._shown]
            if happening.arrives > self.home.now:
                break
            number = happening.arrives.toordinal() // _DAYS_OF_A_FILE
            self._files.setdefault(number, []).append(happening.row)
            changed.add(number)
            self._shown += 1
        for number in changed:
            self.home.events(self._files[number], f"part-{number}")

    def places(self, jobs: list[ExportJob], now: dt.datetime) -> Counter[Place]:
        """Where everything that is visible belongs, as far as its window has ended."""
        windows = [it for job in jobs for it in job.ended(now)]
        return Counter(
            (it.number, it.name, window.timestamp)
            for it in self.happenings[: self._shown]
            for window in windows
            if window.start <= it.time < window.end
        )


def delivered(home: Handmade) -> Counter[Place]:
    """Where everything is in the destination."""
    found = Counter[Place]()
    for key, data in home.tree().items():
        if visible(key) and not key.endswith(".json"):
            match = _FILE.search(key)
            assert match, key
            found.update((row["n"], row["eventName"], int(match[1])) for row in csv_rows(data))
    return found


def happenings(rng: Random, start: dt.datetime, end: dt.datetime, a_day: int) -> list[Happening]:
    """What happens in [start, end), so many events a day, in order of arrival."""
    found = []
    for number, time in enumerate(_times(rng, start, end, a_day)):
        late = rng.random() < 0.05
        delay = LATEST * rng.random() if late else _MINUTE * rng.random()
        # An event whose name is new comes now and then, sometimes late.
        name = f"Special {number}" if rng.random() < 0.002 else rng.choice(NAMES)
        found.append(Happening(str(number), name, time, time + delay))
    return sorted(found, key=lambda it: it.arrives)


def _times(rng: Random, start: dt.datetime, end: dt.datetime, a_day: int) -> Iterator[dt.datetime]:
    day = start
    while day < end:
        for _ in range(a_day):
            time = day + _DAY * rng.random()
            if rng.random() < 0.2:
                # The edges of windows are where events get lost.
                time = time.replace(minute=0, second=0, microsecond=0)
                time -= rng.choice([0, 0, 1]) * dt.timedelta.resolution
            if start <= time < end:
                yield time
        day += _DAY
