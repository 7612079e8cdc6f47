"""Workloads: which marginals the synthetic table should get right, and how much each of them matters."""

from __future__ import annotations

import itertools
import json
import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt

from dpsynth.domain import Clique, Domain
from dpsynth.errors import SettingError

ColumnWeights = tuple[tuple[str, float], ...]


@dataclass(frozen=True)
class Workload:
    """Which marginals matter, and how much: all sets of `degree` columns, or the cliques that the user lists.

    Say `label` when the table will train a classifier or regression for that column: the cliques with the
    label then weigh, together, at least as much as all the others. `column_weights` says which columns
    matter more (2 counts double; 1 is usual): the weight of a clique is the product of its columns' weights,
    so that a column of half the interest has half the say in every clique it is in, whatever else is there.
    With `cliques` only those marginals count, and `degree` is not looked at. A workload is public: it must
    not be chosen by looking at the private table.

    >>> Workload(degree=1, label="c").resolve(Domain.of({"a": 2, "b": 2, "c": 2}))
    ((('a',), 1.0), (('b',), 1.0), (('c',), 2.0))
    >>> Workload.read("2; label=c; weights=a:0.5")
    Workload(degree=2, label='c', column_weights=(('a', 0.5),), cliques=())
    """

    degree: int = 3
    label: str | None = None
    column_weights: Mapping[str, float] | ColumnWeights = field(default=())
    cliques: tuple[Clique, ...] = ()

    def __post_init__(self) -> None:
        degree: object = self.degree  # what a caller without a type checker may pass
        if isinstance(degree, bool) or not isinstance(degree, int) or degree < 1:
            raise SettingError(f"degree ({degree!r}) must be a whole number, at least 1; try 3")
        object.__setattr__(self, "column_weights", _column_weights(self.column_weights))
        object.__setattr__(self, "cliques", tuple(_clique(clique) for clique in self.cliques))

    @classmethod
    def read(cls, given: Workload | str | int | Mapping[str, Any] | Sequence[Sequence[str]]) -> Workload:
        """A workload from a setting: a degree, a list of cliques, a mapping of the fields, or text.

        Text: parts separated by semicolons, each a degree ("3"), "label=income", "weights=age:2,sex:0.5", or
        the columns of one clique ("age,sex"); or the mapping as JSON. Raises SettingError.
        """
        match given:
            case Workload():
                return given
            case str() if given.lstrip().startswith(("{", "[")):
                return cls.read(_from_json(given))
            case str():
                return cls(**_parts(given))
            case int():
                return cls(degree=given)
            case Mapping():
                unknown = sorted(set(given) - set(cls.__dataclass_fields__))
                if unknown:
                    raise SettingError(f"workload fields ({unknown}) must be among {list(cls.__dataclass_fields__)}")
                return cls(**given)
            case Sequence():
                return cls(cliques=tuple(_clique(clique) for clique in given))
        raise SettingError(f"workload ({type(given).__name__}) must be a degree, cliques or text; try '3;label=income'")

    def resolve(self, domain: Domain) -> tuple[tuple[Clique, float], ...]:
        """The marginals that matter, in table order of columns, each with its weight.

        All sets of min(degree, number of columns) columns, or the listed cliques, each once.
        Raises SettingError for a column that the domain does not have.
        """
        weights = self._resolved_weights(domain)
        return tuple((clique, math.prod(weights[column] for column in clique)) for clique in self._wanted(domain))

    def closure(self, domain: Domain, max_cells: int) -> tuple[tuple[Clique, float], ...]:
        """Every non-empty part of a workload clique with at most `max_cells` cells, smallest sets first.

        The weight of a part r is sum over the workload's cliques s of weight(s) |r intersect s|, as in AIM
        (McKenna, Mullins, Sheldon, Miklau 2022, section 4), computed as the sum over the columns of r of
        the total weight of the cliques that hold the column.
        """
        load = self._load(domain)
        if self.cliques:
            kept = {
                part
                for clique in self._wanted(domain)
                for size in range(1, len(clique) + 1)
                for part in itertools.combinations(clique, size)
                if domain.cells(part) <= max_cells
            }
            position = {column: place for place, column in enumerate(domain.columns)}
            ordered: Iterable[Clique] = sorted(kept, key=lambda part: (len(part), [position[c] for c in part]))
            return tuple((part, math.fsum(load[column] for column in part)) for part in ordered)
        found: list[tuple[Clique, float]] = []
        by_place = np.array([load[column] for column in domain])
        for places in _parts_within(domain, min(self.degree, len(domain)), max_cells):
            names = [[domain.columns[place] for place in axis] for axis in places.T.tolist()]
            found += zip(zip(*names, strict=True), by_place[places].sum(axis=1).tolist(), strict=True)
        return tuple(found)

    @property
    def named(self) -> tuple[str, ...]:
        """Every column that it names, each once."""
        label = () if self.label is None else (self.label,)
        weighted = (column for column, _ in self._pairs)
        return tuple(dict.fromkeys([*label, *weighted, *itertools.chain.from_iterable(self.cliques)]))

    def words(self, most: int = 8) -> str:
        """The workload in words, with at most so many of its cliques.

        >>> Workload(degree=2, label="income", column_weights={"age": 2}).words()
        'all sets of 2 columns; those with income weigh at least as much as all others together; weights age 2'
        """
        said = f"all sets of {self.degree} columns" if self.degree > 1 else "every single column"
        if self.cliques:
            more = f" and {len(self.cliques) - most:,} more" if len(self.cliques) > most else ""
            said = "; ".join(" + ".join(clique) for clique in self.cliques[:most]) + more
        label = f"; those with {self.label} weigh at least as much as all others together" if self.label else ""
        weights = ", ".join(f"{column} {weight:g}" for column, weight in self._pairs)
        return said + label + (f"; weights {weights}" if weights else "")

    @property
    def _pairs(self) -> ColumnWeights:
        """The column weights as they are after construction, whatever they were given as."""
        return _column_weights(self.column_weights)

    def _wanted(self, domain: Domain) -> Iterable[Clique]:
        if self.cliques:
            return dict.fromkeys(domain.canonical(clique) for clique in self.cliques)
        return itertools.combinations(domain.columns, min(self.degree, len(domain)))

    def _resolved_weights(self, domain: Domain) -> dict[str, float]:
        """The weight of every column; the label's own carries the factor of the cliques that hold it."""
        named = {column for column, _ in self._pairs} | ({self.label} if self.label is not None else set())
        unknown = sorted(named - set(domain.columns))
        if unknown:
            raise SettingError(f"workload names unknown columns {unknown}; the table has {list(domain.columns)}")
        weights = {**dict.fromkeys(domain.columns, 1.0), **dict(self._pairs)}
        if self.label is not None:
            with_label, others = self._weights_by_label(domain, self.label, weights)
            if with_label == 0:
                raise SettingError(f"label ({self.label!r}) must be in at least one of the workload's cliques")
            weights[self.label] *= max(1.0, others / with_label)
        return weights

    def _weights_by_label(self, domain: Domain, label: str, weights: Mapping[str, float]) -> tuple[float, float]:
        """Total weight of the cliques that hold the label, and of the others."""
        if self.cliques:
            each = [(label in clique, math.prod(weights[c] for c in clique)) for clique in self._wanted(domain)]
            return math.fsum(w for has, w in each if has), math.fsum(w for has, w in each if not has)
        degree = min(self.degree, len(domain))
        rest = _sums_of_products([weight for column, weight in weights.items() if column != label], degree)
        return weights[label] * rest[degree - 1], rest[degree]

    def _load(self, domain: Domain) -> dict[str, float]:
        """Total weight of the workload's cliques that hold each column; no clique is listed for a degree."""
        if self.cliques:
            loads = dict.fromkeys(domain.columns, 0.0)
            for clique, weight in self.resolve(domain):
                for column in clique:
                    loads[column] += weight
            return loads
        weights, degree = self._resolved_weights(domain), min(self.degree, len(domain))
        return {
            column: weight * _sums_of_products([w for c, w in weights.items() if c != column], degree)[degree - 1]
            for column, weight in weights.items()
        }


def _sums_of_products(numbers: Sequence[float], degree: int) -> list[float]:
    """Elementary symmetric polynomials: for each k up to `degree`, the sum over k-sets of the product."""
    sums = np.zeros(degree + 1)
    sums[0] = 1.0
    for number in numbers:
        sums[1:] += number * sums[:-1]
    return [float(value) for value in sums]


def _parts_within(domain: Domain, degree: int, max_cells: int) -> Iterable[npt.NDArray[np.int64]]:
    """Sets of 1, 2, .. columns with at most `max_cells` cells, as increasing positions, shape (sets, columns).

    Every set is grown from its own first columns, so none beyond the limit is ever listed.
    """
    limit = float(max_cells)
    sizes = np.array([float(size) for size in domain.sizes])
    places = np.flatnonzero(sizes <= limit)[:, None]
    cells = sizes[places[:, 0]]
    yield places
    for _ in range(1, degree):
        later = len(domain) - 1 - places[:, -1]
        start = np.repeat(np.arange(len(places)), later)
        added = np.arange(later.sum()) - np.repeat(np.cumsum(later) - later, later) + places[start, -1] + 1
        fits = cells[start] * sizes[added] <= limit
        start, added = start[fits], added[fits]
        places = np.column_stack([places[start], added])
        cells = cells[start] * sizes[added]
        yield places


def _column_weights(given: object) -> ColumnWeights:
    pairs = given.items() if isinstance(given, Mapping) else given
    found: dict[str, float] = {}
    for pair in pairs if isinstance(pairs, Iterable) and not isinstance(pairs, str) else [None]:
        match pair:
            case [str(column), bool() | None]:
                weight = math.nan
            case [str(column), int() | float() | str() as number]:
                try:
                    weight = float(number)
                except ValueError:
                    weight = math.nan
            case _:
                raise SettingError("column_weights must map columns to numbers; try {'age': 2}")
        if not 0 < weight < math.inf:
            raise SettingError(f"weight of column {column!r} must be a positive number; try 1")
        if column in found:
            raise SettingError(f"column_weights must name column {column!r} once")
        found[column] = weight
    return tuple(found.items())


def _clique(given: object) -> Clique:
    if isinstance(given, str) or not isinstance(given, Iterable):
        raise SettingError("cliques must be lists of column names; try [['age', 'sex']]")
    clique = tuple(given)
    if not clique or not all(isinstance(column, str) and column for column in clique):
        raise SettingError("cliques must be lists of at least one column name; try [['age', 'sex']]")
    return clique


def _from_json(text: str) -> Any:
    try:
        return json.loads(text)
    except json.JSONDecodeError as error:
        raise SettingError(f"workload must be valid JSON when it starts with a bracket; {error}") from None


def _parts(text: str) -> dict[str, Any]:
    """The fields that semicolon-separated text names."""
    fields: dict[str, Any] = {}
    cliques: list[Clique] = []
    found: Any
    for part in filter(None, (part.strip() for part in text.split(";"))):
        match [piece.strip() for piece in part.split("=", maxsplit=1)]:
            case [number] | ["degree", number] if number.isdecimal():
                key, found = "degree", int(number)
            case ["label", found]:
                key = "label"
            case ["weights" | "column_weights" as key, listed]:
                key, found = "column_weights", [pair.split(":") for pair in listed.split(",")]
                found = [(":".join(pair[:-1]).strip(), pair[-1]) for pair in found]
            case _:
                cliques.append(tuple(name for name in (name.strip() for name in part.split(",")) if name))
                continue
        if key in fields:
            raise SettingError(f"workload must say {key} once")
        fields[key] = found
    if not fields and not any(cliques):
        raise SettingError("workload must say something; try '3', '3;label=income' or 'age,sex;sex,income'")
    return {**fields, **({"cliques": tuple(cliques)} if cliques else {})}
