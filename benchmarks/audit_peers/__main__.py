"""Our audit beside the privacy metrics of Anonymeter and SDMetrics, on tables for which the answer is known.

Synthetic tables that were drawn independently of the private one, with holdouts of three sizes: whoever sees a risk is
wrong. A shuffled copy of the private table: whoever sees none is wrong. Anonymeter sees a risk when the 95 % interval
of singling out (several columns) lies above 0; SDMetrics' scores are protection, 1 is best, and here a risk is a
score below 0.9. Ours sees one where an attack refutes "nothing was learned" (checks of the rows left out).

    python -m benchmarks.audit_peers [--draws 20] [--speed]

Each peer gets an environment of its own, made when first needed (folder: DPSYNTH_PEERS). `--speed` compares seconds
on 20,000 rows of 12 columns instead, 500 attacks of each of Anonymeter's kinds.
"""

from __future__ import annotations

import argparse
import importlib
import json
import os
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from unittest.mock import patch

import numpy as np
import numpy.typing as npt

import attacks
import dpsynth
from benchmarks.compare.environments import InstallError, Peer, python_of
from benchmarks.compare.runs import ONE_THREAD
from tests.attacks.worlds import SCHEMA, population

WORKER = Path(__file__).with_name("worker.py")
AUDIT = importlib.import_module("attacks.audit")  # the module: the package gives this name to the function
LIMIT_SECONDS = 1800
PEERS = (
    Peer("anonymeter", ("anonymeter==1.1.0", "numpy==1.26.4"), (), ((3, 9), (3, 13))),
    Peer("sdmetrics", ("sdmetrics==0.32.0",), (), ((3, 9), (3, 14))),
)
MEASURES = {"anonymeter": ["singling out"], "sdmetrics": ["DCR overfitting", "disclosure"]}
SMALL = dpsynth.Schema([dpsynth.Categorical(name, values=range(3)) for name in "abcd"])
Ticks = dict[str, npt.NDArray[np.int64]]


@dataclass(frozen=True)
class Known:
    """Tables for which the answer is known; risk: whether there is one."""

    name: str
    risk: bool
    schema: dpsynth.Schema
    make: Callable[[np.random.Generator], dict[str, Ticks]]


def split(rows: int, holdout: int) -> Callable[[np.random.Generator], dict[str, Ticks]]:
    """All three tables drawn independently from one population."""
    sizes = {"train": rows, "holdout": holdout, "synthetic": rows + rows // 20}
    return lambda rng: {name: population(count, rng) for name, count in sizes.items()}


def copied(draw: Callable[[int, np.random.Generator], Ticks], rows: int) -> Callable[[np.random.Generator], Any]:
    """The synthetic table is the private one, shuffled."""

    def make(rng: np.random.Generator) -> dict[str, Ticks]:
        train, holdout, order = draw(rows, rng), draw(rows, rng), rng.permutation(rows)
        return {"train": train, "holdout": holdout, "synthetic": {name: each[order] for name, each in train.items()}}

    return make


def small(rows: int, rng: np.random.Generator) -> Ticks:
    """Four columns of three values: 81 kinds of rows."""
    return {name: rng.choice(3, rows, p=[0.5, 0.3, 0.2]) for name in "abcd"}


CASES = (
    *(Known(f"independent, 1,000 : {count:,}", False, SCHEMA, split(1000, count)) for count in (1000, 500, 100)),
    Known("copy of train, 1,000 : 1,000", True, SCHEMA, copied(population, 1000)),
    Known("copy of train, 81 kinds of rows", True, SMALL, copied(small, 1000)),
)


def ours(case: Known, tables: dict[str, Ticks], seed: int) -> dict[str, float]:
    """The smallest p-value of the audit's attacks, adjusted for their number."""
    made = {name: ticked(case.schema, columns) for name, columns in tables.items()}
    start = time.process_time()
    with patch.object(AUDIT, "worlds", lambda *_: ()):  # the audit's own controls, which change no p-value
        report = attacks.audit(
            made["synthetic"], train=made["train"], holdout=made["holdout"], schema=case.schema, seed=seed
        )
    adjusted = [one.measured.p_adjusted for one in report.findings if one.measured is not None]
    return {"score": min(p for p in adjusted if p is not None), "seconds": time.process_time() - start}


def ticked(schema: dpsynth.Schema, columns: Ticks) -> dpsynth.Ticked:
    """Columns of ticks as a table."""
    ticks = {name: column.astype(np.int64) for name, column in columns.items()}
    return dpsynth.Ticked(schema, len(next(iter(ticks.values()))), ticks, {})


def theirs(peer: Peer, tables: list[dict[str, Ticks]], numbers: list[str], measures: list[str]) -> list[dict[str, Any]]:
    """What a peer says of each case."""
    python = python_of(peer)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        for number, case in enumerate(tables):
            arrays: dict[str, Any] = {
                f"{table}/{column}": np.where(ticks < 0, np.nan, ticks)
                for table, columns in case.items()
                for column, ticks in columns.items()
            }
            np.savez(folder / f"{number}.npz", **arrays)
        request = {"cases": len(tables), "numbers": numbers, "measures": measures, "attacks": 500, "attempts": 100_000}
        (folder / "request.json").write_text(json.dumps(request))
        environment = {**os.environ, **ONE_THREAD, "PYTHONPATH": ""}
        command = [str(python), str(WORKER), str(folder)]
        with (folder / "output.log").open("w") as log:
            subprocess.run(command, env=environment, stdout=log, stderr=log, check=False, timeout=LIMIT_SECONDS)
        report = folder / "report.json"
        if not report.is_file():
            raise InstallError(f"{peer.name} ended early: " + (folder / "output.log").read_text()[-300:])
        return list(json.loads(report.read_text()))


def sees(measure: str, found: dict[str, float]) -> bool:
    """Whether a result says that there is a risk."""
    if measure == "ours":
        return found["score"] <= 0.05
    if "low" in found:
        return found["low"] > 0
    return found["score"] < 0.9


def lines(case: Known, results: list[tuple[str, dict[str, Any]]]) -> Iterator[str]:
    """A row for each measure of one case."""
    for measure in dict.fromkeys(name for name, _ in results):
        every = [found for name, found in results if name == measure]
        found = [each for each in every if "score" in each]
        errors = len(every) - len(found)
        if not found:
            yield f"{case.name:32} {measure:16} failed: {every[0].get('error')}"
            continue
        risks = sum(sees(measure, each) for each in found)
        scores = np.array([each["score"] for each in found])
        seconds = np.mean([each["seconds"] for each in found])
        wrong = risks if not case.risk else len(found) - risks
        yield (
            f"{case.name:32} {measure:16} {risks:3} of {len(found):3} {'right' if not wrong else f'{wrong} wrong':9}"
            f" {np.median(scores):8.3g} {scores.min():8.2g} {scores.max():8.2g} {seconds:7.1f}"
            + (f"  {errors} errors" if errors else "")
        )


def compare(draws: int) -> None:
    """The first table."""
    print(f"{'case':32} {'measure':16} risk seen  answers      median    least     most   CPU s", flush=True)
    for place, case in enumerate(CASES):
        tables = [case.make(np.random.default_rng([401, place, number])) for number in range(draws)]
        results: list[tuple[str, dict[str, Any]]] = [
            ("ours", ours(case, each, number)) for number, each in enumerate(tables)
        ]
        numbers = [column.name for column in case.schema.columns if isinstance(column, dpsynth.Numeric)]
        for peer in PEERS:
            try:
                for entry in theirs(peer, tables, numbers, MEASURES[peer.name]):
                    results += list(entry.items())
            except (InstallError, subprocess.TimeoutExpired) as error:
                print(f"{case.name:32} {peer.name:16} {error}")
        print("\n".join(lines(case, results)), flush=True)


def speed(rows: int = 20_000, columns: int = 12) -> None:
    """The second table: one run each, all of the tables of the same size."""
    from benchmarks.audit_speed import mixed, schema_of

    rng = np.random.default_rng(7)
    schema = schema_of(columns)
    tables = {name: mixed(schema, rows, rng) for name in ("train", "holdout", "synthetic")}
    numbers = [column.name for column in schema.columns if isinstance(column, dpsynth.Numeric)]
    kinds = ["singling out", "linkability", "inference"]
    print(f"{rows:,} rows of {columns} columns; one thread each\n{'what':44} CPU s  wall s", flush=True)
    found = theirs(PEERS[0], [tables], numbers, kinds)[0]
    for name in kinds:
        said = found[name].get("error", "")
        print(
            f"{'Anonymeter, 500 attacks: ' + name:44} {found[name]['seconds']:5.1f} {found[name]['wall']:7.1f} {said}"
        )
    made = {name: ticked(schema, each) for name, each in tables.items()}
    total = sum(found[name]["seconds"] for name in kinds)
    for controls in (False, True):
        start, wall = time.process_time(), time.perf_counter()
        with patch.object(AUDIT, "worlds", AUDIT.worlds if controls else lambda *_: ()):
            attacks.audit(made["synthetic"], train=made["train"], holdout=made["holdout"], schema=schema)
        spent = time.process_time() - start
        name = f"ours, all release attacks, {'with' if controls else 'without'} controls"
        print(f"{name:44} {spent:5.1f} {time.perf_counter() - wall:7.1f} = {spent / total:.2f} of Anonymeter's CPU")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--draws", type=int, default=20, help="of each case")
    parser.add_argument("--speed", action="store_true", help="compare seconds instead")
    asked = parser.parse_args()
    speed() if asked.speed else compare(asked.draws)


if __name__ == "__main__":
    main()
