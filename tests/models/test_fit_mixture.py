from __future__ import annotations

import itertools

import numpy as np
import pytest

from dpsynth.domain import Domain
from dpsynth.errors import SettingError
from dpsynth.marginal import Basis, NoisyMarginal, residual
from dpsynth.models.fit_mixture import Parameters, descend, first_penalty, fit_mixture, gradient, split
from dpsynth.models.loss import residual_loss
from dpsynth.models.mixture import Mixture
from dpsynth.models.mixture_loss import MixtureLoss

DOMAIN = Domain(tuple("abcdefgh"), (2, 3, 4, 3, 2, 5, 3, 4))
PAIRS = list(itertools.combinations(DOMAIN.columns, 2))
TRIPLES = list(itertools.combinations(DOMAIN.columns, 3))
TOTAL = 10_000.0


def planted(seed: int = 0) -> Mixture:
    rng = np.random.default_rng(seed)
    tables = tuple(rng.dirichlet(np.full(size, 0.5), 4) for size in DOMAIN.sizes)
    return Mixture(DOMAIN, np.array([0.4, 0.3, 0.2, 0.1]), tables, TOTAL)


def measured(truth: Mixture, stddev: float, cliques: list[tuple[str, ...]], seed: int = 1) -> list[NoisyMarginal]:
    rng = np.random.default_rng(seed)
    found = []
    for clique in [*((column,) for column in DOMAIN), *cliques]:
        noisy = truth.project(clique) + stddev * rng.standard_normal(DOMAIN.shape(clique))
        basis = Basis.RESIDUAL if len(clique) == 2 else Basis.IDENTITY
        found.append(NoisyMarginal(clique, residual(noisy) if len(clique) == 2 else noisy, stddev, basis))
    return found


def mean_distance(one: Mixture, two: Mixture, cliques: list[tuple[str, ...]]) -> float:
    return float(np.mean([np.abs(one.project(c) / one.total - two.project(c) / two.total).sum() / 2 for c in cliques]))


def fitted(found: list[NoisyMarginal], **settings: float) -> Mixture:
    return fit_mixture(DOMAIN, found, TOTAL, np.random.default_rng(0), components=40, factors=8, **settings)  # type: ignore[arg-type]


def test_a_planted_mixture_is_recovered_from_near_exact_pairs() -> None:
    found = fitted(measured(planted(), 0.5, PAIRS), stages=30)
    assert found.total == TOTAL
    assert mean_distance(found, planted(), PAIRS) < 0.005
    independent = fitted(measured(planted(), 0.5, []))
    # Nobody measured the triples, and pairs do not determine them.
    assert mean_distance(found, planted(), TRIPLES) < 0.3 * mean_distance(independent, planted(), TRIPLES)


def test_triples_are_taken_in() -> None:
    """Parity: every pair is uniform, so only the triple knows of it."""
    domain = Domain.of({"a": 2, "b": 2, "c": 2})
    parity = np.array([[[100.0, 0.0], [0.0, 100.0]], [[0.0, 100.0], [100.0, 0.0]]])
    one = NoisyMarginal(("a", "b", "c"), parity, 1.0)
    found = fit_mixture(domain, [one], 400.0, np.random.default_rng(0), components=40, factors=8)
    assert np.abs(found.project(("a", "b", "c")) - parity).sum() / 800 < 0.03


def test_noise_is_not_fitted() -> None:
    """With more noise than signal the fit is no worse than independence, and as far from the noise as the truth is."""
    truth, stddev = planted(), 400.0
    noisy = measured(truth, stddev, PAIRS)
    found = fitted(noisy)
    independent = fitted([one for one in noisy if len(one.clique) == 1])
    assert mean_distance(found, truth, PAIRS) < 1.1 * mean_distance(independent, truth, PAIRS)
    exact = residual_loss(DOMAIN, noisy, TOTAL)
    at_truth = sum(np.prod(np.array(part.shape) - 1) for part in exact.target.values()) / 2  # half a chi-square
    loss = MixtureLoss.of(exact)
    reached = loss.value(found.weights, np.concatenate(found.tables, axis=1))
    assert 0.75 * at_truth < reached < 1.5 * at_truth
    # The test has power: without held-out noise to stop it, the same model goes far below.
    start = Parameters(
        np.random.default_rng(0).standard_normal((40, 8)),
        *(
            0.1 * np.random.default_rng(1).standard_normal(shape)
            for shape in ((8, loss.layout.width), loss.layout.width, 40)
        ),
    )
    greedy, _ = descend(start, loss, 0.0, 400, np.random.default_rng(2), None)
    assert loss.value(*greedy.distribution(loss.layout)) < 0.5 * at_truth


def test_more_information_gives_a_better_fit() -> None:
    errors = [mean_distance(fitted(measured(planted(), stddev, PAIRS)), planted(), PAIRS) for stddev in (300, 60, 12)]
    assert errors[0] > 1.5 * errors[1] > 2 * errors[2]


def test_the_fit_is_a_function_of_its_input() -> None:
    noisy = measured(planted(), 50.0, PAIRS)
    assert np.array_equal(fitted(noisy, stages=2).tables[3], fitted(noisy, stages=2).tables[3])


def test_progress_ends_at_one() -> None:
    seen: list[float] = []
    fitted(measured(planted(), 100.0, PAIRS), progress=seen.append, stages=3)  # type: ignore[arg-type]
    assert seen == sorted(seen)
    assert seen[-1] == 1.0


def test_split_gives_two_independent_measurements_of_the_shares() -> None:
    one = NoisyMarginal(("f",), np.zeros(5), 3.0)
    rng = np.random.default_rng(0)
    draws = []
    for _ in range(4000):
        noisy = NoisyMarginal(("f",), 3.0 * rng.standard_normal(5), 3.0)
        (first,), (second,) = split([noisy], 0.2, rng)
        draws.append([first.values, second.values])
    both = np.array(draws).transpose(1, 0, 2).reshape(2, -1)
    (first,), (second,) = split([one], 0.2, rng)
    assert first.stddev**-2 == pytest.approx(0.8 * 3.0**-2)
    assert second.stddev**-2 == pytest.approx(0.2 * 3.0**-2)
    # 20,000 pairs: standard errors of 0.007 for the correlation and 0.5% for the stddevs.
    assert abs(np.corrcoef(both)[0, 1]) < 0.04
    assert both.std(axis=1) == pytest.approx([first.stddev, second.stddev], rel=0.03)


def example(seed: int = 3) -> tuple[Parameters, MixtureLoss]:
    rng = np.random.default_rng(seed)
    noisy = measured(planted(), 30.0, [*PAIRS, ("a", "b", "c")])
    loss = MixtureLoss.of(residual_loss(DOMAIN, noisy, TOTAL), np.float64)
    shapes = ((6, 3), (3, loss.layout.width), (loss.layout.width,), (6,))
    return Parameters(*(rng.standard_normal(shape) for shape in shapes)), loss


def test_gradient_is_that_of_finite_differences() -> None:
    state, loss = example()
    penalty, step, rng = 7.0, 1e-5, np.random.default_rng(4)

    def objective(at: Parameters) -> float:
        return loss.value(*at.distribution(loss.layout)) + penalty / 2 * float(np.sum(at.map**2))

    slopes = gradient(state, loss, penalty, range(len(loss.larger))).all()
    for index, slope in enumerate(slopes):
        move = rng.standard_normal(slope.shape)
        ends = [
            Parameters(*(array + sign * step * move if i == index else array for i, array in enumerate(state.all())))
            for sign in (1, -1)
        ]
        assert (objective(ends[0]) - objective(ends[1])) / (2 * step) == pytest.approx(
            float(np.vdot(slope, move)), rel=1e-5
        )


def test_first_penalty_is_where_independence_stops_being_best() -> None:
    state, loss = example()
    rng = np.random.default_rng(0)
    edge = first_penalty(state, loss, rng, rounds=200)
    points = np.array([[1.0], [-1.0]])
    # The best single factor is the eigenvector; a little of it pays below the edge and costs above it.
    row = rng.standard_normal((1, loss.layout.width))
    for _ in range(200):
        row *= 1e-3 / np.linalg.norm(row)
        row = -gradient(Parameters(points, row, state.base, np.zeros(2)), loss, 0.0, [0]).map
    row *= 1e-3 / np.linalg.norm(row)

    def change(penalty: float) -> float:
        values = [
            loss.value(*Parameters(points, size * row, state.base, np.zeros(2)).distribution(loss.layout))
            for size in (1.0, 0.0)
        ]
        return values[0] - values[1] + penalty / 2 * float(np.sum(row**2))

    assert change(0.98 * edge) < 0 < change(1.02 * edge)


def test_settings_out_of_range_are_refused() -> None:
    noisy, rng = measured(planted(), 10.0, []), np.random.default_rng(0)
    with pytest.raises(SettingError, match="total"):
        fit_mixture(DOMAIN, noisy, 0.0, rng)
    for settings in ({"components": 0}, {"factors": 0}, {"held_out": 1.0}):
        with pytest.raises(SettingError, match="components and factors"):
            fit_mixture(DOMAIN, noisy, TOTAL, rng, **settings)  # type: ignore[arg-type]
    with pytest.raises(SettingError, match="must have shape"):
        fit_mixture(DOMAIN, [NoisyMarginal(("a",), np.zeros(3), 1.0)], TOTAL, rng)


def test_grouped_measurements_are_refused_before_they_are_split(rng: np.random.Generator) -> None:
    grouped = NoisyMarginal(("a",), np.zeros(2), 1.0, groups=((1, 0),))
    for refused in (lambda: split([grouped], 0.1, rng), lambda: fit_mixture(DOMAIN, [grouped], 1.0, rng)):
        with pytest.raises(SettingError, match="grouped codes"):
            refused()
