"""Many tests at one level: p-values adjusted so that any false alarm among them is as rare as one test's."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt


def holm(p_values: Sequence[float], weights: Sequence[float] | None = None) -> npt.NDArray[np.float64]:
    """Adjusted p-values, in the order given: rejecting those at most `level` raises any false alarm that rarely.

    However the tests depend on each other. weights: shares of the level, positive, fixed before any p-value is seen;
    equal by default. Source: Holm, Scandinavian Journal of Statistics 1979. Raises ValueError for what is no p-value.

    >>> holm([0.01, 0.04, 0.03]).tolist()
    [0.03, 0.06, 0.06]
    """
    values = np.asarray(p_values, dtype=np.float64)
    if values.ndim != 1 or not ((values >= 0) & (values <= 1)).all():
        raise ValueError("p-values must be numbers from 0 to 1")
    shares = np.ones(len(values)) if weights is None else np.asarray(weights, dtype=np.float64)
    if shares.shape != values.shape or not (shares > 0).all():
        raise ValueError("weights must be positive, one for each p-value")
    order = np.argsort(values / shares, kind="stable")
    adjusted = np.empty_like(values)
    left = np.cumsum(shares[order][::-1])[::-1]
    stepped = np.maximum.accumulate(values[order] / shares[order] * left)
    adjusted[order] = np.minimum(stepped, 1.0)
    return adjusted
