"""Singling out: the compiled check is the plain one, strangers are left alone, and a copied row is found."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from attacks.attack import Evidence
from attacks.singling_out import ALWAYS, NONE, SEVERAL, SinglingOut, condition_maps, draw, lone_rows, lone_values
from attacks.tables import MISSING, UNSEEN, Table
from attacks.threat import RELEASE
from tests.attacks.worlds import auc, auc_noise, edge_tables, world

QUICK = SinglingOut(predicates=30_000)
STRANGERS = 3.9  # standard deviations: a false alarm of 1e-4


def coded(codes, ordered, levels=8):
    """A table with these codes, and ticks that are just as coarse."""
    codes = np.asarray(codes, np.int32).reshape(-1, len(ordered))
    names = tuple(f"c{place}" for place in range(len(ordered)))
    ranks = np.where(np.array(ordered) & (codes > UNSEEN), codes / levels, np.nan).astype(np.float32)
    return Table(names, tuple(ordered), (levels,) * len(ordered), codes.astype(np.int64) - 2, codes, ranks)


def run(attack, evidence, targets, seed=0):
    return attack.run(evidence.under(attack.threat), targets, np.random.default_rng(seed))


@given(st.integers(0, 2**32 - 1), st.integers(1, 200), st.integers(1, 3), st.integers(1, 6))
def test_the_compiled_check_is_the_plain_one(seed, rows, columns, levels):
    rng = np.random.default_rng(seed)
    ordered = tuple(bool(each) for each in rng.integers(2, size=columns))
    table = coded(rng.integers(0, 2 + levels, (rows, columns)), ordered)
    first, maps = condition_maps(table)
    holds = [np.ones(rows, bool)]
    for place in range(columns):
        own = table.codes[:, place]
        values = own > max(MISSING, UNSEEN)
        holds += [(own == code) & (code != UNSEEN) for code in range(8)]
        if ordered[place]:
            holds += [values & (own <= code) & (code > UNSEEN) for code in range(8)]
            holds += [values & (own >= code) & (code > UNSEEN) for code in range(8)]
    assert len(maps) == len(holds)
    assert (np.bitwise_count(maps).sum(axis=1) == [each.sum() for each in holds]).all()

    predicates = np.concatenate([rng.integers(0, len(maps), (60, 3)), draw(table, first, 60, 3, rng)[:, [0, -1, -1]]])
    expected = []
    for predicate in predicates:
        hits = np.flatnonzero(np.logical_and.reduce([holds[condition] for condition in predicate]))
        expected.append(NONE if not len(hits) else SEVERAL if len(hits) > 1 else hits[0])
    assert lone_rows(maps, predicates).tolist() == expected


def test_a_drawn_conjunction_holds_for_a_row_and_uses_each_column_once(rng):
    table = world("independent", 1, rows=70).evidence.synthetic
    first, maps = condition_maps(table)
    predicates = draw(table, first, 3000, 5, rng)
    assert (np.bitwise_count(np.bitwise_and.reduce(maps[predicates], axis=1)).sum(axis=1) >= 1).all()
    of_column = np.where(predicates == ALWAYS, -1, np.searchsorted(first, predicates, side="right"))
    lengths = (of_column > 0).sum(axis=1)
    assert set(lengths) == {2, 3, 4, 5}
    assert all(len(set(row[row > 0])) == length for row, length in zip(of_column, lengths, strict=True))


@pytest.mark.parametrize("seed", range(4))
def test_nothing_is_seen_where_nothing_can_be(seed):
    strange = world("independent", seed)
    outcome = run(QUICK, strange.evidence, strange.targets, seed)
    assert abs(auc(outcome.scores, strange.trial.coins) - 0.5) < STRANGERS * auc_noise(strange.trial.coins)
    assert outcome.success.mean() < QUICK.chance / 2  # Markov's inequality alone promises `chance`


@pytest.mark.parametrize("seed", range(2))
def test_a_copier_is_caught(seed):
    copied = world("copier", seed)
    coins = copied.trial.coins
    outcome = run(QUICK, copied.evidence, copied.targets, seed)
    assert auc(outcome.scores, coins) > 0.9
    assert outcome.success[coins].mean() > 8 * outcome.success[~coins].mean()
    assert (outcome.success == (outcome.scores > 0)).all()


def test_a_row_that_two_targets_share_is_singled_out_by_nothing():
    copied = world("copier", 3)
    twice = copied.targets.take(np.repeat(np.arange(300), 2))
    outcome = run(QUICK, copied.evidence, twice)
    assert not outcome.success.any()
    assert outcome.details["of these, fit exactly one target"] == 0


@pytest.mark.parametrize("few", ["members", "control"])
def test_unequal_numbers_of_members_and_control_bring_no_bias(few):
    """Ten to one either way, 200 worlds in which nothing can be learned: the mean AUC is one half."""
    attack, areas = SinglingOut(predicates=2000), []
    for seed in range(200):
        strange = world("independent", seed, rows=300, targets=260)
        coins = strange.trial.coins
        scarce = np.flatnonzero(coins if few == "members" else ~coins)[10:]
        kept = np.setdiff1d(np.arange(len(coins)), scarce)
        outcome = run(attack, strange.evidence, strange.targets.take(kept), seed)
        areas.append(auc(outcome.scores, coins[kept]))
    assert abs(np.mean(areas) - 0.5) < 4.5 * np.std(areas) / np.sqrt(len(areas))
    assert np.std(areas) / np.sqrt(len(areas)) < 0.01  # a bias of a few points would be seen


@pytest.mark.parametrize("grid", [3_000, 10**6])
def test_lone_values_weigh_what_strangers_meet(grid):
    """The weights sum up to how many lone values one stranger has; one over the rows would be far off."""
    rng = np.random.default_rng(grid)

    def numbers(rows):
        ticks = rng.integers(0, grid, (rows, 1))
        return replace(coded(np.full((rows, 1), 2), (True,)), ticks=ticks)

    synthetic, strangers = numbers(3000), numbers(200_000)
    _, log_weights = lone_values(synthetic, strangers)
    values, counts = np.unique(synthetic.ticks, return_counts=True)
    met = np.isin(strangers.ticks[:, 0], values[counts == 1]).mean()
    assert 0.5 < np.exp(log_weights).sum() / met < 2
    assert grid == 3_000 or (counts == 1).sum() / 3000 / met > 100


def test_extremes_and_lone_labels_point_to_their_target():
    synthetic = coded([[2, 3], [3, 3], [3, 3], [4, 4]], (True, False))
    targets = coded([[2, 5], [3, 5], [3, 4], [7, 3]], (True, False))  # 7: larger than all
    fits, log_weights = lone_values(synthetic, targets)
    found = sorted(fits.tolist())
    # "= smallest" and "at most it": target 0; "= largest": nobody; "at least it": 3; label 4: target 2
    assert found == [NONE, 0, 0, 2, 3]
    assert np.isfinite(log_weights).all()


@pytest.mark.parametrize("evidence", sorted(edge_tables()))
@pytest.mark.parametrize("targets", sorted(edge_tables()))
def test_no_table_breaks_it(evidence, targets):
    tables = edge_tables()
    attack = SinglingOut(predicates=200)
    assert attack.missing(Evidence(tables[evidence]), tables[targets]) is None
    outcome = run(attack, Evidence(tables[evidence]), tables[targets])
    assert np.isfinite(outcome.scores).all()
    assert outcome.scores.shape == outcome.success.shape == (len(tables[targets]),)


def test_it_is_the_same_for_the_same_seed_and_says_what_it_used():
    copied = world("copier", 5)
    attack = SinglingOut(predicates=4000, max_rows=500)
    first, again, other = (run(attack, copied.evidence, copied.targets, seed) for seed in (1, 1, 2))
    assert (first.scores == again.scores).all()
    assert (first.scores != other.scores).any()
    assert first.details["synthetic rows used"] == 500
    assert attack.threat == RELEASE


def test_a_wide_table_is_judged_on_the_rows_that_memory_allows(monkeypatch):
    known = world("copier", 6)
    conditions = len(condition_maps(known.evidence.synthetic)[1])
    monkeypatch.setattr("attacks.singling_out.MOST_BITS", 100 * conditions)
    outcome = run(SinglingOut(predicates=100), known.evidence, known.targets)
    assert outcome.details["synthetic rows used"] == 100


def test_no_rows_are_missing_and_bad_settings_are_refused():
    table = edge_tables()["one row"]
    assert SinglingOut().missing(Evidence(table.take(np.zeros(0, int))), table) is not None
    for bad in ({"predicates": -1}, {"most_columns": 0}, {"chance": 1.0}, {"max_rows": 0}):
        with pytest.raises(ValueError):
            SinglingOut(**bad)
