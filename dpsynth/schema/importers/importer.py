"""A draft from the schema of another tool: which format it is, which of its tables, and who answers for it."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from dpsynth.errors import Problem, SchemaError, SettingError
from dpsynth.schema.importers import dbt, frictionless, great_expectations, json_schema, pandera, sql
from dpsynth.schema.importers.found import Table, column_of
from dpsynth.schema.provenance import OPEN
from dpsynth.schema.schema import Schema
from dpsynth.schema.text import from_json_text, from_yaml_text
from dpsynth.schema.wording import close_to

FILE_LIMIT_BYTES = 64 * 2**20
DEPTH = 24
"""Levels of nesting that are read: a test of a column of a model of dbt lies eleven deep."""
Tables = dict[str, Table]
_DOCUMENTS: Mapping[str, Callable[[Mapping[str, Any]], Tables]] = {
    "pandera": pandera.tables,
    "frictionless": frictionless.tables,
    "json-schema": json_schema.tables,
    "dbt": dbt.tables,
    "great-expectations": great_expectations.tables,
}
_DIALECTS = {"postgresql": "postgres", "mysql": "mysql", "sqlite": "sqlite", "duckdb": "duckdb"}
FORMATS = (*_DOCUMENTS, "sql", *_DIALECTS)


def import_schema(source: Any, format: str | None = None, *, table: str | None = None, by: str | None = None) -> Schema:  # noqa: A002
    """A draft from the schema of another tool; no row is read, and nothing is guessed.

    source: the path of a file; a pandera schema or model; a pydantic model; or a document as a dict.
    format: "pandera" (Python source or YAML), "frictionless", "json-schema", "dbt" (schema.yml or manifest.json),
    "great-expectations", "sql" or the name of a dialect; by default it is seen from the file.
    table: which one, where there are several. by: the public source that answers for what is imported; without it
    every item is "unreviewed", and `confirmed` is still to come.
    What the source does not say, such as the bounds of a number, is a question of the draft (`Schema.questions`), which
    no confirmation closes. Raises SettingError for an unknown format or table, SchemaError when the source cannot be
    read, MissingExtraError for SQL without sqlglot.

    Privacy: what is imported is taken as public when `by` answers for it. Some tools write such files from data
    (`pandera.infer_schema`, `frictionless describe`): those hold private values, so give no `by` for them.

    >>> draft = import_schema({"fields": [{"name": "age", "type": "integer"}]}, by="codebook 2019")
    >>> [(column, item) for column, item, _ in draft.questions()]
    [('age', 'lower'), ('age', 'upper')]
    """
    if format is not None and format not in FORMATS:
        raise SettingError(f"format ({format!r}) must be one of {list(FORMATS)}{close_to(format, FORMATS)}")
    if by is not None and (not by.strip() or by in OPEN):
        raise SettingError(f"by ({by!r}) must name who declared the items public; try by='codebook 2019'")
    try:
        found = _tables(source, format)
    except (AttributeError, KeyError, TypeError, ValueError, RecursionError) as error:
        if isinstance(error, SettingError | SchemaError):
            raise
        found = None
    if found is None:
        raise SchemaError(f"source must be a whole {format or 'schema'}; got one with another shape; try format='...'")
    chosen = _chosen(found, table)
    if not chosen.columns:
        raise SchemaError("the source must describe columns; got none; try another table")
    return Schema([column_of(each, by) for each in chosen.columns], missing_values=chosen.missing_values)


def _tables(source: Any, format: str | None) -> Tables:  # noqa: A002
    if isinstance(source, str | os.PathLike):
        return _of_file(Path(source), format)
    if hasattr(source, "model_json_schema"):
        return json_schema.tables(source.model_json_schema())
    if isinstance(source, Mapping):
        return _of_document(source, format)
    if hasattr(source, "to_schema") or hasattr(source, "columns"):
        return pandera.tables_of_object(source)
    kind = type(source).__name__
    raise SettingError(f"source must be a path, a pandera schema, a pydantic model or a dict; got {kind}")


def _of_file(path: Path, format: str | None) -> Tables:  # noqa: A002
    suffix = path.suffix.lower()
    try:
        if path.stat().st_size > FILE_LIMIT_BYTES:
            raise SchemaError(f"source ({path.name}) must hold at most {FILE_LIMIT_BYTES // 2**20} MiB")
        text = path.read_text(encoding="utf-8-sig")
    except OSError as error:
        raise SchemaError(f"source ({path}) must be a readable file; got {error.strerror}") from None
    except UnicodeDecodeError:
        raise SchemaError(f"source ({path.name}) must be UTF-8 text; try a file that describes columns") from None
    if format in ("sql", *_DIALECTS) or (format is None and suffix in (".sql", ".ddl")):
        return sql.tables(text, _DIALECTS.get(format or "sql"))
    if suffix == ".py" and format in (None, "pandera"):
        return _of_python(text, path.name)
    document = _parsed(text, path)
    return _of_document(document, format)


def _of_python(text: str, name: str) -> Tables:
    try:
        return pandera.tables_of_source(text)
    except SyntaxError as error:
        raise SchemaError("source is not valid:", [Problem(f"{name} must be Python", line=error.lineno)]) from None


def _parsed(text: str, path: Path) -> Mapping[str, Any]:
    """The mapping in a JSON or YAML file, read as a schema file is: `no` and dates are text, nothing is made or run."""
    as_json = path.suffix.lower() == ".json"
    document, _, problems = from_json_text(text) if as_json else from_yaml_text(text, DEPTH)
    headline = f"source ({path.name}) is not valid:"
    if problems:
        raise SchemaError(headline, problems)
    if not isinstance(document, Mapping):
        raise SchemaError(headline, [Problem("file must hold a mapping; try a .sql or .py file, or format='...'")])
    return document


def _of_document(document: Mapping[str, Any], format: str | None) -> Tables:  # noqa: A002
    found = format or _format_of(document)
    if found is None or found not in _DOCUMENTS:
        raise SettingError(f"format must be given for this source; try one of {list(_DOCUMENTS)}")
    return _DOCUMENTS[found](document)


def _format_of(document: Mapping[str, Any]) -> str | None:
    """The format that a document has, by the keys that only it has."""
    keys = document.keys()
    marks: tuple[tuple[str, bool], ...] = (
        ("pandera", "schema_type" in keys or (isinstance(document.get("columns"), Mapping) and "index" in keys)),
        ("great-expectations", "expectations" in keys),
        ("dbt", bool({"models", "sources", "seeds", "nodes"} & keys)),
        ("frictionless", "resources" in keys or "fields" in keys),
        ("json-schema", bool({"properties", "$defs", "definitions", "items"} & keys)),
    )
    return next((name for name, fits in marks if fits), None)


def _chosen(found: Tables, table: str | None) -> Table:
    if table is None and len(found) == 1:
        return next(iter(found.values()))
    if table in found:
        return found[table]
    if not found:
        raise SchemaError("the source must describe a table; got none; try format='...'")
    names = ", ".join(found) if len(found) <= 20 else f"{len(found)} tables"
    got = "several" if table is None else repr(table)
    hint = close_to(table, found) if table else ""
    raise SettingError(f"table must be one of: {names}; got {got}{hint}")
