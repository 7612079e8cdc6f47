"""Columns of numbers between public bounds, on a grid that float64 and int64 both hold exactly."""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence
from dataclasses import KW_ONLY, dataclass, field
from fractions import Fraction
from functools import cached_property
from typing import Any, ClassVar, Literal, overload

import numpy as np
import numpy.typing as npt

from dpsynth.errors import SettingError
from dpsynth.schema.grid import (
    OUT_OF_BOUNDS,
    ascending,
    bins_fit,
    bounds_ascend,
    require_ticks,
    shown_value,
    within_bounds,
)
from dpsynth.schema.provenance import DECLARED, Source, call_of
from dpsynth.schema.rules import Rules, plain
from dpsynth.schema.wording import kind_of

TICKS_LIMIT = 2**53
UNDECLARED_STEPS = 2**20
# Largest magnitude of a bound in steps for which float64 still tells neighbouring grid points apart after scaling.
MAGNITUDE_LIMIT = 2**48


@dataclass(frozen=True, repr=False)
class Numeric:
    """A number between public bounds, on a public grid of step 1, of 10^-decimals, or of (upper - lower) / 2^20.

    `bins` asks for that many quantile bins found under privacy; `edges` gives public cut points instead (a value
    equal to a cut point belongs to the bin above it; the bounds may be left out). `atoms` are spikes, such as an
    exact 0, with a code of their own. A value outside the bounds follows `out_of_bounds`: "clip", "null" or
    "refuse". A missing value in a column that is not `nullable` follows `missing`: "refuse" or a number to fill in.
    Raises SchemaError with every broken rule.

    Privacy: every item is taken as public; `source` says who declared it.

    >>> wage = Numeric("wage", lower=0, upper=1, decimals=1)
    >>> wage.ticks, wage.tick_of(0.29), wage.value_of(np.array([3])).tolist()
    (11, 3, [0.3])
    """

    type: ClassVar[str] = "numeric"

    name: str
    _: KW_ONLY
    lower: float
    upper: float
    integer: bool = False
    decimals: int | None = None
    nullable: bool = False
    bins: int | None = None
    edges: Sequence[float] | None = None
    atoms: Sequence[float] = ()
    out_of_bounds: Literal["clip", "null", "refuse"] = "clip"
    missing: float | Literal["refuse"] = "refuse"
    source: Source = field(default=DECLARED, hash=False)

    def __post_init__(self) -> None:
        rules = Rules(self)
        rules.flags("integer", "nullable")
        if self.decimals is not None:
            rules.whole("decimals", 0, 9)
        if self.integer is True and self.decimals:
            rules.broken("decimals", f"{rules.shown('decimals')} must be left out of an integer column")
        rules.choice("out_of_bounds", OUT_OF_BOUNDS)
        _check_number(rules, "lower")
        _check_number(rules, "upper")
        ascending(rules, "edges", _check_numbers(rules, "edges"))
        rules.keep("atoms", tuple(sorted(_check_numbers(rules, "atoms"))))
        if self.missing != "refuse":
            _check_number(rules, "missing")
            rules.no_fill_when_nullable()
        fill = () if self.missing == "refuse" else (self.missing,)
        if not rules.problems and bounds_ascend(rules) and _check_grid(rules):
            within_bounds(rules, "edges", self.edges or ())
            within_bounds(rules, "atoms", self.atoms)
            within_bounds(rules, "missing", fill)
        if not rules.problems:
            _check_on_grid(rules, "atoms", self.atoms)
            if self._has_declared_step:
                _check_on_grid(rules, "missing", fill)
            bins_fit(rules)
        rules.finish()

    @cached_property
    def step(self) -> Fraction:
        """Distance between neighbouring grid points, exact."""
        if self.integer:
            return Fraction(1)
        if self.decimals is not None:
            return Fraction(1, 10**self.decimals)
        return (_exact(self.upper) - _exact(self.lower)) / UNDECLARED_STEPS

    @cached_property
    def first_position(self) -> float:
        """Steps from 0 to `lower`, as the float64 that positions are measured from."""
        return float(_exact(self.lower) / self.step)

    @cached_property
    def ticks(self) -> int:
        """Number of grid points from `lower` to `upper`, both included."""
        return self._position(self.upper).numerator + 1

    @cached_property
    def cut_ticks(self) -> tuple[int, ...]:
        """First tick of each bin but the lowest, ascending; empty when no `edges` are declared.

        >>> Numeric("age", lower=0, upper=120, integer=True, edges=[18, 64.5]).cut_ticks
        (18, 65)
        """
        inside = (edge for edge in self.edges or () if self.lower < edge < self.upper)
        return tuple(math.ceil(self._position(edge)) for edge in inside)

    @overload
    def tick_of(self, value: float) -> int: ...
    @overload
    def tick_of(self, value: npt.NDArray[Any]) -> npt.NDArray[np.int64]: ...
    def tick_of(self, value: float | npt.NDArray[Any]) -> int | npt.NDArray[np.int64]:
        """Nearest grid point of each value (int64); -1 for NaN. Values outside the bounds take the nearest bound.

        Total: no value raises. The rule `out_of_bounds` is applied before, where rows are read.
        """
        values = np.asarray(value)
        if values.dtype.kind not in "biuf":
            raise SettingError(f"value must be numbers; got an array of {values.dtype}; try converting it first")
        if self.integer:
            ticks = np.clip(_nearest_whole(values), int(self.lower), int(self.upper)) - np.int64(self.lower)
            ticks = np.where(np.isnan(values), np.int64(-1), ticks) if values.dtype.kind == "f" else ticks
        else:
            positions = np.rint(self._scaled(values.astype(np.float64)) - self.first_position)
            missing = np.isnan(positions)
            ticks = np.clip(np.where(missing, 0.0, positions), 0, self.ticks - 1).astype(np.int64)
            ticks = np.where(missing, np.int64(-1), ticks)
        return int(ticks) if values.ndim == 0 else ticks

    def value_of(self, ticks: npt.NDArray[np.int64]) -> npt.NDArray[Any]:
        """Values of grid points: int64 for an integer column, else float64 nearest to the decimal value.

        Raises SettingError when a tick is outside 0..ticks-1.
        """
        require_ticks(self, ticks)
        if self.integer:
            return np.int64(self.lower) + ticks.astype(np.int64)
        if self.decimals is not None:
            # Both operands are whole and exact in float64, so the quotient is the float nearest to the decimal.
            first = int(_exact(self.lower) / self.step)
            return np.asarray((ticks.astype(np.int64) + first) / 10**self.decimals)
        values = float(self.lower) + ticks.astype(np.float64) * float(self.step)
        shown_decimals = 1 - math.floor(math.log10(self.step))
        rounded = np.round(values, shown_decimals) if abs(shown_decimals) < 300 else values
        return np.clip(rounded, float(self.lower), float(self.upper))

    @property
    def _has_declared_step(self) -> bool:
        return self.integer or self.decimals is not None

    def _position(self, value: float) -> Fraction:
        """Where a value lies on the grid, in steps above `lower`, exact."""
        return (_exact(value) - _exact(self.lower)) / self.step

    def _scaled(self, values: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
        """Values in steps, with at most two roundings."""
        with np.errstate(over="ignore"):
            if self._has_declared_step:
                return np.asarray(values * float(1 / self.step))
            return np.asarray(values / float(self.step))

    def __repr__(self) -> str:
        return call_of(self)


def _nearest_whole(values: npt.NDArray[Any]) -> npt.NDArray[np.int64]:
    """The nearest whole numbers, or the ends of 64 bits beyond them, so that equal numbers of any type agree."""
    if values.dtype.kind == "u":
        values = np.minimum(values.astype(np.uint64), np.uint64(2**63 - 1))
    if values.dtype.kind != "f":
        return values.astype(np.int64)
    rounded = np.rint(values.astype(np.float64))
    inside = np.where(np.abs(rounded) < 2.0**63, rounded, 0.0).astype(np.int64)
    above, below = np.int64(2**63 - 1), np.int64(-(2**63))
    return np.where(rounded >= 2.0**63, above, np.where(rounded <= below, below, inside))


def _exact(value: float) -> Fraction:
    """The decimal number a user wrote: 0.1 is one tenth, not the binary float next to it."""
    return Fraction(repr(value))


def _check_number(rules: Rules, item: str) -> None:
    """The item is a finite number, and a whole one of 64 bits in an integer column."""
    before = len(rules.problems)
    value = _finite(rules, item, getattr(rules.column, item), item)
    if rules.column.integer is True and len(rules.problems) == before:
        if value != math.floor(value) or not -(2**63) <= value < 2**63:
            rules.broken(item, f"{rules.shown(item)} must be a whole number of 64 bits in an integer column")
        else:
            value = int(value)
    rules.keep(item, value)


def _check_numbers(rules: Rules, item: str) -> tuple[Any, ...]:
    """The entries of an item, all finite numbers; the empty tuple when one is not, or none are declared."""
    if getattr(rules.column, item) is None:
        return ()
    before = len(rules.problems)
    entries = enumerate(rules.entries(item), 1)
    numbers = tuple(_finite(rules, item, value, f"entry {position} of {item}") for position, value in entries)
    rules.keep(item, numbers)
    return numbers if len(rules.problems) == before else ()


def _finite(rules: Rules, item: str, value: Any, what: str) -> Any:
    """The plain value of an item or of an entry of it (`what`), which is a finite number."""
    value = plain(value)
    if isinstance(value, bool) or not isinstance(value, int | float):
        rules.broken(item, f"{what} must be a number; got {kind_of(value)}")
    elif not abs(value) <= 1e300:
        rules.broken(item, f"{what} must be finite, between -1e300 and 1e300")
    return value


def _check_grid(rules: Rules) -> bool:
    """Both bounds lie on a grid that int64 can number and float64 can tell apart; says whether they do."""
    column, before = rules.column, len(rules.problems)
    lower, upper = (_exact(bound) / column.step for bound in (column.lower, column.upper))
    if column.decimals is not None:
        for item, position in (("lower", lower), ("upper", upper)):
            if position.denominator != 1:
                rules.broken(item, f"{rules.shown(item)} must have at most {column.decimals} decimals")
    if upper - lower >= TICKS_LIMIT:
        rules.broken("upper", "upper must be fewer than 2^53 steps above lower; try closer bounds")
    elif not column.integer and (max(abs(lower), abs(upper)) > MAGNITUDE_LIMIT or column.step < Fraction(1, 10**300)):
        rules.broken("upper", "upper and lower must differ visibly in float64 from step to step; try fewer decimals")
    return len(rules.problems) == before


def _check_on_grid(rules: Rules, item: str, values: Sequence[Any]) -> None:
    """Each value of an item is a grid point, and a sorted list of them holds none twice."""
    column = rules.column
    for position, value in enumerate(values, 1):
        if ((_exact(value) - _exact(column.lower)) / column.step).denominator != 1:
            what = shown_value(rules, item, position)
            rules.broken(item, f"{what} must lie on the grid of the column; try declaring integer or decimals")
    for position, (one, following) in enumerate(itertools.pairwise(values), 2):
        if one == following:
            rules.broken(item, f"entry {position} of {item} must be distinct")
