"""Columns of dates and times between public bounds, on a grid of days, hours, minutes or seconds."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping, Sequence
from dataclasses import KW_ONLY, dataclass, field
from functools import cached_property
from typing import Any, ClassVar, Literal, overload

import numpy as np
import numpy.typing as npt

from dpsynth.errors import SettingError
from dpsynth.schema.grid import OUT_OF_BOUNDS, ascending, bins_fit, bounds_ascend, require_ticks, within_bounds
from dpsynth.schema.provenance import DECLARED, Source, call_of
from dpsynth.schema.rules import Rules

Resolution = Literal["day", "hour", "minute", "second"]
Moment = str | dt.date | np.datetime64

UNITS: Mapping[str, Literal["D", "h", "m", "s"]] = {"day": "D", "hour": "h", "minute": "m", "second": "s"}


@dataclass(frozen=True, repr=False)
class Datetime:
    """A date or time between public bounds, on a grid of days, hours, minutes or seconds, without time zone.

    Bounds are ISO 8601 text, dates or datetimes, kept as ISO text at the resolution; an `upper` given as a date
    alone means the whole of that day. `format` is the strptime format of a text column. `bins`, `edges`,
    `out_of_bounds` and `missing` work as in Numeric. Raises SchemaError with every broken rule.

    >>> admitted = Datetime("admitted", lower="2015-01-01", upper="2024-12-31")
    >>> admitted.ticks, admitted.tick_of("2015-02-01")
    (3653, 31)
    >>> Datetime("seen", lower="2024-01-01", upper="2024-01-01", resolution="hour").upper
    '2024-01-01T23'
    """

    type: ClassVar[str] = "datetime"
    # Dates have no declared spikes; the name is here so that both grids have it.
    atoms: ClassVar[tuple[Moment, ...]] = ()

    name: str
    _: KW_ONLY
    lower: Moment
    upper: Moment
    resolution: Resolution = "day"
    nullable: bool = False
    bins: int | None = None
    edges: Sequence[Moment] | None = None
    out_of_bounds: Literal["clip", "null", "refuse"] = "clip"
    missing: Moment = "refuse"
    format: str | None = None
    source: Source = field(default=DECLARED, hash=False)

    def __post_init__(self) -> None:
        rules = Rules(self)
        rules.flags("nullable")
        rules.choice("out_of_bounds", OUT_OF_BOUNDS)
        if rules.choice("resolution", tuple(UNITS)):
            _check_moment(rules, "lower")
            _check_moment(rules, "upper", whole_day=True)
            ascending(rules, "edges", _check_moments(rules, "edges"))
            if self.missing != "refuse":
                _check_moment(rules, "missing")
                rules.no_fill_when_nullable()
        if not rules.problems and bounds_ascend(rules):
            within_bounds(rules, "edges", self.edges or ())
            within_bounds(rules, "missing", () if self.missing == "refuse" else (self.missing,))
            if self.format is not None:
                _check_format(rules)
        if not rules.problems:
            bins_fit(rules)
        rules.finish()

    @property
    def step(self) -> np.timedelta64:
        """Distance between neighbouring grid points: one unit of the resolution."""
        return np.timedelta64(1, UNITS[self.resolution])

    @cached_property
    def ticks(self) -> int:
        """Number of grid points from `lower` to `upper`, both included."""
        return int(self._span[1] - self._span[0]) + 1

    @cached_property
    def cut_ticks(self) -> tuple[int, ...]:
        """First tick of each bin but the lowest, ascending; empty when no `edges` are declared."""
        ticks = (int(self._units(edge) - self._span[0]) for edge in self.edges or ())
        return tuple(tick for tick in ticks if 0 < tick < self.ticks - 1)

    @overload
    def tick_of(self, value: Moment) -> int: ...
    @overload
    def tick_of(self, value: npt.NDArray[np.datetime64]) -> npt.NDArray[np.int64]: ...
    def tick_of(self, value: Moment | npt.NDArray[np.datetime64]) -> int | npt.NDArray[np.int64]:
        """Grid point at or before each value (int64); -1 for NaT. Values outside the bounds take the nearest bound."""
        moments = value if isinstance(value, np.ndarray) else np.asarray(_parsed(value))
        if moments.dtype.kind != "M":
            raise SettingError(f"value must be datetime64; got an array of {moments.dtype}; try converting it first")
        moments = without_finest_units(moments)
        units = moments.astype(f"datetime64[{UNITS[self.resolution]}]").astype(np.int64)
        first, last = self._span
        ticks = np.where(np.isnat(moments), np.int64(-1), np.clip(units, first, last) - first)
        return int(ticks) if moments.ndim == 0 else ticks

    def value_of(self, ticks: npt.NDArray[np.int64]) -> npt.NDArray[np.datetime64]:
        """Moments of grid points, datetime64[s]; raises SettingError when a tick is outside 0..ticks-1."""
        require_ticks(self, ticks)
        moments = (ticks.astype(np.int64) + self._span[0]).astype(f"datetime64[{UNITS[self.resolution]}]")
        return moments.astype("datetime64[s]")

    def on_grid(self, value: Moment, *, whole_day: bool = False) -> str:
        """ISO text of a moment at the resolution; a date alone is the first unit of its day; its last if `whole_day`.

        Raises SettingError for what is no moment or is finer than the resolution.
        """
        try:
            return _on_resolution(value, self.resolution, whole_day)
        except SettingError as error:
            raise SettingError(f"{self.name} ({value!s:.60}) {error}") from None

    @cached_property
    def _span(self) -> tuple[np.int64, np.int64]:
        return self._units(self.lower), self._units(self.upper)

    def _units(self, moment: Moment) -> np.int64:
        """Whole units of the resolution since 1970."""
        return np.int64(np.datetime64(str(moment), UNITS[self.resolution]).astype(np.int64))

    def __repr__(self) -> str:
        return call_of(self)


FINEST_UNITS: Mapping[str, int] = {"ps": 10**12, "fs": 10**15, "as": 10**18}


def without_finest_units(moments: npt.NDArray[np.datetime64]) -> npt.NDArray[np.datetime64]:
    """Moments finer than nanoseconds, which numpy cannot turn into days, in whole seconds; others as they are."""
    unit, count = np.datetime_data(moments.dtype)
    if unit not in FINEST_UNITS:
        return moments
    whole = np.asarray(moments.astype(np.int64), dtype=object) * count // FINEST_UNITS[unit]
    seconds = np.asarray(whole, dtype=np.int64).astype("datetime64[s]")
    return np.where(np.isnat(moments), np.datetime64("NaT", "s"), seconds)


def _parsed(value: Moment) -> np.datetime64:
    """A moment in any accepted form, in days when it is a date alone; raises SettingError without quoting it."""
    moment: Any = value
    try:
        if isinstance(value, str):
            date_alone = "T" not in value and " " not in value
            moment = dt.date.fromisoformat(value) if date_alone else dt.datetime.fromisoformat(value)
        if getattr(moment, "tzinfo", None) is None:
            return np.datetime64(moment)
    except (ValueError, TypeError):
        raise SettingError("must be an ISO 8601 date or time; try 2024-12-31 or 2024-12-31T23:59") from None
    raise SettingError("must not name a time zone; try the local time alone")


def _on_resolution(value: Moment, resolution: Resolution, whole_day: bool = False) -> str:
    """ISO text of a moment at a resolution; a date alone is its first unit, or its last when `whole_day`."""
    moment = _parsed(value)
    if np.isnat(moment):
        raise SettingError("must be a date or time; got a missing value")
    unit = UNITS[resolution]
    on_grid = moment.astype(f"datetime64[{unit}]")
    if on_grid != moment:
        raise SettingError(f"must be a whole {resolution}; try a finer resolution")
    if whole_day and np.datetime_data(moment.dtype)[0] == "D":
        on_grid = (moment + np.timedelta64(1, "D")).astype(f"datetime64[{unit}]") - np.timedelta64(1, unit)
    return str(on_grid)


def _check_moment(rules: Rules, item: str, whole_day: bool = False) -> None:
    """The item is a moment, kept as ISO text at the resolution of the column."""
    try:
        rules.keep(item, _on_resolution(getattr(rules.column, item), rules.column.resolution, whole_day))
    except SettingError as error:
        rules.broken(item, f"{rules.shown(item)} {error}")


def _check_moments(rules: Rules, item: str) -> tuple[str, ...]:
    """The entries of an item that are moments, kept as ISO text at the resolution of the column."""
    if getattr(rules.column, item) is None:
        return ()
    kept = []
    for position, value in enumerate(rules.entries(item), 1):
        try:
            kept.append(_on_resolution(value, rules.column.resolution))
        except SettingError as error:
            rules.broken(item, f"entry {position} of {item} {error}")
    rules.keep(item, tuple(kept))
    return tuple(kept)


def _check_format(rules: Rules) -> None:
    """The format writes both bounds so that they can be read again."""
    if not rules.text("format"):
        return
    text = rules.column.format
    for bound in (rules.column.lower, rules.column.upper):
        moment = dt.datetime.fromisoformat(bound)
        try:
            same = "%z" not in text.lower() and dt.datetime.strptime(moment.strftime(text), text) == moment
        except ValueError:
            same = False
        if not same:
            shown = rules.shown("format")
            rules.broken("format", f"{shown} must keep every date from lower to upper to the resolution")
            return
