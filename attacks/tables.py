"""Tables as attacks see them: every cell on the schema's public grid, as a coarse code, and as a rank.

One `Encoder` is made from what the attacker has (the synthetic table, and reference rows) and applied to all
tables. Targets take no part in it: the grouping of cells tells nothing about who is in the private table.
"""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

import dpsynth

# Numbers with more distinct grid points than this are binned into about as many bins of equal mass.
BINS = 24
# A category list longer than this keeps its most frequent ones apart; the others share a code.
LEVELS = 250
# Code 0 of every column: a missing cell. Code 1: a cell that no attacker's table holds.
MISSING, UNSEEN = 0, 1


@dataclass(frozen=True, eq=False, repr=False)
class Table:
    """Rows in three views, all of shape (rows, columns), in the order of `names`.

    ticks: int64, exact cells on the public grid (a label's index, or the grid point of a number or moment),
    -1 where missing, -2 where the schema cannot place it. codes: int32 from 0 to levels - 1, coarse cells:
    0 missing, 1 unseen. ranks: float32 from 0 to 1, where a number stands among the attacker's rows; NaN where
    missing, and for categories. ordered: for each column, whether it is a number or moment.
    """

    names: tuple[str, ...]
    ordered: tuple[bool, ...]
    levels: tuple[int, ...]
    ticks: npt.NDArray[np.int64]
    codes: npt.NDArray[np.int32]
    ranks: npt.NDArray[np.float32]

    def __len__(self) -> int:
        return len(self.codes)

    def __repr__(self) -> str:
        return f"Table({len(self)} rows, {len(self.names)} columns)"

    def take(self, rows: npt.NDArray[Any]) -> Table:
        """The rows at these places, or where true."""
        return replace(self, ticks=self.ticks[rows], codes=self.codes[rows], ranks=self.ranks[rows])

    def only(self, columns: Sequence[str]) -> Table:
        """The named columns alone: what an attacker who knows no others is handed."""
        places = [self.names.index(column) for column in columns]
        return Table(
            tuple(columns),
            tuple(self.ordered[place] for place in places),
            tuple(self.levels[place] for place in places),
            ticks=np.ascontiguousarray(self.ticks[:, places]),
            codes=np.ascontiguousarray(self.codes[:, places]),
            ranks=np.ascontiguousarray(self.ranks[:, places]),
        )

    def without(self, column: str) -> Table:
        """All columns but one."""
        return self.only([name for name in self.names if name != column])


def stacked(*tables: Table) -> Table:
    """The rows of all tables, one after the other."""
    return replace(
        tables[0],
        ticks=np.concatenate([table.ticks for table in tables]),
        codes=np.concatenate([table.codes for table in tables]),
        ranks=np.concatenate([table.ranks for table in tables]),
    )


@dataclass(frozen=True, eq=False, repr=False)
class _Column:
    """How one column's ticks become codes and ranks."""

    name: str
    ordered: bool
    labels: tuple[str, ...] | None  # of an open column: the attacker's list
    known: npt.NDArray[np.int64]  # distinct ticks of the attacker's rows, ascending
    codes: npt.NDArray[np.int32]  # the code of each
    cuts: npt.NDArray[np.int64]  # of a binned number: first tick of each bin but the lowest
    ranks: npt.NDArray[np.float32]  # middle rank of each known tick

    @property
    def levels(self) -> int:
        return int(2 + (len(self.cuts) + 1 if len(self.cuts) else self.codes.max(initial=1) - 1))


@dataclass(frozen=True, eq=False, repr=False)
class Encoder:
    """From tables of a schema to `Table`s with the same codes."""

    schema: dpsynth.Schema
    columns: tuple[_Column, ...]

    @classmethod
    def of(cls, schema: dpsynth.Schema, known: Sequence[dpsynth.Ticked]) -> Encoder:
        """The codes and ranks that the attacker's own tables suggest."""
        columns = []
        for name in known[0].ticks:
            ordered = isinstance(schema[name], dpsynth.Numeric | dpsynth.Datetime)
            labels: dict[str, int] = {}
            ticks = np.concatenate([_own_ticks(table, name, labels) for table in known])
            columns.append(_column(name, ordered, tuple(labels) if name in known[0].labels else None, ticks))
        return cls(schema, tuple(columns))

    @cached_property
    def names(self) -> tuple[str, ...]:
        """Column names, in schema order, without identifiers."""
        return tuple(column.name for column in self.columns)

    def labels_of(self, name: str) -> tuple[str, ...] | None:
        """The attacker's list of an open column's labels, which ticks index; None for other columns."""
        return self.columns[self.names.index(name)].labels

    def encode(self, table: dpsynth.Ticked) -> Table:
        """The rows of a table in the attacker's codes."""
        shape = (table.rows, len(self.columns))
        ticks, codes, ranks = np.empty(shape, np.int64), np.empty(shape, np.int32), np.empty(shape, np.float32)
        for place, column in enumerate(self.columns):
            listed = None
            if column.labels is not None:
                # New ones by the alphabet: a table may list its labels in an order that tells whose they are.
                new = sorted({*table.labels.get(column.name, ())} - {*column.labels})
                listed = {label: tick for tick, label in enumerate([*column.labels, *new])}
            own = _own_ticks(table, column.name, listed)
            ticks[:, place] = own
            codes[:, place], ranks[:, place] = _read(column, own)
        ordered, levels = zip(*((column.ordered, column.levels) for column in self.columns), strict=True)
        return Table(self.names, ordered, levels, ticks, codes, ranks)


def _own_ticks(table: dpsynth.Ticked, name: str, labels: dict[str, int] | None) -> npt.NDArray[np.int64]:
    """Ticks of a column, -2 for every trouble; an open column's index one list of labels, which grows."""
    ticks = np.maximum(table.ticks[name].astype(np.int64), -2)
    if name in table.labels and labels is not None:
        translate = [labels.setdefault(label, len(labels)) for label in table.labels[name]]
        ticks = np.array([*translate, -2, -1], dtype=np.int64)[ticks]
    return ticks


def _column(name: str, ordered: bool, labels: tuple[str, ...] | None, ticks: npt.NDArray[np.int64]) -> _Column:
    present = np.sort(ticks[ticks >= 0])
    known, counts = np.unique(present, return_counts=True)
    ranks = ((np.cumsum(counts) - counts / 2) / max(len(present), 1)).astype(np.float32)
    if ordered and len(known) > BINS:
        cuts = np.unique(present[np.arange(1, BINS) * len(present) // BINS])
        return _Column(name, ordered, labels, known, np.zeros(0, np.int32), cuts[cuts > known[0]], ranks)
    order = np.argsort(-counts, kind="stable")
    codes = np.empty(len(known), np.int32)
    codes[order] = 2 + np.minimum(np.arange(len(known)), LEVELS - 1)
    if ordered or len(known) <= LEVELS:
        codes = 2 + np.arange(len(known), dtype=np.int32)
    return _Column(name, ordered, labels, known, codes, np.zeros(0, np.int64), ranks)


def _read(column: _Column, ticks: npt.NDArray[np.int64]) -> tuple[npt.NDArray[np.int32], npt.NDArray[np.float32]]:
    """Codes and ranks of ticks. A number between two known ones takes a rank between theirs."""
    if len(column.cuts):
        codes = (2 + np.searchsorted(column.cuts, ticks, side="right")).astype(np.int32)
    else:
        places = np.minimum(np.searchsorted(column.known, ticks), max(len(column.known) - 1, 0))
        found = column.known[places] == ticks if len(column.known) else np.zeros(len(ticks), bool)
        codes = np.where(found, column.codes[places] if len(column.known) else 0, UNSEEN).astype(np.int32)
    ranks = np.full(len(ticks), np.nan, np.float32)
    if column.ordered and len(column.known):
        ranks = np.interp(ticks, column.known, column.ranks).astype(np.float32)
    ranks[ticks < 0] = np.nan
    codes[ticks < 0] = UNSEEN
    codes[ticks == -1] = MISSING
    return codes, ranks


def as_ticked(data: object, schema: dpsynth.Schema) -> dpsynth.Ticked:
    """A DataFrame, Arrow table, mapping or path on the schema's grid; a `Ticked` as it is."""
    return data if isinstance(data, dpsynth.Ticked) else dpsynth.ticked(data, schema)


def as_columns(data: Any) -> Any:
    """Columns by name, identifiers included: a DataFrame or a mapping as it is, a file's cells as text."""
    if not isinstance(data, str | os.PathLike):
        return data if not hasattr(data, "__arrow_c_stream__") else _pandas_of(data)
    import pandas as pd
    import pyarrow.dataset as dataset

    path = Path(data)
    if path.is_dir() or path.suffix == ".parquet":
        return dataset.dataset(path, format="parquet").to_table().to_pandas()
    separator = "\t" if ".tsv" in path.suffixes else ","
    return pd.read_csv(path, dtype=str, keep_default_na=False, sep=separator)


def _pandas_of(data: Any) -> Any:
    import pandas as pd
    import pyarrow as pa

    return data if isinstance(data, pd.DataFrame) else pa.table(data).to_pandas()


def rows_at(table: dpsynth.Ticked, rows: npt.NDArray[Any]) -> dpsynth.Ticked:
    """The rows of a ticked table at these places, or where true."""
    ticks: Mapping[str, Any] = {name: column[rows] for name, column in table.ticks.items()}
    count = int(rows.sum()) if rows.dtype == bool else len(rows)
    return replace(table, rows=count, ticks=ticks)


def joined(one: dpsynth.Ticked, other: dpsynth.Ticked) -> dpsynth.Ticked:
    """The rows of two ticked tables of one schema, one after the other; open columns get a list of labels in common."""
    ticks, labels = {}, {}
    for name in one.ticks:
        found: dict[str, int] = {}
        ticks[name] = np.concatenate([_own_ticks(table, name, found) for table in (one, other)])
        if name in one.labels:
            labels[name] = tuple(found)
    return replace(one, rows=one.rows + other.rows, ticks=ticks, labels=labels)
