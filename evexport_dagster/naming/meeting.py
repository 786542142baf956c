"""Could two exports ever write one key? Answered by the languages of their keys.

The keys of an export are a regular language: literals, digits, dates, the segments of its
events. Two exports can meet where the two languages share a text, case aside; that is decided
exactly, by walking both automata in step. The languages are a little wider than the truth
(any digits for a timestamp, a variable that stands twice may differ), so the answer errs
only towards meeting.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from functools import cache
from string import ascii_lowercase, digits
from typing import TypeAlias

from evexport_dagster.naming.keys import Naming, account_segment
from evexport_dagster.naming.template import Part, Variable

# One step of a key: a character out of these, once, or once and more.
Step: TypeAlias = tuple[frozenset[str], bool]

_DIGIT = frozenset(digits)
_DIGITS: tuple[Step, ...] = ((_DIGIT, True),)
_ANY_EVENT: tuple[Step, ...] = ((frozenset(ascii_lowercase + digits + "_-"), True),)


@dataclass(frozen=True)
class Reach:
    """All that an export may ever write into one bucket.

    `events`: the segments of its events, None where any event may appear. `first` and `last`:
    the range of its timestamps (epoch seconds, both included), None where it is open.
    `prefix`: what the destination puts before each key, its slash included.
    """

    naming: Naming
    account_id: str
    export_id: int
    events: frozenset[str] | None = None
    first: int | None = None
    last: int | None = None
    prefix: str = ""


def could_meet(a: Reach, b: Reach) -> bool:
    """Whether some key could be written by both, even one that differs in case only."""
    # Names of one kind have their timestamp at one place, so equal keys share it.
    if a.naming.fixed == b.naming.fixed and (_before(a, b) or _before(b, a)):
        return False
    # Most exports are kept apart by more than their events; that is quick to see, and first.
    if not _share_a_text(_automaton(replace(a, events=None)), _automaton(replace(b, events=None))):
        return False
    return _share_a_text(_automaton(a), _automaton(b))


def _before(a: Reach, b: Reach) -> bool:
    return a.last is not None and b.first is not None and a.last < b.first


@dataclass
class _Automaton:
    """States 0 (start), 1 (end) and so on; of each the (characters, next state) that leave it."""

    edges: list[list[tuple[frozenset[str], int]]] = field(default_factory=lambda: [[], []])

    def state(self) -> int:
        self.edges.append([])
        return len(self.edges) - 1

    def chain(self, start: int, steps: tuple[Step, ...], end: int) -> None:
        """Adds one way from start to end; a way of no steps would be none, and is not asked for."""
        here = start
        for index, (characters, repeats) in enumerate(steps):
            there = end if index == len(steps) - 1 else self.state()
            self.edges[here].append((characters, there))
            if repeats:
                self.edges[there].append((characters, there))
            here = there


def _automaton(reach: Reach) -> _Automaton:
    automaton = _Automaton()
    parts: tuple[Part, ...] = (reach.prefix, *reach.naming.parts)
    if reach.events is None or Variable.EVENT_NAME not in parts:
        automaton.chain(0, _steps(parts, reach, _ANY_EVENT), 1)
        return automaton
    # A known event is the same wherever it stands, so the keys part where it first does.
    first = parts.index(Variable.EVENT_NAME)
    last = len(parts) - parts[::-1].index(Variable.EVENT_NAME)
    before = _steps(parts[:first], reach, ())
    fork = automaton.state() if before else 0
    automaton.chain(0, before, fork)
    join = automaton.state()
    for event in reach.events:
        automaton.chain(fork, _steps(parts[first:last], reach, _text(event)), join)
    automaton.chain(join, _steps(parts[last:], reach, ()), 1)
    return automaton


def _steps(parts: tuple[Part, ...], reach: Reach, event: tuple[Step, ...]) -> tuple[Step, ...]:
    values = {
        Variable.ACCOUNT_ID: _text(account_segment(reach.account_id)),
        Variable.EXPORT_ID: _text(str(reach.export_id)),
        Variable.TIMESTAMP: _DIGITS,
        Variable.INSTANCE_ID: _DIGITS,
        Variable.DATE: _like("0000-00-00"),
        Variable.EVENT_NAME: event,
        Variable.WINDOW_START: _like("00000000t000000z"),
        Variable.WINDOW_END: _like("00000000t000000z"),
        Variable.WINDOW_DATE: _like("0000-00-00"),
        Variable.FORMAT: _text(reach.naming.format),
        Variable.FILE_INDEX: _DIGITS,
        # It may be empty, so it takes the last letter of the time before it.
        Variable.FILE_SUFFIX: ((frozenset(f"z-{digits}"), True),),
        Variable.COMPACT_DATE: _like("00000000"),
        Variable.START_MILLIS: _like("00000000t000000000z"),
        Variable.END_MILLIS: _like("00000000t000000000"),
    }
    return tuple(
        step
        for part in parts
        for step in (values[part] if isinstance(part, Variable) else _text(part))
    )


def _text(text: str) -> tuple[Step, ...]:
    return tuple((_only(character), False) for character in text.lower())


def _like(sample: str) -> tuple[Step, ...]:
    return tuple((_DIGIT if c == "0" else _only(c), False) for c in sample)


@cache
def _only(character: str) -> frozenset[str]:
    return frozenset(character)


def _share_a_text(a: _Automaton, b: _Automaton) -> bool:
    seen = {(0, 0)}
    todo = [(0, 0)]
    while todo:
        here = todo.pop()
        if here == (1, 1):
            return True
        for characters, to_a in a.edges[here[0]]:
            for others, to_b in b.edges[here[1]]:
                there = (to_a, to_b)
                if there not in seen and not characters.isdisjoint(others):
                    seen.add(there)
                    todo.append(there)
    return False
