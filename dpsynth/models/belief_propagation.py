"""Exact marginals of a product of clique potentials: one collect and one distribute pass along a junction tree.

The collect pass turns each clique's log-potential into the conditional probability of its new columns
given the separator to its parent, exponentiating every cell once after taking off the largest value
of the cell's own separator group. The distribute pass multiplies these conditionals by the parent's
marginals. No message can overflow, and none can underflow, however far apart the potentials are, so
there is one path for mild and for extreme potentials (Lauritzen & Spiegelhalter 1988, in the form of
Koller & Friedman 2009, algorithm 10.2; -inf stands for a cell of probability zero).
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from dpsynth.errors import SettingError
from dpsynth.marginal import FloatArray
from dpsynth.models.factor import aligned_shape, axes_outside
from dpsynth.models.junction_tree import JunctionTree


@dataclass(frozen=True)
class _Step:
    """Axes and shapes of one clique's messages: `inside` broadcasts in the clique, `above` in its parent."""

    parent: int
    new_axes: tuple[int, ...]
    inside: tuple[int, ...]
    above: tuple[int, ...]
    above_axes: tuple[int, ...]


@lru_cache(maxsize=256)
def _plan(tree: JunctionTree) -> tuple[_Step, ...]:
    steps = []
    for clique, parent, separator in zip(tree.cliques, tree.parents, tree.separators, strict=True):
        upper = tree.cliques[parent] if parent >= 0 else ()
        steps.append(
            _Step(
                parent,
                axes_outside(clique, separator),
                aligned_shape(tree.domain, separator, clique),
                aligned_shape(tree.domain, separator, upper),
                axes_outside(upper, separator),
            )
        )
    return tuple(steps)


@dataclass(frozen=True, eq=False)
class Calibration:
    """Outcome of belief propagation, one table for each tree clique, in the tree's order.

    beliefs: marginals, each summing to the total asked for.
    conditionals: probability of the clique's columns outside the separator given the separator
        (all zeros where the separator's value is impossible).
    log_partition: logarithm of the sum of the unnormalised product over all cells of the domain.
    """

    beliefs: tuple[FloatArray, ...]
    conditionals: tuple[FloatArray, ...]
    log_partition: float


def calibrate(tree: JunctionTree, log_potentials: Sequence[FloatArray], total: float = 1.0) -> Calibration:
    """Marginals and log partition function of exp(sum of `log_potentials`), one table for each tree clique.

    Entries are finite or -inf (probability zero). Raises SettingError when no cell is left, or when
    an entry is NaN or +inf.
    """
    plan = _plan(tree)
    tables: list[FloatArray] = list(log_potentials)
    added = [False] * len(tables)
    log_partition = -math.inf
    with np.errstate(divide="ignore", invalid="ignore"):
        for index in range(len(tables) - 1, -1, -1):
            step = plan[index]
            tables[index], message = _conditional(tables[index], step.new_axes)
            if index == 0:
                log_partition = float(message.reshape(()))
            else:
                _send(tables, added, step, message)
    if log_partition == -math.inf:
        raise SettingError("log_potentials must leave at least one cell with a probability above zero")
    if not math.isfinite(log_partition):
        raise SettingError("log_potentials must not hold NaN or +inf")
    beliefs = [tables[0] * total]
    for table, step in zip(tables[1:], plan[1:], strict=True):
        above = np.add.reduce(beliefs[step.parent], axis=step.above_axes)
        beliefs.append(table * above.reshape(step.inside))
    return Calibration(tuple(beliefs), tuple(tables), log_partition)


def largest_sum(tree: JunctionTree, log_potentials: Sequence[FloatArray]) -> float:
    """Largest value that the sum of `log_potentials` takes on any cell of the domain (max-sum elimination)."""
    plan = _plan(tree)
    tables: list[FloatArray] = list(log_potentials)
    added = [False] * len(tables)
    for index in range(len(tables) - 1, 0, -1):
        step = plan[index]
        _send(tables, added, step, np.maximum.reduce(tables[index], axis=step.new_axes))
    return float(tables[0].max())


def _conditional(table: FloatArray, new_axes: tuple[int, ...]) -> tuple[FloatArray, FloatArray]:
    """Probability over `new_axes` given the other axes, and the logarithm of what was divided away."""
    peak = np.maximum.reduce(table, axis=new_axes, keepdims=True)
    peak = np.where(peak == -math.inf, 0.0, peak)
    table = table - peak
    np.exp(table, out=table)
    mass = np.add.reduce(table, axis=new_axes, keepdims=True)
    table /= np.where(mass == 0.0, 1.0, mass)
    return table, peak + np.log(mass)


def _send(tables: list[FloatArray], added: list[bool], step: _Step, message: FloatArray) -> None:
    """Add a message to the parent's table, which is copied the first time so that the caller's stays as it was."""
    message = message.reshape(step.above)
    if added[step.parent]:
        tables[step.parent] += message
    else:
        tables[step.parent] = tables[step.parent] + message
        added[step.parent] = True
