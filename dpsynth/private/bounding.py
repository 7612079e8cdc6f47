"""Contribution bounding: at most k rows of each unit, chosen uniformly at random and once, at ingest."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from dpsynth.errors import SettingError
from dpsynth.privacy.randomness import EntropySource


def bounded_rows(units: NDArray[np.int64], max_rows: int, source: EntropySource) -> NDArray[np.intp]:
    """Indices, increasing, of the rows to keep: at most `max_rows` of each unit.

    units: shape (rows,), a dense code 0, 1, ... of each row's unit; max_rows: at least 1; source: of the
    random words that decide. Every row of a unit with too many gets a random number, and the unit keeps
    the rows with the smallest ones: a uniformly random subset, whatever the order of the rows.
    SettingError if max_rows is below 1.

    Privacy: the choice in one unit looks at that unit's rows alone, so the kept tables of two neighbours
    can be drawn jointly such that they differ in the rows of one unit only, at most `max_rows` on either
    side. Bounding costs nothing and gives every later mechanism its sensitivity.

    >>> from dpsynth.privacy.randomness import OsEntropy
    >>> kept = bounded_rows(np.array([0, 0, 0, 1]), 2, OsEntropy())
    >>> len(kept), 3 in kept
    (3, True)
    """
    if max_rows < 1:
        raise SettingError(f"max_rows ({max_rows}) must be at least 1")
    crowded = np.bincount(units) > max_rows
    rows = np.flatnonzero(crowded[units])
    keep = np.ones(len(units), dtype=bool)
    if len(rows):
        keep[rows] = _chosen((np.cumsum(crowded) - 1)[units[rows]], max_rows, source)
    return np.flatnonzero(keep)


def _chosen(units: NDArray[np.int64], max_rows: int, source: EntropySource) -> NDArray[np.bool_]:
    """Which rows stay when every unit 0, 1, ... has more than `max_rows` of them: exactly that many of each."""
    sizes = np.bincount(units)
    last = np.cumsum(sizes) - sizes + max_rows - 1  # place of each unit's last kept row once rows are sorted
    unit_bits = np.uint64(len(sizes).bit_length())
    high = units.astype(np.uint64) << (np.uint64(64) - unit_bits)
    while True:
        # One number a row, the unit above and randomness below, sorts much faster than two keys do.
        keys = high | (source.words(len(units)) >> unit_bits)
        keep = keys <= np.sort(keys)[last][units]
        if np.count_nonzero(keep) == max_rows * len(sizes):
            return np.asarray(keep)
        # A tie at a threshold (chance below rows^2 / 2^(64 - unit_bits)) is drawn anew, which favours no row.
