from __future__ import annotations

from dataclasses import replace
from itertools import combinations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from attacks.attack import Criterion, Evidence, Published
from attacks.membership.marginals import (
    MAX_CELLS,
    PublishedMarginals,
    ShadowMarginals,
    joint_codes,
    likely_cliques,
    scores_in_one,
)
from attacks.tables import Table
from attacks.threat import GENERATOR, REFERENCE
from tests.attacks.worlds import auc, auc_noise, edge_tables, world

ATTACKS = [PublishedMarginals(), PublishedMarginals("ratio"), PublishedMarginals(triples=10)]
FALSE_ALARM = 4.0  # standard deviations: two-sided, below 1e-4


def _table(codes):
    codes = np.asarray(codes, np.int32)
    width = codes.shape[1]
    names = tuple(f"c{place}" for place in range(width))
    return Table(names, (False,) * width, (9,) * width, codes.astype(np.int64), codes, codes.astype(np.float32))


def _run(attack, evidence, targets, seed=0):
    return attack.run(evidence, targets, np.random.default_rng(seed)).scores


@pytest.mark.parametrize("attack", ATTACKS, ids=str)
def test_knows_nothing_of_an_independent_table(attack):
    for seed in (1, 2):
        made = world("independent", seed)
        scores = _run(attack, made.evidence, made.targets)
        assert abs(auc(scores, made.trial.coins) - 0.5) < FALSE_ALARM * auc_noise(made.trial.coins)


@pytest.mark.parametrize("attack", ATTACKS, ids=str)
def test_finds_the_members_of_a_copy(attack):
    made = world("copier", 3)
    assert auc(_run(attack, made.evidence, made.targets), made.trial.coins) > 0.9


@pytest.mark.parametrize("score", ["gaussian", "ratio"])
def test_finds_members_by_exact_pairs_of_a_small_table(score):
    made = world("copier", 4, rows=400, targets=200)
    pairs = tuple(combinations(made.targets.names, 2))
    scores = sum(
        scores_in_one(
            joint_codes((made.evidence.synthetic, made.evidence.reference, made.targets), pair), score, kept=True
        )
        for pair in pairs
    )
    assert auc(scores, made.trial.coins) > 0.7


@pytest.mark.parametrize("kind", edge_tables())
@pytest.mark.parametrize("attack", ATTACKS, ids=str)
def test_survives_any_table(attack, kind):
    tables = edge_tables()
    for other in tables.values():
        for evidence, targets in (
            (Evidence(tables[kind], reference=other), other),
            (Evidence(other, reference=tables[kind]), other),
            (Evidence(other, reference=other), tables[kind]),
        ):
            assert np.isfinite(_run(attack, evidence, targets)).all()


def test_one_column_and_no_targets():
    one = _table([[2], [3], [3]])
    assert _run(PublishedMarginals(), Evidence(one, reference=one), one).shape == (3,)
    assert _run(PublishedMarginals(), Evidence(one, reference=one), one.take(np.zeros(0, int))).shape == (0,)


def test_says_what_it_needs():
    one = _table([[2, 3]])
    attack = PublishedMarginals()
    assert attack.threat == REFERENCE
    assert attack.criterion is Criterion.MEMBERSHIP
    assert "population" in attack.missing(Evidence(one), one)
    assert attack.missing(Evidence(one, reference=one), one) is None
    with pytest.raises(ValueError, match="reference"):
        _run(attack, Evidence(one), one)


@pytest.mark.parametrize("settings", [{"score": "best"}, {"triples": -1}])
def test_refuses_settings_that_mean_nothing(settings):
    with pytest.raises(ValueError, match="must be"):
        PublishedMarginals(**settings)


def test_scores_are_those_of_the_formulas():
    synthetic, reference, target = np.array([0, 0, 0, 1]), np.array([0, 1, 1, 1, 1, 1, 2, 2]), np.array([0, 1, 2])
    share = (np.array([1, 5, 2]) + 0.5) / (8 + 1.5)
    ratio = scores_in_one((synthetic, reference, target), "ratio", kept=True)
    assert np.allclose(ratio, np.array([3, 1, 0]) / 4 / share)
    difference, variance = np.array([3, 1, 0]) - np.array([1, 5, 2]) * 4 / 8, 4 * (1 + 4 / 8) * share
    assert np.allclose(scores_in_one((synthetic, reference, target), "gaussian", kept=True), difference / variance)
    excess = max((difference**2 / variance).sum() / 2, 1)
    assert excess > 1
    found = scores_in_one((synthetic, reference, target), "gaussian", kept=False)
    assert np.allclose(found, difference / variance / excess)


@given(st.integers(1, 6), st.integers(1, 30), st.integers(0, 2**32 - 1))
def test_joint_codes_are_equal_where_rows_are(columns, rows, seed):
    rng = np.random.default_rng(seed)
    tables = [_table(rng.integers(0, 9, (count, columns))) for count in (rows, 3, 5)]
    # so many levels that codes have to be numbered anew
    wide = [replace(table, levels=(1 << 12,) * columns) for table in tables]
    for given_tables in (tables, wide):
        found = np.concatenate(joint_codes(given_tables, tables[0].names))
        codes = np.concatenate([table.codes for table in tables])
        assert ((found[:, None] == found) == (codes[:, None] == codes).all(axis=2)).all()
        assert found.min() >= 0
        assert found.max() < max(MAX_CELLS, len(codes))


def test_likely_cliques_are_each_once():
    rng = np.random.default_rng(0)
    assert likely_cliques(("a",), 5, rng) == (("a",),)
    assert likely_cliques(("a", "b"), 5, rng) == (("a", "b"), ("a",), ("b",))
    found = likely_cliques(tuple("abcdefgh"), 10, rng)
    assert len(set(found)) == len(found)
    sizes = [len(clique) for clique in found]
    assert (sizes.count(2), sizes.count(7), sizes.count(8)) == (28, 8, 1)
    assert 1 <= sizes.count(3) <= 10


def test_looks_at_the_published_marginals_alone():
    made = world("copier", 5, rows=500, targets=100)
    measured = [replace_measured(columns) for columns in (("town", "work"), ("gone", "work"))]
    outcome = PublishedMarginals().run(
        replace(made.evidence, published=Published(tuple(measured), {})), made.targets, np.random.default_rng(0)
    )
    tables = made.evidence.synthetic, made.evidence.reference, made.targets
    assert outcome.details["marginals"] == 1
    assert np.allclose(outcome.scores, scores_in_one(joint_codes(tables, ("town", "work")), "gaussian", kept=True))


def replace_measured(columns):
    from attacks.attack import Measured

    return Measured(columns, np.zeros((1, 1)), (np.zeros(1, np.int64),) * 2, 1.0)


def test_shadow_marginals_weigh_by_how_often_they_are_chosen():
    made = world("copier", 6, rows=500, targets=100)
    seen = []

    def select(table, seed):
        seen.append((len(table), seed))
        often = (("town", "work"),)
        return (*often, ("colour", "owner"), ("unknown",)) if len(seen) % 2 else often

    evidence = replace(made.evidence, select=select)
    attack = ShadowMarginals(runs=10)
    assert attack.threat == GENERATOR
    assert attack.missing(evidence, made.targets) is None
    found = attack.run(evidence, made.targets, np.random.default_rng(0))
    tables = made.evidence.synthetic, made.evidence.reference, made.targets
    parts = [
        scores_in_one(joint_codes(tables, pair), "gaussian", kept=True)
        for pair in (("town", "work"), ("colour", "owner"))
    ]
    assert np.allclose(found.scores, parts[0] + parts[1] / 2)
    assert {rows for rows, _ in seen} == {500}
    assert len({seed for _, seed in seen}) == 10
    rarely = ShadowMarginals(runs=10, least=0.6).run(evidence, made.targets, np.random.default_rng(0))
    assert np.allclose(rarely.scores, parts[0])


def test_shadow_marginals_need_the_program():
    made = world("copier", 6, rows=50, targets=10)
    assert "choice" in ShadowMarginals().missing(made.evidence, made.targets)
    with pytest.raises(ValueError, match="program"):
        _run(ShadowMarginals(), made.evidence, made.targets)
    with pytest.raises(ValueError, match="runs"):
        ShadowMarginals(runs=0)


def test_shadow_marginals_know_nothing_of_an_independent_table():
    made = world("independent", 7)
    pairs = tuple(combinations(made.targets.names, 2))[::3]
    evidence = replace(made.evidence, select=lambda table, seed: pairs)
    scores = _run(ShadowMarginals(runs=3), evidence, made.targets)
    assert abs(auc(scores, made.trial.coins) - 0.5) < FALSE_ALARM * auc_noise(made.trial.coins)
