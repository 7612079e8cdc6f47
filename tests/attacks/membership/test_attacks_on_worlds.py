"""What every membership attack must do: see a copier, see nothing where there is nothing, and survive odd tables."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from attacks.attack import Criterion, Evidence
from attacks.copying import Copies
from attacks.membership.calibrated_distance import CalibratedDistance
from attacks.membership.classifier import Classifier
from attacks.membership.density_ratio import DensityRatio
from attacks.membership.local_likelihood import LocalLikelihood
from attacks.membership.neighbourhood_share import NeighbourhoodShare
from tests.attacks.worlds import auc, auc_noise, edge_tables, world

FAST = [CalibratedDistance(), NeighbourhoodShare(), DensityRatio(), LocalLikelihood(), Copies()]
ALL = [*FAST, Classifier(max_rows=1000, rounds=15)]
NORMAL_QUANTILE = 4.0  # two-sided false alarms: 6e-5


def name_of(attack):
    return type(attack).__name__


def scores_of(attack, evidence, targets, seed=0):
    outcome = attack.run(evidence.under(attack.threat), targets, np.random.default_rng(seed))
    assert outcome.scores.shape == (len(targets),)
    assert np.isfinite(outcome.scores).all()
    json.dumps(dict(outcome.details), allow_nan=False)
    return outcome.scores


@pytest.mark.parametrize("attack", ALL, ids=name_of)
def test_nothing_is_seen_in_an_independent_table(attack):
    for seed in range(3):
        w = world("independent", seed)
        found = auc(scores_of(attack, w.evidence, w.targets), w.trial.coins)
        assert abs(found - 0.5) < NORMAL_QUANTILE * auc_noise(w.trial.coins)


@pytest.mark.parametrize("attack", [*FAST, Classifier()], ids=name_of)
def test_a_copier_is_seen(attack):
    w = world("copier", 1)
    assert attack.missing(w.evidence, w.targets) is None
    assert attack.criterion is Criterion.MEMBERSHIP
    assert auc(scores_of(attack, w.evidence, w.targets), w.trial.coins) > 0.9


@pytest.mark.parametrize("attack", [CalibratedDistance(), NeighbourhoodShare(), DensityRatio(), Copies()], ids=name_of)
def test_a_fifth_of_copied_rows_is_seen(attack):
    w = world("partial", 2, copied=0.2, targets=2000, rows=3000)
    found = auc(scores_of(attack, w.evidence, w.targets), w.trial.coins)
    assert found > 0.5 + NORMAL_QUANTILE * auc_noise(w.trial.coins)


@pytest.mark.parametrize("attack", [CalibratedDistance(), NeighbourhoodShare()], ids=name_of)
@pytest.mark.parametrize("rows", [(600, 3000), (3000, 600)])
def test_unequal_sizes_say_nothing(attack, rows):
    """A larger table is nearer to everybody: scores must not be moved up or down by that alone."""
    w = world("independent", 7, targets=400)
    sized = replace(
        w.evidence,
        synthetic=w.evidence.synthetic.take(np.arange(rows[0])),
        reference=w.evidence.reference.take(np.arange(rows[1])),
    )
    scores = scores_of(attack, sized, w.targets)
    centre = 0.5 if isinstance(attack, NeighbourhoodShare) else 0.0
    assert abs(np.median(scores) - centre) < 0.4 * scores.std()


@pytest.mark.parametrize("attack", ALL, ids=name_of)
def test_the_order_of_rows_and_targets_does_not_matter(attack):
    w, rng = world("partial", 3, rows=800, targets=200), np.random.default_rng(3)
    if isinstance(attack, Copies):
        attack = Copies(halves=0)  # which halves are drawn is chance, the same for each seed
    order = [rng.permutation(count) for count in (800, 800, 200)]
    shuffled = Evidence(w.evidence.synthetic.take(order[0]), reference=w.evidence.reference.take(order[1]))
    straight = scores_of(attack, w.evidence, w.targets)
    assert np.allclose(scores_of(attack, shuffled, w.targets.take(order[2])), straight[order[2]], atol=1e-9)


@given(st.sampled_from(sorted(edge_tables())), st.sampled_from(sorted(edge_tables())),
       st.sampled_from(sorted(edge_tables())), st.sampled_from(FAST))  # fmt: skip
def test_odd_tables(synthetic, reference, targets, attack):
    tables = edge_tables()
    evidence = Evidence(tables[synthetic], reference=tables[reference])
    assert attack.missing(evidence, tables[targets]) is None
    scores_of(attack, evidence, tables[targets])


@settings(max_examples=12)
@given(st.sampled_from(sorted(edge_tables())), st.sampled_from(sorted(edge_tables())))
def test_the_classifier_on_odd_tables(synthetic, targets):
    tables = edge_tables()
    for reference in ("duplicates", synthetic):
        scores_of(Classifier(rounds=2), Evidence(tables[synthetic], reference=tables[reference]), tables[targets])


@pytest.mark.parametrize("attack", ALL, ids=name_of)
def test_one_column(attack):
    w = world("partial", 4, rows=300, targets=50)
    one = Evidence(w.evidence.synthetic.only(["town"]), reference=w.evidence.reference.only(["town"]))
    scores_of(attack, one, w.targets.only(["town"]))


@pytest.mark.parametrize("attack", ALL, ids=name_of)
def test_without_a_reference_it_runs_or_says_why(attack):
    w = world("copier", 5)
    alone = Evidence(w.evidence.synthetic)
    if why := attack.missing(alone, w.targets):
        assert "population" in why
        with pytest.raises(ValueError):
            attack.run(alone, w.targets, np.random.default_rng(0))
    else:
        assert auc(scores_of(attack, alone, w.targets), w.trial.coins) > 0.9


@pytest.mark.parametrize("attack", ALL, ids=name_of)
def test_the_same_seed_gives_the_same_scores(attack):
    w = world("partial", 6, rows=500, targets=100)
    assert (scores_of(attack, w.evidence, w.targets, 1) == scores_of(attack, w.evidence, w.targets, 1)).all()


def test_a_tie_of_one_synthetic_and_one_reference_row_counts_half():
    tables = edge_tables()
    twin = Evidence(tables["duplicates"], reference=tables["duplicates"])
    assert np.allclose(scores_of(NeighbourhoodShare(), twin, tables["duplicates"]), 0.5)
    assert np.allclose(scores_of(CalibratedDistance(), twin, tables["duplicates"]), 0.0)
    assert np.allclose(scores_of(DensityRatio(), twin, tables["duplicates"]), 0.0)
