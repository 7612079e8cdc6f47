"""Accuracy, time and memory on wide tables whose columns all depend on each other.

Each row is a fresh process on one thread; seconds are CPU time of fit and sample, compilation included.
Errors are total variation distances from the real table: the mean over all columns, over a fixed random
500 pairs, and over 200 triples.
Tables: `factors` is made here (hidden factors, half of the columns ordered); `household` and `census` are
real and need the shared data sets beside the checkout (or DPSYNTH_SHARED).

    python benchmarks/wide.py [--table factors ...] [--columns 100] [--rows 50000] [--synthesizer mst mixture ...]
"""

from __future__ import annotations

import argparse
import itertools
import json
import os
import resource
import subprocess
import sys
import time
from collections.abc import Iterable

import numpy as np
from shared import ABSENT, ROOT, SHARED

DELTA = 1e-9
Table = tuple[dict[str, int], dict[str, np.ndarray]]


def factors_table(rows: int, columns: int, factors: int = 6) -> Table:
    """Columns of 2 to 20 codes that all hang on a few hidden factors: cut lines, or one of several, by turns."""
    rng = np.random.default_rng(0)
    hidden = rng.standard_normal((rows, factors))
    sizes = {f"c{index}": int(size) for index, size in enumerate(rng.integers(2, 21, columns))}
    codes = {}
    for index, (name, size) in enumerate(sizes.items()):
        if index % 2 == 0:
            direction = rng.standard_normal(factors)
            line = hidden @ (direction * (rng.uniform(0.5, 2.0) / np.linalg.norm(direction))) + rng.standard_normal(
                rows
            )
            cuts = np.cumsum(rng.dirichlet(np.full(size, 2.0)))[:-1]
            codes[name] = np.searchsorted(np.quantile(line, cuts), line)
        else:
            slopes = rng.uniform(0.2, 1.2) * rng.standard_normal((factors, size))
            codes[name] = (hidden @ slopes + rng.standard_normal(size) + rng.gumbel(size=(rows, size))).argmax(axis=1)
    return sizes, codes


def household_table() -> Table:
    """One row a household of the travel survey: its own columns and those of its first six persons."""
    import pandas as pd

    households = pd.read_csv(SHARED / "data/household-survey/households.csv.gz", dtype=str, keep_default_na=False)
    persons = pd.read_csv(SHARED / "data/household-survey/persons.csv.gz", dtype=str, keep_default_na=False)
    own = households.set_index("hhID").drop(columns=["SUBREG", "HHweight"])
    wide = persons[persons["per_num"].isin(list("123456"))].pivot(index="hhID", columns="per_num")
    wide.columns = [f"{name}{number}" for name, number in wide.columns]
    return coded(own.join(wide.drop(columns=[name for name in wide if name.startswith("Pweight")])).fillna("absent"))


def census_table() -> Table:
    """Persons of the census excerpt; amounts of money and ages in a few groups of equal sizes."""
    import pandas as pd

    frame = pd.read_csv(SHARED / "data/nist-acs-ma2019/ma2019.csv.gz", dtype=str, keep_default_na=False).drop(
        columns=["PWGTP", "WGTP", "INDP"]
    )
    for name in ("AGEP", "PINCP", "POVPIP"):
        groups = pd.qcut(pd.to_numeric(frame[name], errors="coerce"), 16, labels=False, duplicates="drop")
        frame[name] = groups.fillna(-1).astype(int)
    return coded(frame)


def coded(frame) -> Table:
    """Values of every column as codes, in order of their text."""
    pairs = {str(name): np.unique(frame[name].astype(str).to_numpy(), return_inverse=True) for name in frame}
    return {name: len(values) for name, (values, _) in pairs.items()}, {
        name: codes for name, (_, codes) in pairs.items()
    }


def mean_distance(table: Table, drawn: dict[str, np.ndarray], cliques: Iterable[tuple[str, ...]]) -> float:
    """Mean total variation distance of the cliques' marginals."""
    sizes, codes = table
    found = []
    for clique in cliques:
        shape = [sizes[name] for name in clique]
        shares = [
            np.bincount(np.ravel_multi_index([one[name] for name in clique], shape), minlength=int(np.prod(shape)))
            / one[clique[0]].size
            for one in (codes, drawn)
        ]
        found.append(np.abs(shares[0] - shares[1]).sum() / 2)
    return float(np.mean(found))


def run_one(table: Table, synthesizer: str, epsilon: float, settings: dict[str, str]) -> dict[str, float]:
    """Fit and sample, measured before the errors are computed."""
    import dpsynth

    sizes, codes = table
    schema = dpsynth.Schema([dpsynth.Categorical(name, values=range(size)) for name, size in sizes.items()])
    start = time.process_time()
    release = dpsynth.synthesize(
        codes, schema, epsilon=epsilon, delta=DELTA, synthesizer=synthesizer, seed=0, settings=settings
    )
    drawn = {name: release.table[name].to_numpy().astype(np.int64) for name in sizes}
    seconds = time.process_time() - start
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1000
    rng = np.random.default_rng(5)
    names = list(sizes)
    pairs = list(itertools.combinations(names, 2))
    pairs = [pairs[index] for index in rng.permutation(len(pairs))[:500]]
    triples = [tuple(names[i] for i in sorted(rng.choice(len(names), 3, replace=False))) for _ in range(200)]
    return {
        "tvd1": mean_distance(table, drawn, [(name,) for name in names]),
        "tvd2": mean_distance(table, drawn, pairs),
        "tvd3": mean_distance(table, drawn, triples),
        "seconds": seconds,
        "megabytes": peak,
    }


def build(name: str, rows: int, columns: int) -> Table:
    """The table of that name."""
    if name == "factors":
        return factors_table(rows, columns)
    return household_table() if name == "household" else census_table()


def main() -> int:
    """Print the table; in a worker process, print one result as JSON."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--table", nargs="*", default=["factors", "household", "census"])
    parser.add_argument("--rows", type=int, default=50_000)
    parser.add_argument("--columns", type=int, default=100)
    parser.add_argument("--epsilon", type=float, default=1.0)
    parser.add_argument("--synthesizer", nargs="*", default=["independent", "mst", "mixture"])
    parser.add_argument("--set", nargs="*", default=[], metavar="NAME=VALUE", help="settings of the synthesizers")
    parser.add_argument("--worker", action="store_true", help=argparse.SUPPRESS)
    asked = parser.parse_args()
    if asked.worker:
        table = build(asked.table[0], asked.rows, asked.columns)
        settings = dict(pair.split("=", 1) for pair in asked.set)
        print(json.dumps(run_one(table, asked.synthesizer[0], asked.epsilon, settings)))
        return 0
    threads = dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "NUMBA_NUM_THREADS"), "1")
    print(f"epsilon {asked.epsilon:g}, delta {DELTA:g}; factors: {asked.columns} columns x {asked.rows} rows")
    print(f"{'table':<12}{'synthesizer':<14}{'tvd1':>8}{'tvd2':>8}{'tvd3':>8}{'seconds':>9}{'MB':>7}")
    for table, synthesizer in itertools.product(asked.table, asked.synthesizer):
        if table != "factors" and not (SHARED / "data").is_dir():
            print(f"{table:<12}skipped: {ABSENT}")
            continue
        command = [sys.executable, __file__, "--worker", "--set", *asked.set]
        options = ["--epsilon", str(asked.epsilon), "--rows", str(asked.rows), "--columns", str(asked.columns)]
        done = subprocess.run(
            [*command, "--table", table, "--synthesizer", synthesizer, *options],
            env={**os.environ, **threads, "PYTHONPATH": str(ROOT)},
            stdout=subprocess.PIPE,
            check=True,
            text=True,
        )
        found = json.loads(done.stdout.splitlines()[-1])
        errors = "".join(f"{found[name]:>8.4f}" for name in ("tvd1", "tvd2", "tvd3"))
        print(f"{table:<12}{synthesizer:<14}{errors}{found['seconds']:>9.1f}{found['megabytes']:>7.0f}", flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
