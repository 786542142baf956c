"""This project, through its Python interface, with all of its promises kept."""

from __future__ import annotations

from functools import partial
from pathlib import Path

from benchmarks.contenders.base import DAY, DEVICE, PREFERENCES, THREADS, ZONE, Contender
from evexport_dagster import load_project

MEMORY = "2GB"
"""What DuckDB may take of a run (`runtime.memory`)."""

_PROJECT = f"""
account: {{{{id: "1", name: Benchmark, timezone: {ZONE}}}}}
sources:
  lake:
    events: {{{{from: "{{lake}}/events/*.parquet"}}}}
    profiles: {{{{from: "{{lake}}/profiles.parquet"}}}}
destinations:
  local: {{{{type: local, path: .}}}}
runtime:
  {{{{memory: {MEMORY}, threads: {THREADS}, history_limit: 36500d, ledger: "sqlite:///{{work}}/ledger.db",
    scratch: "{{work}}/scratch"}}}}
"""
_ANY = f"""
name: bench
source: lake
destination: local
format: {{format}}
schedule: {{{{one_time: {{{{from: {DAY}, to: {DAY}}}}}}}}}
"""
_EXPORT = f"""{_ANY}
folder: event_name
timestamp: datetime
identity: {{{{identifiers: [Identity, Email, Phone], all_identities: true}}}}
user_properties: [Email, Phone, Name, Gender, tier]
device: [{", ".join(DEVICE)}]
comm_prefs: [{", ".join(PREFERENCES)}]
events: {{{{select: all{{renames}}}}}}
"""
_OF_LAYOUT = f"""{_ANY}
layout: {{layout}}
identity: {{{{identifiers: [Identity, Email, Phone]}}}}
events: {{{{select: all}}}}
"""
_RENAMES = """, rename_properties: {"CT Source": source, "CT App Version": app_version,
    "CT Latitude": latitude, "CT Longitude": longitude, Price: price}"""


def _run(export: str, lake: Path, out: Path) -> None:
    project = out.with_name(f"{out.name}-project")
    (project / "exports").mkdir(parents=True)
    settings = _PROJECT.format(lake=lake, work=project).replace("path: .", f"path: {out}")
    (project / "evexport.yaml").write_text(settings)
    (project / "exports" / "bench.yaml").write_text(export)
    with load_project(project) as opened:
        opened.run("bench")


CONTENDERS = tuple(
    Contender(
        name=f"evexport-{format_}{'-renames' if renames else ''}",
        format=format_,
        command="evexport run" + (", five properties renamed in every event" if renames else ""),
        packages=("duckdb", "pyarrow", "isal"),
        run=partial(_run, _EXPORT.format(format=format_, renames=renames)),
    )
    for format_, renames in (
        *(("json", ""), ("json", _RENAMES), ("csv", ""), ("xml", ""), ("parquet", "")),
    )
) + tuple(
    Contender(
        name=f"evexport-{format_}-{layout}",
        format=format_,
        command=f"evexport run, layout {layout}",
        packages=("duckdb", "pyarrow", "isal"),
        run=partial(_run, _OF_LAYOUT.format(format=format_, layout=layout)),
    )
    for format_, layout in (("json", "legacy"), ("csv", "legacy"), ("json", "infobip"))
)
