"""Dependence of pairs: movement over all neighbours, the bound is reached, planted bugs are found, the noise law."""

from __future__ import annotations

import itertools
from dataclasses import dataclass
from fractions import Fraction

import numpy as np
import pytest
from scipy import stats

from dpsynth.domain import Domain
from dpsynth.errors import SettingError
from dpsynth.mechanisms.dependence import (
    PairDependence,
    column_pairs,
    dependence_stddev,
    squared_score_shift,
)
from dpsynth.mechanisms.gaussian_cost import gaussian_cost
from dpsynth.privacy.cost import ZERO, Cost
from dpsynth.privacy.randomness import InsecureTestEntropy
from dpsynth.privacy.unit import PrivacyUnit, Relation

UNITS = [PrivacyUnit(relation, column, rows) for relation in Relation for column, rows in ((None, 1), ("a", 2))]
ONE_WAYS = (np.array([2.5, 1.5]), np.array([1.0, 0.0, 3.0]), np.array([2.0, 2.0]))


def dependence(tiny, stddev=3.0, kind=PairDependence):
    return kind(tiny.codec, ONE_WAYS, 4.0, stddev)


def neighbours(tiny, unit):
    """Every way in which one unit can differ, on top of an empty and of a small table."""
    blocks = [
        list(block)
        for rows in range(1, unit.max_rows + 1)
        for block in itertools.combinations_with_replacement(tiny.cells(), rows)
    ]
    for base in ([], tiny.cells()[:4]):
        if unit.relation is Relation.ADD_REMOVE:
            yield from ((base + block, base) for block in blocks)
        else:
            yield from ((base + one, base + other) for one, other in itertools.combinations(blocks, 2))


def worst_movement(tiny, unit, mechanism):
    worst, known = ZERO, {}

    def exact(rows):
        key = str(rows)
        if key not in known:
            known[key] = mechanism.query(tiny.counter(rows))
        return known[key]

    for table, neighbour in neighbours(tiny, unit):
        moved = mechanism.movement(exact(table), exact(neighbour))
        worst = moved if worst <= moved else worst
    return worst


def test_scores_are_distances_from_the_rounded_product(tiny):
    rows, mechanism = tiny.cells()[2:9], dependence(tiny)
    scores = mechanism.query(tiny.counter(rows))
    for (a, b), score in zip(column_pairs(tiny.codec.domain), scores, strict=True):
        total = 0
        for x, y in itertools.product(range(tiny.codec.domain[a]), range(tiny.codec.domain[b])):
            count = sum(1 for row in rows if (row[a], row[b]) == (x, y))
            place = tiny.codec.domain.columns.index
            total += abs(count - int(np.rint(ONE_WAYS[place(a)][x] * ONE_WAYS[place(b)][y] / 4.0)))
        assert score == total


@pytest.mark.parametrize("unit", UNITS, ids=str)
def test_declared_cost_covers_every_neighbour(tiny, unit):
    mechanism = dependence(tiny)
    assert worst_movement(tiny, unit, mechanism) <= mechanism.cost(unit)


def test_one_row_reaches_the_declared_cost(tiny):
    mechanism = dependence(tiny)
    assert worst_movement(tiny, UNITS[0], mechanism) == mechanism.cost(UNITS[0])
    assert mechanism.cost(UNITS[0]) == gaussian_cost(3, 3.0)


@dataclass(frozen=True, eq=False)
class OwnProduct(PairDependence):
    """The planted bug: the product is that of the exact one-ways, so one row moves it too."""

    def query(self, private):
        counts = private.marginals(self.codec, column_pairs(self.codec.domain))
        total = max(private.total(), 1)
        return np.array(
            [
                np.abs(table - np.rint(np.outer(table.sum(axis=1), table.sum(axis=0)) / total).astype(np.int64)).sum()
                for table in counts.values()
            ]
        )


@dataclass(frozen=True, eq=False)
class OnePair(PairDependence):
    """The planted bug: priced as if one score moved instead of all."""

    def cost(self, unit):
        return gaussian_cost(unit.l1_count_sensitivity**2, self.stddev)


@pytest.mark.parametrize("kind", [OwnProduct, OnePair])
def test_planted_bugs_move_more_than_they_declare(tiny, kind):
    mechanism = dependence(tiny, kind=kind)
    assert not worst_movement(tiny, UNITS[0], mechanism) <= mechanism.cost(UNITS[0])


@pytest.mark.parametrize(("stddev_used", "accepted"), [(5.0, True), (5.0 * 2 / 3, False), (7.5, False)])
def test_noise_has_the_declared_stddev(tiny, stddev_used, accepted):
    """Chi-square of the variance, false-alarm rate 1e-6; two thirds or three halves of the noise are rejected."""
    exact = np.arange(3)
    mechanism, source = dependence(tiny, stddev=stddev_used), InsecureTestEntropy(3)
    noise = np.concatenate([mechanism.randomise(exact, source) - exact for _ in range(400)])
    statistic = (noise.astype(float) ** 2).sum() / 5.0**2
    inside = stats.chi2.ppf(5e-7, noise.size) < statistic < stats.chi2.ppf(1 - 5e-7, noise.size)
    assert bool(inside) is accepted


@pytest.mark.parametrize("unit", UNITS, ids=str)
@pytest.mark.parametrize("mu_squared", [1e-6, 0.01, 4.0])
def test_stddev_spends_the_budget_and_never_more(unit, mu_squared):
    domain, budget = Domain.of({"a": 2, "b": 3, "c": 2, "d": 2}), Cost(Fraction(mu_squared))
    cost = gaussian_cost(squared_score_shift(domain, unit), dependence_stddev(domain, budget, unit))
    assert cost.fits(budget)
    assert float(cost.mu_squared) == pytest.approx(mu_squared, rel=1e-6)


def test_bad_settings_are_refused(tiny):
    with pytest.raises(SettingError, match="one_ways"):
        PairDependence(tiny.codec, ONE_WAYS[:2], 4.0, 1.0)
    with pytest.raises(SettingError, match="total"):
        PairDependence(tiny.codec, ONE_WAYS, 0.0, 1.0)


def test_describe_names_no_counts(tiny):
    assert dependence(tiny).describe() == {"kind": "dependence", "candidates": 3, "stddev": 3.0, "cells": 16}
