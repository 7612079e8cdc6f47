"""Seconds and memory of a whole audit of a large table: 100,000 rows of 20 mixed columns.

Two ways: a dpsynth release (mst, epsilon 1) with an audit pool of 5,000, and somebody's table with a holdout, of which
5,000 pairs are made. Each runs in a process of its own with two threads, controls and all; the fit is not counted.
The bar: 120 seconds on two cores, 3 GB. On a machine that others use too the clock says little: CPU seconds over
two is what two free cores would take at best, the CPU seconds themselves what one would.

    python -m benchmarks.audit_speed [--rows 100000] [--columns 20] [--design pool pairs] [--threads 2]
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import subprocess
import sys
import time
from collections import defaultdict
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

import dpsynth

ROOT = Path(__file__).resolve().parents[1]
THREADS = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "NUMBA_NUM_THREADS")
LIMIT_SECONDS, LIMIT_GIGABYTES = 120.0, 3.0
POOL = 5_000
Ticks = dict[str, npt.NDArray[np.int64]]
# Levels of the categorical columns, taken in turn; two columns of five are numbers, one of ten is true or false.
LEVELS = (2, 16, 7, 40, 6, 5, 9, 100, 3, 15)


def schema_of(columns: int) -> dpsynth.Schema:
    """So many columns: numbers (some with missing cells), categories of 2 to 100 levels, truth values."""
    made: list[Any] = []
    for place in range(columns):
        name = f"c{place}"
        if place % 5 == 0:
            made.append(dpsynth.Numeric(name, lower=0, upper=100, decimals=0))
        elif place % 5 == 1:
            made.append(dpsynth.Numeric(name, lower=0, upper=100_000, decimals=0, nullable=True))
        elif place % 10 == 2:
            made.append(dpsynth.Boolean(name))
        else:
            made.append(dpsynth.Categorical(name, values=range(LEVELS[place % 10]), nullable=place % 10 == 7))
    return dpsynth.Schema(made)


def mixed(schema: dpsynth.Schema, rows: int, rng: np.random.Generator) -> Ticks:
    """Rows whose columns depend on one of eight hidden kinds; skewed numbers, many zeros, missing cells."""
    kind = rng.choice(8, rows, p=[0.3, 0.2, 0.15, 0.1, 0.1, 0.08, 0.05, 0.02])
    found: Ticks = {}
    for place, column in enumerate(schema.columns):
        size = column.ticks if isinstance(column, dpsynth.Numeric) else 2
        if isinstance(column, dpsynth.Categorical):
            size = len(column.values)
        if size > 1000:
            money = np.exp(rng.normal(8 + kind / 4, 0.8, rows)).astype(np.int64).clip(0, size - 1)
            ticks = np.where(rng.random(rows) < 0.3, 0, money)
        elif isinstance(column, dpsynth.Numeric):
            ticks = np.rint(10 + 9 * kind + rng.normal(0, 8, rows)).astype(np.int64).clip(0, size - 1)
        else:
            ticks = ((kind * (place + 1)) % size + rng.geometric(0.5, rows) - 1) % size
        missing = getattr(column, "nullable", False) & (rng.random(rows) < 0.08)
        found[column.name] = np.where(missing, -1, ticks).astype(np.int64)
    return found


def ticked(schema: dpsynth.Schema, columns: Ticks) -> dpsynth.Ticked:
    """Columns of ticks as a table."""
    return dpsynth.Ticked(schema, len(next(iter(columns.values()))), columns, {})


def frame_of(columns: Ticks, schema: dpsynth.Schema) -> Any:
    """Values of these ticks; on this schema a number is its own tick."""
    import pandas as pd

    values = {}
    for column in schema.columns:
        ticks = columns[column.name]
        if isinstance(column, dpsynth.Boolean):
            values[column.name] = ticks.astype(bool)
        else:
            values[column.name] = np.where(ticks < 0, np.nan, ticks) if (ticks < 0).any() else ticks
    return pd.DataFrame(values)


def child(design: str, rows: int, columns: int) -> dict[str, Any]:
    """One audit, and what it took; the tables are made, and the release is fitted, before the clock starts."""
    import attacks

    rng, schema = np.random.default_rng(5), schema_of(columns)
    train = mixed(schema, rows, rng)
    options: dict[str, Any]
    if design == "pool":
        frame = frame_of(train, schema)
        release = dpsynth.synthesize(
            frame, schema, epsilon=1.0, delta=1e-9, synthesizer="mst", audit_pool=min(POOL, rows // 5)
        )
        synthetic, options = release, {"train": frame, "pool": release.audit_pool}
        release.table  # noqa: B018  # drawn now, not on the clock
    else:
        tables = (ticked(schema, each) for each in (mixed(schema, rows, rng), train, mixed(schema, rows, rng)))
        synthetic, private, holdout = tables
        options = {"train": private, "holdout": holdout, "schema": schema}
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    stages: list[tuple[str, float, float]] = []

    def note(stage: str, fraction: float) -> None:
        stages.append((stage, time.process_time(), time.perf_counter()))

    note("reading the tables", 0.0)
    report = attacks.audit(synthetic, progress=note, **options)
    note("end", 1.0)
    spent: dict[str, list[float]] = defaultdict(lambda: [0.0, 0.0])
    for (name, cpu, wall), (_, cpu_end, wall_end) in pairwise(stages):
        spent[name][0] += cpu_end - cpu
        spent[name][1] += wall_end - wall
    return {
        "verdict": report.verdict,
        "reasons": report.reasons,
        "cpu": stages[-1][1] - stages[0][1],
        "wall": stages[-1][2] - stages[0][2],
        "stages": spent,
        "attacks": {
            one.attack: one.measured.seconds
            for one in report.findings
            if one.measured is not None and one.group == "all targets"
        },
        "not run": {one.attack: f"{one.status}: {one.why}" for one in report.findings if one.status != "ran"},
        "gigabytes": _gigabytes(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss),
        "gigabytes before": _gigabytes(before),
    }


def _gigabytes(peak: int) -> float:
    return peak / (2**30 if sys.platform == "darwin" else 2**20)


def measured(design: str, rows: int, columns: int, threads: int) -> dict[str, Any]:
    """The audit in a fresh process."""
    command = [sys.executable, "-m", "benchmarks.audit_speed", "--child", design]
    command += ["--rows", str(rows), "--columns", str(columns)]
    environment = {**os.environ, **dict.fromkeys(THREADS, str(threads))}
    done = subprocess.run(command, env=environment, cwd=ROOT, check=True, stdout=subprocess.PIPE, text=True)
    return dict(json.loads(done.stdout.splitlines()[-1]))


def lines(design: str, found: dict[str, Any]) -> list[str]:
    """One audit as rows of the table."""
    half, peak = found["cpu"] / 2, found["gigabytes"]
    met = half <= LIMIT_SECONDS and peak <= LIMIT_GIGABYTES
    words = (
        f"{design}: {found['verdict']}; {found['cpu']:.1f} CPU s, {half:.1f} over two cores, {found['wall']:.1f} by the"
    )
    words += f" clock; {peak:.2f} GB at most ({found['gigabytes before']:.2f} before); bar {'met' if met else 'MISSED'}"
    rows = [words, *(f"  {reason}" for reason in found["reasons"]), f"  {'stage':48} {'CPU s':>7} {'wall s':>7}"]
    rows += [f"  {name:48} {cpu:7.2f} {wall:7.2f}" for name, (cpu, wall) in found["stages"].items() if cpu >= 0.005]
    rows += [f"  {name:48} {why}" for name, why in found["not run"].items()]
    return rows


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=int, default=100_000)
    parser.add_argument("--columns", type=int, default=20)
    parser.add_argument("--design", nargs="*", default=["pool", "pairs"], choices=["pool", "pairs"])
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--child", help=argparse.SUPPRESS)
    asked = parser.parse_args()
    if asked.child:
        print(json.dumps(child(asked.child, asked.rows, asked.columns)))
        return
    print(f"{asked.rows:,} rows of {asked.columns} columns, {asked.threads} threads", flush=True)
    for design in asked.design:
        print("\n".join(lines(design, measured(design, asked.rows, asked.columns, asked.threads))), flush=True)


if __name__ == "__main__":
    main()
