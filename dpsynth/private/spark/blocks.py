"""Blocks: the rows of a Spark table as whole numbers, a hundred thousand of them in one row of a Spark frame.

A cell of such a frame holds the ticks of one column, byte after byte as numpy keeps them, so that Spark moves, keeps
and spills them without looking at a value, and a count asks for the columns that it needs alone. The labels that an
open column's ticks index lie beside them, for each block its own.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np

from dpsynth.private.table import Rows, Ticks
from dpsynth.private.ticks import tick_type
from dpsynth.schema.columns import Column, Identifier, OpenCategorical
from dpsynth.schema.schema import Schema

if TYPE_CHECKING:
    import pyarrow as pa

BLOCK_ROWS = 1 << 17
FAULTS, ROWS = "faults", "rows"


@dataclass(frozen=True)
class BlockForm:
    """How blocks of a schema's columns lie in a frame, whose columns go by number, whatever the table calls them."""

    schema: Schema

    @cached_property
    def columns(self) -> tuple[Column, ...]:
        """Those that are counted."""
        return tuple(column for column in self.schema.columns if not isinstance(column, Identifier))

    def ticks(self, column: str) -> str:
        """The frame's column of a column's ticks."""
        return f"ticks{self._place(column)}"

    def labels(self, column: str) -> str:
        """The frame's column of an open column's labels."""
        return f"labels{self._place(column)}"

    def needed(self, columns: Sequence[str]) -> list[str]:
        """The frame's columns that blocks of some columns are made of."""
        chosen = [column for column in self.columns if column.name in columns]
        return [ROWS, *(name for column in chosen for name in self._of(column))]

    @property
    def fields(self) -> dict[str, str]:
        """Name and Spark type of each of the frame's columns."""
        own = {name: kind for column in self.columns for name, kind in self._of(column).items()}
        return {FAULTS: "array<int>", ROWS: "bigint", **own}

    def of_faults(self, faults: Sequence[int]) -> pa.RecordBatch:
        """A block without rows, which says which rules are broken."""
        nothing = {column.name: np.empty(0, dtype=tick_type(column)) for column in self.columns}
        return self.of(Rows(0, nothing, dict.fromkeys(nothing, ())), faults)

    def of(self, rows: Rows, faults: Sequence[int] = ()) -> pa.RecordBatch:
        """One row of the frame: all these rows as a block."""
        import pyarrow as pa

        held = rows.in_memory()
        arrays = {FAULTS: pa.array([list(faults)], pa.list_(pa.int32())), ROWS: pa.array([rows.count], pa.int64())}
        for column in self.columns:
            ticks = held[column.name].astype(tick_type(column), copy=False)
            arrays[self.ticks(column.name)] = pa.array([ticks.tobytes()], pa.binary())
            if isinstance(column, OpenCategorical):
                arrays[self.labels(column.name)] = pa.array([list(rows.labels[column.name])], pa.list_(pa.string()))
        return pa.RecordBatch.from_pydict(arrays)

    def read(self, batch: pa.RecordBatch) -> Iterator[Rows]:
        """The blocks of a batch, each with those columns that the batch has; blocks without rows are left out."""
        names = set(batch.schema.names)
        columns = [column for column in self.columns if self.ticks(column.name) in names]
        for place, count in enumerate(batch.column(ROWS).to_pylist()):
            if count:
                ticks: dict[str, Ticks] = {
                    column.name: np.frombuffer(
                        batch.column(self.ticks(column.name))[place].as_buffer(), dtype=tick_type(column)
                    )
                    for column in columns
                }
                labels = {
                    column.name: tuple(batch.column(self.labels(column.name))[place].as_py())
                    for column in columns
                    if isinstance(column, OpenCategorical)
                }
                yield Rows(count, ticks, labels)

    def _place(self, name: str) -> int:
        return [column.name for column in self.columns].index(name)

    def _of(self, column: Column) -> dict[str, str]:
        found = {self.ticks(column.name): "binary"}
        if isinstance(column, OpenCategorical):
            found[self.labels(column.name)] = "array<string>"
        return found
