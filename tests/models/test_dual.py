from __future__ import annotations

import numpy as np

from dpsynth.domain import Domain
from dpsynth.marginal import NoisyMarginal
from dpsynth.models.dual import SmoothedDual, smoothed_dual
from dpsynth.models.junction_tree import junction_tree
from dpsynth.models.loss import residual_loss
from dpsynth.structural_zeros import StructuralZeros

DOMAIN = Domain.of({"a": 3, "b": 4, "c": 2})


def example(rng: np.random.Generator, zeros: bool = False) -> SmoothedDual:
    cliques = [("a", "b"), ("c", "b"), ("a",)]
    measurements = [NoisyMarginal(c, rng.gamma(1.0, 20, DOMAIN.shape(c)), 3.0) for c in cliques]
    loss = residual_loss(DOMAIN, measurements, 200.0)
    mask = np.zeros((3, 4), dtype=bool)
    mask[0, 1] = True
    return smoothed_dual(
        loss, junction_tree(DOMAIN, loss.cliques), [StructuralZeros(("a", "b"), mask)] if zeros else []
    )


def test_gradient_matches_finite_differences() -> None:
    rng = np.random.default_rng(0)
    for zeros in (False, True):
        dual = example(rng, zeros)
        for temperature in (0.5, 40.0):
            theta = rng.normal(size=dual.target.size)
            point = dual.at(theta, temperature)
            for cell in range(theta.size):
                step = np.zeros(theta.size)
                step[cell] = 1e-5
                slope = (dual.at(theta + step, temperature).value - dual.at(theta - step, temperature).value) / 2e-5
                assert np.isclose(slope, point.gradient[cell], atol=1e-6)


def test_weak_duality_for_any_multipliers_and_any_model() -> None:
    rng = np.random.default_rng(1)
    for zeros in (False, True):
        dual = example(rng, zeros)
        models = [dual.primal(dual.at(rng.normal(0, 3, dual.target.size), 0.0).marginals) for _ in range(100)]
        for scale in (0.1, 10.0, 1e3, 1e5):
            bounds = [dual.lower_bound(rng.normal(0, scale, dual.target.size)) for _ in range(100)]
            assert max(bounds) <= min(models)


def test_smoothed_optimum_has_the_stated_primal_value() -> None:
    """At a stationary point L(p) - tau * entropy(p) equals L's constant - tau * F: strong duality."""
    from scipy.optimize import minimize

    dual, temperature = example(np.random.default_rng(2)), 5.0
    found = minimize(
        lambda theta: (dual.at(theta, temperature).value, dual.at(theta, temperature).gradient),
        np.zeros(dual.target.size),
        jac=True,
        options={"gtol": 1e-10, "maxiter": 5000},
    )
    point = dual.at(found.x, temperature)
    joint = np.exp(_log_joint(dual, point.theta) - point.calibration.log_partition)
    entropy = -float((joint * np.log(joint)).sum())
    assert np.isclose(joint.sum(), 1)
    primal = dual.primal(point.marginals) - temperature * entropy
    assert np.isclose(primal, dual.loss.constant - temperature * point.value, rtol=1e-6)


def _log_joint(dual: SmoothedDual, theta: np.ndarray) -> np.ndarray:
    out = np.zeros(DOMAIN.sizes)
    for clique, table in zip(dual.loss.cliques, dual.split(theta), strict=True):
        out = out + table.reshape([DOMAIN[column] if column in clique else 1 for column in DOMAIN.columns])
    return out
