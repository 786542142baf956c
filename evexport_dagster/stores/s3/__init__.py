"""Buckets of Amazon S3, and of the stores that speak its protocol."""

from evexport_dagster.stores.s3.store import S3Store

__all__ = ["S3Store"]
