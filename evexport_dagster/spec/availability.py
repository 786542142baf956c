"""What a spec may say already, but no release does yet: the one list of it."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final, Literal

from evexport_dagster.errors import Fault
from evexport_dagster.spec.document import Document, ValuePath
from evexport_dagster.spec.model_sources import REMOTE


@dataclass(frozen=True)
class Gap:
    """Values that are not available yet, and what is instead ('' where nothing is)."""

    refuses: Callable[[Any], bool]
    available: str = ""


def _one_of(*values: str) -> Callable[[Any], bool]:
    return lambda value: value in values


def _anything(value: Any) -> bool:
    return True


def _yes(value: Any) -> bool:
    return value is True


def _remote(value: Any) -> bool:
    return isinstance(value, str) and REMOTE.search(value) is not None


_LOCAL = Gap(_remote, "local paths")

NOT_YET: Final[Mapping[ValuePath, Gap]] = {
    ("export", "type"): Gap(_one_of("profiles"), "events"),
    ("export", "format"): Gap(_one_of("parquet"), "csv, json, xml"),
    ("export", "compression"): Gap(_one_of("gzip"), "default"),
    ("export", "manifest"): Gap(_yes, "false"),
    ("export", "pii"): Gap(_anything),
    ("export", "late_events"): Gap(_anything),
    ("export", "layout"): Gap(_one_of("legacy", "infobip"), "clevertap"),
    ("project", "sources", "*", "events", "from"): _LOCAL,
    ("project", "sources", "*", "profiles", "from"): _LOCAL,
    ("project", "destinations", "*", "type"): Gap(_one_of("s3", "gcs", "azure"), "local"),
    ("project", "notifications", "webhook"): Gap(_anything),
    ("project", "notifications", "email"): Gap(_anything),
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
