"""What an export means, and how two meanings differ."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping
from itertools import zip_longest
from pathlib import Path
from typing import Any, Final

from evexport_dagster.settings import (
    AzureDestination,
    Destination,
    GcsDestination,
    LocalDestination,
    Relation,
    S3Destination,
    Settings,
)
from evexport_dagster.spec.document import ValuePath, path_text
from evexport_dagster.spec.model import Events, ExportSpec, Field, ResolvedChoice

MEANINGLESS: Final = frozenset({"description", "owners", "tags"})
"""Keys that change how an export is shown and who is told, not what it delivers."""

_LOCKED: Final[Mapping[ValuePath, str]] = {
    ("name",): "name",
    ("type",): "type",
    ("schedule",): "schedule",
    ("account", "timezone"): "time zone",
    ("layout",): "layout",
}
"""What no edit changes, by its path in a meaning."""


def meaning(spec: ExportSpec, settings: Settings) -> dict[str, Any]:
    """All that decides what an export delivers, as plain JSON values in one spelling.

    It holds what the spec says beyond the defaults, and what it uses of the project: the account,
    the source's mapping and endpoint, and the place of the destination. It holds no credentials,
    nothing of the runtime, and no history: that is an export of its own. Paths inside the project
    folder are relative to it.
    """
    values = spec.model_dump(mode="json", exclude_defaults=True, exclude=set(MEANINGLESS))
    if spec.type == "events":
        values["events"] = _events(spec.events)
    else:
        values = {**values, **_profiles(spec.series)}
    if spec.pii:
        values["pii"].pop("key", None)
    values["schedule"].get("recurring", {}).pop("history", None)
    source, endpoint = settings.sources[spec.source], _address(settings.connection(spec.source))
    database = _inside(source.database, settings.folder) if source.database else None
    return {
        **values,
        "account": {"id": settings.account.id, "timezone": settings.account.timezone},
        "source": {
            "name": spec.source,
            **({"database": database} if database else {}),
            **({"endpoint": endpoint} if endpoint else {}),
            "events": _relation(source.events, settings.folder),
            "profiles": _relation(source.profiles, settings.folder),
        },
        "destination": {
            "name": spec.destination,
            **place(settings.destinations[spec.destination], settings.folder),
        },
    }


def stored(spec: ExportSpec) -> dict[str, Any]:
    """The whole spec as plain JSON values, from which `restored` makes it again."""
    return spec.model_dump(mode="json", exclude={"events"} if spec.type == "profiles" else None)


def restored(values: Mapping[str, Any]) -> ExportSpec:
    """The spec that `stored` wrote, in this release or an earlier one."""
    return ExportSpec.model_validate_json(json.dumps(values), by_alias=True, by_name=False)


def fingerprint(meaning: Mapping[str, Any]) -> str:
    """16 hexadecimal digits that are the same for the same meaning, in every process."""
    text = json.dumps(meaning, sort_keys=True, ensure_ascii=True, separators=(",", ":"))
    return hashlib.sha256(text.encode("ascii")).hexdigest()[:16]


def difference(old: Mapping[str, Any], new: Mapping[str, Any]) -> list[str]:
    """`events.select[1]: 'App Launched' -> 'App Opened'`: one line for each change."""
    return [_line(change) for change in _changes((), old, new)]


def locked_changes(old: Mapping[str, Any], new: Mapping[str, Any]) -> list[str]:
    """The changes that no edit can make: name, type, schedule, time zone and layout."""
    return [
        f"{_line(change)} (the {what} of an export never changes)"
        for change in _changes((), old, new)
        for locked, what in _LOCKED.items()
        if change[0][: len(locked)] == locked
    ]


def _events(events: Events) -> dict[str, Any]:
    usual = events.model_copy(update={"each": {}})
    plain = Events(select=events.select, properties=events.properties)
    values = {
        "select": events.select if isinstance(events.select, str) else list(events.select),
        **_unlike(usual.choice(""), plain.choice("")),
        "rename_properties": dict(events.rename_properties),
        "each": {
            name: differs
            for name in events.each
            if (differs := _unlike(events.choice(name), usual.choice(name)))
        },
    }
    if events.properties != "all":
        values["properties"] = _properties(usual.choice("").properties)
    return {key: value for key, value in values.items() if value != {}}


def _profiles(series: Events) -> dict[str, Any]:
    """What is chosen of the properties of profiles."""
    values = _events(series)
    return {key: it for key, it in values.items() if key not in ("select", "as")}


def _unlike(choice: ResolvedChoice, usual: ResolvedChoice) -> dict[str, Any]:
    """What of a choice differs from the usual one, in the words of a spec."""
    values = {
        "as": (choice.label, usual.label),
        "properties": (_properties(choice.properties), _properties(usual.properties)),
        "schema_updates": (choice.schema_updates, usual.schema_updates),
    }
    return {key: own for key, (own, other) in values.items() if own != other}


def _properties(properties: str | tuple[Field, ...]) -> Any:
    if isinstance(properties, str):
        return properties
    return [
        field.name if field.label == field.name else {"name": field.name, "as": field.label}
        for field in properties
    ]


def _relation(relation: Relation, folder: Path) -> dict[str, Any]:
    values = relation.model_dump(mode="json", exclude_defaults=True)
    if relation.from_ is not None and "://" not in relation.from_:
        values["from"] = _inside(Path(relation.from_), folder)
    return values


def _inside(path: Path, folder: Path) -> str:
    return (path.relative_to(folder) if path.is_relative_to(folder) else path).as_posix()


def place(destination: Destination, folder: Path) -> dict[str, Any]:
    """Where objects go, without how one gets in; a path inside `folder` is relative to it."""
    match destination:
        case LocalDestination(path=path):
            where: dict[str, Any] = {"path": _inside(path, folder)}
        case (
            S3Destination(bucket=bucket, endpoint=endpoint)
            | GcsDestination(bucket=bucket, endpoint=endpoint)
        ):
            where = {"bucket": bucket, "endpoint": endpoint}
        case AzureDestination(account=account, container=container, endpoint=endpoint):
            where = {"account": account, "container": container, "endpoint": endpoint}
    values = {"type": destination.type, **where, "prefix": destination.prefix}
    return {key: value for key, value in values.items() if value is not None}


def _address(connection: Destination | None) -> str | None:
    """The store in which the bucket of a source is; None for Amazon's and Google's own."""
    if isinstance(connection, AzureDestination):
        return connection.account_url
    return getattr(connection, "endpoint", None)


_Change = tuple[ValuePath, Any, Any]


def _changes(path: ValuePath, old: Any, new: Any) -> Iterator[_Change]:
    if isinstance(old, Mapping) and isinstance(new, Mapping):
        for key in dict.fromkeys((*old, *new)):
            yield from _changes((*path, key), old.get(key), new.get(key))
    elif isinstance(old, list) and isinstance(new, list):
        for n, (before, after) in enumerate(zip_longest(old, new)):
            yield from _changes((*path, n), before, after)
    elif old != new or type(old) is not type(new):
        yield path, old, new


def _line(change: _Change) -> str:
    path, before, after = change
    return f"{path_text(path)}: {_shown(before)} -> {_shown(after)}"


def _shown(value: Any) -> str:
    return "not set" if value is None else repr(value)
