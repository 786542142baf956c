"""Receipts as documents and tables, and where their files are."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from itertools import groupby
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from evexport_dagster.cli.output import Document, Grid
from evexport_dagster.cli.times import window_document, window_text
from evexport_dagster.exports import LATE_ROWS, OF_WHOLE_SOURCE, ExportJob, RunResult
from evexport_dagster.ledger import DeliveredFile, Receipt
from evexport_dagster.spec.revisions import place
from evexport_dagster.text import counted, size_text
from evexport_dagster.windows import Window


def run_document(result: RunResult, zone: ZoneInfo) -> Document:
    """`{"export", "export_id", "revision", "status", "deliveries": [...]}`."""
    return {
        "export": result.export,
        "export_id": result.export_id,
        "revision": result.revision,
        "status": result.status,
        "deliveries": delivery_documents(result.receipts, zone),
    }


def delivery_documents(receipts: Iterable[Receipt], zone: ZoneInfo) -> list[Document]:
    """`{"window": [start, end], "event", "instance", "rows", "files": [...]}`, one an instance.

    A delivery of no rows has no instance (null) and no files.
    """
    return [
        {
            "window": window_document(window_of(receipt), zone),
            "event": receipt.event,
            "instance": instance,
            "rows": sum(file.rows for file in files),
            "files": [file_document(file) for file in files],
        }
        for receipt in receipts
        for instance, files in _by_instance(receipt)
    ]


def file_document(file: DeliveredFile) -> Document:
    """`{"key", "rows", "bytes", "sha256"}`."""
    return {"key": file.key, "rows": file.rows, "bytes": file.bytes, "sha256": file.sha256}


def delivery_grid(receipts: Iterable[Receipt], zone: ZoneInfo) -> Grid:
    """What was delivered, one line a window and event; why, where that was for late events."""
    shown = list(receipts)
    again = any(LATE_ROWS in receipt.oddities for receipt in shown)
    rows = (
        (
            window_text(window_of(receipt), zone),
            receipt.event,
            f"{receipt.rows:,}",
            f"{len(receipt.files):,}",
            size_text(sum(file.bytes for file in receipt.files)),
            *([_reason(receipt)] if again else []),
        )
        for receipt in shown
    )
    numbers = frozenset({"Rows", "Files", "Size"})
    labels = ("Window", "Event", "Rows", "Files", "Size", *(["Reason"] if again else []))
    return Grid(labels, tuple(rows), numbers)


def totals_text(receipts: Iterable[Receipt]) -> str:
    """`1,234 rows in 5 files, 67.8 kB`."""
    files = [file for receipt in receipts for file in receipt.files]
    rows, size = sum(file.rows for file in files), sum(file.bytes for file in files)
    return f"{counted(rows, 'row')} in {counted(len(files), 'file')}, {size_text(size)}"


def oddities_text(receipts: Iterable[Receipt]) -> str:
    """What was counted on the way, such as `nul characters 3`; '' where nothing was odd."""
    counts: Counter[str] = Counter()
    for receipt in receipts:
        for name, count in receipt.oddities.items():
            if name == LATE_ROWS:
                continue
            if name in OF_WHOLE_SOURCE:
                # Such rows belong to no window: each receipt counts those of the whole source.
                counts[name] = max(counts[name], int(str(count)))
            elif isinstance(count, int):
                counts[name] += count
    return "; ".join(f"{name.replace('_', ' ')} {count:,}" for name, count in (+counts).items())


def window_of(receipt: Receipt) -> Window:
    """The window that a receipt is about."""
    return Window(receipt.window_start, receipt.window_end)


def job_place(job: ExportJob, folder: Path) -> str:
    """Where the keys of an export are relative to, in the project `folder`."""
    return place_text(place(job.destination, folder), folder)


def place_text(meant: Mapping[str, Any], folder: Path) -> str:
    """The folder, bucket or container that a meaning has for its destination."""
    prefix = meant.get("prefix", "")
    match meant["type"]:
        case "local":
            return str(folder / meant["path"] / prefix)
        case "azure":
            server = meant.get("account") or meant["endpoint"]
            return f"azure://{server}/{meant['container']}/{prefix}"
        case "gcs":
            return f"gs://{meant['bucket']}/{prefix}"
        case _:
            return f"{meant['type']}://{meant['bucket']}/{prefix}"


def _reason(receipt: Receipt) -> str:
    late = int(str(receipt.oddities.get(LATE_ROWS, 0)))
    return f"{counted(late, 'row')} came late" if late else ""


def _by_instance(receipt: Receipt) -> list[tuple[int | None, list[DeliveredFile]]]:
    files = sorted(receipt.files, key=lambda file: (file.instance, file.index))
    grouped = groupby(files, key=lambda file: file.instance)
    return [(instance, list(its)) for instance, its in grouped] or [(None, [])]
