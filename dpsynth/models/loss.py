"""The weighted squared error of noisy marginals, in coordinates where every measurement is independent of the others.

The residual of a marginal (the part no smaller marginal holds) is estimated by every measurement
that contains its columns, and residuals of different column sets are orthogonal. So all measurements,
of either basis, reduce without loss to one target residual and one precision for each column set:
their combination by inverse variance (the reconstruction of ResidualPlanner, Xiao, He, Zhang & Kifer 2023,
and Mullins, Fuentes, Xiao, Kifer, Musco & Sheldon 2024).
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from dpsynth.domain import Clique, Domain
from dpsynth.errors import SettingError
from dpsynth.marginal import Basis, FloatArray, NoisyMarginal, refuse_grouped, residual
from dpsynth.models.factor import aligned, marginalise, maximal, subsets, transposed


@dataclass(frozen=True, eq=False)
class ResidualLoss:
    """L(x) = constant + sum over column sets r of precision[r] / 2 * || residual(x_r) - target[r] ||^2.

    x_r: the counts on r (they sum to `total`). precision: 1 / variance, in 1 / rows^2.
    cliques: the maximal measured cliques; each r lies in at least one. noisy_values: how many
    numbers were measured, twice what L is expected to be at the truth.
    """

    domain: Domain
    total: float
    cliques: tuple[Clique, ...]
    target: dict[Clique, FloatArray]
    precision: dict[Clique, float]
    constant: float
    noisy_values: int

    def value(self, marginals: Sequence[FloatArray]) -> float:
        """L at the counts on the maximal measured cliques, one table for each."""
        error = self.constant
        for clique, table in zip(self.cliques, marginals, strict=True):
            for r in self._own[clique]:
                part = residual(marginalise(table, clique, r)) - self.target[r]
                error += self.precision[r] / 2 * float(np.vdot(part, part))
        return error

    @cached_property
    def _parts(self) -> dict[Clique, tuple[Clique, ...]]:
        """The measured column sets inside each maximal clique."""
        return {clique: tuple(r for r in subsets(clique) if r in self.target) for clique in self.cliques}

    @cached_property
    def _own(self) -> dict[Clique, tuple[Clique, ...]]:
        """Each measured column set listed once, under the first maximal clique that holds it."""
        seen: set[Clique] = set()
        own = {}
        for clique, parts in self._parts.items():
            own[clique] = tuple(r for r in parts if r not in seen)
            seen.update(parts)
        return own

    def conjugate(self, potentials: Sequence[FloatArray]) -> list[FloatArray]:
        """K theta: the inverse of the loss' quadratic form, in probabilities, applied to potentials on the cliques."""
        found = self._collect(potentials)
        for r in found:
            found[r] = found[r] / (self.precision[r] * self.total**2)
        return [self._expand(found, clique) for clique in self.cliques]

    def shared_evenly(self, potentials: Sequence[FloatArray]) -> list[FloatArray]:
        """Potentials with the same sum in which cliques that share a column set bear equal parts of its residual.

        Without this, large parts that cancel each other build up and cost precision.
        """
        found = self._collect(potentials)
        for r in found:
            holders = sum(r in parts for parts in self._parts.values())
            found[r] = found[r] * (1 / holders)
        out = []
        for clique in self.cliques:
            table = np.zeros(self.domain.shape(clique))
            for r in self._parts[clique]:
                table += aligned(self.domain, found[r], r, clique)
            out.append(table)
        return out

    def _collect(self, potentials: Sequence[FloatArray]) -> dict[Clique, FloatArray]:
        """The residual of each measured column set in the sum of potentials on the cliques."""
        found: dict[Clique, FloatArray] = {}
        for clique, table in zip(self.cliques, potentials, strict=True):
            for r in self._parts[clique]:
                part = residual(marginalise(table, clique, r)) * (self.domain.cells(r) / table.size)
                found[r] = found[r] + part if r in found else part
        return found

    def conjugate_diagonal(self, clique: Clique) -> float:
        """The diagonal entry of K, the same for every cell of a maximal measured clique."""
        cells = self.domain.cells(clique)
        entry = 0.0
        for r in self._parts[clique]:
            kept = math.prod(1 - 1 / size for size in self.domain.shape(r))
            entry += kept * (self.domain.cells(r) / cells) ** 2 / (self.precision[r] * self.total**2)
        return entry

    def target_probabilities(self) -> list[FloatArray]:
        """t: tables on the maximal measured cliques that have the target residuals and sum to one."""
        scaled = {r: part / self.total for r, part in self.target.items()}
        return [self._expand(scaled, clique) + 1 / self.domain.cells(clique) for clique in self.cliques]

    def measured_part(self, tables: Sequence[FloatArray]) -> list[FloatArray]:
        """Each table without the residuals that nobody measured."""
        out = []
        for clique, table in zip(self.cliques, tables, strict=True):
            found = {r: residual(marginalise(table, clique, r)) for r in self._parts[clique]}
            out.append(self._expand(found, clique))
        return out

    @cached_property
    def complete(self) -> bool:
        """Whether every residual inside the maximal measured cliques was measured (always so in the identity basis)."""
        return all(
            r in self.target or min(self.domain.shape(r)) == 1 for clique in self.cliques for r in subsets(clique) if r
        )

    def _expand(self, parts: Mapping[Clique, FloatArray], clique: Clique) -> FloatArray:
        """Table over `clique` that holds the residuals `parts` of its subsets, each spread evenly."""
        out = np.zeros(self.domain.shape(clique))
        for r in self._parts[clique]:
            out += aligned(self.domain, parts[r], r, clique) * (self.domain.cells(r) / out.size)
        return out


def residual_loss(domain: Domain, measurements: Sequence[NoisyMarginal], total: float) -> ResidualLoss:
    """Combine noisy marginals by inverse variance into one target for each column set they inform about.

    Raises SettingError when a measurement is grouped, its shape does not fit the domain or a value is not finite.
    """
    refuse_grouped(measurements)
    found: dict[Clique, list[tuple[FloatArray, float]]] = {}
    constant = 0.0
    for measurement in measurements:
        clique, values = _canonical(domain, measurement)
        weight = measurement.stddev**-2.0
        parts = subsets(clique) if measurement.basis is Basis.IDENTITY else [clique]
        for r in parts:
            spread = domain.cells(clique) / domain.cells(r)
            part = residual(marginalise(values, clique, r))
            if not r:
                constant += weight / spread / 2 * (float(part) - total) ** 2
            elif min(domain.shape(r)) > 1:
                found.setdefault(r, []).append((part, weight / spread))
    target: dict[Clique, FloatArray] = {}
    precision: dict[Clique, float] = {}
    for r, estimates in found.items():
        precision[r] = sum(weight for _, weight in estimates)
        mean = sum((part * (weight / precision[r]) for part, weight in estimates), np.zeros(domain.shape(r)))
        target[r] = mean
        constant += sum(weight / 2 * float(np.sum((part - mean) ** 2)) for part, weight in estimates)
    noisy_values = sum(measurement.values.size for measurement in measurements)
    return ResidualLoss(domain, total, maximal(list(found)), target, precision, constant, noisy_values)


def _canonical(domain: Domain, measurement: NoisyMarginal) -> tuple[Clique, FloatArray]:
    """The measurement's clique in table order and its values with the axes to match."""
    clique = domain.canonical(measurement.clique)
    if len(clique) != len(measurement.clique):
        raise SettingError(f"clique {measurement.clique} must name each column once")
    if measurement.values.shape != domain.shape(measurement.clique):
        shape = domain.shape(measurement.clique)
        raise SettingError(f"values of {measurement.clique} must have shape {shape}; got {measurement.values.shape}")
    values = transposed(np.asarray(measurement.values, dtype=np.float64), measurement.clique, clique)
    if not np.isfinite(values).all() or not np.isfinite(measurement.stddev):
        raise SettingError(f"values and stddev of {measurement.clique} must be finite")
    return clique, values
