"""Bring a mixture of products to given one-way counts, and leave its dependences as they are: iterative scaling."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from dpsynth.domain import Domain
from dpsynth.marginal import FloatArray
from dpsynth.models.mixture import Mixture

_SWEEPS = 200
_CLOSE = 1e-6


def raked(domain: Domain, weights: FloatArray, tables: Sequence[FloatArray], shares: Sequence[FloatArray],
          total: float) -> Mixture:  # fmt: skip
    """The mixture whose one-ways are `shares`, nearest in relative entropy to weights and tables, for `total` rows.

    weights, tables: as in `Mixture`; a table may hold zeros. shares: for each column a distribution of its codes.

    Given the component, columns are independent, so each column can be treated alone: the table of (component, code)
    is scaled to have `weights` on the one side and the column's shares on the other. A code that no component has gets
    its share in every component. Scaling stops when all shares are met to a millionth, or after 200 sweeps; the last
    step meets the weights, so that every row is a distribution. Post-processing of released values.

    Source: Deming, Stephan 1940; convergence and relative entropy: Csiszar, "I-divergence geometry", 1975.
    """
    weights = weights / weights.sum()
    scaled = []
    for table, share in zip(tables, shares, strict=True):
        held = table * (share > 0)
        held[:, (share > 0) & (weights @ held <= 0)] = 1.0
        held = np.where(held.sum(axis=1, keepdims=True) > 0, held, share)
        held = held / held.sum(axis=1, keepdims=True)
        for _ in range(_SWEEPS):
            now = weights @ held
            if np.abs(now - share).sum() < _CLOSE:
                break
            held = held * np.divide(share, now, out=np.zeros_like(share), where=now > 0)
            held = held / np.maximum(held.sum(axis=1, keepdims=True), 1e-300)
            held = np.where(held.sum(axis=1, keepdims=True) > 0.5, held, share)
        scaled.append(held)
    return Mixture(domain, weights, tuple(scaled), total)
