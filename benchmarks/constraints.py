"""Constraints on the census table: rows that break them, time and error, with the constraints declared and without.

The table is Adult (raw) with two simulated dates, admitted and discharged; the constraints are what everybody knows of
its columns: education decides education-num, husbands are men and wives women, both are married, nobody is
discharged before the admission. Prints for each synthesizer: rows of a million that break a constraint, CPU seconds to
fit and to draw them (the minimum over repeats), and the mean distance of all three-way marginals (total
variation, median over the seeds). Needs the shared data sets beside the checkout (or DPSYNTH_SHARED). It looks at the
real rows, so this table is for the developers' eyes.

    python benchmarks/constraints.py [--rows 1000000] [--seeds 3] [--epsilon 1] [--synthesizer mosaic ...]
"""

from __future__ import annotations

import argparse
import itertools
import sys
import time
from statistics import median
from typing import Any

import numpy as np
import pandas as pd
from shared import ABSENT, SHARED

TIME_BAR = 1.3
REPEATS = 3
AGES, HOURS = [20, 25, 30, 35, 40, 45, 50, 55, 60, 65], [15, 30, 38, 41, 50, 60]
MONTHS = [str(month) for month in np.arange("2020-02", "2021-01", dtype="datetime64[M]").astype("datetime64[D]")]
MARRIED = ["Married-civ-spouse", "Married-AF-spouse"]


def table(seed: int = 0) -> pd.DataFrame:
    """The census table with two dates; stays are short, and longer for the old."""
    real = pd.read_csv(SHARED / "data" / "adult" / "adult.csv.gz", na_values="?")
    rng = np.random.default_rng(seed)
    first = np.datetime64("2020-01-01") + rng.integers(0, 300, len(real)).astype("timedelta64[D]")
    stay = np.minimum(rng.gamma(1.5, real["age"] / 10), 60).astype(int)
    kept = real.drop(columns=["fnlwgt", "capital-gain", "capital-loss", "native-country"])
    return kept.assign(admitted=first, discharged=first + stay.astype("timedelta64[D]"))


def schema(real: pd.DataFrame, *, constrained: bool) -> Any:
    """Columns as the codebook has them, with or without what is known of them together."""
    import dpsynth

    columns: list[Any] = []
    for name in real.columns:
        if name == "age":
            columns.append(dpsynth.Numeric(name, lower=17, upper=90, integer=True, edges=AGES))
        elif name == "hours-per-week":
            columns.append(dpsynth.Numeric(name, lower=1, upper=99, integer=True, edges=HOURS))
        elif name == "education-num":
            columns.append(dpsynth.Categorical(name, values=range(1, 17)))
        elif name in ("admitted", "discharged"):
            columns.append(dpsynth.Datetime(name, lower="2020-01-01", upper="2020-12-31", edges=MONTHS))
        else:
            values = sorted(real[name].dropna().unique())
            columns.append(dpsynth.Categorical(name, values=values, nullable=bool(real[name].isna().any())))
    single = [status for status in sorted(real["marital-status"].unique()) if status not in MARRIED]
    steps = real.drop_duplicates("education").set_index("education")["education-num"].to_dict()
    rules = [
        dpsynth.Dependency("education-num", by="education", values=steps),
        dpsynth.Forbidden([{"sex": "Female", "relationship": "Husband"}, {"sex": "Male", "relationship": "Wife"}]),
        dpsynth.Forbidden({"relationship": ["Husband", "Wife"], "marital-status": single}),
        dpsynth.Order(["admitted", "discharged"]),
    ]
    return dpsynth.Schema(columns, constraints=rules if constrained else [])


def broken(made: pd.DataFrame, steps: dict[str, int]) -> int:
    """Rows that break at least one of the constraints."""
    spouse = made["relationship"].isin(["Husband", "Wife"])
    wrong = made["education"].map(steps) != made["education-num"]
    wrong |= (made["relationship"] == "Husband") & (made["sex"] == "Female")
    wrong |= (made["relationship"] == "Wife") & (made["sex"] == "Male")
    wrong |= spouse & ~made["marital-status"].isin(MARRIED)
    wrong |= made["admitted"] > made["discharged"]
    return int(wrong.sum())


def coded(one: pd.DataFrame, real: pd.DataFrame) -> np.ndarray:
    """Codes on the public bins and the labels of the real table, shape (rows, columns)."""
    cuts = {"age": AGES, "hours-per-week": HOURS, "admitted": MONTHS, "discharged": MONTHS}
    columns = []
    for name in real.columns:
        if name in cuts:
            edges = np.array(cuts[name], dtype="datetime64[s]") if cuts[name] is MONTHS else np.array(cuts[name])
            columns.append(np.searchsorted(edges, one[name].to_numpy(edges.dtype), side="right"))
        else:
            columns.append(pd.Categorical(one[name], categories=sorted(real[name].dropna().unique())).codes + 1)
    return np.stack(columns, axis=1).astype(np.int64)


def distance(one: np.ndarray, other: np.ndarray, order: int = 3) -> float:
    """Mean total variation over all marginals of that order."""
    sizes = np.maximum(one.max(axis=0), other.max(axis=0)) + 1
    found = []
    for clique in itertools.combinations(range(one.shape[1]), order):
        shape = sizes[list(clique)]
        shares = [
            np.bincount(np.ravel_multi_index(codes[:, clique].T, shape), minlength=int(np.prod(shape))) / len(codes)
            for codes in (one, other)
        ]
        found.append(np.abs(shares[0] - shares[1]).sum() / 2)
    return float(np.mean(found))


def measure(name: str, real: pd.DataFrame, constrained: bool, options: argparse.Namespace) -> dict[str, float]:
    """One synthesizer on one schema."""
    import dpsynth

    steps = real.drop_duplicates("education").set_index("education")["education-num"].to_dict()
    described, codes = schema(real, constrained=constrained), coded(real, real)
    fits, draws, errors, wrong = [], [], [], 0
    for seed in range(options.seeds):
        start = time.process_time()
        release = dpsynth.synthesize(real, described, epsilon=options.epsilon, delta=1e-9, synthesizer=name, seed=seed)
        fits.append(time.process_time() - start)
        release.sample(1000, seed=seed)  # loads what is compiled
        for _ in range(REPEATS):
            start = time.process_time()
            made = release.sample(options.rows, seed=seed)
            draws.append(time.process_time() - start)
        wrong = max(wrong, broken(made, steps))
        errors.append(distance(codes, coded(release.table, real)))
    return {"broken": wrong * 1e6 / options.rows, "fit": min(fits), "draw": min(draws), "tvd3": median(errors)}


def main() -> int:
    """Print the table; the exit code is 1 if a row breaks a declared constraint."""
    parser = argparse.ArgumentParser(description="constraints: exactness, time, error")
    parser.add_argument("--rows", type=int, default=1_000_000)
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--epsilon", type=float, default=1.0)
    parser.add_argument("--synthesizer", nargs="+", default=["mosaic", "mst", "aim"])
    options = parser.parse_args()
    if not (SHARED / "data" / "adult").is_dir():
        print(f"skipped: {ABSENT}")
        return 0
    real, kept = table(), True
    print(f"{'':<12}{'broken rows in a million':>26}{'fit, s':>18}{'draw, s':>18}{'three-way error':>22}")
    print(
        f"{'synthesizer':<12}"
        f"{'without':>13}{'with':>13}" + f"{'with':>10}{'ratio':>8}" * 2 + f"{'with':>12}{'ratio':>10}"
    )
    for name in options.synthesizer:
        free, held = (measure(name, real, constrained, options) for constrained in (False, True))
        ratios = {key: held[key] / free[key] for key in ("fit", "draw", "tvd3")}
        kept &= held["broken"] == 0
        print(
            f"{name:<12}{free['broken']:>13,.0f}{held['broken']:>13,.0f}"
            + "".join(f"{held[key]:>10.2f}{ratios[key]:>8.2f}" for key in ("fit", "draw"))
            + f"{held['tvd3']:>12.4f}{ratios['tvd3']:>10.3f}",
            flush=True,
        )
    print(f"\nbars: no broken row; draw at most {TIME_BAR} times as long; three-way error at most as large")
    return int(not kept)


if __name__ == "__main__":
    sys.exit(main())
