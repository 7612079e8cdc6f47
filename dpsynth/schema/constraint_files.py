"""Constraints in a schema file: entries of `constraints` to constraints and back."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, cast

from dpsynth.errors import Problem, SettingError
from dpsynth.schema.constraints import CONSTRAINT_TYPES, Allowed, Constraint, Dependency, Forbidden
from dpsynth.schema.provenance import DECLARED
from dpsynth.schema.selection import written
from dpsynth.schema.text import DocumentPath, Lines, line_of
from dpsynth.schema.wording import close_to, kind_of

KEYS: Mapping[str, tuple[str, ...]] = {
    "forbidden": ("cells",),
    "allowed": ("cells",),
    "dependency": ("column", "by", "values"),
    "order": ("columns",),
    "sum": ("column", "parts"),
    "fixed": ("column", "value"),
    "unique": ("columns",),
}
"""The keys that an entry of each type must have; `source` may be added to all, `strict` to an order."""

_TEXTS, _LISTS = ("column", "by", "source"), ("columns", "parts")


def constraint_entries(constraints: Iterable[Constraint]) -> list[dict[str, Any]]:
    """Constraints as plain values; items at their defaults are left out."""
    return [_entry(one) for one in constraints]


def _entry(one: Constraint) -> dict[str, Any]:
    entry: dict[str, Any] = {"type": one.type}
    for key in KEYS[one.type]:
        value = getattr(one, key)
        entry[key] = list(value) if isinstance(value, tuple) else value
    if isinstance(one, Forbidden | Allowed):
        boxes = [{name: written(values) for name, values in box} for box in one.cells]
        entry["cells"] = boxes[0] if len(boxes) == 1 else boxes
    if isinstance(one, Dependency):
        texts = all(isinstance(key, str) for key, _ in one.values)
        entry["values"] = dict(one.values) if texts else [list(pair) for pair in one.values]
    if one.source != DECLARED:
        entry["source"] = one.source
    if getattr(one, "strict", False):
        entry["strict"] = True
    return entry


def read_constraints(entries: Sequence[Any], lines: Lines) -> tuple[tuple[Constraint, ...], list[Problem]]:
    """The constraints of the entries that make one, and what is wrong with the others."""
    found, problems = [], []
    for position, entry in enumerate(entries):
        here: DocumentPath = ("constraints", position)
        try:
            found.append(_constraint(entry))
        except SettingError as error:
            message = f"constraint {position + 1} {error}"
            problems.append(Problem(message, rule="constraints", line=line_of(lines, here)))
    return tuple(found), problems


def _constraint(entry: Any) -> Constraint:
    if not isinstance(entry, Mapping):
        raise SettingError(f"must be a mapping; got {kind_of(entry)}")
    kind = entry.get("type")
    if not isinstance(kind, str) or kind not in KEYS:
        raise SettingError(f"type ({kind!r:.60}) must be one of {', '.join(KEYS)}{close_to(kind, KEYS)}")
    known = ["type", *KEYS[kind], "source", *(["strict"] if kind == "order" else [])]
    for key in entry:
        if key not in known:
            raise SettingError(f"key ({key!r:.60}) must be one of {', '.join(known)}{close_to(key, known)}")
    for key in KEYS[kind]:
        if key not in entry:
            raise SettingError(f"{key} must be given in a constraint of type {kind}")
    for key, value in entry.items():
        if key in _TEXTS and not isinstance(value, str):
            raise SettingError(f"{key} must be text; got {kind_of(value)}")
        if key in _LISTS and not (isinstance(value, list) and all(isinstance(one, str) for one in value)):
            raise SettingError(f"{key} must be a list of column names; got {kind_of(value)}")
        if key == "strict" and not isinstance(value, bool):
            raise SettingError(f"strict must be true or false; got {kind_of(value)}")
    arguments = {key: value for key, value in entry.items() if key != "type"}
    first = KEYS[kind][0]
    make = cast("Callable[..., Constraint]", CONSTRAINT_TYPES[kind])
    return make(arguments.pop(first), **arguments)
