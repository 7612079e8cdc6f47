"""The laws that twin runs hold answers against: each is checked with the mechanism's own answers.

A right log-likelihood ratio L has mean e^L = 1 on the table, and mean e^-L = 1 on the neighbour.
"""

from __future__ import annotations

import itertools
import math
from functools import partial

import numpy as np
import pytest

import dpsynth
from dpsynth.codec.codec import Codec, closed_codec
from dpsynth.engine import run_request, settle
from dpsynth.errors import SettingError
from dpsynth.fairness import Fairness
from dpsynth.mechanisms.count import Count
from dpsynth.mechanisms.dependence import PairDependence
from dpsynth.mechanisms.feature_sums import FeatureSums
from dpsynth.mechanisms.marginals import Marginals, ResidualMarginals
from dpsynth.mechanisms.pair_products import PairProducts
from dpsynth.mechanisms.partitions import Partitions
from dpsynth.mechanisms.privtree import PrivTree
from dpsynth.mechanisms.quantiles import Quantiles, QuartileCells
from dpsynth.mechanisms.select import SelectCliques
from dpsynth.mechanisms.select_parents import SHARES, SelectParents
from dpsynth.privacy.randomness import InsecureTestEntropy
from dpsynth.privacy.unit import PrivacyUnit
from dpsynth.private.ingest import ingest
from dpsynth.private.memory import MemoryCounter
from dpsynth.twins import SCORES, evidence, gaussian, pick, twin_runs

SCHEMA = dpsynth.Schema(
    [
        dpsynth.OpenCategorical("city"),
        *(dpsynth.Categorical(name, values=range(2)) for name in "abc"),
        dpsynth.Numeric("age", lower=0, upper=7, integer=True),
    ]
)
CODEC = Codec(tuple(closed_codec(SCHEMA[name]) for name in "abc"))
PAIRS = (("a", "b"), ("a", "c"), ("b", "c"))
LINES = ["Oslo 0 0 0", "Oslo 0 1 0", "Bergen 1 1 0", "Oslo 1 1 1"]


def counter(lines):
    columns = list(zip(*(line.split() for line in lines), strict=True))
    table = {"city": list(columns[0]), **{name: list(map(int, columns[i + 1])) for i, name in enumerate("abc")}}
    table["age"] = [min(row, 4) for row in range(len(lines))]
    return MemoryCounter(ingest(table, SCHEMA, PrivacyUnit(), InsecureTestEntropy(0)))


TABLE, NEIGHBOUR = counter(LINES), counter([*LINES, "Oslo 1 0 1"])
EVEN = np.full(2, SHARES // 2)
REFERENCES = tuple(np.array([[1, 0], [2, 1]]) for _ in PAIRS)
CHILDREN = (*((child, (parent,)) for child, parent in itertools.permutations("abc", 2)), ("c", ("a", "b")))
MECHANISMS = {
    "count": Count(2.0),
    "marginals": Marginals(CODEC, (("a",), ("a", "b")), (2.0, 3.0)),
    "residuals": ResidualMarginals(CODEC, PAIRS, (1.5, 2.0, 0.9)),
    "feature sums": FeatureSums(
        CODEC, PairProducts(CODEC.domain, (np.array([-4, 5]), np.array([-1, 3]), np.array([2, -6])), 2, 40), 25.0
    ),
    "dependence": PairDependence(CODEC, (np.array([2.0, 3.0]),) * 3, 5.0, 2.5),
    "picks": SelectCliques(CODEC, PAIRS, REFERENCES, (0, 1, 0), 0.3, 2),
    "tree": SelectCliques(CODEC, PAIRS, REFERENCES, (0, 1, 0), 0.2, 2, acyclic=True, weights=(1, 2, 1)),
    "fair tree": SelectCliques(
        CODEC, PAIRS, REFERENCES, (0, 1, 0), 0.2, 2, acyclic=True, fairness=Fairness(["a"], "c")
    ),
    "parents": SelectParents(CODEC, ("b", "a", "c"), CHILDREN, dict.fromkeys("abc", EVEN), (0.5,) * 7, 0.5),
    "partitions": Partitions("city", 1.5, 0.3),
    "tree of halves": PrivTree("age", tuple(range(9)), 0.8, 1, 3),
    "quantiles": Quantiles("age", tuple(range(9)), 2, 0.4),
    "quartile cells": QuartileCells("age", (0, 1, 2, 4, 5, 8), 0.25),
}


@pytest.mark.parametrize("name", MECHANISMS)
def test_the_mean_likelihood_ratio_is_one(name):
    """Power: with the laws exchanged, the mean is another one (checked for every mechanism)."""
    mechanism, runs, source = MECHANISMS[name], 2000, InsecureTestEntropy(8)
    for sign, home in ((1, TABLE), (-1, NEIGHBOUR)):
        exact = mechanism.query(home)
        ratios = np.array(
            [evidence(mechanism, mechanism.randomise(exact, source), TABLE, NEIGHBOUR) for _ in range(runs)]
        )
        right, wrong = np.exp(sign * ratios), np.exp(-sign * ratios)
        assert abs(right.mean() - 1) < 5 * right.std() / math.sqrt(runs)
        assert abs(wrong.mean() - 1) > 5 * wrong.std() / math.sqrt(runs)


def test_gaussian_ratio_is_that_of_the_normal_density():
    noisy, x, y = np.array([3.0, -1.0]), np.array([1, 0]), np.array([2, 0])
    assert gaussian(noisy, x, y, 1.5) == pytest.approx(((3 - 1) ** 2 - (3 - 2) ** 2) / (2 * 1.5**2))


def test_pick_ratio_is_that_of_the_exponential_mechanism():
    before, after, rate, live = np.array([3, 1, 4, 9]), np.array([4, 1, 3, 0]), 0.7, [0, 2, 1]
    chances = [np.exp(rate * scores[live]) / np.exp(rate * scores[live]).sum() for scores in (after, before)]
    expected = np.log(chances[0] / chances[1])
    assert [pick(index, live, before, after, rate) for index in live] == pytest.approx(list(expected))


def test_values_that_only_one_table_holds_tell_all():
    alone = counter([*LINES, "Moss 0 0 0"])
    mechanism = Partitions("city", 1.0, 0.1)
    assert evidence(mechanism, {"Moss": 9}, TABLE, alone) > 1e5
    assert evidence(mechanism, {"Moss": 9}, alone, TABLE) < -1e5
    assert -1 < evidence(mechanism, {"Oslo": 3, "Bergen": 1}, TABLE, alone) < 0


def test_a_mechanism_without_a_law_is_refused():
    class NewNoise:
        def query(self, private):
            return private.total()

    with pytest.raises(SettingError, match="NewNoise"):
        evidence(NewNoise(), 3, TABLE, NEIGHBOUR)


def test_runs_are_scored_in_both_worlds_and_the_session_is_real():
    schema = dpsynth.Schema([dpsynth.OpenCategorical("a", max_values=3), dpsynth.Boolean("b")])
    asked = settle(schema, epsilon=30.0, delta=1e-3, synthesizer="independent")
    tables = ({"a": ["x"] * 20, "b": [True] * 20}, {"a": ["x"] * 20 + ["y"] * 20, "b": [True] * 40})
    seen = []

    def program(door):
        seen.append(door)
        return run(door)

    run = partial(run_request, asked)
    without, within = twin_runs(asked, tables, 5, InsecureTestEntropy(1), program)
    assert without.shape == within.shape == (5, len(SCORES))
    assert (without[:, 0] < 0).all()
    assert (within[:, 0] > 0).all()
    assert (within[:, 1] - without[:, 1] > 10).all()
    assert without[:, 2].tolist() == [0.0] * 5
    assert within[:, 2].tolist() == [1.0] * 5
    assert len(seen) == 10
    assert all(door.door.spent <= asked.budget and len(door.heard) == len(door.door.records) for door in seen)
