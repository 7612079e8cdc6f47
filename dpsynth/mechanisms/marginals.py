"""Noisy marginals: every cell of some cliques, or only the part that smaller marginals do not hold."""

from __future__ import annotations

import itertools
import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from dpsynth.codec.codec import Codec
from dpsynth.domain import Clique
from dpsynth.errors import SettingError
from dpsynth.marginal import Basis, NoisyMarginal
from dpsynth.mechanisms.gaussian_cost import gaussian_cost
from dpsynth.privacy.cost import ZERO, Cost
from dpsynth.privacy.discrete_gaussian import sample
from dpsynth.privacy.randomness import EntropySource
from dpsynth.privacy.unit import PrivacyUnit, Relation
from dpsynth.private.counter import Counter

Counts = Mapping[Clique, npt.NDArray[np.int64]]


@dataclass(frozen=True)
class Marginals:
    """All cells of several marginals plus exact discrete Gaussian noise, one stddev for each clique.

    codec: how columns become codes; cliques: which marginals; stddevs: in rows, one for each clique.

    Privacy: one row lies in exactly one cell of each marginal, so a unit moves the cells of one
    marginal by squared L2 at most k^2 (add-remove) or 2 k^2 (replace-one: convex in the rows, so the
    worst case puts all k into one cell on either side). Marginals compose by adding mu^2.
    """

    codec: Codec
    cliques: tuple[Clique, ...]
    stddevs: tuple[float, ...]

    def __post_init__(self) -> None:
        if len(self.cliques) != len(self.stddevs):
            raise SettingError("stddevs must have one entry for each clique")

    def cost(self, unit: PrivacyUnit) -> Cost:
        """Sum over cliques of squared L2 sensitivity times mu(stddev)^2."""
        shift = unit.squared_l2_count_sensitivity
        return sum((gaussian_cost(shift, stddev) for stddev in self.stddevs), ZERO)

    def query(self, private: Counter) -> Counts:
        """Exact counts of every clique, in one call to the backend."""
        return private.marginals(self.codec, self.cliques)

    def randomise(self, exact: Counts, source: EntropySource) -> tuple[NoisyMarginal, ...]:
        """Counts plus noise on the integers, in the order of `cliques`."""
        return tuple(
            NoisyMarginal(clique, (exact[clique] + _noise(stddev, exact[clique], source)).astype(np.float64), stddev)
            for clique, stddev in zip(self.cliques, self.stddevs, strict=True)
        )

    def movement(self, exact: Counts, neighbour: Counts) -> Cost:
        """Squared L2 distance of each marginal, priced at its noise."""
        return sum(
            (
                gaussian_cost(_squared_distance(exact[clique], neighbour[clique]), stddev)
                for clique, stddev in zip(self.cliques, self.stddevs, strict=True)
            ),
            ZERO,
        )

    def describe(self) -> dict[str, Any]:
        """Kind, cliques, noise and cells."""
        return _describe("marginals", self.codec, self.cliques, self.stddevs)


@dataclass(frozen=True)
class ResidualMarginals:
    """The residual of several marginals: what their smaller marginals leave open, for less budget.

    For a clique of sizes n_i the integer vector Xi x is released, Xi = kron_i(n_i I - J), x the exact
    counts, with discrete Gaussian noise of stddev * prod(n_i) on the integers; then everything is
    divided by prod(n_i) and the noise is projected like the counts. `stddev` is the noise in one cell
    before that projection, so it compares with the stddev of `Marginals`.

    Privacy: one row moves Xi x by squared L2 prod_i n_i (n_i - 1), the norm of any column of Xi. Under
    replace-one the two columns a, b have inner product prod over i of n_i (n_i - 1) where a_i = b_i
    and -n_i elsewhere; the worst pair makes it most negative. With k rows both are multiplied by k^2
    (convexity). Division and projection are post-processing. Relative to `Marginals` the cost shrinks
    by prod_i (1 - 1/n_i).

    Source: Xiao, He, Zhang, Kifer, "An Optimal and Scalable Matrix Mechanism for Noisy Marginals under
    Convex Loss Functions" (ResidualPlanner), NeurIPS 2023, base mechanisms.
    """

    codec: Codec
    cliques: tuple[Clique, ...]
    stddevs: tuple[float, ...]

    def __post_init__(self) -> None:
        if len(self.cliques) != len(self.stddevs):
            raise SettingError("stddevs must have one entry for each clique")
        if any(self.codec.domain[column] < 2 for clique in self.cliques for column in clique):
            raise SettingError("cliques of a residual must have at least 2 codes in every column")

    def cost(self, unit: PrivacyUnit) -> Cost:
        """Sum over cliques of the squared L2 movement of Xi x, priced at stddev * prod(n_i)."""
        return sum(
            (
                gaussian_cost(squared_residual_shift(shape, unit), stddev * math.prod(shape))
                for shape, stddev in self._shapes()
            ),
            ZERO,
        )

    def query(self, private: Counter) -> Counts:
        """Exact integer vectors Xi x of every clique."""
        counts = private.marginals(self.codec, self.cliques)
        return {clique: integer_residual(counts[clique]) for clique in self.cliques}

    def randomise(self, exact: Counts, source: EntropySource) -> tuple[NoisyMarginal, ...]:
        """Noisy residuals divided by prod(n_i), in rows."""
        released = []
        for clique, (shape, stddev) in zip(self.cliques, self._shapes(), strict=True):
            cells = math.prod(shape)
            noisy = exact[clique] + _noise(stddev * cells, exact[clique], source)
            released.append(NoisyMarginal(clique, noisy / cells, stddev, Basis.RESIDUAL))
        return tuple(released)

    def movement(self, exact: Counts, neighbour: Counts) -> Cost:
        """Squared L2 distance of the two integer residuals, priced at their noise."""
        return sum(
            (
                gaussian_cost(_squared_distance(exact[clique], neighbour[clique]), stddev * math.prod(shape))
                for clique, (shape, stddev) in zip(self.cliques, self._shapes(), strict=True)
            ),
            ZERO,
        )

    def describe(self) -> dict[str, Any]:
        """Kind, cliques, noise and cells."""
        return _describe("residual marginals", self.codec, self.cliques, self.stddevs)

    def _shapes(self) -> list[tuple[tuple[int, ...], float]]:
        return [
            (self.codec.domain.shape(clique), stddev) for clique, stddev in zip(self.cliques, self.stddevs, strict=True)
        ]


def integer_residual(counts: npt.NDArray[np.int64]) -> npt.NDArray[np.int64]:
    """Xi x with Xi = kron_i(n_i I - J): exact, in int64.

    >>> integer_residual(np.array([[1, 0], [0, 0]]))
    array([[ 1, -1],
           [-1,  1]])
    """
    out = np.asarray(counts, dtype=np.int64)
    for axis, size in enumerate(out.shape):
        out = size * out - out.sum(axis=axis, keepdims=True)
    return out


def squared_residual_shift(shape: tuple[int, ...], unit: PrivacyUnit) -> int:
    """Largest squared L2 distance of Xi x between neighbours, Xi = kron_i(n_i I - J); an integer."""
    same = math.prod(size * (size - 1) for size in shape)
    if unit.relation is Relation.ADD_REMOVE:
        return unit.max_rows**2 * same
    inner = min(
        math.prod(-size if differ else size * (size - 1) for size, differ in zip(shape, pattern, strict=True))
        for pattern in itertools.product((False, True), repeat=len(shape))
    )
    return unit.max_rows**2 * 2 * (same - inner)


def _noise(stddev: float, like: npt.NDArray[np.int64], source: EntropySource) -> npt.NDArray[np.int64]:
    return sample(stddev, like.size, source).reshape(like.shape)


def _squared_distance(a: npt.NDArray[np.int64], b: npt.NDArray[np.int64]) -> int:
    """Squared L2 distance in Python integers, so that it cannot overflow."""
    moved = (a - b)[a != b]
    return sum(int(value) ** 2 for value in moved)


def _describe(kind: str, codec: Codec, cliques: tuple[Clique, ...], stddevs: tuple[float, ...]) -> dict[str, Any]:
    return {
        "kind": kind,
        "cliques": [list(clique) for clique in cliques],
        "stddev": [float(stddev) for stddev in stddevs],
        "cells": sum(codec.domain.cells(clique) for clique in cliques),
    }
