"""Buckets of Google Cloud Storage."""

from evexport_dagster.stores.gcs.store import GcsStore

__all__ = ["GcsStore"]
