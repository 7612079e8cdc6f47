"""Who is represented, and how well: subgroups of protected columns, one column and several at once.

Two covariate-level metrics of disparity. Representation: the log disparity of Bhanot, Qi, Erickson, Guyon & Bennett
(2021, Entropy 23(9), 1165, after Qi et al. 2021), the logarithm of the odds of meeting a subgroup in the synthetic
table over its odds among private rows, with a two-proportion z-test corrected by Benjamini & Hochberg. Course: in the
manner of that paper's second metric, for tables with a time: how far a covariate's mean within a subgroup, followed
over an ordered column, departs from the private course.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from dpsynth.evaluation.arms import Arms
from dpsynth.evaluation.marginals import total_variation
from dpsynth.evaluation.table import FloatArray, IntArray, Table

COARSE = 5
"""A protected number of more values than this is cut into quarters of the private rows."""

MOST_GROUPS = 100
MOST_COLUMNS_AT_ONCE = 3
SIGNIFICANT = 0.05
FIVE_PERCENT_ODDS = 0.05
"""Odds within 5% of each other count as the same, however many rows prove that they are not."""

Level = tuple[str, str]


@dataclass(frozen=True)
class Group:
    """One subgroup. levels: (column, value) pairs. rows: of the private table and of the released one.

    log_disparity: None where one table has no row of it. p: of the z-test, corrected. error: mean distance of the other
    columns within the group; chance: the same between two halves of the private rows. noise: standard deviation of the
    noisiest-free count that was released about the group, in rows; None where none was measured.
    outcome_private, outcome_synthetic: share of the positive label within the group.
    """

    levels: tuple[Level, ...]
    rows: int
    synthetic_rows: int
    log_disparity: float | None
    p: float
    verdict: str
    error: float
    chance: float
    noise: float | None
    outcome_private: float | None = None
    outcome_synthetic: float | None = None

    @property
    def name(self) -> str:
        """Its values in words."""
        return ", ".join(f"{column}: {value}" for column, value in self.levels)


def coarse(arms: Arms, name: str) -> tuple[tuple[str, ...], list[IntArray]]:
    """Words and codes of a protected column for (private, released, then each repeat's real and test half)."""
    field = arms.private.field(name)
    tables = [arms.private, arms.released, *(each for repeat in arms.repeats for each in (repeat.real, repeat.test))]
    if not field.ordered or field.size <= COARSE + 2:
        return field.labels, [table.codes[name] for table in tables]
    values = arms.private.values[name]
    cuts = np.unique(np.quantile(values[~np.isnan(values)], [0.25, 0.5, 0.75]))
    found = [np.searchsorted(cuts, table.values[name], side="right") for table in tables]
    found = [np.where(np.isnan(t.values[name]), len(cuts) + 1, f) for t, f in zip(tables, found, strict=True)]
    shown = [f"{each:.6g}" for each in cuts.tolist()]
    words = [f"below {shown[0]}", *(f"{a} to below {b}" for a, b in itertools.pairwise(shown)), f"{shown[-1]} or more"]
    return (*words, "missing"), found


def groups(
    arms: Arms,
    protected: Sequence[str],
    *,
    label: tuple[str, int] | None = None,
    noise: Mapping[tuple[str, ...], float] | None = None,
) -> tuple[tuple[Group, ...], int]:
    """Subgroups by one to three protected columns, the largest first within each, and how many were left out.

    label: (column, code) of a positive outcome. noise: of released counts by columns, in rows of one cell.
    """
    cut = {name: coarse(arms, name) for name in protected}
    made = list(itertools.islice(_groups(arms, cut, label, noise or {}), 10 * MOST_GROUPS))
    corrected = adjusted([each.p for each in made])
    judged = [_judged(each, p) for each, p in zip(made, corrected, strict=True)]
    return tuple(judged[:MOST_GROUPS]), max(len(judged) - MOST_GROUPS, 0)


def _groups(
    arms: Arms,
    cut: Mapping[str, tuple[tuple[str, ...], list[IntArray]]],
    label: tuple[str, int] | None,
    noise: Mapping[tuple[str, ...], float],
) -> Iterator[Group]:
    for width in range(1, min(len(cut), MOST_COLUMNS_AT_ONCE) + 1):
        for names in itertools.combinations(cut, width):
            sizes = [len(cut[name][0]) for name in names]
            cells = [_cells([cut[name][1][place] for name in names], sizes) for place in range(len(cut[names[0]][1]))]
            counts = np.bincount(cells[0], minlength=math.prod(sizes))
            for cell in np.argsort(-counts, kind="stable")[: int((counts > 0).sum())].tolist():
                places = np.unravel_index(cell, sizes)
                levels = tuple((name, cut[name][0][int(place)]) for name, place in zip(names, places, strict=True))
                yield _group(arms, levels, [each == cell for each in cells], label, noise.get(tuple(sorted(names))))


def _cells(columns: Sequence[IntArray], sizes: Sequence[int]) -> IntArray:
    cell = np.zeros(len(columns[0]), dtype=np.int64)
    for codes, size in zip(columns, sizes, strict=True):
        cell = cell * size + codes
    return cell


def _group(
    arms: Arms,
    levels: tuple[Level, ...],
    members: Sequence[npt.NDArray[np.bool_]],
    label: tuple[str, int] | None,
    noise: float | None,
) -> Group:
    others = [name for name in arms.private.sizes if name not in {column for column, _ in levels}]
    private, released = arms.private.take(members[0]), arms.released.take(members[1])
    halves = [
        _error(repeat.test.take(members[3 + 2 * place]), repeat.real.take(members[2 + 2 * place]), others)
        for place, repeat in enumerate(arms.repeats)
    ]
    known = [each for each in halves if not math.isnan(each)]
    outcomes = (None, None) if label is None else tuple(_outcome(each, label) for each in (private, released))
    totals = arms.private.rows, arms.released.rows
    return Group(
        levels,
        private.rows,
        released.rows,
        log_disparity((private.rows, totals[0]), (released.rows, totals[1])),
        two_proportions((private.rows, totals[0]), (released.rows, totals[1])),
        "",
        _error(private, released, others),
        math.fsum(known) / len(known) if known else math.nan,
        noise,
        *outcomes,
    )


def _error(real: Table, other: Table, names: Sequence[str]) -> float:
    """Mean distance of single columns within a group; 1 where only the other table lacks it."""
    if not real.rows or not names:
        return math.nan
    if not other.rows:
        return 1.0
    return float(np.mean([total_variation(real.codes, other.codes, real.sizes, [name]) for name in names]))


def _outcome(table: Table, label: tuple[str, int]) -> float | None:
    return float((table.codes[label[0]] == label[1]).mean()) if table.rows else None


def log_disparity(private: tuple[int, int], synthetic: tuple[int, int]) -> float | None:
    """Log of the odds ratio of (members, rows): 0 as private, below under-, above over-represented; None if absent.

    >>> round(log_disparity((20, 100), (10, 100)), 3)
    -0.811
    """
    odds = [members / (rows - members) if 0 < members < rows else 0.0 for members, rows in (private, synthetic)]
    return math.log(odds[1] / odds[0]) if all(odds) else None


def two_proportions(private: tuple[int, int], synthetic: tuple[int, int]) -> float:
    """Two-sided p of the pooled z-test that both shares are one."""
    from scipy.special import ndtr

    (x, n), (y, m) = private, synthetic
    pooled = (x + y) / (n + m)
    error = math.sqrt(pooled * (1 - pooled) * (1 / n + 1 / m))
    return 1.0 if error == 0 else float(2 * ndtr(-abs(x / n - y / m) / error))


def adjusted(p_values: Sequence[float]) -> list[float]:
    """Benjamini and Hochberg's corrected p values, in the given order.

    >>> [round(each, 3) for each in adjusted([0.01, 0.04, 0.03])]
    [0.03, 0.04, 0.04]
    """
    order = np.argsort(p_values)[::-1]
    count = len(p_values)
    found: FloatArray = np.ones(count)
    least = 1.0
    for place, index in enumerate(order):
        least = min(least, p_values[int(index)] * count / (count - place))
        found[index] = least
    return [float(each) for each in found]


def _judged(group: Group, p: float) -> Group:
    from dataclasses import replace

    if not group.synthetic_rows:
        verdict = "absent"
    elif group.log_disparity is None or p >= SIGNIFICANT or abs(group.log_disparity) <= FIVE_PERCENT_ODDS:
        verdict = "as private"
    else:
        verdict = "too few" if group.log_disparity < 0 else "too many"
    return replace(group, p=p, verdict=verdict)


# ------------------------------------------------------------------------------------------------ predictions


@dataclass(frozen=True)
class Gaps:
    """Largest differences between groups of one protected column.

    parity: of the share predicted positive. odds: the larger of the differences of true- and of false-positive rates.
    """

    parity: float
    odds: float


LEAST_MEMBERS = 30
"""Groups of fewer test rows, or with fewer of either outcome for the odds, are left out: chance alone parts them."""


def gaps(member: IntArray, positive: npt.NDArray[np.bool_], said: npt.NDArray[np.bool_]) -> Gaps:
    """Gaps between groups. member: group of each test row; positive: the truth; said: the prediction."""
    parity: list[float] = []
    rates: tuple[list[float], list[float]] = [], []
    for group in np.unique(member):
        inside = member == group
        if inside.sum() >= LEAST_MEMBERS:
            parity.append(float(said[inside].mean()))
        for place, outcome in enumerate((True, False)):
            asked = inside & (positive == outcome)
            if asked.sum() >= LEAST_MEMBERS:
                rates[place].append(float(said[asked].mean()))
    return Gaps(_range(parity), max(map(_range, rates), key=lambda each: -1.0 if math.isnan(each) else each))


def _range(found: Sequence[float]) -> float:
    return max(found) - min(found) if len(found) > 1 else math.nan


# ------------------------------------------------------------------------------------------------ courses


@dataclass(frozen=True)
class Course:
    """A covariate's mean within a subgroup at the points of an ordered column, private and synthetic.

    distance: root mean square difference over the points, in standard deviations of the covariate. correlation: of the
    two courses; None below three points. departing: share of points whose means differ by Welch's test, corrected.
    """

    level: Level
    covariate: str
    points: tuple[str, ...]
    private: tuple[float, ...]
    synthetic: tuple[float, ...]
    distance: float
    correlation: float | None
    departing: float


def courses(arms: Arms, protected: Sequence[str], covariate: tuple[str, int | None], over: str) -> tuple[Course, ...]:
    """The course of a covariate (a number, or the share of a code) over a column, in every protected group."""
    tables = (arms.private, arms.released)
    y = [_covariate(table, covariate) for table in tables]
    words, when = coarse(arms, over)
    found = []
    for name in protected:
        if name == over:
            continue
        labels, member = coarse(arms, name)
        for code, label in enumerate(labels):
            made = _course((name, label), covariate[0], words, y, when[:2], [member[k] == code for k in (0, 1)])
            if made is not None:
                found.append(made)
    return tuple(found)


def _covariate(table: Table, covariate: tuple[str, int | None]) -> FloatArray:
    name, code = covariate
    if code is None:
        values: FloatArray = table.values[name]
        return values
    return np.asarray(table.codes[name] == code, dtype=np.float64)


def _course(
    level: Level,
    covariate: str,
    words: Sequence[str],
    y: Sequence[FloatArray],
    when: Sequence[IntArray],
    member: Sequence[npt.NDArray[np.bool_]],
) -> Course | None:
    from scipy.stats import ttest_ind

    shown, means, p_values = [], [], []
    for point, word in enumerate(words):
        both = [y[k][member[k] & (when[k] == point) & ~np.isnan(y[k])] for k in (0, 1)]
        if min(len(both[0]), len(both[1])) < LEAST_MEMBERS:
            continue
        shown.append(word)
        means.append((float(both[0].mean()), float(both[1].mean())))
        varied = both[0].std() > 0 or both[1].std() > 0
        p_values.append(
            float(ttest_ind(*both, equal_var=False).pvalue) if varied else float(means[-1][0] == means[-1][1])
        )
    if not shown:
        return None
    one, two = np.array(means).T
    scale = float(np.nanstd(y[0])) or 1.0
    flat = len(shown) < 3 or one.std() == 0 or two.std() == 0
    return Course(
        level,
        covariate,
        tuple(shown),
        tuple(one.tolist()),
        tuple(two.tolist()),
        float(np.sqrt(np.mean((one - two) ** 2))) / scale,
        None if flat else float(np.corrcoef(one, two)[0, 1]),
        float(np.mean(np.array(adjusted(p_values)) < SIGNIFICANT)),
    )
