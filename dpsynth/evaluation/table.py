"""Tables as the metrics see them: every column as codes of few cells, and numbers and dates as values too.

One call codes all tables alike. The first of them, the private one, decides where numbers are cut and which values are
cells of their own: nothing here is private, and nothing here may leave the steward's hands.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt

from dpsynth.schema.columns import Column, Datetime, Identifier, Numeric
from dpsynth.schema.schema import Schema

IntArray = npt.NDArray[np.int64]
FloatArray = npt.NDArray[np.float64]

BINS = 20
"""Numbers and dates of more distinct values than this are cut into about as many cells of equal numbers of rows."""

MISSING, OTHER = "missing", "other values"
_DAY_SECONDS = 86_400


class Rows(Protocol):
    """Rows on a schema's grid: -1 for a missing cell; labels: of open columns, the list that their ticks index."""

    @property
    def rows(self) -> int:
        """Number of rows."""
        ...

    @property
    def ticks(self) -> Mapping[str, npt.NDArray[Any]]:
        """For every column that is no identifier, shape (rows,)."""
        ...

    @property
    def labels(self) -> Mapping[str, tuple[str, ...]]:
        """Of open columns."""
        ...


@dataclass(frozen=True)
class Field:
    """One column: a word for each code, the last for a missing cell when `missing`; bounds: of an ordered one, public.

    public: whether the schema alone decides the codes, as for declared labels.
    """

    name: str
    ordered: bool
    labels: tuple[str, ...]
    missing: bool
    unit: str = ""
    bounds: tuple[float, float] = (0.0, 0.0)
    public: bool = False

    @property
    def size(self) -> int:
        """Number of codes."""
        return len(self.labels)


@dataclass(frozen=True, eq=False, repr=False)
class Table:
    """Rows in two views. codes: of every column, shape (rows,). values: of ordered columns, NaN where missing."""

    fields: tuple[Field, ...]
    rows: int
    codes: Mapping[str, IntArray]
    values: Mapping[str, FloatArray]

    @classmethod
    def of_codes(cls, codes: Mapping[str, npt.NDArray[Any]], sizes: Mapping[str, int]) -> Table:
        """A table of codes without an order, each shape (rows,), from 0 to size - 1; no cell is missing."""
        fields = tuple(
            Field(name, False, tuple(map(str, range(size))), missing=False, public=True) for name, size in sizes.items()
        )
        columns = {name: np.asarray(codes[name], dtype=np.int64) for name in sizes}
        return cls(fields, len(next(iter(columns.values()), ())), columns, {})

    def __repr__(self) -> str:
        return f"Table({self.rows} rows, {len(self.fields)} columns)"

    @property
    def sizes(self) -> dict[str, int]:
        """Number of codes of each column, in table order."""
        return {field.name: field.size for field in self.fields}

    @property
    def ordered(self) -> tuple[str, ...]:
        """Names of the columns that hold numbers or dates."""
        return tuple(field.name for field in self.fields if field.ordered)

    def field(self, name: str) -> Field:
        """The column of a name."""
        return next(field for field in self.fields if field.name == name)

    def take(self, places: npt.NDArray[Any]) -> Table:
        """The rows at these places, or where true."""
        codes = {name: each[places] for name, each in self.codes.items()}
        values = {name: each[places] for name, each in self.values.items()}
        count = int(places.sum()) if places.dtype == bool else len(places)
        return replace(self, rows=count, codes=codes, values=values)

    def shuffled(self, rng: np.random.Generator) -> Table:
        """Every column in a random order of its own: the columns stay as they are, what links them is gone."""
        orders = {name: rng.permutation(self.rows) for name in self.codes}
        codes = {name: each[orders[name]] for name, each in self.codes.items()}
        values = {name: each[orders[name]] for name, each in self.values.items()}
        return replace(self, codes=codes, values=values)


def coded(schema: Schema, tables: Sequence[Rows], private: int = 1) -> tuple[Table, ...]:
    """All tables in the same codes; the first decides how numbers are cut.

    private: how many of them, from the first, are private. A label of an open column that no other table holds was
    not released: it has a code like any other, and no name.
    """
    fields, codes, values = [], [dict[str, IntArray]() for _ in tables], [dict[str, FloatArray]() for _ in tables]
    for column in schema.columns:
        if isinstance(column, Identifier):
            continue
        ticks = [np.asarray(table.ticks[column.name], dtype=np.int64) for table in tables]
        missing = any(bool((each < 0).any()) for each in ticks)
        if isinstance(column, Numeric | Datetime):
            field, found = _ordered(column, ticks, missing)
            for place, each in enumerate(ticks):
                values[place][column.name] = _values(column, each)
        else:
            field, found = _labelled(
                column, ticks, [table.labels.get(column.name) for table in tables], missing, private
            )
        fields.append(field)
        for place, each in enumerate(found):
            codes[place][column.name] = each
    return tuple(Table(tuple(fields), table.rows, codes[place], values[place]) for place, table in enumerate(tables))


def _labelled(
    column: Column, ticks: Sequence[IntArray], lists: Sequence[tuple[str, ...] | None], missing: bool, private: int
) -> tuple[Field, list[IntArray]]:
    """Codes are the schema's labels, or the labels of all tables in one list."""
    declared = lists[0] is None
    known = {str(label): place for place, label in enumerate(column.labels)} if declared else {}  # type: ignore[union-attr]
    found = []
    for each, labels in zip(ticks, lists, strict=True):
        own = each if labels is None else np.array([*(known.setdefault(one, len(known)) for one in labels), -1])[each]
        found.append(own.astype(np.int64))
    released = {label for labels in lists[private:] for label in labels or ()}
    words = [
        word if declared or word in released else f"(value {place}, not released)" for word, place in known.items()
    ]
    named = (*words, *([MISSING] if missing else []))
    return Field(column.name, False, named, missing, public=declared), [
        np.where(each < 0, len(known), each) for each in found
    ]


def _ordered(column: Numeric | Datetime, ticks: Sequence[IntArray], missing: bool) -> tuple[Field, list[IntArray]]:
    present = np.sort(ticks[0][ticks[0] >= 0])
    known = np.unique(present)
    if len(known) > BINS:
        cuts = _cuts(present)
        found = [np.searchsorted(cuts, each, side="right") for each in ticks]
        words = _spans(column, np.concatenate([known[:1], cuts]), known[-1])
    else:
        # A value that no private row holds has a cell apart, whatever it is.
        places = [np.minimum(np.searchsorted(known, each), max(len(known) - 1, 0)) for each in ticks]
        same = [
            known[place] == each if len(known) else np.zeros(len(each), bool)
            for place, each in zip(places, ticks, strict=True)
        ]
        found = [np.where(one, place, len(known)) for one, place in zip(same, places, strict=True)]
        words = (*_words(column, known), OTHER)
    bounds = _values(column, np.array([0, column.ticks - 1]))
    unit = "days" if isinstance(column, Datetime) else ""
    named = (*words, *([MISSING] if missing else []))
    field = Field(column.name, True, named, missing, unit, (float(bounds[0]), float(bounds[1])))
    return field, [np.where(each < 0, len(words), own) for each, own in zip(ticks, found, strict=True)]


def _cuts(present: IntArray) -> IntArray:
    """First tick of every cell but the lowest; a value that would fill a cell has one for itself."""
    known, counts = np.unique(present, return_counts=True)
    spikes = known[counts > len(present) / BINS]
    rest = present[~np.isin(present, spikes)]
    cells = max(BINS - len(spikes), 1)
    between = rest[np.arange(1, cells) * len(rest) // cells] if len(rest) else rest
    cuts = np.unique(np.concatenate([between, spikes, spikes + 1]))
    inside: IntArray = cuts[(cuts > known[0]) & (cuts <= known[-1])]
    return inside


def _values(column: Numeric | Datetime, ticks: IntArray) -> FloatArray:
    """Numbers, or days since 1970, NaN where missing."""
    values = column.value_of(np.maximum(ticks, 0))
    if isinstance(column, Datetime):
        values = values.astype("datetime64[s]").astype(np.int64) / _DAY_SECONDS
    return np.where(ticks < 0, np.nan, values.astype(np.float64))


def _words(column: Numeric | Datetime, ticks: IntArray) -> tuple[str, ...]:
    values = column.value_of(ticks)
    if isinstance(column, Datetime):
        return tuple(str(each.astype("datetime64[D]")) for each in values)
    return tuple(f"{each:.6g}" for each in values.tolist())


def _spans(column: Numeric | Datetime, firsts: IntArray, last: int) -> tuple[str, ...]:
    """A word for each cell: its first and its last grid point."""
    ends = np.append(firsts[1:] - 1, last)
    pairs = zip(_words(column, firsts), _words(column, np.maximum(ends, firsts)), strict=True)
    return tuple(low if low == high else f"{low} to {high}" for low, high in pairs)
