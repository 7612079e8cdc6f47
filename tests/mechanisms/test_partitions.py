"""Partition selection: the threshold against the exact law, user-level, and what may ever be named."""

from __future__ import annotations

import math
from dataclasses import dataclass
from itertools import combinations_with_replacement

import pytest
from scipy import stats

from dpsynth.errors import SettingError
from dpsynth.mechanisms.partitions import Partitions, chance_above, threshold
from dpsynth.privacy.randomness import InsecureTestEntropy
from dpsynth.privacy.unit import PrivacyUnit, Relation


def exact_chance(distance: int, stddev: float) -> float:
    """P(Z >= distance) of the discrete Gaussian, summed term by term."""
    reach = math.ceil(distance + 45 * stddev + 5)
    weight = [math.exp(-(k * k) / (2 * stddev**2)) for k in range(reach + 1)]
    return math.fsum(weight[max(distance, 0) :]) / (2 * math.fsum(weight) - 1) if distance >= 0 else 1.0


@pytest.mark.parametrize("stddev", [0.3, 1.0, 4.0, 30.0])
def test_chance_above_is_an_upper_bound_and_not_far(stddev):
    for distance in (1, 2, 3, round(2 * stddev) + 1, round(5 * stddev) + 2):
        exact = exact_chance(distance, stddev)
        assert exact <= chance_above(distance, stddev)
    assert chance_above(round(4 * stddev) + 2, stddev) <= 1


@pytest.mark.parametrize("rows", [1, 2, 3, 5])
@pytest.mark.parametrize("stddev", [1.0, 5.0, 20.0])
@pytest.mark.parametrize("delta", [1e-3, 1e-6, 1e-10])
def test_threshold_covers_every_way_to_spread_a_unit(rows, stddev, delta):
    """All ways to put at most `rows` rows into values of one's own: exact chance to name any <= delta."""
    passed = threshold(stddev, delta, rows)
    worst = 0.0
    for parts in range(1, rows + 1):
        for counts in combinations_with_replacement(range(1, rows + 1), parts):
            if sum(counts) <= rows:
                missed = math.prod(1 - exact_chance(passed - count, stddev) for count in counts)
                worst = max(worst, 1 - missed)
    assert worst <= delta
    # Not wasteful: a few rows lower would no longer do.
    assert rows * exact_chance(passed - rows - 3, stddev) > delta / 2


def test_a_fixed_threshold_is_found_out(open_schema, plain_counter):
    """A threshold that is not derived from delta (5 rows, say) is exposed by the movement on a neighbour."""

    @dataclass(frozen=True)
    class Fixed(Partitions):
        def movement(self, exact, neighbour):
            moved = super().movement(exact, neighbour)
            lonely = sum(chance_above(5 - exact[value], self.stddev) for value in exact.keys() - neighbour.keys())
            return type(moved)(moved.mu_squared, max(moved.delta, type(moved.delta)(lonely)))

    base = [{"city": "Oslo", "age": 1}] * 9
    lonely = [*base, {"city": "Moss", "age": 1}]
    for kind, sound in ((Partitions, True), (Fixed, False)):
        mechanism = kind("city", stddev=3.0, delta=1e-6)
        answers = [mechanism.query(plain_counter(open_schema, rows)) for rows in (lonely, base)]
        assert (mechanism.movement(*answers) <= mechanism.cost(PrivacyUnit())) is sound


@pytest.mark.parametrize("relation", list(Relation))
@pytest.mark.parametrize("rows", [1, 3])
def test_declared_cost_covers_neighbours(open_schema, plain_counter, relation, rows):
    unit = PrivacyUnit(relation, "id" if rows > 1 else None, rows)
    mechanism = Partitions("city", stddev=4.0, delta=1e-6, max_rows=rows)
    base = [{"city": city, "age": 0} for city in ("Oslo", "Oslo", "Bergen")]
    cities = ("Oslo", "Bergen", "Moss", "Voss", None)
    blocks = [list(block) for block in combinations_with_replacement(cities, rows)]
    for one in blocks:
        for other in blocks if relation is Relation.REPLACE_ONE else [[]]:
            tables = [base + [{"city": city, "age": 0} for city in block] for block in (one, other)]
            answers = [mechanism.query(plain_counter(open_schema, table)) for table in tables]
            assert mechanism.movement(*answers) <= mechanism.cost(unit)


def test_lonely_values_are_named_at_most_at_rate_delta():
    """A value with one row, delta 0.01: empirical rate within the binomial bound at false-alarm rate 1e-6."""
    mechanism, runs = Partitions("city", stddev=2.0, delta=0.01), 6000
    source = InsecureTestEntropy(3)
    named = sum("Moss" in mechanism.randomise({"Oslo": 500, "Moss": 1}, source) for _ in range(runs))
    assert stats.binomtest(named, runs, 0.01, alternative="greater").pvalue > 1e-6
    assert stats.binomtest(runs // 10, runs, 0.01, alternative="greater").pvalue < 1e-6  # power: a rate of 10 %


def test_known_values_are_always_there_and_the_rest_is_sorted_and_limited():
    mechanism = Partitions("city", stddev=1.0, delta=1e-6, known=("Bergen",), limit=3)
    exact = {"Bergen": 0, "z": 900, "a": 800, "m": 700, "rare": 1}
    found = mechanism.randomise(exact, InsecureTestEntropy(0))
    assert list(found) == ["Bergen", "a", "z"]


def test_an_empty_column_names_nothing():
    assert Partitions("city", stddev=1.0, delta=1e-6).randomise({}, InsecureTestEntropy(0)) == {}


def test_a_unit_with_more_rows_than_the_threshold_covers_is_refused():
    with pytest.raises(SettingError, match="max_rows"):
        Partitions("city", stddev=1.0, delta=1e-6).cost(PrivacyUnit(Relation.ADD_REMOVE, "id", 2))
