"""Rows on a schema's grid as a table of pandas, with the dtypes of a released one: what a user's task is handed."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from dpsynth.codec.valued import values_of_ticks
from dpsynth.evaluation.table import Rows
from dpsynth.schema.columns import Identifier
from dpsynth.schema.schema import Schema

if TYPE_CHECKING:
    import pandas as pd


def frame(schema: Schema, rows: Rows) -> pd.DataFrame:
    """All columns but identifiers."""
    import pandas as pd

    made = {}
    for column in schema.columns:
        if not isinstance(column, Identifier):
            ticks = np.asarray(rows.ticks[column.name], dtype=np.int64)
            made[column.name] = values_of_ticks(column, ticks, rows.labels.get(column.name))
    return pd.DataFrame(made, copy=False)
