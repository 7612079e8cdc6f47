"""How far the measured marginals leave a number open: its least and its greatest value over all tables that have them.

Where cells were not told apart (codes counted in groups, columns never counted together) the counts x >= 0 are known
only through A x. Let G be the gradient of a number. By linear programming, the least h = A' lambda with h >= G in every
possible cell is found; its h x is the greatest G x of any table with the marginals A x (Frechet's bounds, for two
one-ways). For the true table h x >= G x whatever lambda is, and h x is measured: the linear estimate of `measured` is
unbiased for it with a known variance. So h is the gradient of the upper end of an interval that assumes nothing about
what was not measured. A number that is not linear in x is linearised again at the table that was found, until none
goes further; for ratios that is the greatest (Dinkelbach 1967), for regressions the greatest of a search uphill.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from dpsynth.errors import SettingError
from dpsynth.inference.functional import Functional, evaluate
from dpsynth.inference.measured import MeasuredCounts
from dpsynth.inference.request import Request
from dpsynth.marginal import FloatArray

Progress = Callable[[str, float], None]

_TURNS = 8
# A further turn must move an end by this part of its way from the estimate.
_FURTHER = 0.01
_EXACT = 1e-9


@dataclass(frozen=True, eq=False)
class Tables:
    """All tables that the measurements do not tell from the nearest one to the measured counts.

    nearest: flat, in rows. views: the matrix A, shape (measured cells, possible cells).
    """

    measured: MeasuredCounts
    nearest: FloatArray
    views: Any

    @classmethod
    def like(cls, measured: MeasuredCounts) -> Tables:
        """The tables of these measured counts."""
        from scipy import sparse

        shape = measured.grid.shape
        stacked = sparse.vstack([view.matrix(shape) for view in measured.views], format="csc")
        return cls(measured, measured.nearest, stacked[:, measured.possible])

    def furthest(self, gradient: FloatArray) -> tuple[FloatArray, FloatArray]:
        """The table with the greatest gradient' x, and the least measured gradient that is nowhere below.

        Raises SettingError where the linear program has no answer.
        """
        from scipy.optimize import linprog

        possible, total = self.measured.possible, max(float(self.nearest.sum()), 1.0)
        wanted = gradient[possible]
        scale = max(float(np.abs(wanted).max()), 1e-300)
        found = linprog(
            -wanted / scale,
            A_eq=self.views,
            b_eq=self.views @ (self.nearest[possible] / total),
            bounds=(0, None),
            method="highs",
        )
        if found.status != 0:
            raise SettingError("request must leave limits that can be computed; try fewer columns")
        above, table = np.zeros(possible.size), np.zeros(possible.size)
        above[possible] = -scale * (self.views.T @ found.eqlin.marginals)
        # What the solver's tolerance leaves below is lifted: a constant is measured, it is a part of the total.
        above[possible] += max(0.0, float((wanted - above[possible]).max()))
        table[possible] = np.maximum(found.x, 0.0) * total
        return table, above


def ends_of(
    request: Request,
    measured: MeasuredCounts,
    found: Functional,
    at: FloatArray,
    progress: Progress | None = None,
) -> tuple[Functional, Functional]:
    """The lower and the upper end of what the request may be, at the measured counts, with measured gradients.

    found: the request at some counts `at`, near the measured ones.
    """
    tables = Tables.like(measured)
    ends = []
    for place, sign in enumerate((-1.0, 1.0)):
        values, gradient, within = found.values.copy(), found.gradient.copy(), found.within.copy()
        for row in np.flatnonzero(np.isfinite(found.values)):
            if progress is not None:
                progress("limits", (place + row / values.size) / 2)
            values[row], gradient[:, row], within[:, row] = _end(request, tables, found, at, int(row), sign)
        ends.append(replace(found, values=values, gradient=gradient, within=within))
    return ends[0], ends[1]


def _end(
    request: Request, tables: Tables, found: Functional, at: FloatArray, row: int, sign: float
) -> tuple[float, FloatArray, FloatArray]:
    """Value at the measured counts, measured gradient and spread inside cells of one end of one row."""
    measured = tables.measured
    start, end = float(found.values[row]), (math.nan, np.zeros(at.size), np.zeros(at.size))
    for _ in range(_TURNS):
        slope, here = found.gradient[:, row], float(found.values[row])
        table, above = tables.furthest(sign * slope)
        end = here + float(sign * above @ measured.counts - slope @ at), sign * above, found.within[:, row]
        foreseen = here + float(slope @ (table - at))
        found, at = evaluate(request, measured.grid, table), table
        if not abs(float(found.values[row]) - foreseen) > _FURTHER * abs(foreseen - start) + _EXACT:
            break
    return end
