"""Every contender, by its name."""

from __future__ import annotations

from typing import Final

from benchmarks.contenders import (
    arrow_maps,
    arrow_write,
    bound,
    dlt_pipeline,
    duckdb_copy,
    ours,
    polars_maps,
    polars_write,
    spark_write,
)
from benchmarks.contenders.base import Contender

_TOOLS: Final = (
    ours,
    bound,
    duckdb_copy,
    polars_maps,
    polars_write,
    arrow_maps,
    arrow_write,
    spark_write,
    dlt_pipeline,
)

_FORMATS: Final = ("json", "csv", "xml", "parquet")
CONTENDERS: Final[dict[str, Contender]] = {
    it.name: it
    for it in sorted(
        (it for tool in _TOOLS for it in tool.CONTENDERS), key=lambda it: _FORMATS.index(it.format)
    )
}
"""Those of one format follow each other: a shared machine is not as fast half an hour later."""

MODULES: Final[dict[str, str]] = {
    it.name: tool.__name__ for tool in _TOOLS for it in tool.CONTENDERS
}
"""The module that runs a contender: nobody pays for the imports of another one."""
