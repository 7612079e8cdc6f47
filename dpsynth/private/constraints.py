"""Which declared constraints some private rows break: for the steward who checks a table, and for nobody else."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from dpsynth.errors import Problem
from dpsynth.private.table import Ticks
from dpsynth.schema.columns import Column, OpenCategorical
from dpsynth.schema.constraints import Allowed, Box, Constraint, Dependency, Fixed, Forbidden, Order, Sum, Unique
from dpsynth.schema.grid import numbers_of
from dpsynth.schema.schema import Schema
from dpsynth.schema.selection import Selection, Values, labels_of, select, values_of

Mask = NDArray[np.bool_]
Labels = Mapping[str, Sequence[str]]


def broken_constraints(schema: Schema, ticks: Mapping[str, Ticks], labels: Labels, *, whole: bool) -> list[Problem]:
    """One problem for each constraint that some row breaks, without a cell and without a number of rows.

    ticks: of every counted column, -1 where missing. labels: of open columns, in the order of their ticks.
    whole: whether these are all rows of the table, without which nothing is said of `Unique`.
    """
    rows = _Rows(schema, ticks, labels)
    return [
        Problem(f"some rows break it ({one.words}); a run takes them in, and no synthetic row will", rule="constraint")
        for one in schema.constraints
        if (whole or not isinstance(one, Unique)) and all(name in ticks for name in one.columns) and rows.breaks(one)
    ]


class _Rows:
    def __init__(self, schema: Schema, ticks: Mapping[str, Ticks], labels: Labels) -> None:
        self.schema, self.ticks, self.labels = schema, ticks, labels

    def breaks(self, one: Constraint) -> bool:
        match one:
            case Forbidden():
                return any(self.inside(box).any() for box in one.cells)
            case Allowed():
                return not np.logical_or.reduce([self.inside(box) for box in one.cells]).all()
            case Fixed():
                return not self.holds(one.column, values_of(one.value)).all()
            case Dependency():
                return self.breaks_dependency(one)
            case Order():
                return self.disordered(one.columns, one.strict)
            case Sum():
                return self.breaks_sum(one)
            case Unique():
                keys = np.column_stack([self.ticks[name] for name in one.columns])
                return len(np.unique(keys, axis=0)) < len(keys)

    def inside(self, box: Box) -> Mask:
        masks = [self.holds(name, values) for name, values in box]
        found: Mask = np.logical_and.reduce(masks)
        return found

    def holds(self, name: str, values: Values) -> Mask:
        """Rows whose value of a column is among these."""
        column, ticks = self.schema[name], self.ticks[name]
        chosen = select(column, values)
        found = (ticks < 0) & chosen.null
        for first, last in chosen.spans:
            found |= (ticks >= first) & (ticks <= last)
        if chosen.labels:
            found |= np.isin(ticks, self.ticks_of(column, chosen))
        return found

    def ticks_of(self, column: Column, chosen: Selection) -> list[int]:
        declared = labels_of(column)
        if not isinstance(column, OpenCategorical):
            return [declared.index(label) for label in chosen.labels]
        # Every label that is not declared may be released as `other`.
        wanted, other = set(chosen.labels), column.other in chosen.labels
        listed = enumerate(self.labels[column.name])
        return [tick for tick, label in listed if label in wanted or (other and label not in column.known)]

    def breaks_dependency(self, one: Dependency) -> bool:
        told = dict(one.values)
        wanted = [(values_of(key), values_of(value)) for key, value in told.items()]
        if None not in told and self.schema[one.by].nullable:  # type: ignore[union-attr]
            wanted.append(((None,), (None,)))
        return any((self.holds(one.by, key) & ~self.holds(one.column, value)).any() for key, value in wanted)

    def disordered(self, columns: Sequence[str], strict: bool) -> bool:
        """Whether a value lies below an earlier one of its row; missing values are passed over."""
        before = np.full(len(self.ticks[columns[0]]), -np.inf)
        for name in columns:
            held, numbers = self.ticks[name] >= 0, self.numbers(name)
            if (held & ((numbers <= before) if strict else (numbers < before))).any():
                return True
            before = np.where(held, numbers, before)
        return False

    def breaks_sum(self, one: Sum) -> bool:
        """Whether a total is off by half of its last decimal or more, or missing where no part is, or the reverse."""
        held = np.logical_and.reduce([self.ticks[part] >= 0 for part in one.parts])
        off = np.abs(sum(self.numbers(part) for part in one.parts) - self.numbers(one.column))
        step = 10.0 ** -(self.schema[one.column].decimals or 0)  # type: ignore[union-attr]
        total = self.ticks[one.column] >= 0
        return bool((held != total).any() or (off[held & total] > step / 2).any())

    def numbers(self, name: str) -> NDArray[np.float64]:
        column = self.schema[name]
        return numbers_of(column, np.maximum(self.ticks[name], 0))  # type: ignore[arg-type]
