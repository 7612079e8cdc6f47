"""Groups, gaps and courses by hand, and against scipy."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import chi2_contingency, false_discovery_control

from dpsynth.evaluation.arms import Arms, arms
from dpsynth.evaluation.fairness import adjusted, courses, gaps, groups, log_disparity, two_proportions
from dpsynth.evaluation.table import Table


@settings(max_examples=25)
@given(st.lists(st.floats(0, 1), min_size=1, max_size=30))
def test_the_correction_is_scipys(p_values: list[float]) -> None:
    assert adjusted(p_values) == pytest.approx(false_discovery_control(p_values).tolist())


def test_the_test_is_the_pooled_one() -> None:
    table = [[30, 70], [45, 105]]
    assert two_proportions((30, 100), (45, 150)) == pytest.approx(1)
    table = [[30, 70], [60, 90]]
    assert two_proportions((30, 100), (60, 150)) == pytest.approx(chi2_contingency(table, correction=False).pvalue)
    assert two_proportions((0, 100), (0, 150)) == 1


def test_log_disparity_by_hand() -> None:
    assert log_disparity((20, 100), (20, 100)) == 0
    assert log_disparity((50, 100), (150, 200)) == pytest.approx(math.log(3))
    assert log_disparity((20, 100), (0, 100)) is None


def group_table(counts: dict[tuple[int, int], int]) -> Table:
    cells = np.repeat(np.array(list(counts)), list(counts.values()), axis=0)
    other = np.arange(len(cells)) % 3
    return Table.of_codes({"sex": cells[:, 0], "race": cells[:, 1], "y": other}, {"sex": 2, "race": 3, "y": 3})


def test_lost_and_shrunk_groups_are_named() -> None:
    private = group_table({(0, 0): 4000, (0, 1): 900, (1, 0): 4000, (1, 1): 1000, (1, 2): 100})
    synthetic = group_table({(0, 0): 4000, (0, 1): 900, (1, 0): 4500, (1, 1): 500})
    found, left_out = groups(arms(private, synthetic, [], None, repeats=1, seed=0), ["sex", "race"])
    verdict = {each.name: each.verdict for each in found}
    assert left_out == 0
    assert verdict["race: 2"] == "absent"
    assert verdict["sex: 1, race: 1"] == "too few"
    assert verdict["sex: 1, race: 0"] == "too many"
    assert verdict["sex: 0, race: 1"] == "as private"
    assert [each.rows for each in found[:2]] == [5100, 4900]
    assert next(each for each in found if each.name == "race: 2").error == 1


def test_the_noise_of_released_counts_is_shown_beside_a_group(split: Arms) -> None:
    found, _ = groups(split, ["sex", "age"], noise={("sex",): 7.0}, label=("ill", 1))
    of_sex = [each for each in found if [name for name, _ in each.levels] == ["sex"]]
    assert [each.noise for each in of_sex] == [7.0, 7.0]
    assert of_sex[0].outcome_private == pytest.approx(of_sex[0].outcome_synthetic, abs=0.1)
    # A number is cut into quarters.
    assert sum([name for name, _ in each.levels] == ["age"] for each in found) == 4
    assert all(each.error < 3 * each.chance + 0.05 for each in of_sex)


def test_gaps_by_hand() -> None:
    member = np.repeat([0, 1, 2], [100, 100, 5])
    positive = np.concatenate([np.arange(100) < 50, np.arange(100) < 50, np.ones(5, bool)])
    said = np.concatenate([np.arange(100) < 40, np.arange(100) < 60, np.zeros(5, bool)])
    found = gaps(member, positive, said)
    assert found.parity == pytest.approx(0.2)  # the group of five is left out
    assert found.odds == pytest.approx(0.2)  # true-positive rates 0.8 and 1, false-positive rates 0 and 0.2
    assert math.isnan(gaps(member[:100], positive[:100], said[:100]).parity)


def test_a_course_that_departs_is_seen(split: Arms) -> None:
    same = courses(split, ["sex"], ("ill", 1), "age")
    assert [each.level for each in same] == [("sex", "F"), ("sex", "M")]
    assert all(each.departing == 0 and each.distance < 0.2 for each in same)
    assert all(each.correlation is not None and each.correlation > 0.9 for each in same)
    released = split.released
    turned = replace(released, codes={**released.codes, "ill": 1 - released.codes["ill"]})
    off = courses(replace(split, released=turned), ["sex"], ("ill", 1), "age")
    assert all(each.departing > 0.7 and each.correlation is not None and each.correlation < -0.9 for each in off)
    numbers = courses(split, ["sex"], ("pay", None), "age")
    assert all(each.distance < 0.2 for each in numbers)
