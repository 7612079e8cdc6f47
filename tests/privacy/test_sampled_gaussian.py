"""Poisson-sampled Gaussian sums: the worst pair is the worst, the profile is never below the true one, and it is
tight."""

from __future__ import annotations

import itertools
import math
from fractions import Fraction

import numpy as np
import pytest
from scipy.stats import binom, norm

from dpsynth.errors import SettingError
from dpsynth.privacy.gaussian_profile import delta_of, epsilon_of
from dpsynth.privacy.sampled_gaussian import SampledGaussian
from dpsynth.privacy.unit import Relation

REPLACE = Relation.REPLACE_ONE


def drawn(seed: int) -> SampledGaussian:
    rng = np.random.default_rng(seed)
    steps = int(10 ** rng.uniform(0, 3.3))
    rate = 10 ** rng.uniform(-2, 0)
    mu = min(rng.uniform(0.2, 2.0) / (rate * steps**0.5 + 0.05), 1.5)
    return SampledGaussian(steps, Fraction(rate), mu)


def by_dp_accounting(events: SampledGaussian, delta: float, *, upper: bool = True) -> float:
    pld = pytest.importorskip("dp_accounting.pld.privacy_loss_distribution")
    one = pld.from_gaussian_mechanism(
        1 / events.mu, sampling_prob=float(events.rate), value_discretization_interval=2e-4, pessimistic_estimate=upper
    )
    return float((one if events.steps == 1 else one.self_compose(events.steps)).get_epsilon_for_delta(delta))


@pytest.mark.parametrize("seed", range(8))
def test_epsilon_agrees_with_dp_accounting_and_is_never_below_it(seed: int) -> None:
    events, delta = drawn(seed), 10.0 ** -np.random.default_rng(seed + 99).uniform(4, 9)
    found = events.epsilon(delta)
    assert by_dp_accounting(events, delta, upper=False) * (1 - 1e-9) <= found
    assert found <= 1.01 * by_dp_accounting(events, delta) + 1e-4


def exact_delta(events: SampledGaussian, epsilon: float, *, forward: bool) -> float:
    """Of one step with one row or several, by the closed form at the x where the loss is epsilon."""
    weights = binom.pmf(np.arange(events.rows + 1), events.rows, float(events.rate))
    centres = np.arange(events.rows + 1) * events.mu

    def density(x: np.ndarray, sign: int = 1) -> np.ndarray:
        return norm.pdf(x[:, None] - sign * centres) @ weights

    x = np.linspace(-14 - centres[-1], 14 + centres[-1], 400_001)
    p = density(x)
    q = density(x, -1) if events.relation is REPLACE else norm.pdf(x)
    first, second = (p, q) if forward else (q, p)
    return float(np.trapezoid(np.maximum(first - math.exp(epsilon) * second, 0), x))


@pytest.mark.parametrize("rows", [1, 3])
@pytest.mark.parametrize("relation", list(Relation))
@pytest.mark.parametrize("rate", [0.01, 0.3, 1.0])
def test_one_step_against_its_integral(rows: int, relation: Relation, rate: float) -> None:
    events = SampledGaussian(1, Fraction(rate), 0.8, rows, relation)
    for epsilon in (0.0, 0.3, 1.0, 2.5):
        true = max(exact_delta(events, epsilon, forward=each) for each in (True, False))
        assert true * (1 - 1e-6) - 1e-12 <= events.delta(epsilon) <= true * 1.02 + 1e-9


@pytest.mark.parametrize("relation", list(Relation))
def test_the_worst_pair_is_the_worst(relation: Relation) -> None:
    """Moves of any length up to the bound and in any direction of the plane, against moves along one line."""
    rng = np.random.default_rng(3)
    axis = np.linspace(-9, 9, 361)
    x, y = np.meshgrid(axis, axis)
    area = (axis[1] - axis[0]) ** 2
    rate, mu = 0.3, 1.5
    events = SampledGaussian(1, Fraction(rate), mu, 1, relation)

    def law(move: np.ndarray) -> np.ndarray:
        return (1 - rate) * norm.pdf(x) * norm.pdf(y) + rate * norm.pdf(x - move[0]) * norm.pdf(y - move[1])

    still = norm.pdf(x) * norm.pdf(y)
    for _ in range(12):
        lengths, turns = mu * rng.random(2) ** 0.3, rng.uniform(0, 2 * math.pi, 2)
        moves = np.stack([lengths * np.cos(turns), lengths * np.sin(turns)], axis=1)
        first, second = law(moves[0]), law(moves[1]) if relation is REPLACE else still
        for epsilon, (p, q) in itertools.product((0.0, 0.5, 1.0), ((first, second), (second, first))):
            assert np.maximum(p - math.exp(epsilon) * q, 0).sum() * area <= events.delta(epsilon) + 1e-7


@pytest.mark.parametrize("seed", range(6))
@pytest.mark.parametrize("relation", list(Relation))
def test_the_gaussian_price_dominates_and_a_smaller_one_does_not(seed: int, relation: Relation) -> None:
    plain = drawn(seed)
    events = SampledGaussian(plain.steps, plain.rate, plain.mu, 1 + seed % 3, relation)
    delta0 = 1e-8
    mu = events.dominating_mu(delta0)
    epsilons = np.linspace(0, 1.2 * epsilon_of(delta0, mu), 40)
    covered = [delta0 + (1 - delta0) * delta_of(float(each), mu) for each in epsilons]
    found = [events.delta(float(each)) for each in epsilons]
    assert all(one <= other * (1 + 1e-6) + 1e-13 for one, other in zip(found, covered, strict=True))
    smaller = [delta0 + (1 - delta0) * delta_of(float(each), 0.97 * mu) for each in epsilons]
    assert any(one > other for one, other in zip(found, smaller, strict=True))


def test_without_sampling_it_is_the_gaussian() -> None:
    for steps, mu in ((1, 0.5), (100, 0.05), (400, 0.1)):
        events = SampledGaussian(steps, Fraction(1), mu)
        whole = mu * steps**0.5
        assert whole * (1 - 1e-9) <= events.dominating_mu(1e-9) * (1 + 1e-3)
        assert events.epsilon(1e-6) == pytest.approx(epsilon_of(1e-6, whole), rel=2e-3)
    # Several rows, all of them in: group privacy; replaced: twice.
    assert SampledGaussian(9, Fraction(1), 0.1, 3).epsilon(1e-6) == pytest.approx(epsilon_of(1e-6, 0.9), rel=2e-3)
    twice = SampledGaussian(9, Fraction(1), 0.1, 3, REPLACE)
    assert twice.epsilon(1e-6) == pytest.approx(epsilon_of(1e-6, 1.8), rel=2e-3)


def test_more_of_anything_costs_more() -> None:
    base = SampledGaussian(200, Fraction(1, 20), 0.8)
    price = base.dominating_mu(1e-8)
    for other in (
        SampledGaussian(240, base.rate, base.mu),
        SampledGaussian(200, Fraction(3, 50), base.mu),
        SampledGaussian(200, base.rate, 1.0),
        SampledGaussian(200, base.rate, base.mu, 2),
        SampledGaussian(200, base.rate, base.mu, 1, REPLACE),
    ):
        assert other.dominating_mu(1e-8) > 1.05 * price


def test_sampling_pays() -> None:
    """Without the gain by sampling the price would be that of all rows in all steps."""
    events = SampledGaussian(500, Fraction(1, 20), 0.5)
    assert events.dominating_mu(1e-8) < 0.1 * events.mu * 500**0.5


@pytest.mark.parametrize(
    "change", [{"steps": 0}, {"rate": Fraction(0)}, {"rate": Fraction(3, 2)}, {"mu": 0.0}, {"mu": math.inf}]
)
def test_bad_settings(change: dict[str, object]) -> None:
    with pytest.raises(SettingError):
        SampledGaussian(**{"steps": 10, "rate": Fraction(1, 2), "mu": 1.0, **change})  # type: ignore[arg-type]
