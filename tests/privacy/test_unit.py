from __future__ import annotations

import itertools

import pytest

from dpsynth.errors import SettingError
from dpsynth.privacy.unit import PrivacyUnit, Relation


def unit_counts(cells: int, max_rows: int) -> list[tuple[int, ...]]:
    """Every way in which the rows of one unit, at most `max_rows` of them, can fall into the cells."""
    return [c for c in itertools.product(range(max_rows + 1), repeat=cells) if sum(c) <= max_rows]


@pytest.mark.parametrize("max_rows", [1, 2, 3])
@pytest.mark.parametrize("relation", list(Relation))
def test_sensitivities_equal_the_worst_case_over_all_neighbours(relation: Relation, max_rows: int) -> None:
    unit = PrivacyUnit(relation, "person", max_rows)
    before = unit_counts(3, max_rows)
    after = before if relation is Relation.REPLACE_ONE else [(0, 0, 0)]
    moves = [[a - b for a, b in zip(x, y, strict=True)] for x in before for y in after]
    assert max(sum(map(abs, move)) for move in moves) == unit.l1_count_sensitivity
    assert max(sum(m * m for m in move) for move in moves) == unit.squared_l2_count_sensitivity


def test_both_relations_have_their_known_values() -> None:
    table = {
        (relation, rows): (unit.l1_count_sensitivity, unit.squared_l2_count_sensitivity)
        for relation in Relation
        for rows in (1, 4)
        for unit in [PrivacyUnit(relation, "person", rows)]
    }
    assert table == {
        (Relation.ADD_REMOVE, 1): (1, 1),
        (Relation.ADD_REMOVE, 4): (4, 16),
        (Relation.REPLACE_ONE, 1): (2, 2),
        (Relation.REPLACE_ONE, 4): (8, 32),
    }


def test_the_default_is_one_row_added_or_removed() -> None:
    assert PrivacyUnit() == PrivacyUnit(Relation.ADD_REMOVE, None, 1)


def test_a_relation_may_be_given_by_its_name() -> None:
    assert PrivacyUnit("replace-one").relation is Relation.REPLACE_ONE  # type: ignore[arg-type]


def test_descriptions_say_who_is_protected_and_who_is_not() -> None:
    assert "NOT protected as a whole" in PrivacyUnit().describe()
    assert PrivacyUnit().describe().startswith("adding or removing one row")
    described = PrivacyUnit(Relation.REPLACE_ONE, "patient_id", 3).describe()
    assert described == "replacing all rows of one value of 'patient_id' (at most 3 rows)"
    assert PrivacyUnit(column="patient_id").describe().endswith("(at most 1 row)")


@pytest.mark.parametrize("max_rows", [0, -1, True, 1.5, "2", None])
def test_a_row_bound_that_bounds_nothing_is_refused(max_rows: object) -> None:
    with pytest.raises(SettingError, match=r"max_rows .*must"):
        PrivacyUnit(column="person", max_rows=max_rows)  # type: ignore[arg-type]


def test_several_rows_need_a_column_that_says_whose_they_are() -> None:
    with pytest.raises(SettingError, match="must be 1 when no unit column is named"):
        PrivacyUnit(max_rows=2)


@pytest.mark.parametrize("column", ["", 7])
def test_a_column_must_have_a_name(column: object) -> None:
    with pytest.raises(SettingError, match="must be the name of a column"):
        PrivacyUnit(column=column)  # type: ignore[arg-type]


def test_an_unknown_relation_is_refused() -> None:
    with pytest.raises(SettingError, match="must be 'add-remove' or 'replace-one'"):
        PrivacyUnit("bounded")  # type: ignore[arg-type]
