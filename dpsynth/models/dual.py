"""The smooth convex dual of a fit: potentials in, model, value and gradient out.

With t the combined noisy marginals divided by the total, and K the inverse of the loss' quadratic form
(both from `loss.ResidualLoss`), the minimum over all distributions p of L(p) - tau * entropy(p)
is reached by a random field p(theta) with potentials on the measured cliques that minimise

    F(theta) = log Z(theta) - <theta, t> + tau / 2 * <theta, K theta>,    gradient p(theta) - (t - tau K theta)

and for any multipliers lambda, with M the largest value of their sum on any cell of the domain,

    D(lambda) = L's constant + <lambda, t> - <lambda, K lambda> / 2 - M(lambda) <= min L

(Dudik, Phillips & Schapire 2007, "Maximum entropy density estimation with generalized regularization";
Nesterov 2005, "Smooth minimization of non-smooth functions"). K here is in probabilities: it carries 1 / total^2.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from dpsynth.marginal import FloatArray
from dpsynth.models.belief_propagation import Calibration, calibrate, largest_sum
from dpsynth.models.constraints import zero_potentials
from dpsynth.models.factor import aligned, marginalise
from dpsynth.models.junction_tree import JunctionTree
from dpsynth.models.loss import ResidualLoss
from dpsynth.structural_zeros import StructuralZeros


@dataclass(frozen=True, eq=False)
class Point:
    """Potentials theta, K theta, the model p(theta), its measured cells, F, t - tau K theta, and F's gradient."""

    theta: FloatArray
    stiff: FloatArray
    calibration: Calibration
    marginals: FloatArray
    value: float
    corrected: FloatArray
    gradient: FloatArray


@dataclass(frozen=True, eq=False)
class SmoothedDual:
    """The dual in vector form: `theta` lists the cells of all maximal measured cliques one after the other.

    base: log-potentials of the tree cliques, which carry the structural zeros. homes: tree clique of each
    measured clique. target: t. stiffness: diagonal of K. possible: False for cells that the zeros forbid.
    """

    loss: ResidualLoss
    tree: JunctionTree
    base: tuple[FloatArray, ...]
    homes: tuple[int, ...]
    target: FloatArray
    stiffness: FloatArray
    possible: npt.NDArray[np.bool_]

    def at(self, theta: FloatArray, temperature: float, stiff: FloatArray | None = None) -> Point:
        """Evaluate F and its gradient at a temperature; `stiff` is K theta where it is known already."""
        stiff = self.conjugate(theta) if stiff is None else stiff
        calibration = calibrate(self.tree, self._tables(theta))
        found = zip(self.loss.cliques, self.homes, strict=True)
        marginals = _join([marginalise(calibration.beliefs[home], self.tree.cliques[home], c) for c, home in found])
        corrected = self.target - temperature * stiff
        value = calibration.log_partition - float(np.vdot(theta, self.target + corrected)) / 2
        return Point(theta, stiff, calibration, marginals, value, corrected, self.measured(marginals - corrected))

    def conjugate(self, theta: FloatArray) -> FloatArray:
        """K theta."""
        return _join(self.loss.conjugate(self.split(theta)))

    def primal(self, marginals: FloatArray) -> float:
        """L of a model, from the probabilities of its measured cells."""
        return self.loss.value(self.split(marginals * self.loss.total))

    def lower_bound(self, multipliers: FloatArray) -> float:
        """D(lambda): L is nowhere below it on tables that respect the zeros."""
        slack = np.vdot(multipliers, self.target - self.conjugate(multipliers) / 2)
        return self.loss.constant + float(slack) - largest_sum(self.tree, self._tables(multipliers))

    def measured(self, vector: FloatArray) -> FloatArray:
        """The vector without directions that no measurement sees."""
        return vector if self.loss.complete else _join(self.loss.measured_part(self.split(vector)))

    def shared_evenly(self, theta: FloatArray) -> FloatArray:
        """The same model with the parts that several cliques share divided evenly between them."""
        return _join(self.loss.shared_evenly(self.split(theta)))

    def split(self, vector: FloatArray) -> list[FloatArray]:
        """The vector as one table for each maximal measured clique (views)."""
        parts, start = [], 0
        for clique in self.loss.cliques:
            stop = start + self.loss.domain.cells(clique)
            parts.append(vector[start:stop].reshape(self.loss.domain.shape(clique)))
            start = stop
        return parts

    def _tables(self, theta: FloatArray) -> list[FloatArray]:
        """Log-potentials of the tree cliques."""
        tables = [table.copy() for table in self.base]
        for clique, home, part in zip(self.loss.cliques, self.homes, self.split(theta), strict=True):
            tables[home] += aligned(self.loss.domain, part, clique, self.tree.cliques[home])
        return tables


def smoothed_dual(loss: ResidualLoss, tree: JunctionTree, structural_zeros: Sequence[StructuralZeros]) -> SmoothedDual:
    """The dual of a loss over the models of one junction tree, which must hold the loss' cliques.

    Raises SettingError when the structural zeros leave no cell.
    """
    homes = tuple(home for clique in loss.cliques if (home := tree.home(clique)) is not None)
    base = zero_potentials(tree, structural_zeros)
    flat = calibrate(tree, base).beliefs
    possible = [marginalise(flat[home], tree.cliques[home], c) > 0 for c, home in zip(loss.cliques, homes, strict=True)]
    stiffness = [np.full(loss.domain.cells(clique), loss.conjugate_diagonal(clique)) for clique in loss.cliques]
    return SmoothedDual(
        loss=loss,
        tree=tree,
        base=tuple(base),
        homes=homes,
        target=_join(loss.target_probabilities()),
        stiffness=_join(stiffness),
        possible=np.concatenate([np.zeros(0, dtype=np.bool_), *(table.ravel() for table in possible)]),
    )


def _join(tables: Sequence[FloatArray]) -> FloatArray:
    return np.concatenate([np.zeros(0), *(table.ravel() for table in tables)])
