"""One release with a column of every kind, on disk: as it is, and with formulas quoted."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import dpsynth
from dpsynth.release.release import Release

SCHEMA = dpsynth.Schema(
    [
        dpsynth.Identifier("person", prefix="P"),
        dpsynth.Categorical("sex", values=["F", "M"], nullable=True),
        dpsynth.Categorical("=grade", values=[1, 2, 3], ordered=True),
        dpsynth.Categorical("share", values=[0.1, 0.25, 1], nullable=True),
        dpsynth.Categorical("blank", values=["", "=1+1"]),
        dpsynth.Categorical("mixed", values=["a", 2.5]),
        dpsynth.Categorical("many", values=range(1001)),
        dpsynth.OpenCategorical("city", max_values=5, known=["Oslo"]),
        dpsynth.Numeric("age", lower=0, upper=99, integer=True, nullable=True),
        dpsynth.Numeric("wage", lower=0.1, upper=10, decimals=2, edges=[5]),
        dpsynth.Numeric("height, m", lower=0.1, upper=2.3, nullable=True),
        dpsynth.Boolean("member"),
        dpsynth.Boolean("smoker", labels=["no", "yes"], nullable=True),
        dpsynth.Datetime("joined", lower="2020-01-01", upper="2020-12-31"),
        dpsynth.Datetime("seen", lower="2020-01-01", upper="2020-12-31", resolution="minute", nullable=True),
        dpsynth.Datetime("born", lower="1920-01-01", upper="2020-12-31", format="%d/%m/%Y"),
    ]
)
ROWS = 317


@dataclass(frozen=True)
class Made:
    """The release, its directory, the one with quoted formulas, and the three documents of the first by name."""

    release: Release
    path: Path
    quoted: Path

    def document(self, name: str, quoted: bool = False) -> Any:
        return json.loads(((self.quoted if quoted else self.path) / name).read_text())


def private_table() -> dict[str, Any]:
    rng, rows = np.random.default_rng(0), ROWS
    return {
        "person": [f"secret-{number}" for number in range(rows)],
        "sex": rng.choice(["F", "M"], rows),
        "=grade": rng.integers(1, 4, rows),
        "share": rng.choice([0.1, 0.25, 1], rows),
        "blank": ["=1+1"] * rows,
        "mixed": rng.choice(["a", "2.5"], rows),
        "many": rng.integers(0, 1001, rows),
        "city": rng.choice(["Oslo", "Bergen"], rows),
        "age": rng.integers(0, 99, rows),
        "wage": rng.uniform(0.1, 10, rows).round(2),
        "height, m": rng.uniform(1, 2, rows),
        "member": rng.random(rows) < 0.5,
        "smoker": rng.choice(["no", "yes"], rows),
        "joined": np.datetime64("2020-01-01") + rng.integers(0, 366, rows),
        "seen": np.datetime64("2020-01-01T00:00") + rng.integers(0, 500_000, rows),
        "born": (np.datetime64("1930-01-01") + rng.integers(0, 20_000, rows)).astype("O"),
    }


@pytest.fixture(scope="session")
def made(tmp_path_factory: pytest.TempPathFactory) -> Made:
    table = private_table()
    table["born"] = [each.strftime("%d/%m/%Y") for each in table["born"]]
    release = dpsynth.synthesize(table, SCHEMA, epsilon=4, delta=1e-6, rows=150, seed=3, synthesizer="independent")
    home = tmp_path_factory.mktemp("metadata")
    release.save(home / "release")
    release.save(home / "quoted", quote_formulas=True)
    return Made(release, home / "release", home / "quoted")
