"""datapackage.json: the CSV file as a Frictionless Data Package, version 2, with a Table Schema.

Source: Data Package 2.0 and Table Schema 2.0 (datapackage.org).
"""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from dpsynth.codec.categorical import spelled
from dpsynth.release.metadata.described import NAME, File, promise_in_a_sentence
from dpsynth.release.tables import as_written, date_formats
from dpsynth.schema.columns import Boolean, Categorical, Datetime, Identifier, Label, Numeric, OpenCategorical

if TYPE_CHECKING:
    from dpsynth.release.certificate import Certificate
    from dpsynth.schema.columns import Column
    from dpsynth.schema.schema import Schema

FILES = ("synthetic.csv",)
PACKAGE_PROFILE = "https://datapackage.org/profiles/2.0/datapackage.json"
RESOURCE_PROFILE = "https://datapackage.org/profiles/2.0/dataresource.json"
SCHEMA_PROFILE = "https://datapackage.org/profiles/2.0/tableschema.json"
LABELS_LISTED = 1000
"""Largest number of labels that are listed as a constraint; schema.yaml holds longer lists."""

_TIME_OF_DAY = re.compile(r"%[-_0^#]?[HIklMSfpcrRTX]")


def document(
    schema: Schema, certificate: Certificate, files: Mapping[str, File], *, quote_formulas: bool = False
) -> dict[str, Any]:
    """The package as a JSON object. quote_formulas: as the CSV file was written.

    Privacy: schema, certificate and synthetic files only, all of them public.
    """
    table = files["synthetic.csv"]
    formats = date_formats(schema)
    fields = [_field(column, formats.get(column.name), quote_formulas) for column in schema]
    return {
        "$schema": PACKAGE_PROFILE,
        "name": NAME,
        "title": "Synthetic table with a differential-privacy promise",
        "description": promise_in_a_sentence(certificate),
        "created": certificate.created,
        "keywords": ["synthetic data", "differential privacy"],
        "resources": [
            {
                "$schema": RESOURCE_PROFILE,
                "name": "synthetic",
                "type": "table",
                "path": "synthetic.csv",
                "format": "csv",
                "mediatype": "text/csv",
                "encoding": "utf-8",
                "bytes": table.size,
                "hash": f"sha256:{table.sha256}",
                "schema": {"$schema": SCHEMA_PROFILE, "fields": fields, "missingValues": [""]},
            }
        ],
    }


def digests(content: Mapping[str, Any]) -> dict[str, str]:
    """SHA-256 of the files that a package describes, by name; raises what a wrong shape raises."""
    return {each["path"]: each["hash"].removeprefix("sha256:") for each in content["resources"]}


def _field(column: Column, date_format: str | None, quote_formulas: bool) -> dict[str, Any]:
    if isinstance(column, Numeric):
        described = _number(column)
    elif isinstance(column, Datetime):
        described = _moment(column, date_format or "")
    elif isinstance(column, Identifier):
        described = {"type": "string", "constraints": {"required": True, "unique": True}}
    elif isinstance(column, OpenCategorical):
        # Whether the empty text is a value of it is not known beforehand, so nothing is required.
        described = {"type": "string", "constraints": {}}
    else:
        described = _labels(column, quote_formulas)
    constraints = described.pop("constraints")
    return {
        "name": as_written(column.name, quote_formulas),
        **described,
        **({"constraints": constraints} if constraints else {}),
    }


def _number(column: Numeric) -> dict[str, Any]:
    bounds = {"minimum": column.lower, "maximum": column.upper}
    return {
        "type": "integer" if column.integer else "number",
        "constraints": {**_required(column.nullable), **bounds},
    }


def _moment(column: Datetime, date_format: str) -> dict[str, Any]:
    kind = "date" if column.resolution == "day" and not _TIME_OF_DAY.search(date_format) else "datetime"
    iso = kind == "date" and date_format == "%Y-%m-%d"
    bounds = {
        name: dt.datetime.fromisoformat(str(bound)).strftime(date_format)
        for name, bound in (("minimum", column.lower), ("maximum", column.upper))
    }
    return {
        "type": kind,
        **({} if iso else {"format": date_format}),
        "constraints": {**_required(column.nullable), **bounds},
    }


def _labels(column: Categorical | Boolean, quote_formulas: bool) -> dict[str, Any]:
    """Labels in the types in which the codec writes them: truth values, whole numbers, numbers, or else text."""
    kinds = {type(label) for label in column.labels}
    if kinds == {bool}:
        truth = {"trueValues": ["true"], "falseValues": ["false"]}
        return {"type": "boolean", **truth, "constraints": _required(column.nullable)}
    if kinds <= {int, float}:
        kind: str = "integer" if kinds == {int} else "number"
        labels: Sequence[Label] = column.labels
    else:
        kind, labels = "string", [as_written(spelled(label), quote_formulas) for label in column.labels]
    # An empty text cannot be told from a missing value by readers of CSV.
    required = _required(column.nullable or "" in labels)
    listed = {"enum": [label for label in labels if label != ""]} if len(labels) <= LABELS_LISTED else {}
    return {"type": kind, "constraints": {**required, **listed}}


def _required(nullable: bool) -> dict[str, bool]:
    return {} if nullable else {"required": True}
