"""Conditional tables of a Bayesian network from noisy marginals: no optimiser, one pass down the network."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from dpsynth.domain import Clique, Domain
from dpsynth.errors import PlanTooLargeError
from dpsynth.marginal import FloatArray, NoisyMarginal
from dpsynth.models.bayes_net import BayesNet
from dpsynth.models.factor import marginalise, transposed
from dpsynth.models.loss import ResidualLoss, residual_loss
from dpsynth.models.simplex import project_to_simplex

_PROJECT_CELLS = 2_000_000
_RAKING_ROUNDS = 30


def fit_bayes_net(
    domain: Domain, network: Sequence[tuple[str, Clique]], measurements: Sequence[NoisyMarginal], total: float
) -> BayesNet:
    """The network with conditional tables that follow the noisy marginals.

    network: every column with its parents, parents first; measurements: identity basis, at least the one-way
    marginal of every column and the joint marginal of every column with its parents.

    1. All measurements are made consistent with each other by combining, for each set of columns, what they
    say about its residual by inverse variance. 2. Each joint table is moved to the nearest non-negative one.
    3. It is raked (iterative proportional fitting) until its parents have the marginal that the network so far
    gives them, and its column the one-way marginal: so the network reproduces all one-ways, which are known
    best, however noisy the tables are. 4. Divided by the parents' marginal. Post-processing: no privacy cost.

    Sources: step 1 as in `loss`; step 3: Deming, Stephan 1940; Fienberg 1970.
    """
    loss = residual_loss(domain, measurements, total)
    estimates = dict(zip(loss.cliques, loss.target_probabilities(), strict=True))
    order: list[str] = []
    parents: list[Clique] = []
    tables: list[FloatArray] = []
    for column, above in network:
        share = _estimate(loss, estimates, (column,))
        table = share
        if above:
            known = BayesNet(_subdomain(domain, order), tuple(order), tuple(parents), tuple(tables), 1.0)
            joint = _estimate(loss, estimates, (*above, column))
            table = _conditional(joint, _marginal(known, above, joint), share)
        order.append(column)
        parents.append(above)
        tables.append(table)
    return BayesNet(domain, tuple(order), tuple(parents), tuple(tables), total)


def _estimate(loss: ResidualLoss, estimates: dict[Clique, FloatArray], order: Clique) -> FloatArray:
    """Non-negative shares on the columns of `order`, from the first maximal clique that holds them."""
    clique = loss.domain.canonical(order)
    home = next((held for held in estimates if set(clique) <= set(held)), None)
    if home is None:  # nothing was measured: columns of one code
        return np.full(loss.domain.shape(order), 1 / loss.domain.cells(order))
    table = transposed(marginalise(estimates[home], home, clique), clique, order)
    return project_to_simplex(table, 1.0)


def _marginal(known: BayesNet, columns: Clique, joint: FloatArray) -> FloatArray:
    """What the network so far says about the parents; the table's own word where that is too much work."""
    try:
        return known.project(columns, max_cells=_PROJECT_CELLS)
    except PlanTooLargeError:
        own: FloatArray = joint.sum(axis=-1)
        return own


def _conditional(joint: FloatArray, of_parents: FloatArray, share: FloatArray) -> FloatArray:
    """Rake the joint table to the parents' marginal and the column's shares, then divide by the former."""
    outer = tuple(range(joint.ndim - 1))
    weights = of_parents[..., None]
    conditional = _normalised(joint, share)
    for _ in range(_RAKING_ROUNDS):
        found = (weights * conditional).sum(axis=outer)
        conditional = _normalised(
            conditional * np.divide(share, found, out=np.ones_like(share), where=found > 0), share
        )
    return conditional


def _normalised(table: FloatArray, otherwise: FloatArray) -> FloatArray:
    """Rows that sum to one; `otherwise` where a row has no mass."""
    mass = table.sum(axis=-1, keepdims=True)
    out: FloatArray = np.where(mass > 0, table / np.where(mass > 0, mass, 1.0), otherwise)
    return out


def _subdomain(domain: Domain, columns: Sequence[str]) -> Domain:
    return Domain.of({column: domain[column] for column in columns})
