"""Mixed types on the raw census table: text, missing values, spikes; what comes out beside what went in.

The schema states public facts of the census codebook; category lists of eight columns are left open, so
that they are found under privacy. Prints, for one release: missing shares, spikes, means and the largest
distance of the distribution functions (Kolmogorov-Smirnov), and what the private categories became. It
looks at the real rows, so this table is for the developers' eyes and no part of a release. Needs the
shared data sets beside the checkout (or DPSYNTH_SHARED), and says so where they are absent.
"""

from __future__ import annotations

import sys
from typing import Any

import numpy as np
from shared import ABSENT, SHARED

OPEN = ("workclass", "education", "marital-status", "occupation", "relationship", "race", "native-country")
NULLABLE = ("workclass", "occupation", "native-country")
NUMERIC = ("age", "fnlwgt", "capital-gain", "capital-loss", "hours-per-week")


def schema() -> Any:
    """Bounds and spikes from the survey's codebook; 99999 is its top code of capital gains."""
    import dpsynth

    numbers = {
        "age": {"lower": 17, "upper": 90},
        "fnlwgt": {"lower": 0, "upper": 2_000_000},
        "education-num": {"lower": 1, "upper": 16},
        "capital-gain": {"lower": 0, "upper": 99_999, "atoms": (0, 99_999)},
        "capital-loss": {"lower": 0, "upper": 5_000, "atoms": (0,)},
        "hours-per-week": {"lower": 1, "upper": 99},
    }
    closed = {"sex": ("Female", "Male"), "income": ("<=50K", ">50K")}
    order = (
        "age", "workclass", "fnlwgt", "education", "education-num", "marital-status", "occupation", "relationship",
        "race", "sex", "capital-gain", "capital-loss", "hours-per-week", "native-country", "income",
    )  # fmt: skip
    columns: list[Any] = []
    for name in order:
        if name in numbers:
            columns.append(dpsynth.Numeric(name, integer=True, **numbers[name]))
        elif name in closed:
            columns.append(dpsynth.Categorical(name, values=closed[name]))
        else:
            columns.append(dpsynth.OpenCategorical(name, nullable=name in NULLABLE))
    return dpsynth.Schema(columns)


def distance(one: np.ndarray, other: np.ndarray) -> float:
    """Largest difference of two empirical distribution functions."""
    points = np.union1d(one, other)
    shares = [np.searchsorted(np.sort(values), points, side="right") / len(values) for values in (one, other)]
    return float(np.abs(shares[0] - shares[1]).max())


def main() -> int:
    """Print the table; the exit code is 1 if a released value is neither public nor found under privacy."""
    path = SHARED / "data" / "adult" / "adult.csv.gz"
    if not path.is_file():
        print(f"skipped: {ABSENT}")
        return 0
    import pandas as pd

    import dpsynth

    real = pd.read_csv(path, na_values="?")
    release = dpsynth.synthesize(real, schema(), epsilon=1.0, delta=1e-9)
    made = release.table
    print(f"columns equal: {list(made.columns) == list(real.columns)}; types equal: {made.dtypes.equals(real.dtypes)}")
    print(f"\n{'column':<16}{'real mean':>12}{'synthetic':>12}{'largest spike':>15}{'real':>8}{'synth':>8}{'KS':>8}")
    for name in NUMERIC:
        spike = real[name].mode()[0]
        shares = [(table[name] == spike).mean() for table in (real, made)]
        gap = distance(real[name].to_numpy(float), made[name].to_numpy(float))
        row = f"{name:<16}{real[name].mean():>12.1f}{made[name].mean():>12.1f}{spike:>15}"
        print(row + f"{shares[0]:>8.3f}{shares[1]:>8.3f}{gap:>8.3f}")
    top = [(table["capital-gain"] == 99_999).mean() for table in (real, made)]
    print(f"capital-gain at its top code 99999: real {top[0]:.4f}, synthetic {top[1]:.4f}")
    print(f"\n{'column':<16}{'real missing':>14}{'synthetic':>12}{'real values':>14}{'found':>8}{'in (other)':>12}")
    unknown = 0
    for name in OPEN:
        found = set(made[name].dropna()) - {"(other)"}
        unknown += len(found - set(real[name].dropna()))
        other = (made[name] == "(other)").mean()
        row = f"{name:<16}{real[name].isna().mean():>14.4f}{made[name].isna().mean():>12.4f}"
        print(row + f"{real[name].nunique():>14}{len(found):>8}{other:>12.4f}")
    print(f"\nmade-up categories: {unknown}")
    return int(unknown > 0)


if __name__ == "__main__":
    sys.exit(main())
