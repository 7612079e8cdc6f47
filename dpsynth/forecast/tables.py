"""Made-up tables of a schema: rows as a real table of that kind might hold them, drawn from the schema alone.

A schema says which values there may be, and nothing of how they lie. What tables of people have in common fills the
gap: shares of labels that differ by orders of magnitude, numbers that crowd together and heap on round ones or on the
lowest, many weak relations between columns, a few strong ones, and some that take two columns to see. Each column hangs
on one or two earlier ones and on hidden factors that all columns share: a random network of low rank. The constants
below were set on tables that are not among those on which the forecast is judged; `benchmarks/forecast_error.py` names
both kinds and measures the first (`--habits`).

How evenly a column of labels is used no schema says, and an error hangs on it more than on anything else; whoever knows
a public fact about it may tell: of how many equally common values a column is as varied.

Privacy: free. Nothing is read but the schema and such facts, which are public.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from dpsynth.codec.codec import atom_ticks
from dpsynth.errors import SettingError
from dpsynth.private.ticked import Ticked
from dpsynth.schema.columns import Boolean, Categorical, Column, Datetime, Identifier, Numeric, OpenCategorical
from dpsynth.schema.schema import Schema

FloatArray = npt.NDArray[np.float64]
IntArray = npt.NDArray[np.int64]


@dataclass(frozen=True)
class Habits:
    """What tables of people have in common, as the constants of the drawing.

    evenness: mean entropy of a column of labels, as a share of the most it can be, the logarithm of their number;
    numbered: the same where they are a long list of numbers; evenness_spread: its standard deviation. hidden: factors
    that all columns share; hidden_share: the mean part of a column's variance that is theirs. kin: of columns, how many
    are nearly a function of another one; weak_share: the mean part of the variance that an earlier column explains in
    the others. paired: of columns, how many hang on two others together. heaped: of columns of numbers, how many have
    few distinct values; piled: how many have one value, mostly the lowest, in many rows. missing: the mean share of
    missing cells in columns that allow them.
    """

    evenness: float = 0.68
    numbered: float = 0.48
    evenness_spread: float = 0.25
    hidden: int = 2
    hidden_share: float = 0.35
    kin: float = 0.3
    weak_share: float = 0.4
    paired: float = 0.4
    heaped: float = 0.4
    piled: float = 0.4
    missing: float = 0.2


HABITS = Habits()
# Groups into which a column is cut where another one hangs on it.
_GROUPS = 12
_LONG_LIST = 16
_OPEN_VALUES = (3, 40)
"""Least and most distinct values of an open column; declared lists of more than two labels have a median of 10."""


def simulated_table(
    schema: Schema,
    rows: int,
    rng: np.random.Generator,
    habits: Habits = HABITS,
    common_values: Mapping[str, float] | None = None,
) -> Ticked:
    """A made-up table of `rows` rows (at least 1), as whole numbers on the schema's grid.

    common_values: for columns of labels of which it is known, the number of equally common values that would be as
    varied (the exponential of the entropy). Raises SettingError for other columns, and unless it is at least 1 and
    below the number of labels.

    Privacy: free; see the module.

    >>> schema = Schema([Boolean("smoker"), Numeric("age", lower=0, upper=99, integer=True)])
    >>> simulated_table(schema, 5, np.random.default_rng(0))
    Ticked(5 rows, 2 columns)
    """
    columns = [column for column in schema.columns if not isinstance(column, Identifier)]
    known = dict(common_values or {})
    check_common_values(schema, known)
    lines = _lines(len(columns), rows, rng, habits)
    ticks: dict[str, npt.NDArray[np.int64]] = {}
    labels: dict[str, tuple[str, ...]] = {}
    for column, line in zip(columns, lines, strict=True):
        cells, shares = _cells(column, rng, habits, known.get(column.name))
        if isinstance(column, OpenCategorical):
            made = (f"value {place}" for place in range(int(cells.max()) + 1 - len(column.known)))
            labels[column.name] = (*column.known, *made)
        ticks[column.name] = _placed(cells, shares, line)
    return Ticked(schema, rows, ticks, labels)


def _lines(columns: int, rows: int, rng: np.random.Generator, habits: Habits) -> list[FloatArray]:
    """For each column a place on a line for every row, standard normal about; columns hang on earlier ones."""
    hidden = rng.standard_normal((habits.hidden, rows))
    order = rng.permutation(columns)
    lines: dict[int, FloatArray] = {}
    for number, column in enumerate(order):
        own = rng.standard_normal(rows)
        if number == 0:
            lines[column] = own
            continue
        of_hidden = _beta(rng, habits.hidden_share) if habits.hidden else 0.0
        kin = rng.random() < habits.kin
        of_parents = (
            1 - 0.2 * max(2 * rng.random() - 1, 0.0) if kin else (1 - of_hidden) * _beta(rng, habits.weak_share)
        )
        of_hidden = 0.0 if kin else of_hidden
        # Earlier columns draw more others to them: such as age, on which half of a table hangs.
        draw = 1 / np.arange(1, number + 1)
        chosen = rng.choice(number, min(number, 2), replace=False, p=draw / draw.sum())
        parents = [lines[order[place]] for place in chosen]
        told = _told(parents if rng.random() < habits.paired else parents[:1], rng)
        shared = _scaled(rng.standard_normal(habits.hidden) @ hidden) if habits.hidden else own
        rest = max(1 - of_parents - of_hidden, 0.0)
        lines[column] = _scaled(math.sqrt(of_parents) * told + math.sqrt(of_hidden) * shared + math.sqrt(rest) * own)
    return [lines[column] for column in range(columns)]


def _told(parents: list[FloatArray], rng: np.random.Generator) -> FloatArray:
    """What one or two columns say of another: a rising line, or a score for each group of their rows."""
    if len(parents) == 1 and rng.random() < 0.5:
        return parents[0]
    group = np.zeros(len(parents[0]), dtype=np.int64)
    groups = 1
    for parent in parents:
        count = max(2, round(_GROUPS ** (1 / len(parents))))
        group = group * count + _placed(np.arange(count), np.full(count, 1 / count), parent)
        groups *= count
    return _scaled(rng.standard_normal(groups)[group])


def check_common_values(schema: Schema, common_values: Mapping[str, float]) -> None:
    """Raises SettingError for a column that has no labels, and for a number that its labels cannot have."""
    columns = {column.name: column for column in schema.columns}
    for name, number in common_values.items():
        column = columns.get(name)
        if not isinstance(column, Categorical | OpenCategorical | Boolean):
            raise SettingError(f"common_values ({name!r}) must be about a column of labels; got {name!r}; leave it out")
        most = column.max_values if isinstance(column, OpenCategorical) else column.ticks
        if isinstance(number, bool) or not 1 <= number <= most:
            raise SettingError(
                f"common_values of {name!r} ({number}) must be between 1 and the number of its labels ({most});"
                f" got {number!r}; try {(1 + most) / 2:g}"
            )


def _cells(
    column: Column, rng: np.random.Generator, habits: Habits, common: float | None
) -> tuple[IntArray, FloatArray]:
    """Ticks that occur, in the order of the line, and their shares; -1 for missing stands at the end."""
    if isinstance(column, Numeric | Datetime) and column.edges is None:
        ticks, shares = _crowded(column, rng, habits)
    elif isinstance(column, Numeric | Datetime):
        starts = np.array([0, *column.cut_ticks, column.ticks])
        ticks = starts[:-1] + (np.diff(starts) - 1) // 2
        shares = _even(rng.standard_normal(len(ticks)), _entropy(len(ticks), habits.evenness, rng, habits))
    else:
        count = _distinct(column, rng, common)
        ticks = rng.permutation(count)
        entropy = _entropy(count, habits.numbered if _numbered(column) else habits.evenness, rng, habits)
        shares = _even(rng.standard_normal(count), entropy if common is None else math.log(common))
    if not isinstance(column, Identifier) and column.nullable:
        missing = _beta(rng, habits.missing)
        ticks, shares = np.append(ticks, -1), np.append(shares * (1 - missing), missing)
    return ticks.astype(np.int64), shares


def _distinct(column: Column, rng: np.random.Generator, common: float | None) -> int:
    """How many labels occur."""
    if isinstance(column, OpenCategorical):
        low, high = (min(each, column.max_values) for each in _OPEN_VALUES)
        drawn = round(math.exp(rng.uniform(math.log(low), math.log(high))))
        return max(len(column.known), drawn, math.ceil(common or 1))
    return column.ticks if isinstance(column, Categorical | Boolean) else 1


def _numbered(column: Column) -> bool:
    """Whether its labels are a long list of numbers: most are measures that somebody cut into equal parts."""
    if not isinstance(column, Categorical) or len(column.values) <= _LONG_LIST:
        return False
    return all(isinstance(each, int | float) for each in column.values)


def _entropy(count: int, evenness: float, rng: np.random.Generator, habits: Habits) -> float:
    """Entropy of so many labels, in nats."""
    both = evenness * (1 - evenness) / habits.evenness_spread**2 - 1
    return float(rng.beta(evenness * both, (1 - evenness) * both)) * math.log(count)


def _even(logs: FloatArray, entropy: float) -> FloatArray:
    """Shares whose logarithms are a multiple of these, so that they have this entropy (0 to log of their number)."""
    low, high = 0.0, 1e9  # enough to leave one of two labels that were drawn nearly alike
    for _ in range(80):
        scale = (low + high) / 2
        shares: FloatArray = np.exp(scale * (logs - logs.max()))
        shares /= shares.sum()
        if float(-(shares * np.log(np.maximum(shares, 1e-300))).sum()) > entropy:
            low = scale
        else:
            high = scale
    return shares


def _crowded(column: Numeric | Datetime, rng: np.random.Generator, habits: Habits) -> tuple[IntArray, FloatArray]:
    """Numbers or moments: most between two places, with a tail or without, some of them on spikes or round ones."""
    points = 2_000
    if rng.random() < habits.heaped:
        points = round(math.exp(rng.uniform(math.log(20), math.log(200))))
    tail = rng.choice([1.0, 2.0, 5.0])
    low, high = np.sort(rng.uniform(0, 1, 2))
    at = (low + (high - low) * rng.beta(2, 2 + tail, points)) ** tail
    ticks = np.unique(np.minimum((at * column.ticks).astype(np.int64), column.ticks - 1))
    shares = np.exp(0.5 * rng.standard_normal(len(ticks)))
    shares /= shares.sum()
    piles = list(atom_ticks(column))
    if not piles and rng.random() < habits.piled:
        piles.append(0 if rng.random() < 0.7 else int(rng.choice(ticks)))
    for pile in piles:
        most = rng.beta(1, 1.5)
        ticks, shares = np.append(ticks, pile), np.append(shares * (1 - most), most)
    order = np.argsort(ticks, kind="stable")
    return ticks[order], shares[order]


def _placed(cells: IntArray, shares: FloatArray, line: FloatArray) -> IntArray:
    """The cell of each row: the lowest rows of the line have the first cell, as many as its share says."""
    rows = len(line)
    ends = np.rint(np.cumsum(shares) * rows).astype(np.int64)
    ends[-1] = rows
    placed = np.empty(rows, dtype=np.int64)
    placed[np.argsort(line)] = np.repeat(cells, np.diff(np.concatenate([[0], ends])))
    return placed


def _beta(rng: np.random.Generator, mean: float) -> float:
    """A share with this mean, mostly near 0."""
    return float(rng.beta(0.7, 0.7 * (1 - mean) / mean))


def _scaled(line: FloatArray) -> FloatArray:
    """Mean 0 and variance 1; a constant stays 0."""
    return np.asarray((line - line.mean()) / max(float(line.std()), 1e-12))
