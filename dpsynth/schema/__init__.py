"""The public description of a private table: typed columns, and who declared each item public."""

from dpsynth.schema.columns import Boolean, Categorical, Column, Datetime, Identifier, Numeric, OpenCategorical
from dpsynth.schema.draft import draft
from dpsynth.schema.schema import Schema

__all__ = [
    "Boolean",
    "Categorical",
    "Column",
    "Datetime",
    "Identifier",
    "Numeric",
    "OpenCategorical",
    "Schema",
    "draft",
]
