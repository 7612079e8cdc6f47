"""Random fields: a fitted distribution over the whole domain, held as the marginals of a junction tree."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import numpy.typing as npt

from dpsynth.domain import Clique, Domain
from dpsynth.errors import PlanTooLargeError, ReleaseError, SettingError
from dpsynth.marginal import FloatArray
from dpsynth.models.factor import axes_outside, marginalise, transposed
from dpsynth.models.junction_tree import JunctionTree, junction_tree
from dpsynth.models.sampling import Codes, sample, tree_steps
from dpsynth.models.stored import read_cliques, read_number, read_table, read_texts, read_whole

FORMAT = "dpsynth-random-field-1"
"""What `to_json` calls this kind of model."""


@dataclass(frozen=True, eq=False)
class RandomField:
    """A distribution that factors over a junction tree, scaled to `total` rows.

    beliefs: marginal counts of each tree clique, float64, in the tree's order; each sums to `total`
        and neighbours agree on their separator. They determine the whole distribution.
    gap: how far from the optimum the fit is at most, in the units of `fit`'s setting of that name.
    hidden: columns of the tree that are summed out of everything, such as the component of a mixture.
    """

    tree: JunctionTree
    beliefs: tuple[FloatArray, ...]
    total: float
    gap: float = 0.0
    hidden: tuple[str, ...] = ()

    @cached_property
    def domain(self) -> Domain:
        """Columns and sizes, without those that are hidden."""
        return Domain.of({c: self.tree.domain[c] for c in self.tree.domain if c not in self.hidden})

    @classmethod
    def independent(cls, domain: Domain, one_way: Mapping[str, FloatArray], total: float) -> RandomField:
        """Columns independent of each other, with the given one-way counts (clipped at zero and scaled to `total`).

        A column that is missing from `one_way`, or without any positive count, is uniform.
        """
        tree = junction_tree(domain, ())
        beliefs = []
        for (column,) in tree.cliques:
            counts = np.clip(np.asarray(one_way.get(column, np.ones(domain[column])), dtype=np.float64), 0.0, None)
            if counts.shape != (domain[column],):
                raise SettingError(
                    f"one_way of {column!r} must have {domain[column]} entries; got shape {counts.shape}"
                )
            counts = counts if counts.sum() > 0 else np.ones(domain[column])
            beliefs.append(counts * (total / counts.sum()))
        return cls(tree, tuple(beliefs), float(total))

    @cached_property
    def conditionals(self) -> tuple[FloatArray, ...]:
        """Probability of each tree clique's new columns given its separator; zeros where that cannot happen."""
        tables = []
        for belief, clique, separator in zip(self.beliefs, self.tree.cliques, self.tree.separators, strict=True):
            mass = belief.sum(axis=axes_outside(clique, separator), keepdims=True)
            tables.append(belief / np.where(mass > 0, mass, 1.0))
        return tuple(tables)

    @cached_property
    def log_conditionals(self) -> tuple[FloatArray, ...]:
        """Logarithms of `conditionals`: potentials whose product is the distribution."""
        with np.errstate(divide="ignore"):
            return tuple(np.log(table) for table in self.conditionals)

    def project(self, clique: Clique, *, max_cells: int = 50_000_000) -> FloatArray:
        """Expected counts on any columns, axes in the order asked for; they sum to `total`.

        Columns inside one tree clique: a sum. Others: variable elimination along the part of the tree
        that joins them. Raises PlanTooLargeError when a table on the way has more than `max_cells` cells.

        >>> field = RandomField.independent(Domain.of({"a": 2, "b": 2}), {"a": np.array([3.0, 1.0])}, 4)
        >>> field.project(("b", "a"))
        array([[1.5, 0.5],
               [1.5, 0.5]])
        """
        wanted = self.domain.canonical(clique)
        if len(wanted) != len(clique):
            raise SettingError(f"clique {clique} must name each column once")
        home = self.tree.home(wanted)
        if home is not None:
            found = marginalise(self.beliefs[home], self.tree.cliques[home], wanted)
        else:
            found = self._eliminate(wanted, max_cells)
        return np.ascontiguousarray(transposed(found, wanted, clique))

    def sample(self, rows: int, rng: np.random.Generator, method: str = "rounded") -> Codes:
        """Synthetic rows: column -> codes in the narrowest unsigned type, in table order (see `sampling`).

        method: "rounded" (default; counts follow the model to about one row a cell) or "independent".
        The rows are exchangeable: any part of them is as good a sample as any other.
        """
        drawn = sample(self.tree.domain, tree_steps(self.tree, self.beliefs), rows, rng, method)
        return {column: drawn[column] for column in self.domain}

    def to_arrays(self) -> dict[str, FloatArray]:
        """All tables by name, ready for `numpy.savez`; `to_json` says what each of them is."""
        return {f"belief_{index}": belief for index, belief in enumerate(self.beliefs)}

    def to_json(self) -> dict[str, object]:
        """Everything but the tables, as plain JSON values."""
        return {
            "format": FORMAT,
            "columns": list(self.tree.domain.columns),
            "sizes": list(self.tree.domain.sizes),
            **({"hidden": list(self.hidden)} if self.hidden else {}),
            "cliques": [list(clique) for clique in self.tree.cliques],
            "parents": list(self.tree.parents),
            "total": self.total,
            "gap": self.gap,
        }

    @classmethod
    def from_arrays(cls, document: Mapping[str, object], arrays: Mapping[str, npt.NDArray[np.generic]]) -> RandomField:
        """The field that `to_json` and `to_arrays` wrote; nothing in either is trusted.

        Raises ReleaseError when a part is missing, left over, of the wrong type or shape, not finite,
        negative, or when the tables do not agree with each other to a millionth of the total.
        """
        if document.get("format") != FORMAT:
            raise ReleaseError(f"model format must be {FORMAT!r}")
        try:
            domain = Domain(read_texts(document, "columns"), read_whole(document, "sizes"))
            tree = JunctionTree(domain, read_cliques(document, "cliques"), read_whole(document, "parents"))
        except SettingError as error:
            raise ReleaseError(f"model structure must be valid; {error}") from error
        shapes = {f"belief_{index}": domain.shape(clique) for index, clique in enumerate(tree.cliques)}
        if set(arrays) != set(shapes):
            raise ReleaseError("model tables must be exactly those of the tree's cliques")
        beliefs = tuple(read_table(name, arrays[name], shape) for name, shape in shapes.items())
        hidden = read_texts(document, "hidden") if "hidden" in document else ()
        if not set(hidden) < set(domain.columns) or len(set(hidden)) < len(hidden):
            raise ReleaseError("model hidden must name some of its columns, each once")
        found = cls(tree, beliefs, read_number(document, "total"), read_number(document, "gap"), hidden)
        _check_agreement(found)
        return found

    def _eliminate(self, wanted: Clique, max_cells: int) -> FloatArray:
        """Pass tables of wanted columns given separators from the leaves up to the root."""
        incoming: list[list[tuple[FloatArray, Clique]]] = [[] for _ in self.beliefs]
        below: list[set[str]] = [set() for _ in self.beliefs]
        for index in range(len(self.beliefs) - 1, -1, -1):
            members, separator = self.tree.cliques[index], self.tree.separators[index]
            new = (set(members) - set(separator)) & set(wanted)
            below[index] |= new
            if index and not below[index]:
                continue
            kept = self.tree.domain.canonical(below[index] | (set(separator) if index else set()))
            self._check(kept, max_cells)
            table = self.conditionals[index] if index else self.beliefs[0]
            names = dict.fromkeys(members) | dict.fromkeys(c for _, columns in incoming[index] for c in columns)
            label = {column: number for number, column in enumerate(names)}
            operands: list[Any] = [table, [label[column] for column in members]]
            for message, columns in incoming[index]:
                operands += [message, [label[column] for column in columns]]
            out = np.einsum(*operands, [label[column] for column in kept], optimize=("greedy", max_cells))
            if index:
                parent = self.tree.parents[index]
                incoming[parent].append((out, kept))
                below[parent] |= below[index]
        found: FloatArray = out
        return found

    def _check(self, columns: Clique, max_cells: int) -> None:
        cells = self.tree.domain.cells(columns)
        if cells > max_cells:
            raise PlanTooLargeError(f"cells of the table on {columns} ({cells}) must be at most {max_cells}")


def _check_agreement(found: RandomField) -> None:
    """Beliefs are non-negative, sum to the total, and neighbours have the same separator marginal."""
    tolerance = 1e-6 * found.total
    tree = found.tree
    for index, (clique, belief) in enumerate(zip(tree.cliques, found.beliefs, strict=True)):
        if (belief < 0).any() or not abs(float(belief.sum()) - found.total) <= tolerance:
            raise ReleaseError(f"model table belief_{index} must be non-negative and sum to the total")
        if index:
            separator, parent = tree.separators[index], tree.parents[index]
            above = marginalise(found.beliefs[parent], tree.cliques[parent], separator)
            if not np.abs(marginalise(belief, clique, separator) - above).max() <= tolerance:
                raise ReleaseError(f"model tables belief_{index} and belief_{parent} must agree on {separator}")
