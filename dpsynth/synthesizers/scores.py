"""What noisy one-ways say about the codes of a column: shares, ranks, and which codes stand in an order."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from dpsynth.codec.codec import Codec
from dpsynth.marginal import FloatArray, NoisyMarginal, refuse_grouped
from dpsynth.models.simplex import project_to_simplex
from dpsynth.synthesizers.one_ways import estimate_total
from dpsynth.synthesizers.resolutions import ordered_codes


def one_way_shares(one_ways: Sequence[NoisyMarginal]) -> tuple[FloatArray, ...]:
    """The share of each code in its column: noisy counts, projected to what counts can be. Post-processing."""
    refuse_grouped(one_ways)
    total = estimate_total(one_ways)
    return tuple(project_to_simplex(one.values, total) / total for one in one_ways)


def mid_ranks(shares: FloatArray) -> FloatArray:
    """For each code the share of rows below it plus half of its own, in [0, 1].

    >>> mid_ranks(np.array([0.5, 0.3, 0.2])).round(2).tolist()
    [0.25, 0.65, 0.9]
    """
    ranks: FloatArray = np.cumsum(shares) - shares / 2
    return np.clip(ranks, 0.0, 1.0)


def orders(codec: Codec) -> tuple[int, ...]:
    """For each counted column how many of its first codes are in an order that makes neighbours alike."""
    return tuple(ordered_codes(codec[column]) for column in codec.domain)
