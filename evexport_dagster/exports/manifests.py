"""The manifest of a window: put as its last object, the commit point for who reads the files.

It is made of the ledger alone, so that it can be made at any time: after the last delivery of a
window, after a single one was repeated, or by the next run where a run was killed in between.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Sequence
from datetime import datetime
from pathlib import Path
from typing import Any, Final
from zoneinfo import ZoneInfo

from evexport_dagster.engine import scratch
from evexport_dagster.errors import AccessError
from evexport_dagster.exports.context import Context
from evexport_dagster.exports.due import is_complete
from evexport_dagster.exports.jobs import ExportJob
from evexport_dagster.ledger import Manifest, NewNotice, Receipt, RegisteredExport
from evexport_dagster.stores import Store
from evexport_dagster.windows import Window

VERSION: Final = 1
"""Of the document: raised when a reader has to know of a change."""

_log = logging.getLogger(__name__)


def manifest_key(prefix: str, export_id: int, window: Window) -> str:
    """Where the manifest of a window lies; no delivered file is called like it."""
    return f"{prefix}_manifest-{export_id}-{window.timestamp}.json"


def manifest_document(
    job: ExportJob, receipts: Sequence[Receipt], destination: str
) -> dict[str, Any]:
    """What the receipts of one window say of its objects in a destination, given by fingerprint.

    `revision` is the newest one among the receipts. Every event is there, with its rows; the
    files are in order of event, instance and index.
    """
    first = receipts[0]
    return {
        "version": VERSION,
        "export": job.name,
        "export_id": first.export_id,
        "revision": max(receipt.revision for receipt in receipts),
        "window": [_iso(first.window_start, job.zone), _iso(first.window_end, job.zone)],
        "events": {receipt.event: receipt.rows for receipt in receipts},
        "files": [
            {
                "key": file.key,
                "event": receipt.event,
                "instance": file.instance,
                "rows": file.rows,
                "bytes": file.bytes,
                "sha256": file.sha256,
            }
            for receipt in receipts
            for file in receipt.files
            if file.destination == destination
        ],
    }


def expect(
    context: Context,
    job: ExportJob,
    export: RegisteredExport,
    window: Window,
    store: Store,
    holder: str,
) -> None:
    """Note, before a window is delivered, that its manifest is still to come."""
    if job.spec.manifest:
        key = manifest_key(store.prefix, export.export_id, window)
        place = (export.export_id, window.start, store.fingerprint)
        context.ledger.manifests.expect(Manifest(*place, key, outdated=True), holder)


def is_due(context: Context, job: ExportJob, export: RegisteredExport, window: Window) -> bool:
    """Whether the manifest of a window has to be put, or is to be there no longer."""
    former = context.ledger.manifests.of(export.export_id, window.start)
    if former is None or not former.outdated:
        return False
    return not job.spec.manifest or is_complete(context, job, export, window)


def renew(
    context: Context,
    job: ExportJob,
    export: RegisteredExport,
    window: Window,
    store: Store,
    holder: str,
    notice: NewNotice | None = None,
) -> None:
    """Put the manifest that is due, and remove one that lies elsewhere; or remove the one of an
    export that has manifests no longer. The notice is kept with the fact that it was put."""
    former = context.ledger.manifests.of(export.export_id, window.start)
    if not job.spec.manifest:
        if former is not None:
            _remove(former, store)
        context.ledger.manifests.removed(export.export_id, window.start)
        return
    receipts = context.ledger.deliveries.receipts(export.export_id, window.start)
    document = manifest_document(job, receipts, store.fingerprint)
    key = manifest_key(store.prefix, export.export_id, window)
    _put(context, store, key, document)
    put = Manifest(export.export_id, window.start, store.fingerprint, key, outdated=False)
    context.ledger.manifests.record(put, holder, notice)
    if former is not None and key != former.key:
        _remove(former, store)


def _put(context: Context, store: Store, key: str, document: dict[str, Any]) -> None:
    with scratch(Path(context.settings.runtime.scratch), "manifest") as folder:
        path = folder / "manifest.json"
        text = json.dumps(document, ensure_ascii=False, indent=1)
        path.write_text(f"{text}\n", encoding="utf-8")
        store.put(key, path)


def _remove(former: Manifest, store: Store) -> None:
    if former.destination != store.fingerprint:
        return
    try:
        store.delete(former.key)
    except AccessError as error:
        _log.warning("%s; it is out of date: remove it yourself", error)


def _iso(instant: datetime, zone: ZoneInfo) -> str:
    return instant.astimezone(zone).isoformat()
