"""Bayesian networks: a distribution as one conditional table for each column given its parents."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from dpsynth.domain import Clique, Domain
from dpsynth.errors import PlanTooLargeError, ReleaseError, SettingError
from dpsynth.marginal import FloatArray
from dpsynth.models.sampling import Codes, Step, sample
from dpsynth.models.stored import read_cliques, read_number, read_table, read_texts, read_whole

if TYPE_CHECKING:
    import networkx as nx

FORMAT = "dpsynth-bayes-net-1"
"""What `to_json` calls this kind of model."""


@dataclass(frozen=True, eq=False)
class BayesNet:
    """Columns in ancestral order, each with a conditional distribution given parents before it, for `total` rows.

    order: every column of `domain` once. parents: one tuple for each column of `order`, from earlier columns.
    conditionals: one table for each column of `order`, float64, axes (*parents, column); non-negative, and
    every distribution of the column sums to 1 (checked to a millionth).

    Any such tables are a distribution: nothing has to agree, and no inference is needed to draw rows. Unlike
    for a random field, the number of parents alone bounds the size of the model; only `project` has to
    multiply tables, along the ancestors of what is asked for.

    Source: Koller, Friedman, "Probabilistic Graphical Models", 2009, chapters 3 and 9.
    """

    domain: Domain
    order: tuple[str, ...]
    parents: tuple[Clique, ...]
    conditionals: tuple[FloatArray, ...]
    total: float

    def __post_init__(self) -> None:
        if sorted(self.order) != sorted(self.domain.columns):
            raise SettingError("order must name every column of the domain once")
        if not len(self.order) == len(self.parents) == len(self.conditionals):
            raise SettingError("parents and conditionals must have one entry for each column")
        for index, (column, above) in enumerate(zip(self.order, self.parents, strict=True)):
            if len(set(above)) != len(above) or not set(above) <= set(self.order[:index]):
                raise SettingError(f"parents of {column!r} must be distinct columns that come before it in the order")
            table, shape = self.conditionals[index], self.domain.shape((*above, column))
            if table.shape != shape:
                raise SettingError(f"conditional of {column!r} must have shape {shape}; got {table.shape}")
            if not (table >= 0).all() or not np.abs(table.sum(axis=-1) - 1).max() <= 1e-6:
                raise SettingError(f"conditional of {column!r} must be non-negative and sum to 1 along its last axis")

    @cached_property
    def _place(self) -> dict[str, int]:
        return {column: index for index, column in enumerate(self.order)}

    def project(self, clique: Clique, *, max_cells: int = 50_000_000) -> FloatArray:
        """Expected counts on any columns, axes in the order asked for; they sum to `total`.

        Variable elimination over the ancestors of the columns, next the one whose removal makes the smallest
        table. Raises PlanTooLargeError when a table on the way has more than `max_cells` cells.

        >>> halves, copy = np.array([0.5, 0.5]), np.eye(2)
        >>> net = BayesNet(Domain.of({"a": 2, "b": 2}), ("b", "a"), ((), ("b",)), (halves, copy), 8.0)
        >>> net.project(("a", "b"))
        array([[4., 0.],
               [0., 4.]])
        """
        wanted = self.domain.canonical(clique)
        if len(wanted) != len(clique):
            raise SettingError(f"clique {clique} must name each column once")
        needed = self._ancestors(wanted)
        factors = [
            (self.conditionals[index], (*self.parents[index], self.order[index]))
            for index in range(len(self.order))
            if self.order[index] in needed
        ]
        hidden = needed - set(wanted)
        while hidden:
            unions = {column: _columns_with(factors, column) for column in self.order if column in hidden}
            column = min(unions, key=lambda name: self.domain.cells(unions[name]))
            with_it = [factor for factor in factors if column in factor[1]]
            factors = [factor for factor in factors if column not in factor[1]]
            kept = tuple(name for name in unions[column] if name != column)
            factors.append((self._product(with_it, kept, max_cells), kept))
            hidden.remove(column)
        return self._product(factors, clique, max_cells) * self.total

    def sample(self, rows: int, rng: np.random.Generator, method: str = "rounded") -> Codes:
        """Synthetic rows: column -> codes in the narrowest unsigned type, in table order (see `sampling`).

        method: "rounded" (default; counts follow each conditional table to about one row a cell) or
        "independent". The rows are exchangeable: any part of them is as good a sample as any other.
        """
        return sample(self.domain, self._steps(), rows, rng, method)

    def dag(self) -> nx.DiGraph:
        """The network as a networkx graph: columns as nodes, an edge from each parent to its child."""
        import networkx as nx

        graph = nx.DiGraph()
        graph.add_nodes_from(self.order)
        graph.add_edges_from(
            (parent, column) for column, above in zip(self.order, self.parents, strict=True) for parent in above
        )
        return graph

    def to_svg(self) -> str:
        """A drawing of the network, every edge from left to right; the same text for the same network."""
        from dpsynth.models.dag_drawing import draw_dag

        return draw_dag(dict(zip(self.order, self.parents, strict=True)))

    def to_arrays(self) -> dict[str, FloatArray]:
        """All tables by name, ready for `numpy.savez`; `to_json` says what each of them is."""
        return {f"conditional_{index}": table for index, table in enumerate(self.conditionals)}

    def to_json(self) -> dict[str, object]:
        """Everything but the tables, as plain JSON values."""
        return {
            "format": FORMAT,
            "columns": list(self.domain.columns),
            "sizes": list(self.domain.sizes),
            "order": list(self.order),
            "parents": [list(above) for above in self.parents],
            "total": self.total,
        }

    @classmethod
    def from_arrays(cls, document: Mapping[str, object], arrays: Mapping[str, npt.NDArray[np.generic]]) -> BayesNet:
        """The network that `to_json` and `to_arrays` wrote; nothing in either is trusted.

        Raises ReleaseError when a part is missing, left over, of the wrong type or shape, not finite,
        negative, or when parents do not come before their children.
        """
        if document.get("format") != FORMAT:
            raise ReleaseError(f"model format must be {FORMAT!r}")
        order, parents = read_texts(document, "order"), read_cliques(document, "parents")
        if len(order) != len(parents) or set(arrays) != {f"conditional_{index}" for index in range(len(order))}:
            raise ReleaseError("model parents and tables must have one entry for each column of the order")
        try:
            domain = Domain(read_texts(document, "columns"), read_whole(document, "sizes"))
            if not {*order, *(name for above in parents for name in above)} <= set(domain.columns):
                raise ReleaseError("model order and parents must name columns of the model")
            tables = tuple(
                read_table(f"conditional_{index}", arrays[f"conditional_{index}"], domain.shape((*above, column)))
                for index, (column, above) in enumerate(zip(order, parents, strict=True))
            )
            return cls(domain, order, parents, tables, read_number(document, "total"))
        except SettingError as error:
            raise ReleaseError(f"model structure must be valid; {error}") from error

    def _steps(self) -> Iterator[Step]:
        for column, above, table in zip(self.order, self.parents, self.conditionals, strict=True):
            yield Step(column, above, np.ascontiguousarray(table).reshape(-1, self.domain[column]))

    def _ancestors(self, columns: Clique) -> set[str]:
        """The columns, their parents, the parents of those, and so on."""
        found = set(columns)
        for index in range(len(self.order) - 1, -1, -1):
            if self.order[index] in found:
                found.update(self.parents[index])
        return found

    def _product(self, factors: Sequence[tuple[FloatArray, Clique]], kept: Clique, max_cells: int) -> FloatArray:
        """The product of the factors, summed over all columns but `kept`."""
        cells = self.domain.cells(dict.fromkeys(name for _, columns in factors for name in columns))
        if cells > max_cells:
            raise PlanTooLargeError(f"cells of a table on the way to {kept} ({cells}) must be at most {max_cells}")
        if not factors:
            return np.ones(())
        label = {name: number for number, name in enumerate(dict.fromkeys(n for _, names in factors for n in names))}
        operands: list[Any] = []
        for table, columns in factors:
            operands += [table, [label[name] for name in columns]]
        found: FloatArray = np.einsum(*operands, [label[name] for name in kept], optimize="greedy")
        return found


def _columns_with(factors: Sequence[tuple[FloatArray, Clique]], column: str) -> Clique:
    """All columns of the factors that hold `column`."""
    return tuple(dict.fromkeys(name for _, columns in factors if column in columns for name in columns))
