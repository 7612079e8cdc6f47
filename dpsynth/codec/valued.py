"""The values of ticks: of grid points and of labels by their number, in the dtype that a schema declares."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from dpsynth.codec.binned import valued
from dpsynth.codec.categorical import labelled
from dpsynth.schema.columns import Datetime, Identifier, Numeric
from dpsynth.schema.selection import labels_of

if TYPE_CHECKING:
    import pandas as pd

    from dpsynth.schema.columns import Column, Label

NULL = -1


def values_of_ticks(column: Column, ticks: NDArray[np.int64], found: Sequence[Label] | None = None) -> pd.Series[Any]:
    """A value for each tick, missing where it is negative.

    found: the labels that ticks number, where the schema does not name them (an open column).

    >>> values_of_ticks(Categorical("sex", values=["F", "M"], nullable=True), np.array([1, -1])).isna().tolist()
    [False, True]
    """
    null = ticks < 0
    if isinstance(column, Numeric | Datetime):
        return valued(column, np.where(null, 0, ticks), null)
    labels = labels_of(column) if found is None else found
    nullable = not isinstance(column, Identifier) and column.nullable
    return labelled(column.name, labels, nullable, np.where(null, len(labels), ticks))
