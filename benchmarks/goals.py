"""What is to be beaten: ratios of rows per CPU-second."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

OF_ALL: Final = {"polars": 2.0, "pyarrow": None, "pyspark": 4.0, "dlt": 5.0}
"""The tools that are beaten in every format that they write, and by how much."""


@dataclass(frozen=True)
class Goal:
    """One of us against a contender: at least so many times its rows, if there is a goal."""

    ours: str
    other: str
    factor: float | None


_OWN: Final = (
    Goal("evexport-json", "duckdb-json.gz", 5.0),
    Goal("evexport-json", "compress-only", 0.3),
    Goal("evexport-json-renames", "duckdb-json.gz", 3.0),
    Goal("evexport-csv", "duckdb-csv.gz", 3.0),
    Goal("evexport-csv", "duckdb-csv", 1.8),
    Goal("evexport-xml", "evexport-csv", 0.4),
    Goal("evexport-parquet", "duckdb-parquet", 2.0),
    Goal("evexport-parquet", "polars-parquet-structs", None),
    Goal("evexport-parquet", "pyarrow-parquet-structs", None),
    Goal("evexport-json-legacy", "evexport-json", 0.9),
    Goal("evexport-csv-legacy", "evexport-csv", 0.9),
    Goal("evexport-json-infobip", "evexport-json", 0.9),
)


def goals(names: list[str]) -> list[Goal]:
    """The goals between those of these contenders that were measured."""
    further = [
        Goal(f"evexport-{format_}", f"{tool}-{format_}", factor)
        for format_ in ("json", "csv", "xml", "parquet")
        for tool, factor in OF_ALL.items()
    ]
    return [it for it in (*_OWN, *further) if it.ours in names and it.other in names]
