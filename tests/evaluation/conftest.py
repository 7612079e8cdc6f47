"""Made-up tables whose relations are known."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

import dpsynth
from dpsynth.evaluation.arms import Arms, arms
from dpsynth.evaluation.table import Table, coded

SCHEMA = dpsynth.Schema(
    [
        dpsynth.Identifier("id"),
        dpsynth.Categorical("sex", values=["F", "M"]),
        dpsynth.OpenCategorical("city", nullable=True),
        dpsynth.Numeric("age", lower=0, upper=99, integer=True),
        dpsynth.Numeric("pay", lower=0, upper=1000, decimals=1, nullable=True),
        dpsynth.Datetime("seen", lower="2020-01-01", upper="2020-12-31"),
        dpsynth.Boolean("ill"),
    ]
)


def people(rows: int, seed: int) -> pd.DataFrame:
    rng = np.random.default_rng(seed)
    sex = rng.integers(0, 2, rows)
    age = np.clip(rng.normal(40 + 8 * sex, 12, rows).round(), 0, 99)
    pay = np.where(rng.random(rows) < 0.1, np.nan, np.clip(5 * age + rng.normal(0, 60, rows), 0, 1000).round(1))
    return pd.DataFrame(
        {
            "id": np.arange(rows),
            "sex": np.where(sex == 1, "F", "M"),
            "city": pd.Series(rng.choice(["Oslo", "Moss", "Bodø", None], rows, p=[0.6, 0.3, 0.005, 0.095])),
            "age": age,
            "pay": pay,
            "seen": pd.Timestamp("2020-01-01") + pd.to_timedelta(rng.integers(0, 366, rows), unit="D"),
            "ill": rng.random(rows) < 0.1 + 0.6 * (age > 50) + 0.2 * sex,
        }
    )


def tables(*frames: pd.DataFrame) -> tuple[Table, ...]:
    return coded(SCHEMA, [dpsynth.ticked(each, SCHEMA) for each in frames])


@pytest.fixture(scope="session")
def split() -> Arms:
    """A synthetic table that is a further sample of the same population."""
    private, synthetic = tables(people(1600, 1), people(1500, 2))
    return arms(private, synthetic, [], None, repeats=2, seed=0)
