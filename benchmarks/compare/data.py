"""Tables of integer codes: a folder with a `domain.json` (column -> number of codes) and one CSV of codes 0..size-1."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

TEST_SHARE = 0.2  # of the rows; what is left is fitted

Codes = dict[str, NDArray[np.int64]]


@dataclass(frozen=True)
class Coded:
    """A coded table, split at random with a fixed seed: `train` is fitted, `test` only judges the classifier."""

    name: str
    domain: dict[str, int]
    train: Codes
    test: Codes
    target: str | None  # column of two codes that the classifier predicts

    @property
    def rows(self) -> int:
        """Number of rows fitted."""
        return len(next(iter(self.train.values())))


def split(table: Codes, seed: int = 0) -> tuple[Codes, Codes]:
    """(train, test): the first fifth of a random order of the rows is the test."""
    rows = len(next(iter(table.values())))
    order = np.random.default_rng(seed).permutation(rows)
    test, train = np.split(order, [round(rows * TEST_SHARE)])
    return tuple({name: codes[chosen] for name, codes in table.items()} for chosen in (train, test))  # type: ignore[return-value]


def coded(name: str, table: Codes, domain: dict[str, int], target: str | None = None) -> Coded:
    """A table ready to be compared; raises ValueError where a code is outside the domain."""
    for column, size in domain.items():
        if not len(table[column]) or table[column].min() < 0 or table[column].max() >= size:
            raise ValueError(f"column {column!r} of {name} must hold codes 0..{size - 1} and at least one row")
    if target is None:
        target = next((column for column in reversed(domain) if domain[column] == 2), None)
    if target is not None and domain.get(target) != 2:
        raise ValueError(
            f"target ({target!r}) must be a column of two codes; got {domain.get(target, 'no such column')}"
        )
    train, test = split({column: table[column] for column in domain})
    return Coded(name, domain, train, test, target)


def read_folder(folder: Path, target: str | None = None) -> Coded:
    """The coded table of a folder: its `domain.json` and its only CSV (.csv or .csv.gz)."""
    import pandas as pd

    sizes = json.loads((folder / "domain.json").read_text())
    domain = {str(column): int(size) for column, size in sizes.items()}
    files = sorted([*folder.glob("*.csv"), *folder.glob("*.csv.gz")])
    if len(files) != 1:
        raise ValueError(f"{folder} must hold one CSV file beside domain.json; got {len(files)}")
    frame = pd.read_csv(files[0])
    missing = [column for column in domain if column not in frame]
    if missing:
        raise ValueError(f"{files[0].name} must have the columns of domain.json; it lacks {missing}")
    return coded(folder.name, {column: frame[column].to_numpy(np.int64) for column in domain}, domain, target)
