"""The public description of a private table: typed columns, and who declared each item public."""

from dpsynth.schema.columns import Boolean, Categorical, Column, Datetime, Identifier, Numeric, OpenCategorical
from dpsynth.schema.constraints import Allowed, Dependency, Fixed, Forbidden, Order, Sum, Unique
from dpsynth.schema.draft import draft
from dpsynth.schema.schema import Schema

__all__ = [
    "Allowed",
    "Boolean",
    "Categorical",
    "Column",
    "Datetime",
    "Dependency",
    "Fixed",
    "Forbidden",
    "Identifier",
    "Numeric",
    "OpenCategorical",
    "Order",
    "Schema",
    "Sum",
    "Unique",
    "draft",
]
