"""Combining rules for several synthetic tables: one estimate, with a variance that counts the noise."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from dpsynth.errors import SettingError
from dpsynth.marginal import FloatArray


@dataclass(frozen=True, eq=False)
class Combined:
    """What m synthetic tables say together: float64, the shape of one table's estimates.

    degrees: degrees of freedom of the t law behind the interval from lows to highs.
    """

    estimates: FloatArray
    stderrs: FloatArray
    lows: FloatArray
    highs: FloatArray
    degrees: FloatArray
    level: float


def combine(
    estimates: npt.ArrayLike, variances: npt.ArrayLike, *, level: float = 0.95, rows_ratio: float = 1.0
) -> Combined:
    """Combine the estimates of m synthetic tables from `Release.sample_tables`, each computed as if its rows were real.

    estimates, variances: shape (m,) or (m, numbers): of every table its estimates and their usual squared standard
    errors. rows_ratio: synthetic rows of a table over rows of the private one (noisy; `release.model.total`).

    With q the mean estimate, b the variance between tables and u the mean variance within, the variance of q is
    T = (1 + 1/m) b - u, with (m - 1) (1 - u / ((1 + 1/m) b))^2 degrees of freedom, at least 1. Where T <= 0, which
    needs few tables, rows_ratio * u with m - 1. Raises SettingError for fewer than 2 tables or unequal shapes.

    Privacy: free, post-processing. Source: Raghunathan, Reiter & Rubin 2003, "Multiple imputation for statistical
    disclosure limitation"; Reiter 2002, "Satisfying disclosure restrictions with synthetic data sets", section 2.

    >>> combined = combine([10.0, 12.0, 11.0], [0.5, 0.5, 0.5])
    >>> float(combined.estimates), round(float(combined.stderrs) ** 2, 3)
    (11.0, 0.833)
    """
    from scipy.stats import t

    q, u = np.asarray(estimates, dtype=np.float64), np.asarray(variances, dtype=np.float64)
    if q.shape != u.shape or q.ndim < 1 or len(q) < 2:
        raise SettingError(
            f"estimates {q.shape} and variances {u.shape} must have one entry for each of 2 or more tables"
        )
    if not 0 < level < 1 or not rows_ratio > 0:
        raise SettingError(f"level ({level}) must be between 0 and 1, and rows_ratio ({rows_ratio}) positive")
    tables, within = len(q), u.mean(axis=0)
    between = (1 + 1 / tables) * q.var(axis=0, ddof=1)
    positive = between > within
    total = np.where(positive, between - within, rows_ratio * within)
    explained = within / np.where(positive, between, 1.0)
    degrees = np.where(positive, np.maximum((tables - 1) * (1 - explained) ** 2, 1.0), tables - 1.0)
    middle, stderrs = q.mean(axis=0), np.sqrt(total)
    half: Any = t.ppf(0.5 + level / 2, degrees) * stderrs
    return Combined(middle, stderrs, middle - half, middle + half, degrees, level)
