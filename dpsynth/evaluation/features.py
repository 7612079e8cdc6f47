"""Columns of a table as the inputs of models."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from dpsynth.evaluation.table import FloatArray, Table


def for_trees(table: Table, names: Sequence[str], *, fill: float | None = None) -> FloatArray:
    """Values of ordered columns and codes of the others, shape (rows, columns). fill: in place of NaN."""
    columns = [
        table.values[name] if table.field(name).ordered else table.codes[name].astype(np.float64) for name in names
    ]
    found = np.column_stack(columns)
    return found if fill is None else np.nan_to_num(found, nan=fill)


def for_lines(table: Table, names: Sequence[str]) -> Any:
    """A column of zeros and ones for each code of each column, numbers cut into cells; a sparse matrix.

    A straight line in these follows any shape of a single column, and no interplay of two.
    """
    from scipy import sparse

    sizes = [table.field(name).size for name in names]
    starts = np.cumsum([0, *sizes[:-1]])
    places = np.concatenate([table.codes[name] + start for name, start in zip(names, starts, strict=True)])
    rows = np.tile(np.arange(table.rows), len(names))
    return sparse.csr_matrix((np.ones(len(places)), (rows, places)), shape=(table.rows, sum(sizes)))
