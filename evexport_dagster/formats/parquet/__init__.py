"""Parquet: one column for each group, a map of values by their types."""

from evexport_dagster.formats.parquet.format import ParquetFormat

__all__ = ["ParquetFormat"]
