"""Membership from the noisy marginals that a release publishes: the likelihood ratio, as far as an outsider has it.

Noisy counts y of all cells have mean n p and covariance Sigma = noise + sampling, where p are shares of the
population. A target t adds one row to its cells, a vector a_t of zeros and ones. For Gaussian laws the best test
of "t was in" against "it was not" is

    a_t' Sigma^-1 (y - n p) - a_t' Sigma^-1 a_t / 2.

Measured alone (the noise), cells would just be weighted by 1 / stddev^2. The rows of all others are noise to an
outsider too, and marginals share them: hence the full covariance, estimated from reference rows, whose own
sampling error is in it. One linear system is solved for all targets; the second term is small and is taken from
the diagonal, scaled to the spread of the scores of reference rows.

The promise of mu-GDP keeps the AUC of any score below Phi(mu / sqrt(2)). This one comes near where the noise is
much larger than what sampling the other rows does to a cell: in small tables, and at small epsilon.

Sources: Homer et al., "Resolving individuals contributing trace amounts of DNA", 2008, and Sankararaman et al.,
"Genomic privacy and limits of individual detection in a pool", 2009 (membership from exact marginals);
Annamalai, Ganev, De Cristofaro, "What do you want from theory alone?", USENIX Security 2024 (from noisy ones).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from attacks.attack import Criterion, Evidence, FloatArray, Measured, Outcome
from attacks.membership.marginals import PSEUDOCOUNT
from attacks.tables import Table
from attacks.threat import REFERENCE, Threat

Codes = Mapping[str, npt.NDArray[np.int64]]
CellNumbers = npt.NDArray[np.int32]

# Conjugate gradients stop at this error relative to where they start, or after so many steps.
_TOLERANCE, _MAX_STEPS = 1e-3, 200


@dataclass(frozen=True)
class NoisyMeasurements:
    """Likelihood ratio of the published noisy counts with the target's row and without it.

    shrinkage: the part of the covariance that is taken from its diagonal, which steadies it where reference rows
    are few for so many cells. max_rows: reference rows that estimate the covariance, drawn at random where there
    are more; shares use all.
    """

    shrinkage: float = 0.5
    max_rows: int = 20_000

    def __post_init__(self) -> None:
        if not 0 < self.shrinkage <= 1:
            raise ValueError(f"shrinkage ({self.shrinkage}) must be above 0 and at most 1")
        if self.max_rows < 1:
            raise ValueError(f"max_rows ({self.max_rows}) must be 1 or more")

    @property
    def threat(self) -> Threat:
        """Rows of the population say what to expect."""
        return REFERENCE

    @property
    def criterion(self) -> Criterion:
        """Membership."""
        return Criterion.MEMBERSHIP

    @property
    def about(self) -> str:
        """What a good score means."""
        return "The published noisy counts tell whether single rows were counted."

    def missing(self, evidence: Evidence, targets: Table) -> str | None:
        """It reads the noisy counts, and places rows in their cells."""
        if evidence.published is None or not evidence.published.measured or evidence.target_cells is None:
            return "it needs the noisy marginals of a release"
        return None if evidence.reference_cells else "it needs rows of the same population"

    def run(self, evidence: Evidence, targets: Table, rng: np.random.Generator) -> Outcome:
        """Score every target; chance only draws reference rows where there are too many."""
        if self.missing(evidence, targets) or not evidence.published:
            raise ValueError("evidence must have published marginals, and reference rows in their codes")
        measured = evidence.published.measured
        reference = cell_numbers(measured, evidence.reference_cells or {})
        within = cell_numbers(measured, evidence.target_cells or {})
        rows = estimated_rows(measured) or max(len(evidence.synthetic), 1)
        expectation = _Expectation.of(measured, reference, rows)
        chosen = rng.permutation(len(reference))[: self.max_rows]
        weights = expectation.weights(reference[chosen], self.shrinkage)
        scores = summed(weights, within) - expectation.offsets(weights, reference[chosen], within)
        details = {"marginals": len(measured), "cells": len(weights), "rows": round(rows), "reference": len(chosen)}
        return Outcome(scores, details=details)


def cell_numbers(measured: tuple[Measured, ...], codes: Codes) -> CellNumbers:
    """For each row its cell in each marginal, shape (rows, marginals), all cells numbered through.

    A row that a marginal cannot place gets the number after the last.
    """
    starts = np.cumsum([0, *(one.values.size for one in measured)])
    rows = len(next(iter(codes.values()), ()))
    columns = []
    for start, one in zip(starts, measured, strict=False):
        cells, outside = np.zeros(rows, np.int64), np.zeros(rows, bool)
        for name, groups, length in zip(one.columns, one.groups, one.values.shape, strict=True):
            own = codes[name]
            bad = (own < 0) | (own >= len(groups))
            cells, outside = cells * length + groups[np.where(bad, 0, own)], outside | bad
        columns.append(np.where(outside, starts[-1], start + cells))
    return np.stack(columns, axis=1).astype(np.int32)


def estimated_rows(measured: tuple[Measured, ...]) -> float:
    """Rows of the private table, from the sums of noisy marginals by inverse variance; 0 if none has a sum."""
    whole = [one for one in measured if not one.residual]
    precisions = np.array([1 / (one.values.size * one.stddev**2) for one in whole])
    sums = np.array([one.values.sum() for one in whole])
    return max(float(precisions @ sums / precisions.sum()), 1.0) if whole else 0.0


def summed(values: FloatArray, cells: CellNumbers) -> FloatArray:
    """For each row the sum of the values of its cells, shape (rows,); outside a marginal there is none."""
    padded, total = np.append(values, 0.0), np.zeros(len(cells))
    for column in cells.T:
        total += padded[column]
    return total


def projected(values: FloatArray, measured: tuple[Measured, ...]) -> FloatArray:
    """Values of all cells, of a residual marginal without their mean along each axis; others as they are."""
    if not any(one.residual for one in measured):
        return values
    parts = np.split(values, np.cumsum([one.values.size for one in measured])[:-1])
    for place, one in enumerate(measured):
        part = parts[place].reshape(one.values.shape)
        for axis in range(part.ndim if one.residual else 0):
            part = part - part.mean(axis=axis, keepdims=True)
        parts[place] = part.ravel()
    return np.concatenate(parts)


@dataclass(frozen=True, eq=False, repr=False)
class _Expectation:
    """What reference rows let expect of the noisy counts, arrays of shape (cells,) in the order of the cells.

    difference: noisy less expected count. noise: variance of the noise. share: of the population in each cell,
    above 0. sampling: times `share` it is the variance of a count from sampling n rows, and the reference.
    """

    measured: tuple[Measured, ...]
    difference: FloatArray
    noise: FloatArray
    share: FloatArray
    sampling: float

    @classmethod
    def of(cls, measured: tuple[Measured, ...], reference: CellNumbers, rows: float) -> _Expectation:
        sizes = np.array([one.values.size for one in measured])
        counts = np.asarray(np.bincount(reference.ravel(), minlength=int(sizes.sum()) + 1)[:-1], np.float64)
        known = max(len(reference), 1)
        share = (counts + PSEUDOCOUNT) / (known + PSEUDOCOUNT * np.repeat(sizes, sizes))
        expected = projected(counts * (rows / known), measured)
        observed = np.concatenate([one.values.ravel() for one in measured])
        noise = np.repeat([one.stddev**2 for one in measured], sizes)
        return cls(measured, observed - expected, noise, share, rows * (1 + rows / known))

    @property
    def variance(self) -> FloatArray:
        """Of each cell's difference by itself, in rows^2."""
        return self.noise + self.sampling * self.share * (1 - self.share)

    def weights(self, reference: CellNumbers, shrinkage: float) -> FloatArray:
        """Sigma^-1 (y - n p), shape (cells,), by conjugate gradients: products with Sigma are sums over rows."""
        alone = self.noise + shrinkage * self.sampling * self.share
        common = (1 - shrinkage) * self.sampling / max(len(reference), 1)
        flat, marginals = reference.ravel(), reference.shape[1]

        def product(vector: FloatArray) -> FloatArray:
            of_rows = summed(projected(vector, self.measured), reference)
            of_rows -= of_rows.mean() if len(of_rows) else 0.0
            moved = np.bincount(flat, np.repeat(of_rows, marginals), len(vector) + 1)[:-1]
            counted = projected(np.asarray(moved, np.float64), self.measured)
            return np.asarray(alone * vector + common * counted)

        return projected(conjugate_gradients(product, self.difference, 1 / self.variance), self.measured)

    def offsets(self, weights: FloatArray, reference: CellNumbers, targets: CellNumbers) -> FloatArray:
        """a_t' Sigma^-1 a_t / 2 of each target, shape (targets,), about.

        It is half the variance of a score. Of reference rows both the score and the sum of 1 / variance over cells
        are known; their ratio, at most 1, says how much cells repeat each other.
        """
        alone = 1 / self.variance
        together = float((summed(weights, reference) ** 2).sum()) / max(float(summed(alone, reference).sum()), 1e-300)
        return summed(alone, targets) * (min(together, 1.0) / 2)


def conjugate_gradients(
    product: Callable[[FloatArray], FloatArray], right: FloatArray, preconditioner: FloatArray
) -> FloatArray:
    """x with product(x) = right, for a positive definite map; preconditioner: about the inverse of its diagonal.

    Source: Hestenes, Stiefel, "Methods of conjugate gradients for solving linear systems", 1952.
    """
    x, residual = np.zeros_like(right), right.copy()
    scaled = preconditioner * residual
    direction, size = scaled, float(residual @ scaled)
    enough = _TOLERANCE**2 * size
    for _ in range(_MAX_STEPS):
        if size <= enough:
            break
        moved = product(direction)
        step = size / float(direction @ moved)
        x, residual = x + step * direction, residual - step * moved
        scaled = preconditioner * residual
        last, size = size, float(residual @ scaled)
        direction = scaled + (size / last) * direction
    return x
