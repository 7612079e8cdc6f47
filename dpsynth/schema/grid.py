"""What numbers and dates share: `ticks` points of a public grid, numbered from 0 at `lower`, and its rules."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from dpsynth.errors import SettingError
from dpsynth.schema.rules import LABELS_LIMIT, Rules

if TYPE_CHECKING:
    from dpsynth.schema.moments import Datetime
    from dpsynth.schema.numeric import Numeric

OUT_OF_BOUNDS = ("clip", "null", "refuse")


def bounds_ascend(rules: Rules) -> bool:
    """`lower` is below `upper`; says whether it is."""
    if not rules.column.lower < rules.column.upper:
        rules.broken("lower", f"{rules.shown('lower')} must be below {rules.shown('upper')}")
        return False
    return True


def ascending(rules: Rules, item: str, values: Sequence[Any]) -> None:
    """Each entry of an item is above the one before it."""
    for position, (one, following) in enumerate(itertools.pairwise(values), 2):
        if not one < following:
            rules.broken(item, f"entry {position} of {item} must be above the entry before it")


def within_bounds(rules: Rules, item: str, values: Sequence[Any]) -> None:
    """Each value of an item lies between `lower` and `upper`, both included."""
    for position, value in enumerate(values, 1):
        if not rules.column.lower <= value <= rules.column.upper:
            rules.broken(item, f"{shown_value(rules, item, position)} must lie between lower and upper")


def bins_fit(rules: Rules) -> None:
    """`bins` and `edges` exclude each other, and both leave at least one grid point to a bin."""
    column, cuts = rules.column, rules.column.cut_ticks
    if column.bins is not None and column.edges is not None:
        rules.broken("bins", "bins must be left out when edges are given; try one of the two")
    if column.bins is not None:
        rules.whole("bins", 1, min(column.ticks, LABELS_LIMIT))
    if len(set(cuts)) < len(cuts):
        rules.broken("edges", "edges must be at least one grid step apart; try fewer edges")


def shown_value(rules: Rules, item: str, position: int) -> str:
    """A value in the words of a message: the fill `missing` as it is shown, an entry of a list by its position."""
    return rules.shown(item) if item == "missing" else f"entry {position} of {item}"


def require_ticks(column: Numeric | Datetime, ticks: npt.NDArray[np.int64]) -> None:
    """Raises SettingError when a tick is outside 0..ticks-1."""
    if ticks.size and not (int(ticks.min()) >= 0 and int(ticks.max()) < column.ticks):
        raise SettingError(f"ticks of {column.name!r} must lie in 0..{column.ticks - 1}; try leaving nulls out")


def numbers_of(column: Numeric | Datetime, ticks: npt.NDArray[Any]) -> npt.NDArray[np.float64]:
    """Values of grid points as numbers that any two columns of one kind compare by; moments are seconds since 1970."""
    values = column.value_of(np.asarray(ticks, dtype=np.int64))
    return values.astype(np.int64).astype(np.float64) if values.dtype.kind == "M" else values.astype(np.float64)


def number_of_value(column: Numeric | Datetime, value: Any, *, last: bool) -> float:
    """A declared value as a number of `numbers_of`; last: a date alone is the end of its day, not its start.

    Raises SettingError for a moment that is none, or is finer than the column's grid.
    """
    on_grid = getattr(column, "on_grid", None)  # moments alone have texts
    if on_grid is None:
        return float(value)
    text = on_grid(value, whole_day=last)
    return float(np.datetime64(text, "s").astype(np.int64))


def first_tick_from(
    column: Numeric | Datetime, numbers: npt.NDArray[Any], *, strict: bool = False
) -> npt.NDArray[np.int64]:
    """The first grid point at or above each number (strict: above it); `column.ticks` where there is none."""
    ticks, at = _nearest(column, numbers)
    short = at <= numbers if strict else at < numbers
    return ticks + short


def last_tick_to(
    column: Numeric | Datetime, numbers: npt.NDArray[Any], *, strict: bool = False
) -> npt.NDArray[np.int64]:
    """The last grid point at or below each number (strict: below it); -1 where there is none."""
    ticks, at = _nearest(column, numbers)
    long = at >= numbers if strict else at > numbers
    return ticks - long


def _nearest(
    column: Numeric | Datetime, numbers: npt.NDArray[Any]
) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.float64]]:
    """A grid point within one step of each number, or the nearest end of the grid, and its value as a number."""
    ends = numbers_of(column, np.array([0, column.ticks - 1]))
    inside: npt.NDArray[Any] = np.clip(numbers, ends[0], ends[1])
    if column.type == "datetime":
        inside = np.floor(inside).astype(np.int64).astype("datetime64[s]")
    ticks = np.asarray(column.tick_of(inside), dtype=np.int64)
    return ticks, numbers_of(column, ticks)
