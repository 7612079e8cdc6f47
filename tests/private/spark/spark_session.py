"""A small Spark for the tests: on this machine alone, with two tasks at a time, each tried up to three times."""

from __future__ import annotations

import contextlib
import functools
import importlib.util
import os
import shutil
import sys
import tempfile
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    import pyarrow as pa

SETTINGS = {
    "spark.master": "local[2,3]",
    "spark.ui.enabled": "false",
    "spark.ui.showConsoleProgress": "false",
    "spark.driver.host": "127.0.0.1",
    "spark.driver.bindAddress": "127.0.0.1",
    "spark.driver.memory": "2g",
    "spark.sql.shuffle.partitions": "3",
    # Neither UTC nor whole hours away from it, so that a moment that is read in it would be seen.
    "spark.sql.session.timeZone": "Asia/Kathmandu",
}


def absent() -> str | None:
    """Why there is no Spark here; None when there is."""
    if importlib.util.find_spec("pyspark") is None:
        return "needs pyspark; try: pip install 'dpsynth-engine[spark]'"
    if shutil.which("java") is None and "JAVA_HOME" not in os.environ:
        return "needs Java, 17 or newer; try installing it, or setting JAVA_HOME"
    return None


def spark() -> Any:
    """The session of this process, started when first asked for; skips the test where there is no Spark."""
    if (reason := absent()) is not None:
        pytest.skip(reason)
    return _started()


@functools.cache
def log() -> Path:
    """The file that Spark and its tasks write their log to."""
    return Path(tempfile.mkdtemp(prefix="dpsynth-spark-")) / "log"


def disk() -> Path:
    """The folder that executors write to."""
    return log().parent / "disk"


def crossed() -> int:
    """Bytes of results that all tasks so far have sent to this process, as Spark's own metrics say."""
    context = spark().sparkContext
    gateway = context._gateway
    no_quantiles = gateway.new_array(gateway.jvm.double, 0)
    stages = context._jsc.sc().statusStore().stageList(None, False, False, no_quantiles, None)
    return sum(stages.apply(place).resultSize() for place in range(stages.size()))


@functools.cache
def _started() -> Any:
    os.environ.setdefault("PYSPARK_PYTHON", sys.executable)
    os.environ.setdefault("SPARK_LOCAL_IP", "127.0.0.1")
    # Executors import dpsynth from where this process has it.
    os.environ["PYTHONPATH"] = os.pathsep.join(path for path in sys.path if path)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of pyspark about pandas
        from pyspark.sql import SparkSession

        builder = SparkSession.builder
        for name, value in {**SETTINGS, "spark.local.dir": str(disk())}.items():
            builder = builder.config(name, value)
        with _standard_error_to(log()):
            return builder.getOrCreate()


@contextlib.contextmanager
def _standard_error_to(path: Path) -> Iterator[None]:
    """What is started inside writes its errors to the file for as long as it runs."""
    before = os.dup(2)
    with path.open("ab") as file:
        os.dup2(file.fileno(), 2)
    try:
        yield
    finally:
        os.dup2(before, 2)
        os.close(before)


def in_spark(table: pa.Table, partitions: int = 2) -> Any:
    """The table as a frame of Spark, in so many partitions, its rows in turn in each."""
    session = spark()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return session.createDataFrame(table).repartition(partitions)
