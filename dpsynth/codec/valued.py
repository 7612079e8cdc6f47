"""The values of ticks: of grid points and of labels by their number, in the dtype that a schema declares."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from dpsynth.codec.binned import BinnedCodec
from dpsynth.codec.categorical import labelled
from dpsynth.schema.columns import Datetime, Identifier, Numeric
from dpsynth.schema.selection import labels_of

if TYPE_CHECKING:
    import pandas as pd

    from dpsynth.schema.columns import Column

NULL = -1


def values_of_ticks(column: Column, ticks: NDArray[np.int64]) -> pd.Series[Any]:
    """A value for each tick, missing where it is negative.

    >>> values_of_ticks(Categorical("sex", values=["F", "M"], nullable=True), np.array([1, -1])).isna().tolist()
    [False, True]
    """
    null = ticks < 0
    if isinstance(column, Numeric | Datetime):
        return BinnedCodec(column, (0, column.ticks)).series(np.where(null, 0, ticks), null)
    labels = labels_of(column)
    nullable = not isinstance(column, Identifier) and column.nullable
    return labelled(column.name, labels, nullable, np.where(null, len(labels), ticks))
