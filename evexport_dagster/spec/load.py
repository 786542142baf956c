"""`exports/*.yaml` -> specs: parsed, validated, and checked against the project's settings."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any, Final

from evexport_dagster.errors import Fault, SpecError
from evexport_dagster.settings import PROJECT_FILE, Settings
from evexport_dagster.spec.document import Document
from evexport_dagster.spec.fields import nearest
from evexport_dagster.spec.layout_fit import layout_faults
from evexport_dagster.spec.model import ExportSpec, Recurring
from evexport_dagster.spec.reading import parse_document, read_document
from evexport_dagster.spec.validate import PathFault, raise_faults, validated

EXPORTS: Final = "exports"
COMPONENT: Final = "evexport_dagster.EventExport"
COMPONENT_FILE: Final = "defs.yaml"

_HISTORY_RULE = "expected a name that does not end in '_history', as those of histories do"


@dataclass(frozen=True)
class LoadedSpec:
    """A valid spec, what its author should know about it, and the file it came from."""

    spec: ExportSpec
    warnings: tuple[Fault, ...]
    path: Path


def load_spec(path: Path, settings: Settings) -> LoadedSpec:
    """The spec of one file, or of a component's; raises SpecError with every fault of it."""
    return _loaded(_within(read_document(path, _shown(path, settings))), path, settings)


def spec_of(values: Mapping[str, Any], path: Path, settings: Settings) -> LoadedSpec:
    """The spec that plain values are, as others read them from `path`: their days may be texts.

    Raises SpecError as `load_spec`.
    """
    data = {key: _with_days(it) if key == "schedule" else it for key, it in values.items()}
    document = Document(_shown(path, settings), data)
    return _loaded(document, path, settings)


def parse_spec(text: str, settings: Settings, file: str = "spec.yaml") -> LoadedSpec:
    """The spec of a YAML text, named `file` in messages; raises SpecError as `load_spec`."""
    return _loaded(parse_document(text, file), Path(file), settings)


def _with_days(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {key: _with_days(inner) for key, inner in value.items()}
    try:
        return date.fromisoformat(value) if isinstance(value, str) else value
    except ValueError:
        return value


def load_specs(
    project_dir: Path | str, settings: Settings
) -> tuple[dict[str, LoadedSpec], dict[str, SpecError]]:
    """All specs of a project by name, and the errors of broken files by file stem.

    A broken file does not keep the others from being loaded. Of files that give one name, none
    is loaded.
    """
    loaded: list[LoadedSpec] = []
    broken: dict[str, SpecError] = {}
    folder = Path(project_dir) / EXPORTS
    components = (path for path in folder.glob(f"*/{COMPONENT_FILE}") if _is_component(path))
    for path in sorted((*folder.glob("*.yaml"), *folder.glob("*.yml"), *components)):
        try:
            loaded.append(load_spec(path, settings))
        except SpecError as error:
            broken[_key(path, broken)] = error
    specs: dict[str, LoadedSpec] = {}
    for one in loaded:
        others = [it.path for it in loaded if it.spec.name == one.spec.name and it is not one]
        if others:
            broken[_key(one.path, broken)] = _twice(one, others, settings)
        else:
            specs[one.spec.name] = one
    return specs, broken


def _key(path: Path, taken: dict[str, SpecError]) -> str:
    stem = path.parent.name if path.name == COMPONENT_FILE else path.stem
    return path.name if stem in taken else stem


def _is_component(path: Path) -> bool:
    """Whether a component file is one of an export: Dagster has others."""
    return f"type: {COMPONENT}" in path.read_text("utf-8", errors="replace")


def _within(document: Document) -> Document:
    """The attributes of a component file, but for those that are not the export's; else the
    document itself."""
    if document.get(("type",)) != COMPONENT:
        return document
    values = document.get(("attributes",))
    inner = len(("attributes",))
    return Document(
        document.file,
        {key: it for key, it in dict(values or {}).items() if key != "project"},
        {path[inner:]: line for path, line in document.lines.items() if "attributes" in path[:1]},
        {path[inner:]: it for path, it in document.faults.items() if "attributes" in path[:1]},
    )


def _twice(one: LoadedSpec, others: list[Path], settings: Settings) -> SpecError:
    file = _shown(one.path, settings)
    also = ", ".join(_shown(path, settings) for path in others)
    allowed = f"expected a name of its own; {also} has it too"
    fault = Fault(f"{file}: name", repr(one.spec.name), allowed)
    return SpecError(f"{file} has a fault", [fault])


def _shown(path: Path, settings: Settings) -> str:
    absolute = path.absolute()
    inside = absolute.is_relative_to(settings.folder)
    return absolute.relative_to(settings.folder).as_posix() if inside else path.name


def _loaded(document: Document, path: Path, settings: Settings) -> LoadedSpec:
    spec, faults = validated(ExportSpec, document)
    faults += layout_faults(document)
    faults += _cross_faults(document, settings)
    raise_faults(document, faults)
    assert spec is not None
    return LoadedSpec(spec, tuple(_warnings(spec, document)), path)


def _cross_faults(document: Document, settings: Settings) -> Iterator[PathFault]:
    name = document.get(("name",))
    if isinstance(name, str) and name.endswith("_history"):
        yield ("name",), document.fault(("name",), _HISTORY_RULE)
    for key, known in (("source", settings.sources), ("destination", settings.destinations)):
        given = document.get((key,))
        if isinstance(given, str) and given not in known:
            near = nearest(given, known) or f"; there is {', '.join(known)}"
            rule = f"expected the name of a {key} in {PROJECT_FILE}{near}"
            yield (key,), document.fault((key,), rule)


def _warnings(spec: ExportSpec, document: Document) -> Iterator[Fault]:
    schedule = spec.schedule
    if isinstance(schedule, Recurring) and schedule.gap_days():
        days = schedule.gap_days()
        what = "1 day is" if days == 1 else f"{days} days are"
        yield document.fault(
            ("schedule", "recurring", "history", "to"),
            f"{what} exported neither as history nor after the start, {schedule.start}",
        )
