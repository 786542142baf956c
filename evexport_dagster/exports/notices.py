"""What people are told about an export: facts as they are kept in the ledger, words come later.

A notice's id is made of its fact, so that the same fact told twice is one notice.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from operator import itemgetter
from typing import Any, Final

from evexport_dagster.ledger import (
    Failure,
    NewNotice,
    NoticeKind,
    Receipt,
    Receiver,
    RegisteredExport,
    Totals,
    totals_of,
)
from evexport_dagster.settings import Notifications, Settings
from evexport_dagster.windows import Window

WEBHOOK_KINDS: Final[frozenset[NoticeKind]] = frozenset({"started", "completed"})
"""What the webhook is told; e-mail tells everything (product contract, section 10)."""

_LISTED_FILES: Final = 100
"""The files that a notice names: it says how many there are, and the ledger has the others."""


@dataclass(frozen=True)
class Notifier:
    """Makes the notices of one export, for the receivers that the project and its owners are."""

    settings: Settings
    export: RegisteredExport
    owners: Sequence[str]

    def started(self, now: datetime, window: Window | None = None, turn: int = 1) -> NewNotice:
        """A window is being delivered; without one: the whole export has begun."""
        return self._new("started", _id(window, turn), now, window, {})

    def completed(
        self, receipts: Sequence[Receipt], now: datetime, window: Window, turn: int
    ) -> NewNotice:
        """These receipts make a window complete."""
        said = {"counts": vars(totals_of(receipts)), "files": _files(receipts)}
        return self._new("completed", _id(window, turn), now, window, said)

    def done(self, totals: Totals, now: datetime) -> NewNotice:
        """A one-time export or a history is complete."""
        return self._new("completed", (), now, None, {"counts": vars(totals)})

    def stopped(self, now: datetime, failure: Failure | None = None) -> NewNotice:
        """The export was stopped: by a person, or by a failure that nobody mended."""
        return self._new("stopped", (), now, None, _failure(failure) if failure else {})

    def failed(
        self,
        failure: Failure,
        now: datetime,
        window: Window,
        number: int = 1,
        stops_at: datetime | None = None,
    ) -> NewNotice:
        """A window has failed; `number` counts what is told of it, `stops_at` is when the export
        will be stopped if nothing changes."""
        said = {**_failure(failure), "number": number}
        if stops_at is not None:
            said |= {"stops_at": self._time(stops_at)}
        parts = (*_id(window), failure.kind, _stamp(failure.first_at), number)
        return self._new("failed", parts, now, window, said)

    def recovered(self, failure: Failure, now: datetime, window: Window) -> NewNotice:
        """What had failed works again."""
        parts = (*_id(window), failure.kind, _stamp(failure.first_at))
        return self._new("recovered", parts, now, window, _failure(failure))

    def _new(
        self,
        kind: NoticeKind,
        parts: Sequence[object],
        now: datetime,
        window: Window | None,
        said: Mapping[str, object],
    ) -> NewNotice:
        return NewNotice(
            notice_id="-".join(str(it) for it in (self.export.export_id, *parts, kind)),
            export_id=self.export.export_id,
            kind=kind,
            fact={**self._about(window), **said},
            receivers=receivers(self.settings.notifications, self.owners, kind),
            created_at=now,
            window_start=window.start if window else None,
        )

    def _about(self, window: Window | None) -> dict[str, object]:
        account, export = self.settings.account, self.export
        held: dict[str, Any] = json.loads(export.revision.meaning)["meaning"]
        about: dict[str, object] = {
            "account": {"id": account.id, "name": account.name},
            "export": export.name,
            "export_id": export.export_id,
            "revision": export.revision.number,
            "type": export.type,
            "schedule": export.kind,
            "format": held["format"],
            "destination": {
                "name": held["destination"]["name"],
                "type": held["destination"]["type"],
                "place": self._place(held["destination"]),
            },
            "owners": list(self.owners),
        }
        if days := held["schedule"].get("one_time"):
            about["days"] = {"from": days["from"], "to": days["to"]}
        if window is not None:
            about["window"] = {"start": self._time(window.start), "end": self._time(window.end)}
        return about

    def _time(self, instant: datetime) -> str:
        return instant.astimezone(self.settings.account.zone).isoformat()

    def _place(self, place: Mapping[str, Any]) -> str:
        """Where files are found, such as `s3://acme-events/prefix/`."""
        prefix = f"{place['prefix']}/" if place.get("prefix") else ""
        match place["type"]:
            case "local":
                return f"{self.settings.folder / place['path']}/{prefix}"
            case "azure":
                server = place.get("account") or place.get("endpoint")
                return f"azure://{server}/{place['container']}/{prefix}"
            case kind:
                return f"{'gs' if kind == 'gcs' else 's3'}://{place['bucket']}/{prefix}"


def receivers(
    configured: Notifications, owners: Iterable[str], kind: NoticeKind
) -> tuple[Receiver, ...]:
    """Who is told: the webhook, the configured addresses, and the owners that are addresses."""
    told = []
    if configured.webhook and kind in WEBHOOK_KINDS:
        told.append(Receiver("webhook"))
    if configured.email:
        addresses = (*configured.email.to, *(owner for owner in owners if "@" in owner))
        once = {address.casefold(): address for address in reversed(addresses)}
        told += [Receiver("email", address) for address in reversed(once.values())]
    return tuple(told)


def _id(window: Window | None, turn: int = 0) -> tuple[object, ...]:
    if window is None:
        return ()
    return (window.timestamp, turn) if turn else (window.timestamp,)


def _stamp(instant: datetime) -> int:
    return int(instant.timestamp())


def _failure(failure: Failure) -> dict[str, object]:
    said = {"kind": failure.kind, "message": failure.message, "since": failure.first_at.isoformat()}
    return {"failure": said}


def _files(receipts: Iterable[Receipt]) -> list[dict[str, object]]:
    files = [(file.key, file, receipt.event) for receipt in receipts for file in receipt.files]
    return [
        {
            "key": key,
            "event": event,
            "rows": file.rows,
            "bytes": file.bytes,
            "sha256": file.sha256,
        }
        for key, file, event in sorted(files, key=itemgetter(0))[:_LISTED_FILES]
    ]
