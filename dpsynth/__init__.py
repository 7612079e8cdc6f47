"""dpsynth: from a private table to a differentially private synthetic release, with proof of the promise.

>>> import dpsynth
>>> "auto" in dpsynth.synthesizers()
True
"""

from __future__ import annotations

from dpsynth._version import __version__
from dpsynth.audit_pool import AuditPool
from dpsynth.engine import plan, synthesize
from dpsynth.errors import BudgetError, DataError, DPSynthError, LedgerError, SettingError
from dpsynth.evaluate import evaluate
from dpsynth.evaluation.evaluation import Evaluation
from dpsynth.fairness import Fairness
from dpsynth.forecast.error import ErrorForecast, forecast_error
from dpsynth.forecast.resources import ResourceForecast, forecast_resources
from dpsynth.inference.combine import Combined, combine
from dpsynth.inference.coverage import Coverage, coverage
from dpsynth.inference.estimate import Estimate
from dpsynth.ledger.ledger import Ledger
from dpsynth.ledger.open import open_ledger
from dpsynth.plan import Plan
from dpsynth.private.draft import draft
from dpsynth.private.header import column_names
from dpsynth.private.ingest import check
from dpsynth.private.spark.sources import SparkFiles
from dpsynth.private.ticked import Ticked, ticked
from dpsynth.release.release import Release, load
from dpsynth.report.explanation import Explanation, explain
from dpsynth.schema.columns import Boolean, Categorical, Datetime, Identifier, Numeric, OpenCategorical
from dpsynth.schema.constraints import Allowed, Dependency, Fixed, Forbidden, Order, Sum, Unique
from dpsynth.schema.importers.importer import import_schema
from dpsynth.schema.schema import Schema
from dpsynth.synthesizers.catalogue import synthesizers
from dpsynth.twins import TwinScores, twin_scores
from dpsynth.workload import Workload

__all__ = [
    "Allowed",
    "AuditPool",
    "Boolean",
    "BudgetError",
    "Categorical",
    "Combined",
    "Coverage",
    "DPSynthError",
    "DataError",
    "Datetime",
    "Dependency",
    "ErrorForecast",
    "Estimate",
    "Explanation",
    "Evaluation",
    "Fairness",
    "Fixed",
    "Forbidden",
    "Identifier",
    "Ledger",
    "LedgerError",
    "Numeric",
    "OpenCategorical",
    "Order",
    "Plan",
    "Release",
    "ResourceForecast",
    "Schema",
    "SettingError",
    "SparkFiles",
    "Sum",
    "Ticked",
    "TwinScores",
    "Unique",
    "Workload",
    "__version__",
    "check",
    "column_names",
    "combine",
    "coverage",
    "draft",
    "evaluate",
    "explain",
    "forecast_error",
    "forecast_resources",
    "import_schema",
    "load",
    "open_ledger",
    "plan",
    "synthesize",
    "synthesizers",
    "ticked",
    "twin_scores",
]
