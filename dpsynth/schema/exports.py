"""A schema as the checks of other tools: pandera, Great Expectations and dbt. Plain documents; none of them is needed.

The checks hold for every release made with the schema, so they can stand wherever a synthetic table arrives.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from dpsynth.errors import SettingError
from dpsynth.schema.columns import Boolean, Categorical, Column, Datetime, Identifier, Numeric
from dpsynth.schema.schema import Schema
from dpsynth.schema.wording import close_to

NAME = "synthetic"
"""What the table is called in the documents."""


def exported(schema: Schema, target: str) -> str:
    """The schema as a document of `target`: "pandera" (Python), "great-expectations" (JSON) or "dbt" (YAML).

    Each says which columns there are, in which order, where nulls may be, which labels and between which bounds.
    Written for synthetic.parquet, where dates are timestamps.
    Raises SettingError for an unknown target; SchemaError while items are unreviewed, for those may be private values.

    >>> from dpsynth.schema import Boolean
    >>> print(exported(Schema([Boolean("smoker")]), "dbt"))
    version: 2
    models:
    - name: synthetic
      columns:
      - name: smoker
        data_type: boolean
        data_tests:
        - not_null
        - accepted_values:
            arguments:
              values:
              - false
              - true
              quote: false
    <BLANKLINE>
    """
    if target not in TARGETS:
        raise SettingError(f"target ({target!r}) must be one of {list(TARGETS)}{close_to(target, TARGETS)}")
    schema.require_reviewed()
    return TARGETS[target](schema)


def _pandera(schema: Schema) -> str:
    columns = "".join(f"        {column.name!r}: {_pandera_column(column)},\n" for column in schema)
    return (
        '"""What every synthetic table of this schema fulfils: schema.validate(pandas.read_parquet(...))."""\n\n'
        "import pandas as pd\n"
        "import pandera.pandas as pa\n\n"
        f"schema = pa.DataFrameSchema(\n    {{\n{columns}    }},\n    strict=True,\n    ordered=True,\n)\n"
    )


def _pandera_column(column: Column) -> str:
    checks = []
    labels, bounds = labels_of(column), bounds_of(column)
    if labels is not None:
        checks.append(f"pa.Check.isin({labels!r})")
    if bounds is not None:
        low, high = (f"pd.Timestamp({bound!r})" if isinstance(bound, str) else repr(bound) for bound in bounds)
        checks.append(f"pa.Check.in_range({low}, {high})")
    if isinstance(column, Numeric) and column.integer:
        checks.append("pa.Check(lambda values: values % 1 == 0)")
    unique = ", unique=True" if isinstance(column, Identifier) else ""
    return f"pa.Column(nullable={_nullable(column)}{unique}, checks=[{', '.join(checks)}])"


def _great_expectations(schema: Schema) -> str:
    expectations = [_expectation("expect_table_columns_to_match_ordered_list", column_list=list(schema.names))]
    for column in schema:
        if not _nullable(column):
            expectations.append(_expectation("expect_column_values_to_not_be_null", column=column.name))
        if isinstance(column, Identifier):
            expectations.append(_expectation("expect_column_values_to_be_unique", column=column.name))
        labels, bounds = labels_of(column), bounds_of(column)
        if labels is not None:
            expectations.append(_expectation("expect_column_values_to_be_in_set", column=column.name, value_set=labels))
        if bounds is not None:
            low, high = bounds
            between = {"column": column.name, "min_value": low, "max_value": high}
            expectations.append(_expectation("expect_column_values_to_be_between", **between))
    return json.dumps({"name": NAME, "expectations": expectations, "meta": {}}, indent=2) + "\n"


def _expectation(kind: str, **arguments: Any) -> dict[str, Any]:
    return {"type": kind, "kwargs": arguments, "meta": {}}


def _dbt(schema: Schema) -> str:
    import yaml

    columns = [
        {"name": column.name, "data_type": _dbt_type(column), "data_tests": _dbt_tests(column)} for column in schema
    ]
    columns = [{key: value for key, value in column.items() if value} for column in columns]
    document = {"version": 2, "models": [{"name": NAME, "columns": columns}]}
    text: str = yaml.safe_dump(document, sort_keys=False, allow_unicode=True, width=120)
    remark = "# accepted_range comes with the package dbt_utils.\n"
    return (remark if "dbt_utils." in text else "") + text


def _dbt_tests(column: Column) -> list[Any]:
    tests: list[Any] = [] if _nullable(column) else ["not_null"]
    if isinstance(column, Identifier):
        tests.append("unique")
    labels, bounds = labels_of(column), bounds_of(column)
    if labels is not None:
        quote = any(isinstance(label, str) for label in labels)
        tests.append({"accepted_values": {"arguments": {"values": labels, "quote": quote}}})
    if bounds is not None:
        low, high = (f"'{bound}'" if isinstance(bound, str) else bound for bound in bounds)
        tests.append({"dbt_utils.accepted_range": {"arguments": {"min_value": low, "max_value": high}}})
    return tests


def _dbt_type(column: Column) -> str | None:
    """A type that warehouses know; None where the labels are of several kinds."""
    if isinstance(column, Numeric):
        return "integer" if column.integer else "numeric"
    if isinstance(column, Datetime):
        return "timestamp"
    kinds = {type(label) for label in labels_of(column) or [""]}
    return {bool: "boolean", int: "integer", float: "numeric", str: "text"}[kinds.pop()] if len(kinds) == 1 else None


def labels_of(column: Column) -> list[Any] | None:
    """Every label that a synthetic table can hold, or None where there is no public list of them."""
    return list(column.labels) if isinstance(column, Categorical | Boolean) else None


def bounds_of(column: Column) -> tuple[Any, ...] | None:
    """The least and the largest value: numbers, or ISO 8601 text to the second; None for a column without bounds."""
    if isinstance(column, Numeric):
        return column.lower, column.upper
    if isinstance(column, Datetime):
        return tuple(str(np.datetime64(str(bound), "s")) for bound in (column.lower, column.upper))
    return None


def _nullable(column: Column) -> bool:
    return not isinstance(column, Identifier) and column.nullable


TARGETS: Mapping[str, Callable[[Schema], str]] = {
    "pandera": _pandera,
    "great-expectations": _great_expectations,
    "dbt": _dbt,
}
