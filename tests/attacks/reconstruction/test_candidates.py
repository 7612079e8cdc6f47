"""Candidate reconstruction: chance without noise to read, the ceiling of the promise, and a broken promise."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from scipy import stats

from attacks.attack import Evidence, Measured, Published
from attacks.reconstruction.candidates import CandidateReconstruction, reconstruction_ceiling
from tests.attacks.worlds import auc, auc_noise, edge_tables

CELLS = 50
FALSE_ALARM = 1e-6


def release(private, targets, reference, stddev, rng, marginals=1):
    """Evidence of noisy counts of one column with CELLS codes, measured so many times; no table is looked at."""
    counts = np.bincount(private, minlength=CELLS)
    measured = tuple(
        Measured(("c0",), counts + rng.normal(0, stddev, CELLS), (np.arange(CELLS),), stddev) for _ in range(marginals)
    )
    table = edge_tables()["one row"]
    cells = {"target_cells": {"c0": targets}, "reference_cells": {"c0": reference}}
    return Evidence(table, published=Published(measured, {"c0": CELLS}), reference=table, **cells)


def success_rates(mu, candidates, runs, true_mu=None, seed=0):
    """How often the row is picked: with the row in a table of its own, and without it. The promise: mu per row."""
    rng, picked = np.random.default_rng(seed), np.zeros(2)
    for world in range(2):
        for _ in range(runs):
            target = rng.integers(0, CELLS, 1)
            private = target if world == 0 else target[:0]
            others = np.delete(np.arange(CELLS), target)  # no candidate is there twice
            evidence = release(private, target, others, 1 / (true_mu or mu), rng)
            outcome = CandidateReconstruction(candidates).run(evidence, edge_tables()["one row"], rng)
            picked[world] += outcome.success[0]
    return picked / runs


@pytest.mark.parametrize(("mu", "candidates"), [(1.0, 2), (2.0, 10)])
def test_the_ceiling_holds_and_a_broken_promise_breaks_it(mu, candidates):
    runs = 600
    ceiling = reconstruction_ceiling(mu, candidates)
    inside, outside = success_rates(mu, candidates, runs)
    assert stats.binom.sf(inside * runs - 1, runs, ceiling) > FALSE_ALARM
    assert inside > (1 / candidates + ceiling) / 2  # no idle attack: more than half way from chance to the ceiling
    assert FALSE_ALARM < stats.binom.cdf(outside * runs, runs, 1 / candidates) < 1 - FALSE_ALARM
    leaky, _ = success_rates(mu, candidates, runs, true_mu=4 * mu)
    assert stats.binom.sf(leaky * runs - 1, runs, ceiling) < FALSE_ALARM


def many(rows, targets, stddev, seed, reference_inside=False):
    """Evidence and coins for a skewed population on CELLS cells and 6 independent measurements of its one marginal."""
    rng = np.random.default_rng(seed)
    shares = np.arange(1, CELLS + 1) ** 2.0
    pool, others, strangers = (rng.choice(CELLS, count, p=shares / shares.sum()) for count in (targets, rows, rows))
    coins = rng.random(targets) < 0.5
    reference = others if reference_inside else strangers
    return release(np.concatenate([pool[coins], others]), pool, reference, stddev, rng, marginals=6), coins


@pytest.mark.parametrize("candidates", [2, 10])
@pytest.mark.parametrize("stddev", [0.3, 1e5])
def test_strangers_are_picked_by_chance(candidates, stddev):
    """The reference, of which the expected counts are made, must not look less likely than a target that was out."""
    rates = []
    for seed in range(100):
        evidence, coins = many(40, 100, stddev, seed)
        outcome = CandidateReconstruction(candidates).run(evidence, edge_tables()["one row"], np.random.default_rng(9))
        rates.append(outcome.success[~coins].mean())
    assert abs(np.mean(rates) - 1 / candidates) < 4.5 * np.std(rates) / np.sqrt(len(rates)) < 0.05


@pytest.mark.parametrize("stddev", [0.3, 1e5])
def test_members_stand_out_by_exact_counts_of_the_others_and_noise_hides_them(stddev):
    """Where reference rows are in the table, they are as likely as members, who then win half of the time."""
    scores, success, all_coins = [], [], []
    for seed in range(60):
        evidence, coins = many(2000, 12, stddev, seed, reference_inside=True)
        outcome = CandidateReconstruction(2).run(evidence, edge_tables()["one row"], np.random.default_rng(seed))
        scores, success, all_coins = [*scores, *outcome.scores], [*success, *outcome.success], [*all_coins, *coins]
    coins, success = np.array(all_coins), np.array(success)
    deviation = 0.5 / np.sqrt(len(coins) / 2)
    assert abs(success[coins].mean() - 0.5) < 5 * deviation
    if stddev < 1:
        assert success[~coins].mean() < 0.5 - 5 * deviation
        assert auc(np.array(scores), coins) > 0.5 + 5 * auc_noise(coins)
    else:
        assert abs(auc(np.array(scores), coins) - 0.5) < 3.9 * auc_noise(coins)


def test_cells_outside_the_domain_and_few_rows_are_survived():
    evidence, _ = many(10, 3, 1.0, 3)
    odd = {"c0": np.array([-1, CELLS, 10**9])}
    for broken in (replace(evidence, target_cells=odd), replace(evidence, target_cells={"c0": np.zeros(0, np.int64)})):
        outcome = CandidateReconstruction().run(broken, edge_tables()["one row"], np.random.default_rng(0))
        assert np.isfinite(outcome.scores).all()
    empty = replace(
        evidence, published=Published((replace(evidence.published.measured[0], stddev=0.0),), {"c0": CELLS})
    )
    assert np.isfinite(
        CandidateReconstruction().run(empty, edge_tables()["one row"], np.random.default_rng(0)).scores
    ).all()


def test_it_says_what_it_lacks():
    evidence, _ = many(10, 3, 1.0, 4)
    table, attack = edge_tables()["one row"], CandidateReconstruction()
    assert attack.missing(evidence, table) is None
    assert "marginals" in attack.missing(replace(evidence, published=None), table)
    assert "marginals" in attack.missing(replace(evidence, published=Published((), {})), table)
    assert "reference" in attack.missing(replace(evidence, reference_cells=None), table)
    assert "fewer" in CandidateReconstruction(50).missing(evidence, table)
    with pytest.raises(ValueError):
        CandidateReconstruction(1)
