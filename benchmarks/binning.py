"""Ways to cut numbers into bins, on raw tables: private quantiles, PrivTree, and equal widths between the bounds.

Every way releases the same tables at the same promise; only the setting `binning` differs (equal widths are given as
public edges, 32 of them, and cost nothing). For each numeric column: the Kolmogorov-Smirnov distance (KS); the total
variation over 64 bins of equal numbers of real rows, spikes apart (TVD1); that over 16 such bins and the codes of
the column that it depends on most (TVD2); and how much of its largest spike's share was lost or invented (spike).
It looks at the real rows, so this table is for the developers' eyes and no part of a release. Needs the shared data
sets beside the checkout (or DPSYNTH_SHARED), and says so where they are absent.

    python benchmarks/binning.py [--epsilon 0.5 1 4] [--seeds 3] [--synthesizer mst] [--data adult ...] [--columns]
"""

from __future__ import annotations

import argparse
import sys
import time
from dataclasses import dataclass
from typing import Any

import numpy as np
from shared import ABSENT, SHARED

DELTA = 1e-9
WAYS = ("quantiles", "privtree", "equal widths")
EQUAL_BINS, SINGLE_BINS, PAIR_BINS = 32, 64, 16
MEASURES = ("KS", "TVD1", "TVD2", "spike")


@dataclass(frozen=True)
class RawTable:
    """One shared table: numeric columns with generous public bounds, and a few categorical ones beside them."""

    file: str
    numbers: dict[str, dict[str, Any]]
    labels: tuple[str, ...]


def whole(lower: int, upper: int) -> dict[str, Any]:
    """A column of whole numbers."""
    return {"lower": lower, "upper": upper, "integer": True}


TABLES = {
    "adult": RawTable(
        "adult/adult.csv.gz",
        {
            "age": whole(0, 120),
            "fnlwgt": whole(0, 10_000_000),
            "capital-gain": whole(0, 1_000_000),
            "capital-loss": whole(0, 100_000),
            "hours-per-week": whole(0, 168),
        },
        ("education", "marital-status", "sex", "income"),
    ),
    "compas": RawTable(
        "compas/compas_two_years.csv.gz",
        {
            "age": whole(0, 120),
            "priors_count": whole(0, 500),
            "days_b_screening_arrest": whole(-10_000, 10_000),
            "c_days_from_compas": whole(0, 40_000),
            "start": whole(0, 4_000),
            "end": whole(0, 4_000),
        },
        ("sex", "race", "score_text", "is_recid", "two_year_recid"),
    ),
    "nist-acs-ma2019": RawTable(
        "nist-acs-ma2019/ma2019.csv.gz",
        {
            "AGEP": whole(0, 120),
            "PINCP": whole(-100_000, 10_000_000),
            "POVPIP": whole(0, 501),
            "INDP": whole(0, 9_999),
            "PWGTP": whole(0, 10_000),
            "WGTP": whole(0, 10_000),
        },
        ("SEX", "MSP", "HOUSING_TYPE", "OWN_RENT", "EDU"),
    ),
    "household-survey": RawTable(
        "household-survey/households.csv.gz",
        {
            "HHweight": {"lower": 0, "upper": 10_000, "decimals": 2},
            "SUBREG": {"lower": 0, "upper": 1_000, "decimals": 1},
        },
        ("HHSize", "HHIncome", "HHDwelling", "SUBREGCluster"),
    ),
}


def read(table: RawTable) -> Any:
    """The table's columns as a data frame; labels as text, `missing` for missing ones."""
    import pandas as pd

    frame = pd.read_csv(SHARED / "data" / table.file, na_values=["N", "?"])
    for name in table.labels:
        frame[name] = frame[name].astype("object").where(frame[name].notna(), "missing").astype(str)
    return frame[[*table.numbers, *table.labels]]


def schema_of(table: RawTable, real: Any, way: str) -> Any:
    """Public facts; categories are taken as public here, since only numbers are compared."""
    import dpsynth

    columns: list[Any] = []
    for name, facts in table.numbers.items():
        edges = {}
        if way == "equal widths":
            lower, upper = facts["lower"], facts["upper"]
            bins = min(EQUAL_BINS, upper - lower)
            edges = {"edges": [round(lower + (upper - lower) * i / bins) for i in range(bins + 1)]}
        columns.append(dpsynth.Numeric(name, nullable=bool(real[name].isna().any()), **facts, **edges))
    columns += [dpsynth.Categorical(name, values=sorted(set(real[name]))) for name in table.labels]
    return dpsynth.Schema(columns)


def release(table: RawTable, real: Any, way: str, epsilon: float, seed: int, synthesizer: str) -> Any:
    """A synthetic table from reproducible noise: no promise, but the same luck for every way."""
    from dpsynth import engine
    from dpsynth.privacy.randomness import InsecureTestEntropy

    settings = {} if way == "equal widths" else {"binning": way}
    request = engine.settle(
        schema_of(table, real, way), epsilon=epsilon, delta=DELTA, synthesizer=synthesizer, settings=settings
    )
    return engine.release(real, request, InsecureTestEntropy(seed), seed=seed).table


@dataclass(frozen=True)
class Ruler:
    """Codes to compare in: of a number its place among the real quantiles, missing ones last; of a label itself."""

    cuts: np.ndarray | None
    values: tuple[str, ...] = ()

    @classmethod
    def of(cls, column: Any, number: bool, bins: int) -> Ruler:
        """Cuts on both sides of frequent values, so that a spike is a code of its own."""
        if not number:
            return cls(None, tuple(sorted(set(column))))
        known = np.sort(column.dropna().to_numpy(float))
        values, counts = np.unique(known, return_counts=True)
        spikes = values[counts > len(known) / bins]
        quantiles = np.quantile(known, np.linspace(0, 1, bins + 1)[1:-1], method="lower")
        return cls(np.unique([*quantiles, *spikes, *np.nextafter(spikes, np.inf)]))

    @property
    def size(self) -> int:
        """Number of codes."""
        return len(self.values) if self.cuts is None else len(self.cuts) + 2

    def codes(self, column: Any) -> np.ndarray:
        """Codes of a column."""
        if self.cuts is None:
            return np.searchsorted(self.values, column.astype(str))
        numbers = column.astype("Float64").to_numpy(dtype=float, na_value=np.nan)
        return np.where(np.isnan(numbers), self.size - 1, np.searchsorted(self.cuts, numbers, side="right"))


def shares(codes: np.ndarray, size: int) -> np.ndarray:
    """Share of rows of each code."""
    return np.bincount(codes, minlength=size) / max(len(codes), 1)


def tvd(one: np.ndarray, other: np.ndarray) -> float:
    """Total variation distance of two tables of shares."""
    return float(np.abs(one - other).sum() / 2)


@dataclass(frozen=True)
class Truth:
    """The real table, codes for single columns and for pairs, and what each number depends on most."""

    real: Any
    single: dict[str, Ruler]
    paired: dict[str, Ruler]
    partners: dict[str, str]

    @classmethod
    def of(cls, table: RawTable, real: Any) -> Truth:
        """Codes, and the partner with the largest distance of the pair from independence."""
        single, paired, coarse = (
            {name: Ruler.of(real[name], name in table.numbers, bins) for name in real}
            for bins in (SINGLE_BINS, PAIR_BINS, PAIR_BINS // 2)
        )
        codes = {name: ruler.codes(real[name]) for name, ruler in coarse.items()}

        def dependence(a: str, b: str) -> float:
            sizes = coarse[a].size, coarse[b].size
            pair = shares(codes[a] * sizes[1] + codes[b], sizes[0] * sizes[1]).reshape(sizes)
            return tvd(pair, np.outer(pair.sum(1), pair.sum(0)))

        partners = {
            name: max((other for other in real if other != name), key=lambda other, name=name: dependence(name, other))
            for name in table.numbers
        }
        return cls(real, single, paired, partners)

    def errors(self, name: str, made: Any) -> tuple[float, ...]:
        """KS, TVD1, TVD2 and spike of one numeric column."""
        known = [np.sort(frame[name].dropna().to_numpy(float)) for frame in (self.real, made)]
        points = np.union1d(*known)
        steps = [np.searchsorted(values, points, side="right") / max(len(values), 1) for values in known]
        values, counts = np.unique(known[0], return_counts=True)
        spike = values[counts.argmax()]
        lost = [float((column == spike).mean()) for column in known]
        ruler, first, second = self.single[name], self.paired[name], self.paired[self.partners[name]]
        ones = [ruler.codes(frame[name]) for frame in (self.real, made)]
        twos = [
            first.codes(frame[name]) * second.size + second.codes(frame[self.partners[name]])
            for frame in (self.real, made)
        ]
        return (
            float(np.abs(steps[0] - steps[1]).max()),
            tvd(*(shares(codes, ruler.size) for codes in ones)),
            tvd(*(shares(codes, first.size * second.size) for codes in twos)),
            abs(lost[0] - lost[1]),
        )


def compare(name: str, epsilon: float, seeds: int, synthesizer: str, each_column: bool) -> None:
    """Print the rows of one table at one epsilon: a mean over columns, and each column when asked."""
    table = TABLES[name]
    real = read(table)
    truth = Truth.of(table, real)
    for way in WAYS:
        start, found = time.process_time(), {column: [] for column in table.numbers}
        for seed in range(seeds):
            made = release(table, real, way, epsilon, seed, synthesizer)
            for column, errors in found.items():
                errors.append(truth.errors(column, made))
        seconds = (time.process_time() - start) / seeds
        means = {column: np.mean(errors, axis=0) for column, errors in found.items()}
        overall = np.mean(list(means.values()), axis=0)
        row = "".join(f"{value:>9.4f}" for value in overall)
        print(f"{name:<18}{epsilon:>6g}  {way:<14}{'all numbers':<26}{row}{seconds:>9.1f}", flush=True)
        for column, values in means.items() if each_column else ():
            row = "".join(f"{value:>9.4f}" for value in values)
            print(f"{'':<24}  {'':<14}{column:<26}{row}   with {truth.partners[column]}")


def main() -> int:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--epsilon", type=float, nargs="+", default=[0.5, 1.0, 4.0])
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--synthesizer", default="mst")
    parser.add_argument("--data", nargs="+", choices=TABLES, default=list(TABLES))
    parser.add_argument("--columns", action="store_true", help="a row for each column too")
    asked = parser.parse_args()
    absent = [name for name in asked.data if not (SHARED / "data" / TABLES[name].file).is_file()]
    if absent:
        print(f"skipped {', '.join(absent)}: {ABSENT}")
    print(
        f"{'table':<18}{'eps':>6}  {'binning':<14}{'column':<26}" + "".join(f"{m:>9}" for m in MEASURES) + "    CPU s"
    )
    for name in asked.data:
        for epsilon in asked.epsilon if name not in absent else ():
            compare(name, epsilon, asked.seeds, asked.synthesizer, asked.columns)
    return 0


if __name__ == "__main__":
    sys.exit(main())
