"""The cost table of docs/explanation/privacy-currency.md, row by row: exact trade-off curves lie above the charged one.

Everything here is exact probability, no sampling: 60-digit or float arithmetic on the laws themselves. The
page proves these facts; the tests check each lemma and each conclusion, and that a slightly smaller charge fails.
"""

from __future__ import annotations

import itertools
import math

import mpmath
import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.special import expit, ndtr, ndtri, ndtri_exp

from dpsynth.privacy.discrete_gaussian import mu_per_unit_shift
from dpsynth.privacy.exponential import mu_of_range

Floats = npt.NDArray[np.float64]


# ------------------------------------------------------------------------------------------ discrete Gaussian


def upper_quantile(tail: mpmath.mpf) -> mpmath.mpf:
    """z with P(N(0, 1) > z) = tail, tail <= 1/2, by Newton's method on the logarithm of the tail."""
    z = mpmath.mpf(-float(ndtri_exp(float(mpmath.log(tail)))))
    while True:
        here = mpmath.erfc(z / mpmath.sqrt(2)) / 2
        step = mpmath.log(here / tail) * here * mpmath.sqrt(2 * mpmath.pi) * mpmath.exp(z * z / 2)
        z += step
        if abs(step) <= mpmath.mpf(10) ** (-mpmath.mp.dps // 2 - 5) * (1 + abs(z)):  # the next error is its square
            return z


def thresholds(stddev: float, last: int) -> list[mpmath.mpf]:
    """z(1), ..., z(last) with z(k) = Phi^-1(P(X < k)), X the discrete Gaussian."""
    s = mpmath.mpf(stddev)
    end = last + math.ceil(25 * stddev) + 25
    weights = [mpmath.exp(-(mpmath.mpf(k) ** 2) / (2 * s * s)) for k in range(end)]
    mass = 2 * mpmath.fsum(weights) - weights[0]
    tails = list(itertools.accumulate(reversed(weights)))[::-1]
    return [upper_quantile(tails[k] / mass) for k in range(1, last + 1)]


@pytest.mark.parametrize("stddev", [0.1, 0.2, 0.3, 0.5, 0.7, 1.0, 1.5, 2.0, 3.0, 5.0, 10.0, 16.0])
def test_increments_fall_from_the_centre_to_one_over_stddev(stddev: float) -> None:
    """Theorem 1 of the page: d(0) > d(1) > ... > 1 / stddev, and d(0) is what we charge, rounded up."""
    with mpmath.workdps(60):
        z = thresholds(stddev, max(60, int(40 * stddev**2)))
        increments = [2 * z[0], *(after - before for before, after in itertools.pairwise(z))]
        assert all(before > after for before, after in itertools.pairwise(increments))
        assert increments[-1] > 1 / mpmath.mpf(stddev)
        assert 0 <= mu_per_unit_shift(stddev) / increments[0] - 1 < 5e-12


@pytest.mark.parametrize(
    ("stddev", "product"), [(0.1, 1.934965), (0.5, 1.244191), (1.0, 1.045760), (2.0, 1.010651), (5.0, 1.0016725)]
)
def test_charged_mu_has_its_published_values(stddev: float, product: float) -> None:
    assert stddev * mu_per_unit_shift(stddev) == pytest.approx(product, rel=1e-6)


def second_difference(y: float, d: float) -> mpmath.mpf:
    """Psi_d(y) = 2 ln I(y) - ln I(y - d) - ln I(y + d), I(y) the normal mass of [y - d/2, y + d/2]."""

    def log_mass(centre: mpmath.mpf) -> mpmath.mpf:
        low, high = ((abs(centre) + sign * mpmath.mpf(d) / 2) / mpmath.sqrt(2) for sign in (-1, 1))
        return mpmath.log((mpmath.erfc(low) - mpmath.erfc(high)) / 2)

    y_, d_ = mpmath.mpf(y), mpmath.mpf(d)
    return 2 * log_mass(y_) - log_mass(y_ - d_) - log_mass(y_ + d_)


def test_lemmas_of_theorem_1_hold_on_a_grid() -> None:
    """Psi_d(y) grows in y >= 0 and in d > 0, and stays below d^2."""
    ys, ds = np.concatenate([[0], np.geomspace(0.01, 30, 14)]), np.geomspace(0.02, 12, 14)
    with mpmath.workdps(60):
        table = [[second_difference(y, d) for d in ds] for y in ys]
        for row, next_row in itertools.pairwise(table):
            assert all(below < above for below, above in zip(row, next_row, strict=True))
        for row in table:
            assert all(below < above for below, above in itertools.pairwise(row))
            assert all(value < mpmath.mpf(d) ** 2 for value, d in zip(row, ds, strict=True))


@pytest.mark.parametrize("shift", [1, 2, 3, 7])
@pytest.mark.parametrize("stddev", [0.3, 1.0, 2.5])
def test_integer_shifts_cost_at_most_the_shift_times_a_unit_shift(stddev: float, shift: int) -> None:
    """The exact trade-off of X and X + shift, and its exact mu: the `shift` increments nearest to the centre."""
    x = np.arange(-300, 301)
    log_weights = -(x.astype(float) ** 2) / (2 * stddev**2)
    log_pmf = log_weights - np.logaddexp.reduce(log_weights)
    log_tail = np.logaddexp.accumulate(log_pmf[::-1])[::-1]  # ln P(X >= k)
    z = np.where(x > 0, -ndtri_exp(np.minimum(log_tail, np.log(0.5))), 0.0)
    z = np.where(x > 0, z, -np.interp(1 - x, x, z))  # symmetry: z(1 - k) = -z(k)
    inside = slice(150, 451)
    exact_mu = (z[shift:] - z[:-shift])[inside].max()
    assert exact_mu <= shift * mu_per_unit_shift(stddev)
    increments = np.sort(np.diff(z)[inside])[::-1]
    assert exact_mu == pytest.approx(increments[:shift].sum(), rel=1e-9)
    if shift == 1:
        assert exact_mu == pytest.approx(mu_per_unit_shift(stddev), rel=1e-9)


# ------------------------------------------------------------------------------------- trade-off of finite laws


def trade_off(p: Floats, q: Floats) -> tuple[Floats, Floats]:
    """Vertices (type I, type II error) of the optimal tests of p against q, shape (outcomes + 1,) each."""
    p, q = p[(p > 0) | (q > 0)], q[(p > 0) | (q > 0)]
    with np.errstate(divide="ignore"):
        order = np.argsort(np.log(p) - np.log(q), kind="stable")  # most likely under q first
    return np.concatenate([[0.0], np.cumsum(p[order])]), np.concatenate([np.cumsum(q[order][::-1])[::-1], [0.0]])


def lies_above(p: Floats, q: Floats, mu: float, delta0: float = 0.0) -> bool:
    """Whether T(p, q) >= G_mu (x) f_{0,delta0}: enough at the vertices, since the right side is convex."""
    alpha, beta = trade_off(p, q)
    inner = np.clip(alpha / (1 - delta0), 0, 1)
    with np.errstate(divide="ignore"):
        charged = (1 - delta0) * ndtr(-ndtri(inner) - mu)
    return bool(np.all(beta >= charged - 1e-12))


# ------------------------------------------------------------------------------------------ exponential mechanism


ETAS = np.geomspace(0.01, 12, 30)


@pytest.mark.parametrize("eta", ETAS)
def test_half_the_range_is_the_worst_two_point_pair(eta: float) -> None:
    t = np.linspace(0, eta, 402)[1:-1]
    log_denominator = math.log(-math.expm1(-eta))
    log_q = -t + np.log(-np.expm1(t - eta)) - log_denominator  # of the outcome with log-ratio t
    log_p = log_q + t
    mus = ndtri_exp(log_p) - ndtri_exp(log_q)
    charged = mu_of_range(float(eta))
    assert mus.max() <= charged * (1 + 1e-11)
    assert abs(t[mus.argmax()] - eta / 2) <= eta / 400
    worst = -2 * float(ndtri_exp(float(-np.logaddexp(0, eta / 2))))
    assert 0 <= charged - worst < 1e-9 * charged + 1e-15


def test_logistic_odds_of_the_two_points_differ_by_the_range() -> None:
    """The step that makes the proof short: logit P(x) - logit Q(x) = eta whatever t is."""
    for eta, share in itertools.product(ETAS, (0.01, 0.3, 0.5, 0.9)):
        t = share * eta
        q = (math.exp(-t) - math.exp(-eta)) / -math.expm1(-eta)
        p = q * math.exp(t)
        assert math.log(p / (1 - p)) - math.log(q / (1 - q)) == pytest.approx(eta, rel=1e-9)


def test_the_normal_quantile_of_a_logistic_is_concave_on_the_positive_side() -> None:
    """Lemma 3 of the page: K(y) = phi(y) (2 Phi(y) - 1) - y Phi(y) Phi(-y) > 0 for y > 0."""
    with mpmath.workdps(60):
        for y in map(mpmath.mpf, np.geomspace(1e-4, 30, 200)):
            upper = mpmath.erfc(y / mpmath.sqrt(2)) / 2
            density = mpmath.exp(-y * y / 2) / mpmath.sqrt(2 * mpmath.pi)
            assert density * (1 - 2 * upper) > y * upper * (1 - upper)


@given(
    st.lists(st.tuples(st.floats(-20, 20), st.floats(-1, 1)), min_size=2, max_size=7),
    st.floats(0.005, 4),
)
@settings(max_examples=200)
def test_every_exponential_mechanism_lies_above_its_charge(scores: list[tuple[float, float]], rate: float) -> None:
    before = np.array([score for score, _ in scores])
    after = before + np.array([move for _, move in scores])
    p, q = (np.exp(rate * s - np.logaddexp.reduce(rate * s)) for s in (before, after))
    assert lies_above(p, q, mu_of_range(2 * rate))


def test_a_smaller_charge_for_selection_is_caught() -> None:
    """Power: two candidates whose scores move apart by the most possible; also the non-monotone factor 2."""
    for rate in (0.01, 0.5, 3.0):
        p = np.array([expit(-rate), expit(rate)])
        assert lies_above(p, p[::-1], mu_of_range(2 * rate))
        assert not lies_above(p, p[::-1], mu_of_range(2 * rate) * (1 - 1e-6))
        assert not lies_above(p, p[::-1], mu_of_range(rate))


@pytest.mark.parametrize("epsilon", [0.01, 0.5, 1.0, 5.0])
def test_a_pure_step_costs_what_randomised_response_does(epsilon: float) -> None:
    mu = mu_of_range(2 * epsilon)
    assert mu == pytest.approx(-2 * float(ndtri_exp(float(-np.logaddexp(0, epsilon)))), rel=1e-9)
    x = np.arange(-4000, 4001)
    geometric = [np.tanh(epsilon / 2) * np.exp(-epsilon * np.abs(x - shift)) for shift in (0, 1)]
    assert lies_above(*geometric, mu)


# ------------------------------------------------------------------------------------------ several cells at once


@pytest.mark.parametrize("shape", [(2,), (5,), (2, 2), (2, 3), (3, 4), (2, 2, 2), (2, 3, 4)])
def test_residual_shifts_equal_the_formulas_of_the_page(shape: tuple[int, ...]) -> None:
    xi = np.ones((1, 1), dtype=np.int64)
    for n in shape:
        xi = np.kron(xi, n * np.eye(n, dtype=np.int64) - 1)
    add_remove = (xi**2).sum(axis=0)
    assert set(add_remove) == {math.prod(n * (n - 1) for n in shape)}
    between = ((xi[:, :, None] - xi[:, None, :]) ** 2).sum(axis=0)
    smallest = min(shape)
    assert between.max() * (smallest - 1) == 2 * smallest * math.prod(n * (n - 1) for n in shape)


@pytest.mark.parametrize("stddev", [1.0, 3.0])
def test_partition_selection_lies_above_its_gaussian_part_and_delta(stddev: float) -> None:
    """A unit of 3 rows: one in a shared value, two in a value that only its own table holds; both directions."""
    x = np.arange(-60, 61)
    weights = np.exp(-(x.astype(float) ** 2) / (2 * stddev**2))
    noise = weights / weights.sum()
    threshold = math.ceil(2 + 2.5 * stddev)
    pass_probability = noise[x >= threshold - 2]
    delta0 = float(pass_probability.sum())
    assert 1e-4 < delta0 < 0.05
    named = np.concatenate([[1 - delta0], pass_probability])
    with_unit = np.outer(np.roll(noise, 1), named).ravel()
    without = np.outer(noise, np.eye(len(named))[0]).ravel()
    mu = mu_per_unit_shift(stddev)
    for p, q in ((with_unit, without), (without, with_unit)):
        assert lies_above(p, q, mu, delta0)
        assert not lies_above(p, q, mu, delta0 * 0.99)
        assert not lies_above(p, q, mu * 0.98, delta0)


def test_two_independent_cells_compose_by_the_sum_of_mu_squared() -> None:
    x = np.arange(-40, 41)
    pairs = []
    for stddev, shift in ((1.0, 1), (2.0, 3)):
        weights = np.exp(-(x.astype(float) ** 2) / (2 * stddev**2))
        pairs.append((weights / weights.sum(), np.roll(weights / weights.sum(), shift)))
    p, q = (np.outer(a, b).ravel() for a, b in zip(*pairs, strict=True))
    mu = math.hypot(mu_per_unit_shift(1.0), 3 * mu_per_unit_shift(2.0))
    assert lies_above(p, q, mu)
    assert not lies_above(p, q, mu * 0.95)
