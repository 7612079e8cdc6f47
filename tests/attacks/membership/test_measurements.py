from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from scipy.stats import norm, rankdata

from attacks.attack import Criterion, Evidence, Measured, Published
from attacks.membership.measurements import (
    NoisyMeasurements,
    cell_numbers,
    conjugate_gradients,
    estimated_rows,
    projected,
    summed,
)
from attacks.tables import Table
from attacks.threat import REFERENCE

NAMES, SIZES = ("a", "b", "c"), (6, 8, 5)
PAIRS = (("a", "b"), ("b", "c"), ("c",))


def _rows(count, rng):
    a = rng.choice(6, count, p=[0.4, 0.25, 0.15, 0.1, 0.06, 0.04])
    return np.stack([a, (a + rng.geometric(0.4, count)) % 8, rng.integers(0, 5, count)], axis=1)


def _table(codes):
    width = codes.shape[1]
    floats = np.full(codes.shape, np.nan, np.float32)
    return Table(NAMES[:width], (False,) * width, SIZES[:width], codes.astype(np.int64), codes.astype(np.int32), floats)


def _cells(rows):
    return {name: rows[:, place].astype(np.int64) for place, name in enumerate(NAMES)}


def _measured(rows, stddev, rng, pairs=PAIRS, residual=()):
    made = []
    for pair in pairs:
        places = [NAMES.index(name) for name in pair]
        shape = tuple(SIZES[place] for place in places)
        counts = np.bincount(np.ravel_multi_index(rows[:, places].T, shape), minlength=int(np.prod(shape)))
        values = counts.reshape(shape) + rng.normal(0, stddev, shape)
        if pair in residual:
            for axis in range(values.ndim):
                values = values - values.mean(axis=axis, keepdims=True)
        made.append(Measured(pair, values, tuple(np.arange(size) for size in shape), stddev, pair in residual))
    return Published(tuple(made), dict(zip(NAMES, SIZES, strict=True)))


def _world(seed, *, stddev, others=50, targets=40, members=True, reference=20_000, residual=()):
    rng = np.random.default_rng(seed)
    pool, rest, known = _rows(targets, rng), _rows(others, rng), _rows(reference, rng)
    coins = rng.random(targets) < 0.5
    private = np.concatenate([pool[coins], rest]) if members else np.concatenate([_rows(int(coins.sum()), rng), rest])
    published = _measured(private, stddev, rng, residual=residual)
    tables = [_table(rows) for rows in (rest, known, pool)]
    evidence = Evidence(tables[0], published, _cells(rest), _cells(pool), tables[1], _cells(known))
    return evidence, tables[2], coins


def _auc(scores, coins):
    inside = coins.sum()
    return (rankdata(scores)[coins].sum() - inside * (inside + 1) / 2) / (inside * (~coins).sum())


def _mean_auc(worlds, attack=None, **settings):
    """Mean AUC over worlds, and the standard error of that mean."""
    attack = attack or NoisyMeasurements()
    found = []
    for seed in range(worlds):
        evidence, targets, coins = _world(seed, **settings)
        found.append(_auc(attack.run(evidence, targets, np.random.default_rng(seed)).scores, coins))
    return np.mean(found), np.std(found) / np.sqrt(worlds)


def test_finds_members_where_noise_is_small_and_rows_are_few():
    mean, _ = _mean_auc(20, stddev=0.05, others=0, targets=12)
    assert mean > 0.9
    mean, _ = _mean_auc(20, stddev=0.05, others=4, targets=12)
    assert mean > 0.85


def test_knows_nothing_of_measurements_of_other_rows():
    mean, error = _mean_auc(60, stddev=1.0, members=False)
    assert abs(mean - 0.5) < 4 * error  # false alarm below 1e-4


@pytest.mark.parametrize("mu", [0.5, 2.0])
def test_stays_below_the_ceiling_of_the_promise(mu):
    stddev = np.sqrt(len(PAIRS)) / mu  # each row is in one cell of every marginal
    mean, error = _mean_auc(100, stddev=stddev, others=10, targets=12)
    assert mean < norm.cdf(mu / np.sqrt(2)) + 4 * error
    assert mean > 0.5 + 4 * error  # and it sees something: the test has power


def test_the_ceiling_is_reached_by_one_target_among_known_rows():
    # One possible row, and a population that is known exactly: what is left is the noise.
    mu, rng = 1.5, np.random.default_rng(0)
    stddev = np.sqrt(len(PAIRS)) / mu
    base = _rows(3, rng)
    target = np.array([[5, 0, 4]])
    reference = np.repeat(base, 2000, axis=0)
    scores = {True: [], False: []}
    for inside in (True, False):
        for _ in range(400):
            published = _measured(np.concatenate([base, target[: int(inside)]]), stddev, rng)
            evidence = Evidence(
                _table(base), published, _cells(base), _cells(target), _table(reference), _cells(reference)
            )
            scores[inside].append(NoisyMeasurements().run(evidence, _table(target), rng).scores[0])
    found = _auc(np.array(scores[True] + scores[False]), np.arange(800) < 400)
    ceiling = norm.cdf(mu / np.sqrt(2))
    assert found < ceiling + 4 * 0.016
    assert found > ceiling - 0.08


def test_the_covariance_helps_where_marginals_repeat_each_other():
    pairs = (*[("a", "b")] * 4, ("c",))
    gains = []
    for seed in range(40):
        rng = np.random.default_rng(seed)
        pool, rest, known = _rows(200, rng), _rows(300, rng), _rows(20_000, rng)
        coins = rng.random(200) < 0.5
        published = _measured(np.concatenate([pool[coins], rest]), 1.0, rng, pairs)
        evidence = Evidence(_table(rest), published, _cells(rest), _cells(pool), _table(known), _cells(known))
        aucs = [
            _auc(NoisyMeasurements(shrinkage=shrinkage).run(evidence, _table(pool), rng).scores, coins)
            for shrinkage in (0.05, 1.0)
        ]
        gains.append(aucs[0] - aucs[1])
    assert np.mean(gains) > 2 * np.std(gains) / np.sqrt(len(gains))


def test_residual_marginals_are_compared_with_residuals():
    mean, _ = _mean_auc(20, stddev=0.05, others=0, targets=12, residual=PAIRS[:2])
    assert mean > 0.85
    evidence, targets, _ = _world(1, stddev=0.05, others=0, targets=12, residual=PAIRS)
    assert estimated_rows(evidence.published.measured) == 0
    assert np.isfinite(NoisyMeasurements().run(evidence, targets, np.random.default_rng(0)).scores).all()


def test_projection_takes_off_the_mean_along_each_axis():
    published = _measured(_rows(30, np.random.default_rng(0)), 1.0, np.random.default_rng(1), residual=PAIRS[:1])
    measured = published.measured
    values = np.random.default_rng(2).normal(size=sum(one.values.size for one in measured))
    found = projected(values, measured)
    table = found[: measured[0].values.size].reshape(measured[0].values.shape)
    assert np.allclose(table.mean(axis=0), 0)
    assert np.allclose(table.mean(axis=1), 0)
    assert (found[measured[0].values.size :] == values[measured[0].values.size :]).all()
    assert np.allclose(projected(found, measured), found)


def test_cells_follow_groups_and_rows_outside_count_for_nothing():
    measured = (
        Measured(("a",), np.array([10.0, 20.0]), (np.array([0, 0, 1, 1, 1, 1]),), 1.0),
        Measured(("a", "b"), np.zeros((6, 8)), (np.arange(6), np.arange(8)), 1.0),
    )
    cells = cell_numbers(measured, {"a": np.array([1, 2, 6, -1]), "b": np.array([3, 7, 0, 0])})
    assert cells.tolist() == [[0, 2 + 8 + 3], [1, 2 + 16 + 7], [50, 50], [50, 50]]
    values = np.zeros(50)
    values[:2] = 10, 20
    assert summed(values, cells).tolist() == [10, 20, 0, 0]


def test_rows_are_estimated_by_inverse_variance():
    loud, quiet = (
        Measured(("c",), np.full(5, 100.0), (np.arange(5),), 10.0),
        Measured(("a",), np.full(6, 10.0), (np.arange(6),), 1.0),
    )
    weights = np.array([1 / (5 * 100), 1 / 6])
    assert estimated_rows((loud, quiet)) == pytest.approx((weights @ [500, 60]) / weights.sum())
    nothing = Measured(("c",), np.full(5, -3.0), (np.arange(5),), 1.0)
    assert estimated_rows((nothing,)) == 1


def test_conjugate_gradients_solve():
    rng = np.random.default_rng(3)
    factor = rng.normal(size=(30, 30))
    matrix, right = factor @ factor.T + np.eye(30), rng.normal(size=30)
    found = conjugate_gradients(lambda vector: matrix @ vector, right, 1 / np.diag(matrix))
    assert np.linalg.norm(matrix @ found - right) < 0.01 * np.linalg.norm(right)
    assert (conjugate_gradients(lambda vector: vector, np.zeros(3), np.ones(3)) == 0).all()


def test_survives_constant_columns_and_strange_rows():
    rng = np.random.default_rng(4)
    same = np.zeros((30, 3), np.int64)
    for reference in (same, same[:1], _rows(5, rng)):
        for targets in (same, np.array([[-1, 99, 2]]), _rows(3, rng)):
            published = _measured(same, 1.0, rng)
            evidence = Evidence(
                _table(same), published, _cells(same), _cells(targets), _table(reference), _cells(reference)
            )
            scores = NoisyMeasurements().run(evidence, _table(targets), rng).scores
            assert scores.shape == (len(targets),)
            assert np.isfinite(scores).all()


def test_is_the_same_for_the_same_seed_and_draws_only_rows_it_needs():
    evidence, targets, _ = _world(5, stddev=1.0)
    attack = NoisyMeasurements(max_rows=500)
    first, again = (attack.run(evidence, targets, np.random.default_rng(1)) for _ in range(2))
    assert (first.scores == again.scores).all()
    assert first.details["reference"] == 500


def test_says_what_it_needs():
    evidence, targets, _ = _world(6, stddev=1.0)
    attack = NoisyMeasurements()
    assert attack.threat == REFERENCE
    assert attack.criterion is Criterion.MEMBERSHIP
    assert attack.missing(evidence, targets) is None
    assert "noisy marginals" in attack.missing(replace(evidence, published=None), targets)
    assert "noisy marginals" in attack.missing(replace(evidence, published=Published((), {})), targets)
    assert "population" in attack.missing(replace(evidence, reference=None, reference_cells=None), targets)
    with pytest.raises(ValueError, match="published"):
        attack.run(replace(evidence, published=None), targets, np.random.default_rng(0))


@pytest.mark.parametrize("settings", [{"shrinkage": 0}, {"shrinkage": 1.5}, {"max_rows": 0}])
def test_refuses_settings_that_mean_nothing(settings):
    with pytest.raises(ValueError, match="must be"):
        NoisyMeasurements(**settings)
