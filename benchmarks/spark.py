"""Counting all pairs of columns in Spark, two tasks at a time, beside the same rows read from a file without Spark.

    python benchmarks/spark.py [--rows 1e7] [--file rows.parquet]

Needs pyspark and Java, and says so where they are absent. Seconds are those of the processor, of this process and all
that it started (Spark, and Spark's Python), and by the clock, medians of five runs. Starting Spark, first runs on fewer
rows that load code and kernels, and a first run on all rows are left out on both sides.
"""

from __future__ import annotations

import argparse
import importlib.util
import os
import shutil
import sys
import tempfile
import time
import warnings
from collections import defaultdict
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from counting import ADULT_SIZES
from streams import GROUP_ROWS, NAMES, PAIRS, write

import dpsynth
from dpsynth.codec.codec import Codec, closed_codec
from dpsynth.privacy.randomness import OsEntropy
from dpsynth.privacy.unit import PrivacyUnit
from dpsynth.private.counter import Counter
from dpsynth.private.ingest import RowsIn, ingest_with_pool
from dpsynth.private.memory import MemoryCounter
from dpsynth.private.spark.counter import SparkCounter

BAR = 2.5
FEW_ROWS = 2 * GROUP_ROWS  # so that both tasks load what they need
SCHEMA = dpsynth.Schema(
    [dpsynth.Categorical(name, values=range(size)) for name, size in zip(NAMES, ADULT_SIZES, strict=True)]
)
CODEC = Codec(tuple(map(closed_codec, SCHEMA.columns)))
WARM_UPS, RUNS = 10, 5  # Java compiles what runs often
Seconds = tuple[float, float]


def processor_seconds() -> float:
    """Of this process and of all that descend from it and still run."""
    children, spent = defaultdict(list), {}
    for folder in Path("/proc").iterdir():
        if folder.name.isdigit():
            try:
                fields = (folder / "stat").read_text().rsplit(")", 1)[1].split()
            except OSError:
                continue
            children[int(fields[1])].append(int(folder.name))
            spent[int(folder.name)] = sum(map(int, fields[11:15]))
    todo, total = [os.getpid()], 0
    while todo:
        process = todo.pop()
        total += spent.get(process, 0)
        todo += children[process]
    return total / os.sysconf("SC_CLK_TCK")


def timed(job: Callable[[], Any]) -> tuple[Any, Seconds]:
    """What a job gives, and its seconds by the processor and by the clock."""
    spent, clock = processor_seconds(), time.perf_counter()
    answer = job()
    return answer, (processor_seconds() - spent, time.perf_counter() - clock)


def in_file(path: Path) -> Counter:
    """The stream backend."""
    return MemoryCounter(ingest_with_pool(path, SCHEMA, PrivacyUnit(), OsEntropy(), None, RowsIn.DISK)[0])


def in_spark(data: Any) -> Counter:
    """The Spark backend."""
    return SparkCounter.of(data, SCHEMA, PrivacyUnit(), OsEntropy())


def measured(make: Callable[[Path], Any], path: Path) -> tuple[dict[Any, Any], list[Seconds]]:
    """All pairs, and the seconds of taking in, of counting and of counting again."""
    counter, taking_in = timed(lambda: make(path))
    found, first = timed(lambda: counter.marginals(CODEC, PAIRS))
    assert isinstance(counter, MemoryCounter | SparkCounter)
    counter._kept.clear()  # so that it counts again
    _, again = timed(lambda: counter.marginals(CODEC, PAIRS))
    counter.close()
    return found, [taking_in, first, again]


def started() -> Any:
    """A session with two tasks at a time, on this machine alone."""
    os.environ.setdefault("PYSPARK_PYTHON", sys.executable)
    os.environ.setdefault("SPARK_LOCAL_IP", "127.0.0.1")
    os.environ["PYTHONPATH"] = os.pathsep.join(path for path in sys.path if path)
    from pyspark.sql import SparkSession

    settings = {
        "spark.master": "local[2]",
        "spark.ui.enabled": "false",
        "spark.ui.showConsoleProgress": "false",
        "spark.driver.host": "127.0.0.1",
        "spark.driver.bindAddress": "127.0.0.1",
        "spark.driver.memory": "4g",
    }
    builder = SparkSession.builder
    for name, value in settings.items():
        builder = builder.config(name, value)
    return builder.getOrCreate()


def report(path: Path, few: Path, rows: int) -> None:
    """Print all ways side by side, their ratios to the first, and whether the bar is met."""
    session = started()
    ways: dict[str, Callable[[Path], Any]] = {
        "no Spark": in_file,
        "Spark, files": lambda path: in_spark(dpsynth.SparkFiles(session, path)),
        "Spark, frame": lambda path: in_spark(session.read.parquet(str(path))),
    }
    found, seconds = {}, {}
    for way, make in ways.items():
        for _ in range(WARM_UPS):
            measured(make, few)
        measured(make, path)
        runs = [measured(make, path) for _ in range(RUNS)]
        found[way] = runs[0][0]
        steps = np.array([steps for _, steps in runs])
        seconds[way] = np.median(np.concatenate([steps, steps[:, :2].sum(axis=1, keepdims=True)], axis=1), axis=0)
        assert all(np.array_equal(found[way][pair], found["no Spark"][pair]) for pair in PAIRS), "all count the same"
    print(f"{rows:,} rows x {len(NAMES)} columns, all {len(PAIRS)} pairs; seconds by the processor / by the clock")
    print(f"{'':<18}" + "".join(f"{step:>18}" for step in ("taking in", "counting", "counting again", "first two")))
    for way, steps in seconds.items():
        print(f"{way:<18}" + "".join(f"{f'{spent:.2f} / {clock:.2f}':>18}" for spent, clock in steps))
    for way in list(ways)[1:]:
        ratios = np.divide(seconds[way], seconds["no Spark"])
        print(f"{'  x no Spark':<18}" + "".join(f"{f'{spent:.2f} / {clock:.2f}':>18}" for spent, clock in ratios))
        clock = ratios[3][1]
        print(f"bar {'met' if clock <= BAR else 'MISSED'}: {way}: {clock:.1f} <= {BAR} by the clock, first two")
    session.stop()


def main() -> None:
    """Write the file unless it is given, and measure both ways."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=float, default=1e7)
    parser.add_argument("--file", type=Path, help="kept and used again when it exists; by default a temporary one")
    arguments = parser.parse_args()
    if importlib.util.find_spec("pyspark") is None or shutil.which("java") is None:
        print("skipped: needs pyspark (pip install 'dpsynth-engine[spark]') and Java 17 or newer")
        return
    warnings.filterwarnings("ignore", message="PySpark does not yet fully support pandas")
    rows = int(arguments.rows)
    with tempfile.TemporaryDirectory() as folder:
        path = arguments.file or Path(folder) / "rows.parquet"
        if not path.exists():
            write(path, rows)
        few = Path(folder) / "few.parquet"
        write(few, FEW_ROWS)
        report(path, few, rows)


if __name__ == "__main__":
    main()
