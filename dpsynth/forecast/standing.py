"""Few made-up rows that stand for many, with the noise that they have for their number.

Noise of standard deviation s on counts of n rows does to their shares what noise of s m / n does on m rows, so a run of
m rows at n / m times the mu has the same noise for its size. What differs is chance: which rows a table happens to
hold, which no model of few numbers follows. The square of a distance is about one part for noise and model and one that
falls as 1 / m. So a second run on a quarter of the rows tells the two apart, and n takes the place of m in the second.
(Measured: from 5,000 and 20,000 rows to 40,000 this was within 6 % of a run on all rows, where 20,000 alone were 15 to
27 % too much.)
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Sequence

import numpy as np

from dpsynth.engine import Request
from dpsynth.forecast.distance import Distances
from dpsynth.privacy.cost import Cost
from dpsynth.privacy.unit import PrivacyUnit
from dpsynth.private.ticked import Ticked

MOST_ROWS = 16_000
"""Rows of a made-up table; more are stood for by these, and by a quarter of them."""


def sizes_for(rows: int) -> tuple[int, ...]:
    """Rows of the runs that stand for so many: all of them, or the most and a quarter.

    >>> sizes_for(5_000), sizes_for(10**6)
    ((5000,), (16000, 4000))
    """
    return (rows,) if rows <= MOST_ROWS else (MOST_ROWS, MOST_ROWS // 4)


def standing_for(request: Request, rows: int, simulated: int) -> Request:
    """The request on made-up rows by themselves, at a mu that makes the noise as large for their number."""
    mu = request.budget.mu * rows / (simulated * request.unit.max_rows)
    public_rows = None if request.schema.public_rows is None else simulated
    return dataclasses.replace(
        request,
        schema=dataclasses.replace(request.schema, public_rows=public_rows),
        unit=PrivacyUnit(request.unit.relation),
        budget=Cost.of_mu(mu, request.budget.delta),
    )


def first_rows(table: Ticked, rows: int) -> Ticked:
    """The first rows of a made-up table, whose order is by chance."""
    return Ticked(table.schema, rows, {name: each[:rows] for name, each in table.ticks.items()}, table.labels)


def at_full_size(runs: Sequence[Sequence[Distances]], sizes: Sequence[int], rows: int) -> list[Distances]:
    """Distances at `rows` rows, one for each made-up table, from runs at the size of the tables and at a quarter."""
    if len(sizes) == 1:
        return list(runs[0])
    factors = [
        shrinkage(*([getattr(each, way) for each in at_size] for at_size in runs), sizes=(sizes[0], sizes[1], rows))
        for way in ("one_way", "two_way", "three_way")
    ]
    one, two, three = factors
    return [
        Distances(
            one * each.one_way,
            two * each.two_way,
            three * each.three_way,
            counts=(one * each.counts[0], two * each.counts[1], three * each.counts[2]),
        )
        for each in runs[0]
    ]


def shrinkage(many: Sequence[float], few: Sequence[float], *, sizes: tuple[int, int, int]) -> float:
    """By how much distances at the first size shrink at the third, from those at the first and the second size.

    Mean squares are a constant plus what falls as 1 / rows, and that is neither below nothing nor above the whole.

    >>> round(shrinkage([0.1], [0.2], sizes=(400, 100, 40_000)), 3)  # all of it falls with the rows
    0.1
    """
    one, other = (float(np.mean(np.square(each))) for each in (many, few))
    reach = (1 / sizes[0] - 1 / sizes[2]) / (1 / sizes[1] - 1 / sizes[0])
    fallen = min(max(other - one, 0.0), one * (sizes[0] / sizes[1] - 1))
    return math.sqrt(max(1 - fallen * reach / one, 0.0)) if one else 1.0
