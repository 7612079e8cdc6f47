"""Random Fourier features of coded rows, in integers: sums of (cos, sin) of public random phases."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import numpy as np
import numpy.typing as npt

from dpsynth.domain import Domain
from dpsynth.errors import SettingError
from dpsynth.features import Codes, IntArray, RowBound

# Angles are whole numbers of 1 / TURN of a circle; they add up in 16 bits, where overflow is a full turn and no harm.
TURN = 1 << 12
# Integer units in a feature of 1.
SCALE = 1 << 12


def _waves() -> tuple[npt.NDArray[np.int16], npt.NDArray[np.int16]]:
    angles = np.arange(TURN) * (2 * np.pi / TURN)
    return np.rint(SCALE * np.cos(angles)).astype(np.int16), np.rint(SCALE * np.sin(angles)).astype(np.int16)


@dataclass(frozen=True, eq=False)
class RandomFourier:
    """For each of `frequencies` phases the pair (cos phase, sin phase), a phase being a sum of one angle a column.

    domain: the columns read. places: for each column the frequencies that look at it, increasing. angles: for each
    column, shape (codes, len(places)), uint16, in units of 1 / TURN of a circle. frequencies: how many phases.
    label: a column of the domain; each of its codes then has features of its own (see below).

    The vector is all cosines, then all sines; with a label it is that of the row's class in the part of the class, and
    zero in the parts of the others. Norm: the waves are tables of integers, so a row's squared norm is at most the
    number of phases times the largest cos^2 + sin^2 in the tables, which is computed from the very integers summed.

    Raises SettingError when the arrays do not fit together.

    Source: Rahimi, Recht, "Random Features for Large-Scale Kernel Machines", NIPS 2007; the mean of such features as
    a release: Harder, Adamczewski, Park, "DP-MERF", AISTATS 2021, here as a sum, since the number of rows is private.
    """

    domain: Domain
    places: tuple[IntArray, ...] = field(repr=False)
    angles: tuple[npt.NDArray[np.uint16], ...] = field(repr=False)
    frequencies: int
    label: str | None = None

    def __post_init__(self) -> None:
        if self.frequencies < 1:
            raise SettingError(f"frequencies ({self.frequencies}) must be at least 1; got less; try 500")
        if self.label is not None and self.label not in self.domain:
            raise SettingError(f"label ({self.label!r}) must be a column that is read; try {list(self.domain)}")
        for column, size, own, angles in zip(self.domain, self.domain.sizes, self.places, self.angles, strict=True):
            if angles.shape != (size, own.size) or angles.dtype != np.uint16:
                raise SettingError(f"angles of {column!r} must be uint16, one row a code and one column a frequency")
            if own.size and not (own[0] >= 0 and own[-1] < self.frequencies and (np.diff(own) > 0).all()):
                raise SettingError(f"places of {column!r} must increase from 0 to below {self.frequencies}")

    @property
    def classes(self) -> int:
        """Parts of the vector: one, or the codes of the label."""
        return 1 if self.label is None else self.domain[self.label]

    @property
    def length(self) -> int:
        """A cosine and a sine for each frequency and class."""
        return 2 * self.frequencies * self.classes

    @cached_property
    def bound(self) -> RowBound:
        """See `fourier_bound`."""
        return fourier_bound(self.frequencies)

    def sums(self, codes: Codes) -> IntArray:
        """Sum of the vectors of these rows."""
        rows = len(codes[self.domain.columns[0]])
        phases = np.zeros((rows, self.frequencies), dtype=np.uint16)
        for column, own, angles in zip(self.domain, self.places, self.angles, strict=True):
            if own.size == self.frequencies:
                phases += angles[codes[column]]
            elif own.size:
                phases[:, own] += angles[codes[column]]
        phases &= TURN - 1
        if self.label is None:
            return np.concatenate([wave[phases].sum(axis=0, dtype=np.int64) for wave in _waves()])
        summed = np.zeros((self.classes, 2, self.frequencies), dtype=np.int64)
        for code in np.unique(codes[self.label]):
            chosen = phases[codes[self.label] == code]
            for part, wave in enumerate(_waves()):
                summed[code, part] = wave[chosen].sum(axis=0, dtype=np.int64)
        return summed.ravel()

    def describe(self) -> dict[str, Any]:
        """Name and numbers of phases, columns read, and the label."""
        return {
            "features": "random Fourier features",
            "frequencies": self.frequencies,
            "columns": list(self.domain.columns),
            **({} if self.label is None else {"label": self.label}),
        }

    def turns(self, column: str) -> npt.NDArray[np.complex64]:
        """e^(i angle) of each code and frequency that looks at the column, shape (codes, len(places))."""
        angles = self.angles[self.domain.columns.index(column)]
        turns: npt.NDArray[np.complex64] = np.exp(2j * np.pi / TURN * angles).astype(np.complex64)
        return turns


def fourier_bound(frequencies: int) -> RowBound:
    """The bound of any map of that many phases: each adds at most the largest cos^2 + sin^2 of the integer waves."""
    cosines, sines = (wave.astype(np.int64) for wave in _waves())
    return RowBound(frequencies * int((cosines**2 + sines**2).max()), SCALE)


def sparse_frequencies(
    domain: Domain, groups: npt.NDArray[np.int64], angles: tuple[npt.NDArray[np.float64], ...]
) -> RandomFourier:
    """The map whose frequency f looks at the columns `groups[f]` alone.

    groups: shape (frequencies, columns in each), places of columns in the domain. angles: for each column, shape
    (codes, frequencies), in radians; only the entries of frequencies that look at the column are used.
    """
    looks = np.zeros((len(domain), len(groups)), dtype=bool)
    looks[groups.T, np.arange(len(groups))] = True
    places = tuple(np.flatnonzero(row) for row in looks)
    whole = tuple(
        (np.rint(each[:, own] * (TURN / (2 * np.pi))).astype(np.int64) % TURN).astype(np.uint16)
        for each, own in zip(angles, places, strict=True)
    )
    return RandomFourier(domain, places, whole, len(groups))
