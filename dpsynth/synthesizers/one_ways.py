"""One-way marginals: the first measurement of every synthesizer, and what follows from it for free."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from dpsynth.codec.codec import Codec
from dpsynth.codec.constraints import classes_of
from dpsynth.domain import Clique
from dpsynth.marginal import FloatArray, NoisyMarginal, refuse_grouped
from dpsynth.mechanisms.marginals import Marginals
from dpsynth.models.fit import fit
from dpsynth.models.random_field import RandomField
from dpsynth.models.simplex import project_to_simplex
from dpsynth.privacy.cost import Cost
from dpsynth.session import Door
from dpsynth.synthesizers.synthesizer import allocate_stddevs

_CONSTRAINED_GAP = 1e-2


def measure_one_ways(
    door: Door, codec: Codec, budget: Cost, label: str = "one-way marginals"
) -> tuple[NoisyMarginal, ...]:
    """Noisy counts of every column, in domain order."""
    cliques: tuple[Clique, ...] = tuple((column,) for column in codec.domain)
    stddevs = allocate_stddevs(codec.domain, cliques, budget, door.unit)
    return door.run(Marginals(codec, cliques, stddevs), label)


def estimate_total(measurements: Sequence[NoisyMarginal]) -> float:
    """Number of rows from the sums of noisy marginals, weighted by inverse variance; at least 1.

    The sum of a marginal of c cells estimates the rows with variance c * stddev^2. Post-processing.
    """
    weights = np.array([1.0 / (one.values.size * one.stddev**2) for one in measurements])
    sums = np.array([one.values.sum() for one in measurements])
    return max(float(weights @ sums / weights.sum()), 1.0)


def independent_model(codec: Codec, one_ways: Sequence[NoisyMarginal], total: float) -> RandomField:
    """The model in which all columns are independent but for the codec's constraints, from one-way marginals."""
    refuse_grouped(one_ways)
    if codec.zeros:
        return fit(codec.domain, one_ways, total, structural_zeros=codec.zeros, gap=_CONSTRAINED_GAP)
    tables = {one.clique[0]: project_to_simplex(one.values, total) for one in one_ways}
    return RandomField.independent(codec.domain, tables, total)


def merge_rare(
    codec: Codec, one_ways: Sequence[NoisyMarginal], stddevs_above_zero: float
) -> tuple[Codec, tuple[NoisyMarginal, ...]]:
    """Merge the codes of each column whose noisy count is below a multiple of its noise into one code.

    Rare codes carry more noise than signal in every marginal; merged, they cost one cell. Decoding draws
    the inner code in proportion to its noisy count (cut at 0). Codes that constraints tell apart stay apart.
    Post-processing of the noisy one-ways.
    Returns the codec of the merged codes and the one-ways on it.

    Source: McKenna, Miklau, Sheldon, "Winning the NIST Contest", JPC 2021, section 4.1 (compression).
    """
    refuse_grouped(one_ways)
    groups: dict[str, npt.NDArray[np.int64]] = {}
    weights: dict[str, FloatArray] = {}
    merged: list[NoisyMarginal] = []
    for one in one_ways:
        column = one.clique[0]
        rare = one.values < stddevs_above_zero * one.stddev
        classes = classes_of(codec.zeros, column, rare.size)
        joined = np.unique(np.where(rare, rare.size + classes, np.arange(rare.size)), return_inverse=True)[1]
        if rare.all() or joined.max() + 1 == rare.size:
            merged.append(one)
            continue
        groups[column] = joined
        weights[column] = np.maximum(one.values, 0.0)
        summed = np.bincount(groups[column], weights=one.values).astype(np.float64)
        merged.append(NoisyMarginal(one.clique, summed, one.stddev))
    return codec.merged(groups, weights), tuple(merged)
