"""What a consumer of legacy files has to change, shown on real rows; writes nothing."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, Final

from evexport_dagster.errors import RefusedError
from evexport_dagster.exports.context import Context
from evexport_dagster.exports.jobs import ExportJob
from evexport_dagster.exports.previews import Preview, preview
from evexport_dagster.layouts import CLEVERTAP, LEGACY
from evexport_dagster.layouts.moves import MOVED
from evexport_dagster.spec.model import Events, ExportSpec, Field
from evexport_dagster.windows import Window

_PROPERTIES: Final = CLEVERTAP.properties
_KINDS: Final[Mapping[type, str]] = {
    str: "text",
    bool: "boolean",
    int: "number",
    float: "number",
    list: "list",
    dict: "object",
}


@dataclass(frozen=True)
class FieldChange:
    """A field of legacy records, and what it is now (None: the export does not have it); of CSV
    both are headers. Types are those of the values in JSON, '' where no row has one; the examples
    are of one row."""

    legacy: str
    now: str | None
    legacy_type: str
    now_type: str
    legacy_example: str
    now_example: str

    @property
    def is_change(self) -> bool:
        """Whether a consumer notices it."""
        return self.legacy != self.now or self.legacy_type != self.now_type


@dataclass(frozen=True)
class ValueChange:
    """A value that is spelled otherwise now, with the rows that have it."""

    property: str
    legacy: str
    now: str
    rows: int


@dataclass(frozen=True)
class EventChanges:
    """One event: the rows that were looked at, its headers (of CSV, else of records), its fields
    and values."""

    event: str
    rows: int
    legacy_columns: tuple[str, ...]
    columns: tuple[str, ...]
    fields: tuple[FieldChange, ...]
    values: tuple[ValueChange, ...]


@dataclass(frozen=True)
class LayoutDifference:
    """A window in both layouts: one key of each, and what changes by event."""

    export: str
    window: Window
    legacy_key: str
    key: str
    events: tuple[EventChanges, ...]


def layout_difference(
    context: Context, job: ExportJob, event: str | None, rows: int, start: datetime | None
) -> LayoutDifference:
    """How the files of an export differ from those of the legacy layout, on up to `rows` rows of
    each event in the window of a preview.

    Raises:
        RefusedError: the export has a layout that nobody migrates between, or what `preview` says.
    """
    if job.spec.type == "profiles":
        raise RefusedError("there are no legacy files of profiles to compare with")
    spec = _current(job.spec)
    if spec is None:
        raise RefusedError(f"layout {job.spec.layout!r} has nothing in common with legacy files")
    old, new = (replace(job, spec=it) for it in (_legacy(spec), spec))
    in_old, in_new = (preview(context, it, event, 0, start) for it in (old, new))
    legacy, current = (
        preview(context, _as_json(it), event, rows, in_new.window.start) for it in (old, new)
    )
    return LayoutDifference(
        export=job.name,
        window=in_new.window,
        legacy_key=_first_key(in_old),
        key=_first_key(in_new),
        events=tuple(
            EventChanges(
                name,
                len(records),
                in_old.columns[name],
                in_new.columns[name],
                tuple(
                    _named(it, in_new.columns[name]) if spec.format == "csv" else it
                    for it in _fields(spec, name, records, _read(current.records[name]))
                ),
                tuple(_values(spec, name, records, _read(current.records[name]))),
            )
            for name in legacy.records
            if (records := _read(legacy.records[name]))
        ),
    )


def _current(spec: ExportSpec) -> ExportSpec | None:
    """The spec in the default layout; of a legacy one with all that legacy records hold."""
    if spec.layout == CLEVERTAP.name:
        return spec
    if spec.layout != LEGACY.name:
        return None
    device = ("platform", "token", *LEGACY.fields()["deviceInfo"])
    identity = spec.identity.model_copy(update={"all_identities": True, "clevertap_id": True})
    people = tuple(Field(it) for it in ("Phone", "Name", "Email"))
    changed = {"layout": "clevertap", "device": device, "identity": identity}
    return spec.model_copy(update={**changed, "user_properties": people})


def _legacy(spec: ExportSpec) -> ExportSpec:
    events = Events(select=spec.events.select)
    identity = spec.identity.model_copy(update={"preference": "first"})
    plain = {"layout": "legacy", "events": events, "identity": identity, "file_name": "default"}
    return spec.model_copy(update=plain)


def _as_json(job: ExportJob) -> ExportJob:
    # Sorted, so that both have the same rows, one after the other.
    return replace(job, spec=job.spec.model_copy(update={"format": "json", "sort": True}))


def _first_key(shown: Preview) -> str:
    return next((key for it in shown.deliveries for key in it.keys), "")


_Record = dict[str, Any]
"""A record by its paths, such as `profile.identity`."""


def _read(lines: Sequence[str]) -> list[_Record]:
    return [dict(_paths(json.loads(line))) for line in lines]


def _paths(record: Mapping[str, Any]) -> Iterator[tuple[str, Any]]:
    for name, value in record.items():
        if isinstance(value, dict):
            yield from ((f"{name}.{key}", member) for key, member in value.items())
        else:
            yield name, value


def _fields(
    spec: ExportSpec, event: str, legacy: Sequence[_Record], current: Sequence[_Record]
) -> Iterator[FieldChange]:
    fixed = [f"{group}.{label}" for group, labels in LEGACY.fields().items() for label in labels]
    for path in dict.fromkeys(["ts", "eventName", *fixed, *(it for row in legacy for it in row)]):
        now = _now(spec, event, path)
        pairs = zip(legacy, current, strict=True)
        pair = next((it for it in pairs if path in it[0]), ({}, {}))
        yield FieldChange(
            legacy=path,
            now=now,
            legacy_type=_type(legacy, path),
            now_type=_type(current, now),
            legacy_example=_shown(pair[0], path),
            now_example=_shown(pair[1], now),
        )


def _named(field: FieldChange, columns: Sequence[str]) -> FieldChange:
    """The field by its names in headers."""
    group, _, key = _parted(field.legacy)
    legacy = LEGACY.csv_prefixes.get(group, "") + key
    if field.now is None:
        return replace(field, legacy=legacy)
    plain = _parted(field.now)[2]
    return replace(field, legacy=legacy, now=field.now if field.now in columns else plain)


def _parted(path: str) -> tuple[str, str, str]:
    group, dot, key = path.partition(".")
    return (group, dot, key) if dot else ("", "", group)


def _now(spec: ExportSpec, event: str, path: str) -> str | None:
    """Where the export has what stood at a path; None where it has it not."""
    group, _, name = path.partition(".")
    if group == LEGACY.session:
        return None
    if group == _PROPERTIES:
        return _property(spec, event, name)
    group, _, name = MOVED.get(path, path).partition(".")
    if group == "profile":
        label = next((it.label for it in spec.user_properties if it.name == name), None)
        return None if label is None else f"profile.{label}"
    selected = {
        "deviceInfo": spec.device,
        "identity": (
            "identity",
            *(["all_identities"] if spec.identity.all_identities else []),
            *(["clevertapId"] if spec.identity.clevertap_id else []),
        ),
    }
    there = group not in selected or name in selected[group]
    return MOVED.get(path, path) if there else None


def _property(spec: ExportSpec, event: str, name: str) -> str | None:
    choice = spec.events.choice(event)
    if choice.properties == "all":
        return f"{_PROPERTIES}.{choice.renames.get(name, name)}"
    label = next((it.label for it in choice.properties if it.name == name), None)
    return None if label is None else f"{_PROPERTIES}.{label}"


def _type(records: Sequence[_Record], path: str | None) -> str:
    found = {_KINDS[type(row[path])] for row in records if path is not None and path in row}
    return " or ".join(sorted(found))


def _shown(record: _Record, path: str | None) -> str:
    if path is None or path not in record:
        return ""
    value = record[path]
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


def _values(
    spec: ExportSpec, event: str, legacy: Sequence[_Record], current: Sequence[_Record]
) -> Iterator[ValueChange]:
    for name in LEGACY.old_values:
        then, now = f"{_PROPERTIES}.{name}", _property(spec, event, name)
        pairs = Counter(
            (old[then], new[now])
            for old, new in zip(legacy, current, strict=True)
            if now is not None and then in old and now in new and old[then] != new[now]
        )
        for (was, is_), rows in sorted(pairs.items(), key=str):
            yield ValueChange(name, str(was), str(is_), rows)
