"""Copies: counts of exact matches equal to plain ones, facts that are rare, and no match without one."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from attacks import copying
from attacks.attack import Evidence
from attacks.copying import Copies, exact_matches, mixed, occurrences
from tests.attacks.worlds import auc, auc_noise, edge_tables, world

cells = st.integers(1, 4).flatmap(
    lambda columns: st.tuples(*[
        st.lists(st.lists(st.integers(-2, 2), min_size=columns, max_size=columns), min_size=1, max_size=20)
    ] * 2)
)  # fmt: skip


@given(cells)
def test_matches_are_counted_as_by_comparison(tables):
    sought, rows = (np.array(each, np.int64) for each in tables)
    plain = (sought[:, None, :] == rows[None, :, :]).all(axis=2).sum(axis=1)
    assert (exact_matches(sought, rows) == plain).all()
    assert (exact_matches(sought.astype(np.int32), rows.astype(np.int32)) == plain).all()


def test_rows_of_one_key_are_compared_in_full():
    rows = np.array([[1, 2], [3, 4]])
    keys = np.zeros(2, np.uint64)
    assert occurrences(keys, np.array([[1, 2], [5, 6]]), keys[:1], rows[:1]).tolist() == [1, 0]


def test_keys_tell_cells_and_columns_apart():
    ticks = np.arange(-2, 50_000)[:, None].repeat(3, axis=1)
    assert len(np.unique(mixed(ticks))) == ticks.size
    swapped = np.array([[1, 2, 3], [2, 1, 3], [3, 2, 1]])
    assert len(np.unique(mixed(swapped).sum(axis=1, dtype=np.uint64))) == 3


def run(evidence, targets, attack=None):
    return (attack or Copies()).run(evidence, targets, np.random.default_rng(0))


def test_scores_are_for_matches_alone_and_counts_are_reported():
    w = world("copier", 1)
    found = run(w.evidence, w.targets)
    assert (found.success == (found.scores > 0)).all()
    assert found.success[w.trial.coins].all()
    whole = exact_matches(w.targets.ticks, w.evidence.synthetic.ticks) > 0
    assert found.details["matches"]["whole record"] == whole.sum()
    assert (found.scores[whole] > 0).all()


def test_a_rarer_record_scores_higher(rng):
    """Two copies: one of a record that many people have, one that nobody else has."""
    w = world("independent", 2)
    people = w.evidence.reference.take(rng.integers(0, 40, 2000))
    common = people.take(np.array([0]))
    ticks = common.ticks.copy()
    ticks[0, :3] += 1
    rare = replace(common, ticks=ticks)
    from attacks.tables import stacked

    evidence = Evidence(stacked(w.evidence.synthetic, common, rare), reference=people)
    scores = run(evidence, stacked(common, rare)).scores
    assert 0 < scores[0] < scores[1]


def test_parts_of_records_that_were_copied_are_seen(rng):
    """Only half of each member's cells went out, the others are other people's: whole records say nothing."""
    w = world("copier", 3)
    ticks = w.evidence.synthetic.ticks.copy()
    ticks[:, :4] = ticks[rng.permutation(len(ticks)), :4]
    evidence = Evidence(replace(w.evidence.synthetic, ticks=ticks), reference=w.evidence.reference)
    found = auc(run(evidence, w.targets, Copies(halves=60)).scores, w.trial.coins)
    assert found > 0.5 + 4 * auc_noise(w.trial.coins)


def test_frequent_facts_do_not_count():
    tables = edge_tables()
    many = Evidence(tables["duplicates"], reference=tables["duplicates"])
    found = run(many, tables["duplicates"])
    assert found.details["matches"]["whole record"] == 40
    assert found.details["matches"]["all columns but one"] == 0


def test_a_cell_that_the_schema_cannot_place_equals_none():
    tables = edge_tables()
    assert not run(Evidence(tables["unplaceable"]), tables["unplaceable"]).success.any()


@pytest.mark.parametrize("name", edge_tables())
def test_odd_tables_without_reference(name):
    for targets in edge_tables().values():
        assert np.isfinite(run(Evidence(edge_tables()[name]), targets).scores).all()


def test_fingerprints_are_of_ticks():
    table = edge_tables()["many levels"]
    assert (copying.fingerprints(table) == mixed(table.ticks)).all()


def test_it_names_those_whose_whole_record_is_there_and_nowhere_else():
    made = world("partial", 2, rows=2000, targets=500, copied=0.2)
    outcome = run(made.evidence, made.targets)
    assert outcome.named is not None
    inside, outside = outcome.named[made.trial.coins], outcome.named[~made.trial.coins]
    assert inside.mean() > 0.15
    assert outside.sum() <= 1
