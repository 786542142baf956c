"""Manifests: expected before a delivery, outdated by each receipt, recorded once they are put."""

from __future__ import annotations

from dataclasses import replace

import pytest

from evexport_dagster.errors import BusyError
from evexport_dagster.ledger import Ledger, Manifest

from .samples import BUCKET, RUN, WINDOW, leased, receipt


def manifest(export_id: int, key: str = "_manifest.json") -> Manifest:
    return Manifest(export_id, WINDOW, BUCKET, key, outdated=False)


def test_a_manifest_is_outdated_until_it_is_recorded_and_by_every_receipt(ledger: Ledger) -> None:
    export_id = leased(ledger)
    put = manifest(export_id)
    expected = replace(put, outdated=True)
    ledger.manifests.expect(expected, RUN)
    assert ledger.manifests.outdated(export_id) == (expected,)
    ledger.deliveries.record(receipt(export_id), RUN)
    ledger.manifests.record(put, RUN)
    assert ledger.manifests.of(export_id, WINDOW) == put
    assert ledger.manifests.outdated(export_id) == ()
    ledger.deliveries.record(receipt(export_id, ["b"]), RUN)
    assert ledger.manifests.outdated(export_id) == (expected,)


def test_an_expected_manifest_keeps_the_key_of_the_one_that_is_there(ledger: Ledger) -> None:
    export_id = leased(ledger)
    ledger.manifests.record(manifest(export_id, "old"), RUN)
    ledger.manifests.expect(replace(manifest(export_id, "new"), outdated=True), RUN)
    assert ledger.manifests.outdated(export_id) == (
        replace(manifest(export_id, "old"), outdated=True),
    )
    ledger.manifests.record(manifest(export_id, "new"), RUN)
    assert ledger.manifests.of(export_id, WINDOW) == manifest(export_id, "new")
    ledger.manifests.removed(export_id, WINDOW)
    assert ledger.manifests.of(export_id, WINDOW) is None


def test_only_who_holds_the_window_notes_its_manifest(ledger: Ledger) -> None:
    export_id = leased(ledger)
    for note in (ledger.manifests.expect, ledger.manifests.record):
        with pytest.raises(BusyError):
            note(manifest(export_id), "another run")
    assert ledger.manifests.of(export_id, WINDOW) is None


def test_a_receipt_names_the_stale_keys_that_are_still_there(ledger: Ledger) -> None:
    export_id = leased(ledger)
    ledger.deliveries.record(receipt(export_id, ["a", "b", "c"]), RUN)
    ledger.deliveries.record(receipt(export_id, ["b"]), RUN)
    (found,) = ledger.deliveries.receipts(export_id)
    assert ([it.key for it in found.stale], [it.key for it in found.files]) == (["a", "c"], ["b"])
    ledger.deliveries.removed(export_id, BUCKET, ["a"])
    (found,) = ledger.deliveries.receipts(export_id)
    assert [it.key for it in found.stale] == ["c"]
