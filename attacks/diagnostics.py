"""Distances and matches that many reports quote: shown as values, and never a verdict.

A release can pass all of them and be open to membership inference (Yao et al., "The DCR delusion", 2025), and one
that is perfectly private can look bad. Whoever needs an answer finds it in the attacks.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from attacks.attack import FloatArray
from attacks.copying import exact_matches
from attacks.membership.nearest import search
from attacks.tables import Table

Places = npt.NDArray[np.int64]

# So many synthetic rows are measured: evenly spaced ones.
MAX_ROWS = 20_000
# Of a cell of the copying test: at least so many synthetic rows and control rows.
_CELL_ROWS = 20
_MOST_CELLS = 16


def diagnostics(
    synthetic: Table, members: Table, control: Table, reference: Table | None = None
) -> dict[str, float | None]:
    """Numbers by name, for the report; members, control: rows in and not in the private table, of one population.

    The larger of the two is cut to the size of the other (evenly spaced rows): both have the same chance to be near.

    - Distance to the closest record, and nearest-neighbour ratio (first to second distance), of synthetic rows to
      members and to control rows: median and 5 % quantile. Share of synthetic rows that are nearer to a member (ties
      count half): 0.5 by chance.
    - Share of synthetic rows that equal some member, and some control row.
    - Data-copying test: mean z of the Mann-Whitney test, over cells of a tree grown on the reference rows (without
      them, on the control), that synthetic rows are as far from members as control rows are; well below -3 when
      rows are copied. None when no cell has rows enough. Source: Meehan, Chaudhuri, Dasgupta, "A non-parametric test
      to detect data-copying in generative models", AISTATS 2020.
    """
    rows = min(len(members), len(control))
    synthetic, every_control = _spaced(synthetic, MAX_ROWS), control
    members, control = _spaced(members, rows), _spaced(control, rows)
    values: dict[str, float | None] = {"synthetic rows measured": len(synthetic), "members, and control rows": rows}
    if not rows or not len(synthetic):
        return values
    gap = np.zeros(len(synthetic))
    for side, table, sign in (("member", members, 1), ("control row", control, -1)):
        near = search(synthetic, table, 2).distances.astype(np.float64)
        gap += sign * near[:, 0]
        values |= _spread(f"distance to the closest {side}", near[:, 0])
        values |= _spread(f"nearest-neighbour ratio, {side}s", _ratio(near))
        values[f"share equal to a {side}"] = float((exact_matches(synthetic.ticks, table.ticks) > 0).mean())
    values["share nearer to a member than to a control row"] = float(np.mean((gap < 0) + 0.5 * (gap == 0)))
    values["data-copying test, mean z"] = data_copying(synthetic, members, every_control, reference or control)
    return values


def _spread(name: str, measured: FloatArray) -> dict[str, float | None]:
    return {f"{name}, median": float(np.median(measured)), f"{name}, 5 % quantile": float(np.quantile(measured, 0.05))}


def data_copying(synthetic: Table, members: Table, control: Table, reference: Table) -> float | None:
    """Mean z over the cells with rows enough, weighed by control rows; None without such a cell."""
    count = max(1, min(_MOST_CELLS, len(control) // (2 * _CELL_ROWS)))
    cells = _cells(reference, (synthetic, control), count)
    far = [search(table, members, 1).distances[:, 0].astype(np.float64) for table in (synthetic, control)]
    total, rows = 0.0, 0
    for cell in range(count):
        drawn, real = (distances[own == cell] for distances, own in zip(far, cells, strict=True))
        if min(len(drawn), len(real)) >= _CELL_ROWS:
            total += len(real) * _mann_whitney(drawn, real)
            rows += len(real)
    return total / rows if rows else None


def _spaced(table: Table, most: int) -> Table:
    return table if len(table) <= most else table.take(np.arange(most) * len(table) // most)


def _ratio(found: FloatArray) -> FloatArray:
    """First distance by the second; 1 where both are 0 or there is no second."""
    if found.shape[1] < 2:
        return np.ones(len(found))
    return np.divide(found[:, 0], found[:, 1], out=np.ones(len(found)), where=found[:, 1] > 0)


def _mann_whitney(drawn: FloatArray, real: FloatArray) -> float:
    """z, below 0 when `drawn` are smaller; the normal limit with ties."""
    from scipy.stats import rankdata

    n, m = len(drawn), len(real)
    both = np.concatenate([drawn, real])
    _, ties = np.unique(both, return_counts=True)
    variance = n * m / 12 * (n + m + 1 - (ties**3.0 - ties).sum() / ((n + m) * (n + m - 1)))
    above = rankdata(both)[:n].sum() - n * (n + 1) / 2 - n * m / 2
    return float(above / math.sqrt(variance)) if variance > 0 else 0.0


def _cells(grown_on: Table, tables: Sequence[Table], count: int) -> list[Places]:
    """A cell for each row, by a tree: the largest cell is split along its most even column, again and again."""
    groups = [np.zeros(len(table), np.int64) for table in (grown_on, *tables)]
    for made in range(1, count):
        largest = int(np.bincount(groups[0], minlength=made).argmax())
        split = _even_split(grown_on.codes[groups[0] == largest], grown_on.ordered)
        if split is None:
            break
        column, code, ordered = split
        for group, table in zip(groups, (grown_on, *tables), strict=True):
            cells = table.codes[:, column]
            group[(group == largest) & ((cells > code) if ordered else (cells == code))] = made
    return groups[1:]


def _even_split(codes: npt.NDArray[np.int32], ordered: Sequence[bool]) -> tuple[int, int, bool] | None:
    """Column, code and kind (above the code, or equal to it) of the split nearest to halves; None if all are alike."""
    best: tuple[float, int, int, bool] = (0.5, 0, 0, False)
    for column, is_ordered in enumerate(ordered):
        shares = np.bincount(codes[:, column]) / max(len(codes), 1)
        away = np.abs((1 - np.cumsum(shares) if is_ordered else shares) - 0.5)
        code = int(away.argmin())
        best = min(best, (float(away[code]), column, code, is_ordered))
    return best[1:] if best[0] < 0.5 - 1e-9 else None
