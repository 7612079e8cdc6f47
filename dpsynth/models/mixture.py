"""Mixtures of products: a fitted distribution in which columns are independent given a hidden component.

The size of the model grows with the columns, not with how they depend on each other, so it stands in where
a junction tree would be too large: tables of many columns that all depend on each other.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from dpsynth.domain import Clique, Domain
from dpsynth.errors import PlanTooLargeError, ReleaseError, SettingError
from dpsynth.marginal import FloatArray
from dpsynth.models.sampling import Codes, Step, sample
from dpsynth.models.stored import read_number, read_table, read_texts, read_whole

FORMAT = "dpsynth-mixture-1"
"""What `to_json` calls this kind of model."""

_BLOCK_CELLS = 1 << 22


@dataclass(frozen=True, eq=False)
class Mixture:
    """p(x) = sum over components k of weights[k] * product over columns j of tables[j][k, x_j], times `total` rows.

    weights: shape (components,), not negative, sum 1. tables: one for each column of `domain`, in its order,
    shape (components, codes of the column), not negative, every row sums to 1. All float64.
    """

    domain: Domain
    weights: FloatArray
    tables: tuple[FloatArray, ...]
    total: float

    def project(self, clique: Clique, *, max_cells: int = 50_000_000) -> FloatArray:
        """Expected counts on any columns, axes in the order asked for; they sum to `total`.

        Raises PlanTooLargeError when the table has more than `max_cells` cells.

        >>> halves, copy = np.array([0.5, 0.5]), np.eye(2)
        >>> Mixture(Domain.of({"a": 2, "b": 2}), halves, (copy, copy), 8.0).project(("a", "b"))
        array([[4., 0.],
               [0., 4.]])
        """
        if len(self.domain.canonical(clique)) != len(clique):
            raise SettingError(f"clique {clique} must name each column once")
        cells = self.domain.cells(clique)
        if cells > max_cells:
            raise PlanTooLargeError(f"cells of the table on {clique} ({cells}) must be at most {max_cells}")
        if not clique:
            return np.array(self.total)
        place = {column: index for index, column in enumerate(self.domain)}
        parts = [self.tables[place[column]] for column in clique]
        found = np.zeros((cells // parts[-1].shape[1], parts[-1].shape[1]))
        block = max(1, _BLOCK_CELLS // found.shape[0])
        for first in range(0, self.weights.size, block):
            some = slice(first, first + block)
            joint = self.weights[some, None]
            for part in parts[:-1]:
                joint = (joint[:, :, None] * part[some, None, :]).reshape(joint.shape[0], -1)
            found += joint.T @ parts[-1][some]
        return found.reshape(self.domain.shape(clique)) * self.total

    def sample(self, rows: int, rng: np.random.Generator, method: str = "rounded") -> Codes:
        """Synthetic rows: column -> codes in the narrowest unsigned type, in table order (see `sampling`).

        method: "rounded" (default; the counts of every component, and of every column in it, follow the model to
        about one row a cell) or "independent". The rows are exchangeable.
        """
        factors, domain, (hidden,) = self.factors()
        steps = (Step(clique[-1], clique[:-1], np.atleast_2d(table)) for clique, table in factors)
        drawn = sample(domain, steps, rows, rng, method)
        del drawn[hidden]
        return drawn

    def factors(self) -> tuple[list[tuple[Clique, FloatArray]], Domain, tuple[str, ...]]:
        """Tables whose product is the mixture, the domain they are on, and the hidden column in it: the component."""
        hidden = "component"
        while hidden in self.domain:
            hidden += "_"
        domain = Domain((hidden, *self.domain.columns), (self.weights.size, *self.domain.sizes))
        columns = [((hidden, column), table) for column, table in zip(self.domain, self.tables, strict=True)]
        return [((hidden,), self.weights), *columns], domain, (hidden,)

    def to_arrays(self) -> dict[str, FloatArray]:
        """All tables by name, ready for `numpy.savez`: the weights, and one table for each column by its number."""
        return {"weights": self.weights} | {f"table_{index}": table for index, table in enumerate(self.tables)}

    def to_json(self) -> dict[str, object]:
        """Everything but the tables, as plain JSON values."""
        return {
            "format": FORMAT,
            "columns": list(self.domain.columns),
            "sizes": list(self.domain.sizes),
            "components": self.weights.size,
            "total": self.total,
        }

    @classmethod
    def from_arrays(cls, document: Mapping[str, object], arrays: Mapping[str, npt.NDArray[np.generic]]) -> Mixture:
        """The mixture that `to_json` and `to_arrays` wrote; nothing in either is trusted.

        Raises ReleaseError when a part is missing, left over, of the wrong type or shape, not finite, negative,
        or does not sum to one to a millionth.
        """
        if document.get("format") != FORMAT:
            raise ReleaseError(f"model format must be {FORMAT!r}")
        try:
            domain = Domain(read_texts(document, "columns"), read_whole(document, "sizes"))
        except SettingError as error:
            raise ReleaseError(f"model structure must be valid; {error}") from error
        (components,) = read_whole({"components": [document.get("components")]}, "components")
        if components < 1:
            raise ReleaseError("model components must be at least 1")
        shapes = {f"table_{index}": (components, size) for index, size in enumerate(domain.sizes)}
        if set(arrays) != {"weights", *shapes}:
            raise ReleaseError("model tables must be exactly the weights and one for each column")
        weights = _distributions("weights", arrays["weights"], (components,))
        tables = tuple(_distributions(name, arrays[name], shape) for name, shape in shapes.items())
        return cls(domain, weights, tables, read_number(document, "total"))


def _distributions(name: str, stored: npt.NDArray[np.generic], shape: tuple[int, ...]) -> FloatArray:
    table = read_table(name, stored, shape)
    if (table < 0).any() or not (np.abs(table.sum(axis=-1) - 1) <= 1e-6).all():
        raise ReleaseError(f"model table {name} must be non-negative and sum to one in every row")
    return table
