"""The rules of constraints: each fits the columns it names, and no two derive one column."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from dpsynth.errors import Problem, SettingError
from dpsynth.schema.columns import Boolean, Categorical, Column, Identifier, Numeric, OpenCategorical
from dpsynth.schema.constraints import (
    Allowed,
    Constraint,
    Dependency,
    Derivation,
    Fixed,
    Forbidden,
    Order,
    Sum,
    Unique,
    derivations,
)
from dpsynth.schema.selection import labels_of, select, values_of
from dpsynth.schema.wording import close_to, kind_of

_EXACT = 2**53


def constraint_problems(columns: Sequence[Column], constraints: Sequence[object]) -> dict[int, list[Problem]]:
    """What is wrong with each constraint, by its place; empty when all fit the columns."""
    known = {column.name: column for column in columns}
    derived = derivations(one for one in constraints if isinstance(one, Constraint))
    found: dict[int, list[Problem]] = {}
    for place, one in enumerate(constraints):
        if not isinstance(one, Constraint):
            faults = [f"must be a constraint such as Forbidden; got {kind_of(one)}"]
        else:
            faults = _name_faults(one, known, derived) or list(_faults(one, known))
        if faults:
            kind = getattr(one, "type", "constraints")
            found[place] = [Problem(f"constraint {place + 1} {fault}", rule=kind) for fault in faults]
    circle = _circle([one for one in constraints if isinstance(one, Order)])
    if circle and not found:
        place = max(place for place, one in enumerate(constraints) if isinstance(one, Order))
        message = f"constraint {place + 1} must not put columns in a circle; got {' before '.join(circle)}"
        found[place] = [Problem(message, rule="order")]
    return found


def _name_faults(one: Constraint, known: Mapping[str, Column], derived: Mapping[str, Derivation]) -> list[str]:
    source: object = one.source
    faults = []
    if not isinstance(source, str) or not source.strip():
        faults.append("source must be text that is not empty")
    names = tuple(one.columns)
    if not names or len(set(names)) < len(names):
        faults.append("must name at least one column, and each once")
    for name in names:
        own = isinstance(one, Derivation) and name == one.column
        if name not in known:
            faults.append(f"column ({name!r:.60}) must be in the schema{close_to(name, known)}")
        elif isinstance(known[name], Identifier):
            faults.append(f"column ({name!r}) must not be an identifier, which is made anew and unique anyway")
        elif own and derived[name] is not one:
            faults.append(f"column ({name!r}) must be derived by one constraint; got another: {derived[name].words}")
        elif not own and name in derived:
            words = derived[name].words
            faults.append(f"column ({name!r}) must not be derived by another; got: {words}; try the columns it follows")
    return faults


def _faults(one: Constraint, known: Mapping[str, Column]) -> Iterable[str]:
    """What is wrong with a constraint whose columns are all there."""
    try:
        match one:
            case Forbidden() | Allowed():
                for box in one.cells:
                    for name, values in box:
                        select(known[name], values)
            case Dependency():
                return _dependency_faults(one, known)
            case Order():
                return _order_faults(one, known)
            case Sum():
                return _sum_faults(one, known)
            case Fixed():
                select(known[one.column], values_of(one.value))
            case Unique():
                return _unique_faults(one, known)
    except SettingError as error:
        return [str(error)]
    return []


def _dependency_faults(one: Dependency, known: Mapping[str, Column]) -> list[str]:
    by, column = known[one.by], known[one.column]
    if isinstance(column, Identifier):
        return []
    if not isinstance(by, Categorical | Boolean):
        return [f"by ({one.by!r}) must be a categorical or boolean column; got {by.type}"]
    if isinstance(column, OpenCategorical):
        return [f"column ({one.column!r}) must have declared values; got {column.type}; try categorical"]
    keys = [select(by, values_of(key)) for key, _ in one.values]
    for _, value in one.values:
        select(column, values_of(value))
    labels = [label for key in keys for label in key.labels]
    missing = [label for label in labels_of(by) if label not in labels]
    faults = []
    if missing:
        faults.append(f"values must hold every label of {one.by}; got none for {missing[0]!r:.60}")
    if len(labels) + sum(key.null for key in keys) > len(set(labels)) + 1 or len(set(labels)) < len(labels):
        faults.append(f"values must hold each label of {one.by} once")
    if by.nullable and not any(key.null for key in keys) and not column.nullable:
        faults.append(f"values must say what follows from a missing {one.by}, or {one.column} must be nullable")
    return faults


def _order_faults(one: Order, known: Mapping[str, Column]) -> list[str]:
    columns = [known[name] for name in one.columns]
    kinds = {column.type for column in columns}
    if len(columns) < 2 or not kinds <= {"numeric", "datetime"} or len(kinds) != 1:
        return ["columns must be two or more, all numbers or all dates"]
    large = [c.name for c in columns if isinstance(c, Numeric) and max(abs(c.lower), abs(c.upper)) > _EXACT]
    return [f"column ({large[0]!r}) must have bounds within 2^53"] if large else []


def _sum_faults(one: Sum, known: Mapping[str, Column]) -> list[str]:
    total, parts = known[one.column], [known[name] for name in one.parts]
    numbers = [column for column in (total, *parts) if isinstance(column, Numeric)]
    if len(parts) < 2 or len(numbers) <= len(parts):
        return ["parts must be two or more numbers, and the total a number"]
    decimals = [0 if column.integer else column.decimals for column in numbers]
    if None in decimals:
        return [f"column ({numbers[decimals.index(None)].name!r}) must declare integer or decimals to be added exactly"]
    whole, rest = numbers[0], numbers[1:]
    faults = []
    if max(each or 0 for each in decimals[1:]) > (decimals[0] or 0):
        faults.append(f"decimals of {one.column} must be at least those of its parts")
    lower, upper = sum(part.lower for part in rest), sum(part.upper for part in rest)
    if whole.lower > lower or whole.upper < upper:
        faults.append(f"bounds of {one.column} must hold every sum of its parts, {lower:g} to {upper:g}")
    if any(part.nullable for part in rest) and not whole.nullable:
        faults.append(f"{one.column} must be nullable, as one of its parts is")
    return faults


def _unique_faults(one: Unique, known: Mapping[str, Column]) -> list[str]:
    column = known[one.column]
    if isinstance(column, OpenCategorical):
        return [f"column ({one.column!r}) must have declared values or bounds; got {column.type}; try identifier"]
    return []


def _circle(orders: Sequence[Order]) -> list[str]:
    from graphlib import CycleError, TopologicalSorter

    sorter: TopologicalSorter[Any] = TopologicalSorter()
    for one in orders:
        for earlier, later in zip(one.columns[:-1], one.columns[1:], strict=True):
            sorter.add(later, earlier)
    try:
        sorter.prepare()
    except CycleError as error:
        return list(error.args[1])
    return []
