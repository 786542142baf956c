"""What a spec may say already, but no release does yet: the one list of it."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final, Literal

from evexport_dagster.errors import Fault
from evexport_dagster.spec.document import Document, ValuePath


@dataclass(frozen=True)
class Gap:
    """Values that are not available yet, and what is instead ('' where nothing is)."""

    refuses: Callable[[Any], bool]
    available: str = ""


def _one_of(*values: str) -> Callable[[Any], bool]:
    return lambda value: value in values


NOT_YET: Final[Mapping[ValuePath, Gap]] = {
    ("export", "type"): Gap(_one_of("profiles"), "events"),
}
"""Every gap by its file (`export` or `project`) and its path; `*` stands for any name."""


def gap_faults(
    document: Document, kind: Literal["export", "project"]
) -> Iterator[tuple[ValuePath, Fault]]:
    """Each value of a document that is not available yet."""
    for (file_kind, *pattern), gap in NOT_YET.items():
        if file_kind != kind:
            continue
        for path, value in document.match(tuple(pattern)):
            if gap.refuses(value):
                instead = f" (available: {gap.available})" if gap.available else ""
                yield path, document.fault(path, f"not available yet{instead}")
