"""Rounds: sizes are exact, repeated measurements are combined without loss, the worst explained is found."""

from __future__ import annotations

import numpy as np
import pytest

from dpsynth.domain import Domain
from dpsynth.marginal import NoisyMarginal
from dpsynth.models.fit import fit
from dpsynth.models.junction_tree import junction_tree
from dpsynth.synthesizers.rounds import affordable, grown_tree, with_measurement

DOMAIN = Domain.of({"a": 3, "b": 4, "c": 5})


def test_two_measurements_of_a_clique_are_one_of_less_noise():
    rng = np.random.default_rng(0)
    first, second = (NoisyMarginal(("a", "b"), 50 + rng.normal(0, s, (3, 4)), s) for s in (10.0, 5.0))
    other = NoisyMarginal(("c",), np.full(5, 120.0), 3.0)
    combined = with_measurement((first, other), second)
    assert [one.clique for one in combined] == [("a", "b"), ("c",)]
    assert combined[0].stddev == pytest.approx((1 / 100 + 1 / 25) ** -0.5)
    assert combined[0].values == pytest.approx(0.2 * first.values + 0.8 * second.values)
    both = fit(DOMAIN, (first, other, second), 600.0, gap=1e-8)
    one = fit(DOMAIN, combined, 600.0, gap=1e-8)
    assert one.project(("a", "b")) == pytest.approx(both.project(("a", "b")), abs=1e-2)


def test_measurements_of_other_groups_stay_apart():
    whole = NoisyMarginal(("a",), np.full(3, 10.0), 2.0)
    grouped, again = (NoisyMarginal(("a",), np.full(3, x), 2.0, groups=((2, 1, 0),)) for x in (4.0, 6.0))
    combined = with_measurement(with_measurement((whole,), grouped), again)
    assert [one.groups for one in combined] == [(), ((2, 1, 0),)]
    assert combined[1].values.tolist() == [5.0, 5.0, 5.0]


def test_affordable_is_what_fits_or_is_there_already():
    tree = junction_tree(DOMAIN, [("a", "b")])
    candidates = tuple((clique, 1.0) for clique in (("a",), ("a", "b"), ("b", "c"), ("a", "b", "c")))
    assert [clique for clique, _ in affordable(tree, candidates, 12 + 20)] == [("a",), ("a", "b"), ("b", "c")]
    assert [clique for clique, _ in affordable(tree, candidates, 1)] == [("a",), ("a", "b")]
    assert len(affordable(tree, candidates, 60)) == 4


def test_a_tree_made_afresh_wins_where_it_is_smaller():
    measured = [NoisyMarginal(("a", "b"), np.zeros((3, 4)), 1.0)]
    wasteful = junction_tree(DOMAIN, [("a", "b", "c")])
    assert grown_tree(wasteful, measured, ("b", "c")) is wasteful
    tree = grown_tree(junction_tree(DOMAIN, [("a", "b")]), measured, ("b", "c"))
    assert tree.cells == 12 + 20
