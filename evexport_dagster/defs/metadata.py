"""A receipt as Dagster shows it: one materialisation of one partition key."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping, Sequence
from dataclasses import replace
from itertools import groupby
from operator import attrgetter
from posixpath import commonpath, dirname
from typing import Any, Final
from urllib.parse import quote

import dagster as dg

from evexport_dagster.columns import header
from evexport_dagster.defs.partitions import partition_key
from evexport_dagster.deliver import LATENESS
from evexport_dagster.exports import LATE_ROWS, ExportJob, SchemaReport
from evexport_dagster.first_records import Record
from evexport_dagster.ledger import Receipt
from evexport_dagster.record_schema import RecordSchema
from evexport_dagster.settings import Settings
from evexport_dagster.spec.revisions import fingerprint, meaning
from evexport_dagster.windows import Window

_MOST_FILES = 100
_GROUP = attrgetter("group")
_RUN_ID: Final = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")
_FILE_SCHEMA = dg.TableSchema(
    columns=[
        dg.TableColumn("key", "string"),
        dg.TableColumn("instance", "int"),
        dg.TableColumn("rows", "int"),
        dg.TableColumn("bytes", "int"),
        dg.TableColumn("sha256", "string"),
    ]
)
_LATENESS_SCHEMA = dg.TableSchema(
    columns=[
        dg.TableColumn("arrived", "string", "How long after its time an event arrived"),
        dg.TableColumn("rows", "int"),
    ]
)


def asset_key(name: str) -> dg.AssetKey:
    """The asset of an export."""
    return dg.AssetKey(["exports", name])


def code_version(job: ExportJob, settings: Settings) -> str:
    """The fingerprint of what the spec means: other code, other bytes."""
    destinations = {**settings.destinations, job.spec.destination: job.destination}
    return fingerprint(meaning(job.spec, replace(settings, destinations=destinations)))


def materialization(
    job: ExportJob,
    receipt: Receipt,
    settings: Settings,
    root: str,
    first_records: Sequence[Record] = (),
    schema: SchemaReport | None = None,
) -> dg.AssetMaterialization:
    """The materialisation of the delivery that a receipt records; `root` is its store's URI,
    `first_records` are those of its first file, as they were delivered, `schema` says what its
    records can hold, where it has any."""
    key = partition_key(job, Window(receipt.window_start, receipt.window_end), receipt.event)
    sums = "".join(file.sha256 for file in receipt.files)
    return dg.AssetMaterialization(
        asset_key=asset_key(job.name),
        partition=key,
        description=_description(receipt),
        metadata={
            **receipt_metadata(job, receipt, root, first_records),
            **schema_metadata(schema),
        },
        tags={
            # Dagster adds these by itself only to materialisations that it makes of outputs.
            **_dimensions(key),
            "dagster/code_version": code_version(job, settings),
            "dagster/data_version": hashlib.sha256(sums.encode()).hexdigest()[:16],
        },
    )


def _dimensions(key: str) -> dict[str, str]:
    if not isinstance(key, dg.MultiPartitionKey):
        return {}
    return {f"dagster/partition/{name}": part for name, part in key.keys_by_dimension.items()}


def receipt_metadata(
    job: ExportJob, receipt: Receipt, root: str, first_records: Sequence[Record] = ()
) -> Mapping[str, dg.MetadataValue[Any]]:
    """What a reader asks of a delivery: how much, where, of when, and what was odd."""
    shown: dict[str, dg.MetadataValue[Any]] = {
        "event": dg.MetadataValue.text(receipt.event),
        "window": dg.MetadataValue.text(_span(job, receipt)),
        "dagster/row_count": dg.MetadataValue.int(receipt.rows),
        "rows in source": dg.MetadataValue.int(receipt.source_rows),
        "bytes": dg.MetadataValue.int(sum(file.bytes for file in receipt.files)),
    }
    if receipt.files:
        where = _common([file.key for file in receipt.files])
        shown["dagster/uri"] = dg.MetadataValue.text(f"{root}/{where}")
        if root.startswith("https://"):
            shown["open"] = dg.MetadataValue.url(f"{root}/{quote(where)}")
        shown["files"] = _files(receipt)
        shown |= _first_records(first_records)
    if receipt.stale:
        shown["stale files"] = dg.MetadataValue.json(stale_files(receipt))
    if receipt.first_event_time and receipt.last_event_time:
        shown["first event"] = dg.MetadataValue.timestamp(receipt.first_event_time)
        shown["last event"] = dg.MetadataValue.timestamp(receipt.last_event_time)
    oddities = dict(receipt.oddities)
    if late := oddities.pop(LATE_ROWS, None):
        shown["late events"] = dg.MetadataValue.int(int(str(late)))
    if lateness := oddities.pop(LATENESS, None):
        shown["lateness"] = _histogram(lateness)
    if oddities:
        shown["oddities"] = dg.MetadataValue.json(oddities)
    shown["run"] = _run(receipt.run_id)
    shown["export id"] = dg.MetadataValue.text(str(receipt.export_id))
    shown["revision"] = dg.MetadataValue.int(receipt.revision)
    shown["column version"] = dg.MetadataValue.int(receipt.column_version)
    return shown


def schema_metadata(report: SchemaReport | None) -> Mapping[str, dg.MetadataValue[Any]]:
    """The columns of a delivery, the hash that tells them from others, and what changed."""
    if report is None:
        return {}
    shown: dict[str, dg.MetadataValue[Any]] = {
        "dagster/column_schema": dg.MetadataValue.table_schema(_columns(report.schema)),
        "schema hash": dg.MetadataValue.text(report.schema.hash),
    }
    if report.drift:
        shown["drift"] = dg.MetadataValue.json(report.drift.as_json())
        shown["drift in words"] = dg.MetadataValue.text(report.drift.in_words())
    return shown


def _columns(schema: RecordSchema) -> dg.TableSchema:
    """The fields by their names in a header; those of properties with the types that were seen,
    `any` where none was."""
    fields = schema.fields
    grouped = [(group, [it.label for it in its]) for group, its in groupby(fields, _GROUP)]
    return dg.TableSchema(
        columns=[
            dg.TableColumn(name, it.kind or "any", description=it.group or None)
            for name, it in zip(header(grouped), fields, strict=True)
        ]
    )


def _histogram(lateness: object) -> dg.MetadataValue[Any]:
    assert isinstance(lateness, dict)
    records = [dg.TableRecord({"arrived": step, "rows": rows}) for step, rows in lateness.items()]
    return dg.MetadataValue.table(records, schema=_LATENESS_SCHEMA)


def stale_files(receipt: Receipt) -> list[str]:
    """The objects of former deliveries that are still there, with their buckets: not too many."""
    return [f"{file.destination}/{file.key}" for file in receipt.stale[:_MOST_FILES]]


def _run(run_id: str) -> dg.MetadataValue[Any]:
    """A link to the run, where it was one of Dagster's."""
    is_dagsters = _RUN_ID.fullmatch(run_id) is not None
    return dg.MetadataValue.dagster_run(run_id) if is_dagsters else dg.MetadataValue.text(run_id)


def _first_records(records: Sequence[Record]) -> Mapping[str, dg.MetadataValue[Any]]:
    """The records side by side, a line for each field: some have more fields than fit beside
    each other."""
    if not records:
        return {}
    labels = list(dict.fromkeys(label for record in records for label in record))
    columns = [dg.TableColumn("field", "string")]
    columns += [dg.TableColumn(f"record {n}", "string") for n in range(1, len(records) + 1)]
    lines = [
        dg.TableRecord(
            {
                "field": label,
                **{f"record {n}": it.get(label, "") for n, it in enumerate(records, 1)},
            }
        )
        for label in labels
    ]
    schema = dg.TableSchema(columns=columns)
    return {"first records": dg.MetadataValue.table(lines, schema=schema)}


def _common(keys: Sequence[str]) -> str:
    """The key of one file, or the deepest folder that holds all of several."""
    return keys[0] if len(keys) == 1 else commonpath([dirname(key) for key in keys])


def _files(receipt: Receipt) -> dg.MetadataValue[Any]:
    records = [
        dg.TableRecord(
            {
                "key": file.key,
                "instance": file.instance,
                "rows": file.rows,
                "bytes": file.bytes,
                "sha256": file.sha256,
            }
        )
        for file in receipt.files[:_MOST_FILES]
    ]
    return dg.MetadataValue.table(records, schema=_FILE_SCHEMA)


def _description(receipt: Receipt) -> str:
    rows, files = receipt.rows, len(receipt.files)
    if not rows:
        return "No rows in this window: no file"
    again = ", again: events came late" if LATE_ROWS in receipt.oddities else ""
    return f"{rows:,} row{'s'[: rows != 1]} in {files} file{'s'[: files != 1]}{again}"


def _span(job: ExportJob, receipt: Receipt) -> str:
    ends = (receipt.window_start, receipt.window_end)
    start, end = (at.astimezone(job.zone).isoformat(sep=" ", timespec="minutes") for at in ends)
    return f"{start} up to {end}"
