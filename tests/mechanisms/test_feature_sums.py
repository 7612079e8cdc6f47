"""Feature sums: declared sensitivity against all neighbours of tiny tables, noise law, and a map that lies."""

from __future__ import annotations

import itertools
from dataclasses import dataclass, replace
from fractions import Fraction

import numpy as np
import pytest
from scipy import stats

from dpsynth.domain import Domain
from dpsynth.errors import SettingError
from dpsynth.features import LARGEST_SQUARED_NORM, RowBound
from dpsynth.mechanisms.clusters import ClusterCounts, ClusterPoints, Clusters
from dpsynth.mechanisms.feature_sums import FeatureSums, feature_sums_within, planned_sums, squared_sum_shift
from dpsynth.mechanisms.gaussian_cost import gaussian_cost
from dpsynth.mechanisms.pair_products import PairProducts
from dpsynth.mechanisms.random_fourier import TURN, RandomFourier
from dpsynth.privacy.cost import Cost
from dpsynth.privacy.randomness import InsecureTestEntropy
from dpsynth.privacy.unit import PrivacyUnit, Relation
from dpsynth.replay import replay

UNITS = [
    PrivacyUnit(Relation.ADD_REMOVE),
    PrivacyUnit(Relation.REPLACE_ONE),
    PrivacyUnit(Relation.ADD_REMOVE, "a", 2),
    PrivacyUnit(Relation.REPLACE_ONE, "a", 2),
]


@dataclass(frozen=True)
class Listed:
    """A map given by one vector for each code of column b, with whatever bound it is said to have."""

    vectors: tuple[tuple[int, ...], ...]
    bound: RowBound

    @property
    def domain(self):
        return Domain.of({"b": len(self.vectors)})

    @property
    def length(self):
        return len(self.vectors[0])

    def sums(self, codes):
        return np.array(self.vectors, dtype=np.int64)[codes["b"]].sum(axis=0)

    def describe(self):
        return {"features": "listed"}


def clusters(domain):
    points = tuple(np.array([[7 * code, -3] for code in range(size)]) for size in domain.sizes)
    return Clusters(domain, points, np.array([[0, -3, 0, -3, 0, -3], [7, -3, 14, -3, 7, -3]]), 8)


def fourier(domain, label=None):
    rng = np.random.default_rng(3)
    places = (np.arange(5), np.array([1, 4]), np.array([0, 2, 3]))
    angles = tuple(
        rng.integers(0, TURN, (size, own.size)).astype(np.uint16)
        for size, own in zip(domain.sizes, places, strict=True)
    )
    return RandomFourier(domain, places, angles, 5, label)


def maps(domain):
    scores = tuple(np.arange(-size, size, 2) * 5 for size in domain.sizes)
    return {
        "opposite": Listed(((3, 4), (-3, -4), (0, 1)), RowBound(25)),
        "not negative": Listed(((5, 0), (0, 5), (3, 3)), RowBound(25, 4, non_negative=True)),
        "fourier": fourier(domain),
        "fourier by label": fourier(domain, "b"),
        "products": PairProducts(domain, scores, 8, 10**6),
        "products drawn in": PairProducts(domain, scores, 8, 150),
        "cluster points": ClusterPoints(clusters(domain)),
        "cluster counts": ClusterCounts(clusters(domain)),
    }


NAMES = list(maps(Domain.of({"a": 2, "b": 3, "c": 2})))
# How much of the declared shift the worst neighbours use, at least: add-remove, and replace-one.
TIGHT = {
    "opposite": (1, 1),
    "not negative": (1, 1),
    "fourier": (0.99, 0.5),
    "fourier by label": (0.99, 0.49),
    "products": (0, 0),
    "products drawn in": (0.4, 0.3),
    "cluster points": (0.9, 0.3),
    "cluster counts": (1, 1),
}


def neighbours(tiny, unit):
    """All pairs of tables over a fixed base that differ in one unit of at most max_rows rows."""
    base = tiny.cells()[:3]
    blocks = [
        list(block)
        for rows in range(unit.max_rows + 1)
        for block in itertools.combinations_with_replacement(tiny.cells(), rows)
    ]
    if unit.relation is Relation.ADD_REMOVE:
        return [(base + block, base) for block in blocks]
    full = [block for block in blocks if len(block) in (0, unit.max_rows)]
    return [(base + one, base + other) for one, other in itertools.combinations(full, 2)]


@pytest.mark.parametrize("unit", UNITS, ids=str)
@pytest.mark.parametrize("name", NAMES)
def test_no_neighbour_moves_the_sum_further_than_declared(tiny, unit, name):
    mechanism = FeatureSums(tiny.codec, maps(tiny.codec.domain)[name], 40.0)
    cost, worst = mechanism.cost(unit), Fraction(0)
    known = {}

    def exact(table):
        key = str(table)
        if key not in known:
            known[key] = mechanism.query(tiny.counter(table))
        return known[key]

    for table, neighbour in neighbours(tiny, unit):
        moved = mechanism.movement(exact(table), exact(neighbour))
        assert moved <= cost
        worst = max(worst, moved.mu_squared)
    assert worst >= Fraction(TIGHT[name][unit.relation is Relation.REPLACE_ONE]) * cost.mu_squared


@pytest.mark.parametrize("name", NAMES)
def test_the_bound_holds_for_every_row(tiny, name):
    features = maps(tiny.codec.domain)[name]
    for cell in tiny.cells():
        row = features.sums({column: np.array([code], dtype=np.uint8) for column, code in cell.items()})
        assert row.dtype == np.int64
        assert row.shape == (features.length,)
        assert int((row.astype(object) ** 2).sum()) <= features.bound.squared_norm
        assert not features.bound.non_negative or (row >= 0).all()


def test_the_shift_is_that_of_the_triangle_inequality():
    for bound, factor in ((RowBound(7), 4), (RowBound(7, non_negative=True), 2)):
        assert [squared_sum_shift(bound, unit) for unit in UNITS] == [7, 7 * factor, 28, 28 * factor]


@pytest.mark.parametrize(
    ("claimed", "passed"), [(RowBound(25), True), (RowBound(24), False), (RowBound(25, non_negative=True), False)]
)
def test_replay_finds_a_map_that_lies_about_its_norm(tiny, claimed, passed):
    """The row that is replaced stands at (3, 4) and at (-3, -4)."""
    features = Listed(((3, 4), (-3, -4), (0, 1)), claimed)
    rows = tiny.cells()[:3]
    one, other = ({"a": 0, "b": code, "c": 0} for code in (0, 1))

    def program(door):
        return door.run(FeatureSums(tiny.codec, features, 20.0), "sums").tolist()

    tables = (tiny.counter([*rows, one]), tiny.counter([*rows, other]))
    report = replay(program, *tables, PrivacyUnit(Relation.REPLACE_ONE), InsecureTestEntropy(0))
    assert report.passed is passed
    assert passed or "FeatureSums" in report.findings[0]


@pytest.mark.parametrize(("scale", "accepted"), [(1.0, True), (2 / 3, False), (3 / 2, False)])
def test_noise_has_the_declared_stddev(tiny, scale, accepted):
    """Chi-square of the empirical variance at false-alarm rate 1e-6; wrong scales are rejected."""
    features = Listed(((0,) * 1000,) * 3, RowBound(1, 4))
    mechanism = FeatureSums(tiny.codec, features, 20.0 * scale)
    noise = np.concatenate(
        [mechanism.randomise(np.zeros(1000, dtype=np.int64), InsecureTestEntropy(seed)) for seed in range(5)]
    )
    statistic = float((noise**2).sum() / (20.0 / 4) ** 2)
    low, high = stats.chi2.ppf([5e-7, 1 - 5e-7], noise.size)
    assert bool(low < statistic < high) is accepted


def test_answers_are_whole_units_around_the_sum(tiny):
    features = Listed(((3, 4), (-3, -4), (0, 1)), RowBound(25, 8))
    mechanism = replace(FeatureSums(tiny.codec, features, 1.0), stddev=0.05)
    exact = mechanism.query(tiny.counter(tiny.cells()))
    noisy = mechanism.randomise(exact, InsecureTestEntropy(0))
    assert np.array_equal(noisy * 8, np.rint(noisy * 8))
    assert np.abs(noisy * 8 - exact).max() <= 1


def test_the_plan_and_the_mechanism_spend_the_budget_and_never_more(tiny):
    for unit in UNITS:
        for budget in (Cost(Fraction(1, 100)), Cost(Fraction(3))):
            made = feature_sums_within(tiny.codec, fourier(tiny.codec.domain), budget, unit)
            assert made.cost(unit).fits(budget)
            assert float(made.cost(unit).mu_squared) == pytest.approx(float(budget.mu_squared), rel=1e-6)
            planned = planned_sums("x", made.features.bound, made.features.length, budget, unit)
            described = made.describe()
            assert planned.stddev == (described["stddev"],) * 2
            assert planned.kind == described["kind"]
            shift = (
                unit.max_rows**2
                * described["squared_distance" if unit.relation is Relation.REPLACE_ONE else "squared_norm"]
            )
            assert shift / described["stddev"] ** 2 == pytest.approx(float(budget.mu_squared), rel=1e-3)


def test_what_does_not_fit_is_refused(tiny):
    with pytest.raises(SettingError, match="columns of the codec"):
        FeatureSums(tiny.codec, maps(Domain.of({"a": 2, "b": 3, "z": 2}))["cluster counts"], 1.0)
    with pytest.raises(SettingError, match="3 codes"):
        FeatureSums(tiny.codec, Listed(((1,), (1,)), RowBound(1)), 1.0)
    with pytest.raises(SettingError, match="stddev"):
        FeatureSums(tiny.codec, Listed(((1,),) * 3, RowBound(1)), 0.0)
    for bad in (0, LARGEST_SQUARED_NORM + 1):
        with pytest.raises(SettingError, match="squared_norm"):
            RowBound(bad)
    with pytest.raises(SettingError, match="scale"):
        RowBound(1, 0)
    assert gaussian_cost(1, 2.0) == FeatureSums(tiny.codec, Listed(((1,),) * 3, RowBound(1)), 2.0).cost(UNITS[0])
