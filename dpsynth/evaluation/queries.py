"""Range and prefix queries: shares of rows that meet random conditions on one to three columns."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from dpsynth.evaluation.table import Table

QUERIES = 200
"""Of each kind."""

_MOST_CONDITIONS = 3


@dataclass(frozen=True)
class Condition:
    """least <= value <= most for a number or date; codes: the labels that meet it, for others."""

    column: str
    least: float = -np.inf
    most: float = np.inf
    codes: tuple[int, ...] = ()


Query = tuple[Condition, ...]


def queries(table: Table, kind: str, rng: np.random.Generator, count: int = QUERIES) -> list[Query]:
    """Random queries. kind: "prefix" (numbers up to a value) or "range" (between two); ends are values of the table.

    A condition on a column without an order asks for half of its labels, at random.
    """
    drawn = []
    for _ in range(count):
        width = int(rng.integers(1, min(_MOST_CONDITIONS, len(table.fields)) + 1))
        places = rng.permutation(len(table.fields))[:width]
        drawn.append(tuple(_condition(table, int(place), kind, rng) for place in places))
    return drawn


def _condition(table: Table, place: int, kind: str, rng: np.random.Generator) -> Condition:
    field = table.fields[place]
    if not field.ordered:
        half = rng.permutation(field.size)[: max(field.size // 2, 1)]
        return Condition(field.name, codes=tuple(sorted(half.tolist())))
    known = table.values[field.name]
    known = known[~np.isnan(known)]
    if not len(known):
        return Condition(field.name)
    ends = np.sort(known[rng.integers(0, len(known), 2)])
    return Condition(field.name, -np.inf if kind == "prefix" else float(ends[0]), float(ends[1]))


def share(table: Table, query: Query) -> float:
    """The share of rows that meet every condition; a missing cell meets none."""
    met = np.ones(table.rows, dtype=bool)
    for condition in query:
        met &= _met(table, condition)
    return float(met.mean())


def _met(table: Table, condition: Condition) -> npt.NDArray[np.bool_]:
    if condition.codes:
        wanted = np.zeros(table.field(condition.column).size, dtype=bool)
        wanted[list(condition.codes)] = True
        return wanted[table.codes[condition.column]]
    values = table.values[condition.column]
    return (values >= condition.least) & (values <= condition.most)


def query_errors(real: Table, other: Table, asked: list[Query]) -> tuple[float, float]:
    """Mean and largest absolute difference of the shares."""
    off = [abs(share(real, query) - share(other, query)) for query in asked]
    return float(np.mean(off)), float(np.max(off))
