"""A daemon in simulated time: the verbs that the sensors use, and what befalls it."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path
from random import Random

from evexport_dagster.errors import ExportError
from evexport_dagster.exports import LastRun, NextRun, Project, in_turn, is_done, next_run
from evexport_dagster_tests.delivery.conftest import Processes
from evexport_dagster_tests.handmade import Document, Handmade
from evexport_dagster_tests.soak.world import World

_MINUTE, _HOUR = dt.timedelta(minutes=1), dt.timedelta(hours=1)
_LOOK = 6 * _HOUR
_NAMES = ("purchases", "purchases_history")
DEADLY = (
    ("take the lease", "after"),
    ("take a chunk", "after"),
    ("commit the columns", "after"),
    ("begin the attempt", "after"),
    ("copy to the destination", "before"),
    ("copy to the destination", "in"),
    ("rename", "before"),
    ("rename", "after"),
    ("record the receipt", "before"),
    ("record the receipt", "after"),
    ("forget failures", "before"),
    ("release the lease", "before"),
)
"""Where a run is killed: (step, when)."""


@dataclass
class Daemon:
    """Plans and runs the exports of a project as its clock goes on; `said` counts what befell."""

    world: World
    processes: Processes
    rng: Random
    spec: Document
    events: list[tuple[dt.datetime, Callable[[Daemon], None]]] = field(default_factory=list)
    faults: dict[str, int] = field(default_factory=dict)
    _deaths: int = 0
    _down_until: dt.datetime | None = None
    _seen: dict[str, dt.datetime | None] = field(default_factory=dict)
    _last: dict[str, LastRun] = field(default_factory=dict)
    _project: Project | None = None

    @property
    def home(self) -> Handmade:
        """The project folder."""
        return self.world.home

    @property
    def source(self) -> Path:
        """The folder with the events."""
        return self.home.folder / "lake" / "events"

    @property
    def project(self) -> Project:
        """The project as it was when the code was loaded."""
        if self._project is None:
            self._project = self.home.open()
        return self._project

    def live(self, until: dt.datetime) -> None:
        """Let time go by."""
        self.events.sort(key=lambda it: it[0])
        looks_at = self.home.now
        while self.home.now < until:
            while self.events and self.events[0][0] <= self.home.now:
                self.events.pop(0)[1](self)
            wake = until
            if self._down_until is None or self._down_until <= self.home.now:
                # What arrives while the source is away is seen when it is back.
                if self.source.is_dir():
                    self.world.reveal()
                if looks_at <= self.home.now:
                    self._look()
                    looks_at = self.home.now + _LOOK
                wake = min(self._plan() or until, looks_at)
            else:
                wake = self._down_until
            if self.events:
                wake = min(wake, self.events[0][0])
            self.home.now = min(max(wake, self.home.now + _MINUTE), until)

    def reload(self) -> None:
        """The code server was killed, or reloaded."""
        self._project = None
        self._note("reload")

    def sleep(self, hours: float) -> None:
        """The daemon was killed, and is started again so much later."""
        self.reload()
        self._down_until = self.home.now + hours * _HOUR
        self._note("down")

    def kill_next(self) -> None:
        """The next run is killed."""
        self._deaths += 1

    def edit(self, **changes: object) -> None:
        """A person changes the spec and registers that."""
        self.spec |= changes
        self.home.spec(**self.spec)
        with self.home.open() as project:
            # Where the source is away meanwhile, the next edit registers this one too.
            self._try(lambda: project.edit("purchases"))
        self.reload()
        self._note("edit")

    def deliver_again(self, days: int) -> None:
        """A person delivers some windows again."""
        job = self.project.job("purchases")
        ended = list(job.ended(self.home.now))[-6 * days :]
        if ended:
            first, last = ended[0].start, ended[min(2, len(ended) - 1)].end
            self._try(lambda: self.home.run(from_=first, to=last))
            self._note("again")

    def outage(self, hours: float, *, of: str) -> None:
        """The destination, or the source, is away for so long."""
        place = self.home.out if of == "destination" else self.source
        if place.is_dir():
            hidden = place.rename(place.with_name(f"{place.name}-hidden"))
            if of == "destination":
                place.write_text("a file where the folder should be")
            back = self.home.now + hours * _HOUR
            self.events.append((back, lambda _: self._end_outage(place, hidden)))
            self.events.sort(key=lambda it: it[0])
            self._note(f"outage of the {of}")

    def _end_outage(self, place: Path, hidden: Path) -> None:
        if place.is_file():
            place.unlink()
        hidden.rename(place)

    def _look(self) -> None:
        for name in _NAMES:
            whole = self.rng.random() < 0.2
            since = None if whole else self._seen.get(name)

            def look(name: str = name, since: dt.datetime | None = since) -> None:
                self.project.discover(name, lately=True)
                found = self.project.unattended.look_for_late(name, since)
                self._seen[name] = found.seen_to
                self.faults["late"] = self.faults.get("late", 0) + len(found.found)

            self._try(look)

    def _plan(self) -> dt.datetime | None:
        """Start what is due; when something will be."""
        while True:
            planned = [it for it in map(self._next, _NAMES) if it is not None]
            due = in_turn([it for it in planned if it.is_due(self.home.now)], 0, 1)
            if not due:
                waits = [it.not_before for it in planned if it.not_before is not None]
                return min(waits, default=None)
            self._run(due[0])

    def _next(self, name: str) -> NextRun | None:
        facts = self.project.unattended.facts(name, queued=False)
        if facts is None:
            return None
        if facts.failures:
            self._try(lambda: self.project.unattended.forget_left(name))
        if is_done(facts, self.home.now):
            self._try(lambda: self.project.discover(name))
            self._try(lambda: self.project.unattended.finish(name))
            return None
        last = self._last.get(name)
        planned = next_run(facts, self.home.now)
        if planned is None or last is None:
            return planned
        return next_run(replace(facts, last_run=last), self.home.now)

    def _run(self, planned: NextRun) -> None:
        name = planned.job.name
        self._last.pop(name, None)
        if self._deaths:
            self._deaths -= 1
            step, when = self.rng.choice(DEADLY)
            where = (str(self.home.folder), name, self.home.now.isoformat())
            (code,) = self.processes.run(
                ("plan_and_die", step, when, self.rng.choice([1, 2]), *where)
            )
            self._note(f"killed ({code})")
            self._last[name] = LastRun("killed", planned.window.start, self.home.now)
            return

        def run() -> None:
            for task in self.project.unattended.rest_of(name, planned.window, "run"):
                self.project.deliver(task, run_id="run")

        self._try(run)

    def _try(self, act: Callable[[], object]) -> None:
        try:
            act()
        except ExportError as error:
            self._note(f"failed: {error.kind}")

    def _note(self, what: str) -> None:
        self.faults[what] = self.faults.get(what, 0) + 1
