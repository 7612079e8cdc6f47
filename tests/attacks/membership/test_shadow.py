from __future__ import annotations

from dataclasses import replace
from itertools import combinations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from attacks.attack import Criterion, Evidence
from attacks.membership.shadow import QueryShadow, matching_counts, rarest
from attacks.tables import Table
from attacks.threat import GENERATOR
from tests.attacks.worlds import edge_tables, world

SMALL = QueryShadow(targets=6, shadows=24, rows=150, trees=50)


def _copier(table, seed):
    return table


def _resampler(table, seed):
    """A generator that has never seen its table: each column's levels at random."""
    rng = np.random.default_rng(seed)
    codes = np.stack([rng.integers(0, levels, len(table)) for levels in table.levels], axis=1)
    return replace(table, codes=codes.astype(np.int32))


def _small_world(seed, inside):
    """A world whose release holds the rarest targets, or none; the coins come from `inside`."""
    made = world("independent", seed, rows=150, targets=40)
    attacked = rarest(made.targets, made.evidence.reference, 6)
    rows = np.concatenate([attacked[inside[: len(attacked)]], np.zeros(0, int)])
    synthetic = replace(
        made.evidence.synthetic,
        codes=np.concatenate([made.evidence.synthetic.codes, made.targets.codes[rows]]),
    )
    return replace(made.evidence, synthetic=synthetic), made.targets, attacked


@given(st.integers(0, 6), st.integers(0, 12), st.integers(0, 2**32 - 1))
def test_matching_counts_are_those_of_brute_force(columns, rows, seed):
    rng = np.random.default_rng(seed)
    table, target = rng.integers(0, 3, (rows, columns)).astype(np.int32), rng.integers(0, 3, columns).astype(np.int32)
    found = matching_counts(table, target)
    assert found.shape == (1 << columns,)
    for mask in range(1 << columns):
        chosen = [column for column in range(columns) if mask >> column & 1]
        assert found[mask] == (table[:, chosen] == target[chosen]).all(axis=1).sum()


@given(st.integers(0, 12), st.integers(0, 2**32 - 1))
def test_counts_of_small_sets_of_many_columns_are_those_of_brute_force(rows, seed):
    rng = np.random.default_rng(seed)
    table, target = rng.integers(0, 2, (rows, 21)).astype(np.int32), rng.integers(0, 2, 21).astype(np.int32)
    agree = table == target
    expected = [
        agree[:, list(chosen)].all(axis=1).sum() for order in range(4) for chosen in combinations(range(21), order)
    ]
    assert matching_counts(table, target).tolist() == expected


def test_sets_are_fewer_the_more_columns_there_are():
    rng = np.random.default_rng(0)
    for columns, sets in ((16, 1 << 16), (17, 1 + 17 + 136 + 680), (65, 1 + 65 + 65 * 64 // 2)):
        table = rng.integers(0, 2, (100, columns)).astype(np.int32)
        found = matching_counts(table, table[0])
        assert found.shape == (sets,)
        assert found[0] == 100
        assert found[-1] >= 1


def test_tells_releases_with_the_targets_of_a_copier():
    inside = np.array([True, False, True, False, True, False])
    evidence, targets, attacked = _small_world(1, inside)
    outcome = SMALL.run(replace(evidence, generate=_copier), targets, np.random.default_rng(0))
    found = outcome.scores[attacked]
    assert found[inside].min() > 0.25
    assert found[~inside].max() < -0.25
    others = np.delete(outcome.scores, attacked)
    assert (others == 0).all()
    assert outcome.details == {"attacked": 6, "shadows": 24, "rows": 150}


def test_knows_nothing_of_a_program_that_sees_nothing():
    sums = []
    for seed in range(4):
        evidence, targets, attacked = _small_world(seed, np.zeros(6, bool))
        scores = SMALL.run(replace(evidence, generate=_resampler), targets, np.random.default_rng(seed)).scores
        sums.extend(scores[attacked])
    # 24 scores within (-1/2, 1/2), of mean 0: Hoeffding, false alarm 1e-4.
    assert abs(np.mean(sums)) < np.sqrt(np.log(2e4) / (2 * len(sums)))


def test_every_shadow_has_half_of_the_targets_on_average():
    made = world("independent", 2, rows=100, targets=30)
    sizes, seeds = [], []

    def generate(table, seed):
        sizes.append(len(table) - 100)
        seeds.append(seed)
        return table

    attack = QueryShadow(targets=5, shadows=20, rows=100, trees=5)
    attack.run(replace(made.evidence, generate=generate), made.targets, np.random.default_rng(0))
    assert sum(sizes) == 5 * 20 // 2
    assert len(set(seeds)) == 20


def test_is_the_same_for_the_same_seed():
    evidence, targets, _ = _small_world(3, np.ones(6, bool))
    evidence = replace(evidence, generate=_copier)
    first, again = (SMALL.run(evidence, targets, np.random.default_rng(8)).scores for _ in range(2))
    assert (first == again).all()


@pytest.mark.parametrize("kind", edge_tables())
def test_survives_any_table(kind):
    tables = edge_tables()
    attack = QueryShadow(targets=2, shadows=4, trees=3)
    for other in tables.values():
        evidence = Evidence(tables[kind], reference=other, generate=_copier)
        assert np.isfinite(attack.run(evidence, other, np.random.default_rng(0)).scores).all()


def test_rarest_are_those_with_cells_that_few_have():
    codes = np.array([[2, 2]] * 30 + [[3, 2]] * 5 + [[4, 3]], np.int32)
    table = Table(("a", "b"), (False, False), (5, 5), codes.astype(np.int64), codes, codes.astype(np.float32))
    assert rarest(table, table, 2).tolist() == [35, 30]


def test_says_what_it_needs():
    made = world("copier", 4, rows=50, targets=10)
    assert SMALL.threat == GENERATOR
    assert SMALL.criterion is Criterion.MEMBERSHIP
    assert "program" in SMALL.missing(made.evidence, made.targets)
    assert "population" in SMALL.missing(Evidence(made.evidence.synthetic, generate=_copier), made.targets)
    with pytest.raises(ValueError, match="program"):
        SMALL.run(made.evidence, made.targets, np.random.default_rng(0))


@pytest.mark.parametrize("settings", [{"targets": 0}, {"shadows": 3}, {"rows": 0}, {"features": 0}])
def test_refuses_settings_that_mean_nothing(settings):
    with pytest.raises(ValueError, match="or more"):
        QueryShadow(**settings)
