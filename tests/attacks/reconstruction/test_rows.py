"""Row reconstruction: strangers' rows are not proposed more than chance has it, and copied rows are."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from attacks.attack import Evidence, Measured, Published
from attacks.reconstruction.rows import RowReconstruction, shared_cells
from tests.attacks.worlds import auc, auc_noise, edge_tables, world

STRANGERS = 3.9  # standard deviations: a false alarm of 1e-4


def run(attack, evidence, targets, seed=0):
    return attack.run(evidence.under(attack.threat), targets, np.random.default_rng(seed))


def with_marginals(known, stddev, seed=0):
    """The world's evidence with noisy counts of pairs of the private table's columns."""
    rng, private = np.random.default_rng(seed), known.private
    measured = []
    for pair in ((0, 3), (1, 4), (2, 6), (3, 6), (5, 7), (4, 7)):
        shape = tuple(private.levels[place] for place in pair)
        flat = np.ravel_multi_index(tuple(private.codes[:, pair].T), shape)
        counts = np.bincount(flat, minlength=int(np.prod(shape))).reshape(shape)
        groups = tuple(np.arange(size) for size in shape)
        names = tuple(private.names[place] for place in pair)
        measured.append(Measured(names, counts + rng.normal(0, stddev, shape), groups, stddev))
    tables = (known.evidence.synthetic, known.evidence.reference, known.targets)
    cells = [{name: each.codes[:, i].astype(np.int64) for i, name in enumerate(each.names)} for each in tables]
    published = Published(tuple(measured), dict(zip(private.names, private.levels, strict=True)))
    return replace(
        known.evidence,
        published=published,
        synthetic_cells=cells[0],
        reference_cells=cells[1],
        target_cells=cells[2],
    )


@given(st.integers(0, 2**32 - 1), st.integers(0, 40), st.integers(0, 40), st.integers(1, 4))
def test_shared_cells_are_those_of_a_dictionary(seed, rows, others, columns):
    rng = np.random.default_rng(seed)
    own, other = (rng.integers(0, 3, (count, columns)).astype(np.int32) for count in (rows, others))
    cells, theirs = shared_cells(own, other, rng)
    number = {tuple(row): cell for row, cell in zip(own.tolist(), cells.tolist(), strict=True)}
    assert sorted(number.values()) == list(range(len(number)))
    assert theirs.tolist() == [number.get(tuple(row), -1) for row in other.tolist()]


@pytest.mark.parametrize("seed", range(4))
def test_nothing_is_seen_where_nothing_can_be(seed):
    strange = world("independent", seed)
    coins = strange.trial.coins
    for evidence in (strange.evidence, with_marginals(strange, stddev=1e6)):
        outcome = run(RowReconstruction(), evidence, strange.targets, seed)
        assert abs(auc(outcome.scores, coins) - 0.5) < STRANGERS * auc_noise(coins)
        assert outcome.success.mean() < 0.05


def test_a_copier_is_caught():
    copied = world("copier", 1)
    coins = copied.trial.coins
    outcome = run(RowReconstruction(), copied.evidence, copied.targets)
    assert auc(outcome.scores, coins) > 0.9
    assert outcome.success[coins].mean() > 0.95
    assert outcome.success[~coins].mean() < 0.05
    assert (outcome.success == (outcome.scores > 0)).all()


def test_published_marginals_tell_although_the_table_does_not():
    strange = world("independent", 2, rows=1000)
    coins = strange.trial.coins
    outcome = run(RowReconstruction(), with_marginals(strange, stddev=0.5), strange.targets)
    assert auc(outcome.scores, coins) > 0.5 + 6 * auc_noise(coins)
    assert outcome.details["support from"] == "published marginals"


def test_what_the_reference_has_is_not_proposed():
    """The prior proposes it already: a synthetic table that copies the reference reconstructs nothing."""
    known = world("independent", 3)
    evidence = replace(known.evidence, synthetic=known.evidence.reference)
    outcome = run(RowReconstruction(), evidence, known.evidence.reference.take(np.arange(50)))
    assert outcome.details["rows proposed"] == 0
    assert not outcome.success.any()


def test_the_best_supported_rows_are_proposed_first():
    """A row that stands 30 times in the synthetic table is proposed though only one row may be."""
    known = world("independent", 4)
    synthetic = known.evidence.synthetic
    spike = np.concatenate([np.arange(len(synthetic)), np.full(30, 7)])
    evidence = replace(known.evidence, synthetic=synthetic.take(spike))
    targets = synthetic.take(np.array([7, 8, 9]))
    outcome = run(RowReconstruction(candidates=1), evidence, targets)
    assert outcome.success.tolist() == [True, False, False]


@pytest.mark.parametrize("evidence", sorted(edge_tables()))
@pytest.mark.parametrize("targets", sorted(edge_tables()))
def test_no_table_breaks_it(evidence, targets):
    tables = edge_tables()
    for reference in tables.values():
        outcome = run(RowReconstruction(marginals=4), Evidence(tables[evidence], reference=reference), tables[targets])
        assert np.isfinite(outcome.scores).all()
        assert outcome.scores.shape == outcome.success.shape == (len(tables[targets]),)


def test_unequal_numbers_of_members_and_control_bring_no_bias():
    areas = []
    for seed in range(200):
        strange = world("independent", seed, rows=200, targets=200)
        coins = strange.trial.coins
        kept = np.setdiff1d(np.arange(200), np.flatnonzero(coins)[10:])
        outcome = run(RowReconstruction(marginals=6), strange.evidence, strange.targets.take(kept), seed)
        areas.append(auc(outcome.scores, coins[kept]))
    assert abs(np.mean(areas) - 0.5) < 4.5 * np.std(areas) / np.sqrt(len(areas)) < 0.05


def test_it_is_deterministic_samples_openly_and_says_what_it_lacks():
    copied = world("copier", 5)
    attack = RowReconstruction(max_rows=700)
    first, again = (run(attack, copied.evidence, copied.targets, 1) for _ in range(2))
    assert (first.scores == again.scores).all()
    assert first.details["synthetic rows used"] == first.details["reference rows used"] == 700
    assert "reference" in attack.missing(replace(copied.evidence, reference=None), copied.targets)
    assert attack.missing(copied.evidence, copied.targets) is None
    with pytest.raises(ValueError):
        RowReconstruction(candidates=0)
