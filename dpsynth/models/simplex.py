"""The nearest table that could be counts: non-negative, with a given sum."""

from __future__ import annotations

import numpy as np

from dpsynth.marginal import FloatArray


def project_to_simplex(values: FloatArray, total: float) -> FloatArray:
    """Nearest point (L2) with non-negative entries that sum to `total`: shift by a constant, cut at 0.

    Source: Held, Wolfe, Crowder 1974; Duchi et al., ICML 2008, figure 1.
    """
    descending = np.sort(values.ravel())[::-1]
    excess = (np.cumsum(descending) - total) / np.arange(1, descending.size + 1)
    shift = excess[np.nonzero(descending > excess)[0][-1]]
    projected: FloatArray = np.maximum(values - shift, 0.0)
    return projected
