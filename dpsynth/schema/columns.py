"""The columns a schema can hold: one type for each kind of public knowledge about a column.

A column is checked when it is made; every broken rule of it is reported at once.
"""

from __future__ import annotations

from collections.abc import Mapping

from dpsynth.schema.grid import OUT_OF_BOUNDS
from dpsynth.schema.identifier import Identifier
from dpsynth.schema.labelled import Boolean, Categorical, Label, OpenCategorical
from dpsynth.schema.moments import UNITS, Datetime, Moment, Resolution
from dpsynth.schema.numeric import MAGNITUDE_LIMIT, TICKS_LIMIT, UNDECLARED_STEPS, Numeric
from dpsynth.schema.provenance import DECLARED, OPEN, UNANSWERED, UNREVIEWED, Source, items, provenance
from dpsynth.schema.rules import LABELS_LIMIT
from dpsynth.schema.wording import close_to, kind_of

__all__ = [
    "Column",
    "COLUMN_TYPES",
    "Boolean",
    "Categorical",
    "Datetime",
    "Identifier",
    "Numeric",
    "OpenCategorical",
    "Label",
    "Moment",
    "Resolution",
    "Source",
    "DECLARED",
    "OPEN",
    "UNANSWERED",
    "UNREVIEWED",
    "LABELS_LIMIT",
    "MAGNITUDE_LIMIT",
    "OUT_OF_BOUNDS",
    "TICKS_LIMIT",
    "UNDECLARED_STEPS",
    "UNITS",
    "items",
    "provenance",
    "close_to",
    "kind_of",
]

Column = Categorical | OpenCategorical | Numeric | Datetime | Boolean | Identifier

COLUMN_TYPES: Mapping[str, type[Column]] = {
    column_type.type: column_type
    for column_type in (Categorical, OpenCategorical, Numeric, Datetime, Boolean, Identifier)
}
