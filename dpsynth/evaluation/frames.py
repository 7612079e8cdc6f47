"""Rows on a schema's grid as a table of pandas, with the dtypes of a released one: what a user's task is handed."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from dpsynth.codec.binned import valued
from dpsynth.codec.categorical import labelled
from dpsynth.evaluation.table import Rows
from dpsynth.schema.columns import Datetime, Identifier, Numeric
from dpsynth.schema.schema import Schema

if TYPE_CHECKING:
    import pandas as pd


def frame(schema: Schema, rows: Rows) -> pd.DataFrame:
    """All columns but identifiers."""
    import pandas as pd

    made = {}
    for column in schema.columns:
        if isinstance(column, Identifier):
            continue
        ticks = np.asarray(rows.ticks[column.name], dtype=np.int64)
        if isinstance(column, Numeric | Datetime):
            made[column.name] = valued(column, np.maximum(ticks, 0), ticks < 0)
            continue
        labels = rows.labels.get(column.name) or column.labels  # type: ignore[union-attr]
        made[column.name] = labelled(column.name, labels, column.nullable, np.where(ticks < 0, len(labels), ticks))
    return pd.DataFrame(made, copy=False)
