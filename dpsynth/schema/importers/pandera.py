"""pandera: a DataFrameSchema or DataFrameModel, the YAML that `to_yaml` writes, or Python source.

Python source is read as a syntax tree and never run: what is not a plain constant in it is not said.
"""

from __future__ import annotations

import ast
import dataclasses
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from dpsynth.schema.importers.found import Found, Table
from dpsynth.schema.importers.types import kind_of_type

Check = tuple[str, Mapping[str, Any]]
_SHORT = {"ge": "greater_than_or_equal_to", "gt": "greater_than", "le": "less_than_or_equal_to", "lt": "less_than"}
_SHORT |= {"between": "in_range", "eq": "equal_to"}
# The arguments of each check in the order in which they may be given without a name.
_ARGUMENTS: Mapping[str, Sequence[str]] = {
    "in_range": ("min_value", "max_value", "include_min", "include_max"),
    "isin": ("allowed_values",),
    "greater_than_or_equal_to": ("min_value",),
    "greater_than": ("min_value",),
    "less_than_or_equal_to": ("max_value",),
    "less_than": ("max_value",),
    "equal_to": ("value",),
}


def tables_of_object(schema: Any) -> dict[str, Table]:
    """The table of a DataFrameSchema, or of a DataFrameModel (a class with `to_schema`)."""
    schema = schema.to_schema() if hasattr(schema, "to_schema") else schema
    found = [
        _column(
            str(name),
            dtype="" if column.dtype is None else str(column.dtype),
            nullable=bool(column.nullable),
            unique=bool(column.unique),
            checks=[(str(check.name), check.statistics or {}) for check in column.checks],
        )
        for name, column in schema.columns.items()
    ]
    return {str(schema.name or "table"): Table(tuple(found))}


def tables(document: Mapping[str, Any]) -> dict[str, Table]:
    """The table of a document that `to_yaml` or `to_json` wrote."""
    found = [
        _column(
            name,
            dtype=str(each.get("dtype") or ""),
            nullable=bool(each.get("nullable")),
            unique=bool(each.get("unique")),
            checks=[
                *_written(each.get("checks") or {}),
                *_written({key: each[key] for key in each if key in _ARGUMENTS}),
            ],
        )
        for name, each in document["columns"].items()
    ]
    return {str(document.get("name") or "table"): Table(tuple(found))}


def tables_of_source(text: str) -> dict[str, Table]:
    """The tables of Python source: each call of DataFrameSchema, each class with annotated columns."""
    found: dict[str, Table] = {}
    for node in ast.parse(text).body:
        for call in ast.walk(node):
            if isinstance(call, ast.Call) and _called(call.func) == "DataFrameSchema" and call.args:
                found[_assigned(node)] = Table(tuple(_of_calls(call.args[0])))
        bases = [_called(base) for base in node.bases] if isinstance(node, ast.ClassDef) else []
        if isinstance(node, ast.ClassDef) and any(base in ("DataFrameModel", "SchemaModel") for base in bases):
            found[node.name] = Table(tuple(_of_fields(node.body)))
    return found


def _column(name: str, *, dtype: str, nullable: bool, unique: bool, checks: Iterable[Check]) -> Found:
    kind, decimals = kind_of_type(dtype)
    if dtype.lower().startswith("categor"):
        kind = "text"
    found = Found(name, kind, nullable, unique=unique, decimals=decimals)
    for check, given in checks:
        found = _with(found, _SHORT.get(check, check), given)
    return found


def _with(found: Found, check: str, given: Mapping[str, Any]) -> Found:
    if check == "isin" and isinstance(given.get("allowed_values"), list | tuple | set | frozenset):
        values = given["allowed_values"]
        # A set has no order of its own, and a release must not depend on the one that a run happens to give it.
        values = list(values) if isinstance(values, list | tuple) else sorted(values, key=str)
        return dataclasses.replace(found, values=values)
    if check == "whole":  # as `schema export` writes it
        return dataclasses.replace(found, kind="integer")
    if check == "equal_to":
        return dataclasses.replace(found, values=[given.get("value")])
    lower, upper = _bound(given.get("min_value")), _bound(given.get("max_value"))
    if found.kind == "integer":
        strict_low = check == "greater_than" or given.get("include_min") is False
        strict_high = check == "less_than" or given.get("include_max") is False
        lower = lower + 1 if strict_low and isinstance(lower, int) else lower
        upper = upper - 1 if strict_high and isinstance(upper, int) else upper
    return found.bounded(lower, upper) if check in _ARGUMENTS else found


def _bound(value: Any) -> Any:
    """A number or text as it is, a moment (datetime, pandas) in ISO 8601."""
    return value.isoformat() if hasattr(value, "isoformat") else value


def _written(checks: Any) -> list[Check]:
    """Checks of a document: a mapping by name, or a list of entries that carry their name in `options`."""
    entries = checks.items() if isinstance(checks, Mapping) else [(_name_in(each), each) for each in checks]
    found = []
    for name, given in entries:
        name = _SHORT.get(name, name)
        if isinstance(given, Mapping) and "value" in given and len(_ARGUMENTS.get(name, ())) == 1:
            given = given["value"]
        if not isinstance(given, Mapping):
            given = dict(zip(_ARGUMENTS.get(name, ())[:1], [given], strict=False))
        found.append((str(name), given))
    return found


def _name_in(check: object) -> str:
    options = check.get("options", {}) if isinstance(check, Mapping) else {}
    return str(options.get("check_name", ""))


def _of_calls(columns: ast.expr) -> Iterable[Found]:
    """Columns of `{"name": pa.Column(dtype, checks, ...)}`."""
    if not isinstance(columns, ast.Dict):
        return
    for key, value in zip(columns.keys, columns.values, strict=True):
        name = _constant(key)
        if not isinstance(name, str) or not isinstance(value, ast.Call):
            continue
        given = {keyword.arg: keyword.value for keyword in value.keywords}
        given |= dict(zip(("dtype", "checks"), value.args, strict=False))
        checks = given.get("checks")
        calls = checks.elts if isinstance(checks, ast.List | ast.Tuple) else [checks]
        yield _column(
            name,
            dtype=_type_name(given.get("dtype")),
            nullable=_constant(given.get("nullable")) is True,
            unique=_constant(given.get("unique")) is True,
            checks=[_check(each) for each in calls if isinstance(each, ast.Call)],
        )


def _of_fields(body: Iterable[ast.stmt]) -> Iterable[Found]:
    """Columns of a class: `age: Series[int] = pa.Field(ge=0, le=120)`."""
    for line in body:
        if not isinstance(line, ast.AnnAssign) or not isinstance(line.target, ast.Name):
            continue
        annotation = line.annotation
        given = {}
        if isinstance(line.value, ast.Call):
            given = {keyword.arg: _constant(keyword.value) for keyword in line.value.keywords if keyword.arg}
        bounds = {name: value for name, value in given.items() if name in (*_SHORT, *_ARGUMENTS)}
        checks = []
        for check, value in bounds.items():
            names = _ARGUMENTS[_SHORT.get(check, check)]
            checks.append((check, value if isinstance(value, dict) else {names[0]: value}))
        name = given.get("alias") if isinstance(given.get("alias"), str) else line.target.id
        yield _column(
            str(name),
            dtype=_type_name(annotation),
            nullable=given.get("nullable") is True,
            unique=given.get("unique") is True,
            checks=checks,
        )


def _check(call: ast.Call) -> Check:
    """`pa.Check.in_range(0, 9)` as its name and arguments."""
    name = _SHORT.get(_called(call.func), _called(call.func))
    if name == "Check" and call.args and "% 1 == 0" in ast.unparse(call.args[0]):
        return "whole", {}
    given = {keyword.arg: _constant(keyword.value) for keyword in call.keywords if keyword.arg}
    return name, {**dict(zip(_ARGUMENTS.get(name, ()), map(_constant, call.args), strict=False)), **given}


def _constant(node: ast.expr | None) -> Any:
    """The plain value that an expression writes out; that of its argument for `pd.Timestamp("...")`; else None."""
    if node is None:
        return None
    if isinstance(node, ast.Call) and _called(node.func) in ("Timestamp", "datetime64") and len(node.args) == 1:
        return _constant(node.args[0])
    try:
        return ast.literal_eval(node)
    except ValueError:
        return None


def _type_name(node: ast.expr | None) -> str:
    """The name of a type: `int`, `"int64"`, `pa.Int64`, or what `Series[...]` holds."""
    if isinstance(node, ast.Subscript) and _called(node.value) == "Series":
        return _type_name(node.slice)
    if isinstance(node, ast.Constant):
        return str(node.value)
    return "" if node is None else _called(node)


def _called(node: ast.expr) -> str:
    """The last part of a dotted name."""
    return node.attr if isinstance(node, ast.Attribute) else node.id if isinstance(node, ast.Name) else ""


def _assigned(node: ast.stmt) -> str:
    """The name that a statement gives to its value."""
    target = node.targets[0] if isinstance(node, ast.Assign) else None
    return target.id if isinstance(target, ast.Name) else "table"
