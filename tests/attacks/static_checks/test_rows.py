"""Checks of rows, each with a table that passes and one with a planted fault."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

import dpsynth
from attacks.static_checks import rows

SCHEMA = dpsynth.Schema(
    [
        dpsynth.Identifier("id"),
        dpsynth.Numeric("x", lower=0, upper=1000, decimals=3, nullable=True),
        dpsynth.Datetime("seen", lower="2020-01-01", upper="2024-12-31"),
        dpsynth.OpenCategorical("city", known=["Oslo"]),
        dpsynth.Categorical("k", values=["u", "v", "w"], nullable=True),
    ]
)


def drawn(seed, count):
    rng = np.random.default_rng(seed)
    days = np.datetime64("2021-01-01") + rng.integers(0, 900, count)
    table = pd.DataFrame(
        {
            "id": [f"{seed}-{i}" for i in range(count)],
            "x": pd.array(rng.uniform(100, 900, count).round(3), dtype="Float64"),
            "seen": days,
            "city": rng.choice(["Oslo", "Bergen"], count),
            "k": rng.choice(["u", "v", "w"], count),
        }
    )
    table.loc[rng.random(count) < 0.1, "x"] = pd.NA
    table.loc[rng.random(count) < 0.1, "k"] = None
    return table


@pytest.fixture
def private():
    table = drawn(1, 500)
    table.loc[0, ["x", "city"]] = [7, "Moskenes"]
    table.loc[1, "x"] = 955
    return table


@pytest.fixture
def synthetic():
    return drawn(7, 480)


def statuses(synthetic, private, schema=SCHEMA, relation="add-remove", mu=0.002, release=None):
    found = rows.row_checks(synthetic, schema, release, private, relation, mu)
    assert all(check.words for check in found)
    return {check.name: check.status for check in found}


def fails(question, synthetic, private, **options):
    """Whether this check fails, and no other one does."""
    found = {name for name, status in statuses(synthetic, private, **options).items() if status == "fail"}
    assert found <= {question[0]}
    return bool(found)


def test_a_sound_table_passes(synthetic, private):
    assert set(statuses(synthetic, private).values()) == {"pass"}


def test_a_verbatim_copy_fails_in_every_way(private):
    found = statuses(private.copy(), private)
    caught = (rows.EXTREMES, rows.IDENTIFIERS, rows.ORDER, rows.NULLS, rows.ROWS)
    assert {name for name, status in found.items() if status == "fail"} == {question[0] for question in caught}
    assert found[rows.RARE[0]] == "unknown"


def test_items_that_nobody_confirmed_are_found(synthetic, private):
    guessed = dpsynth.Categorical("k", values=["u", "v", "w"], nullable=True, source="unreviewed")
    drafted = dpsynth.Schema([*SCHEMA.columns[:4], guessed])
    assert fails(rows.PROVENANCE, synthetic, private, schema=drafted)


@pytest.mark.parametrize(("column", "cell"), [("x", 1400), ("x", -1), ("k", "z"), ("seen", pd.NaT)])
def test_cells_outside_the_public_domain_are_found(column, cell, synthetic, private):
    synthetic.loc[3, column] = cell
    assert fails(rows.DOMAIN, synthetic, private)


def test_values_that_were_not_paid_for_are_found(synthetic):
    release = dpsynth.synthesize(drawn(1, 500), SCHEMA, epsilon=2.0, delta=1e-6, synthesizer="independent")
    synthetic.loc[3, "city"] = "Moskenes"
    assert rows.row_checks(synthetic, SCHEMA, None, None)[1].status == "pass"
    assert rows.row_checks(synthetic, SCHEMA, release, None)[1].status == "fail"
    assert rows.row_checks(release.table, SCHEMA, release, None)[1].status == "pass"


def test_bounds_taken_from_the_data_are_found(synthetic, private):
    synthetic.loc[0, "x"] = 7
    assert not fails(rows.EXTREMES, synthetic, private)  # one end may be chance
    synthetic.loc[1, "x"] = 955
    assert fails(rows.EXTREMES, synthetic, private)


def test_one_single_row_at_an_end_is_not_enough(synthetic, private):
    private.loc[2, "x"] = 7
    synthetic.loc[0, "x"], synthetic.loc[1, "x"] = 7, 955
    assert statuses(synthetic, private)[rows.EXTREMES[0]] == "unknown"


def test_both_ends_of_whole_numbers_may_be_met_by_chance():
    """Ages end thinly, in single rows, and yet two samples of one population often end alike."""
    schema = dpsynth.Schema([dpsynth.Numeric("age", lower=0, upper=200, integer=True)])
    met = 0
    for seed in range(300):
        ages = np.random.default_rng(seed).normal(100, 12, (2, 300)).round()
        status = statuses({"age": ages[0]}, {"age": ages[1]}, schema=schema)[rows.EXTREMES[0]]
        assert status != "fail"
        met += status == "unknown"
    assert met


def test_ends_that_are_public_are_no_finding(synthetic, private):
    for table in (synthetic, private):
        table.loc[0, "x"], table.loc[1, "x"] = 0, 1000
    assert not fails(rows.EXTREMES, synthetic, private)


def test_a_value_of_one_row_is_found(synthetic, private):
    release = dpsynth.synthesize(private, SCHEMA, epsilon=2.0, delta=1e-6, synthesizer="independent")
    assert statuses(synthetic, private, release=release)[rows.RARE[0]] == "pass"
    synthetic.loc[9, "city"] = "Moskenes"
    assert statuses(synthetic, private, release=release)[rows.RARE[0]] == "fail"
    assert statuses(synthetic, private)[rows.RARE[0]] == "unknown"  # towns are known without the private table


def test_private_identifiers_are_found_and_row_numbers_are_not(synthetic, private):
    synthetic.loc[9, "id"] = private.loc[400, "id"]
    assert fails(rows.IDENTIFIERS, synthetic, private)
    for table in (synthetic, private):
        table["id"] = range(1, len(table) + 1)
    assert not fails(rows.IDENTIFIERS, synthetic, private)


def test_an_order_that_was_kept_is_found(private):
    """A cell in six of the private row at the same place, the others drawn anew."""
    kept = drawn(3, 480)
    again = np.random.default_rng(0).random(480) < 0.17
    for column in ("x", "seen", "k"):
        kept.loc[again, column] = private[column][:480][again]
    assert fails(rows.ORDER, kept, private)
    shuffled = kept.sample(frac=1.0, random_state=1).reset_index(drop=True)
    assert not fails(rows.ORDER, shuffled, private)


def test_tables_that_were_sorted_alike_are_no_finding():
    for seed in range(20):
        one, other = (drawn(2 * seed + side, 480 + side).sort_values(["k", "x"], ignore_index=True) for side in (0, 1))
        assert not fails(rows.ORDER, one, other, mu=None)


def test_cells_that_are_missing_together_count_once(private):
    """As many missing cells in five columns are one coincidence where they are the same rows."""
    names = ("a", "b", "c", "d", "e")
    schema = dpsynth.Schema([dpsynth.Boolean(name, nullable=True) for name in names])
    rng = np.random.default_rng(0)
    together = [rng.permutation(np.arange(400) < 90)] * 5
    apart = [rng.permutation(np.arange(400) < 90) for _ in names]
    for masks, expected in ((together, "unknown"), (apart, "fail")):
        own = {name: np.where(mask, None, True) for name, mask in zip(names, masks, strict=True)}
        made = {name: cells[rng.permutation(400)] for name, cells in own.items()}
        assert statuses(made, own, schema=schema, mu=None)[rows.NULLS[0]] == expected


def test_exact_numbers_of_missing_cells_are_found(synthetic, private):
    for column, last in (("x", "unknown"), ("k", "fail")):
        here, there = synthetic[column].isna(), private[column].isna()
        synthetic.loc[here, column] = synthetic.loc[~here, column].iloc[0]
        synthetic.loc[synthetic.index[: int(there.sum())], column] = pd.NA if column == "x" else None
        assert statuses(synthetic, private)[rows.NULLS[0]] == last


@pytest.mark.parametrize(
    ("mu", "count", "expected"),
    [(0.05, 500, "fail"), (2.0, 500, "unknown"), (None, 500, "unknown"), (None, 5000, "fail")],
)
def test_exact_numbers_are_a_finding_only_where_noise_was_promised(mu, count, expected):
    """Little noise makes exact numbers often; a sample without any promise spreads them too."""
    private = drawn(1, count)
    assert statuses(private.copy(), private, mu=mu)[rows.NULLS[0]] == expected


def test_the_exact_number_of_rows_is_found(private):
    same = drawn(7, 500)
    assert fails(rows.ROWS, same, private)
    assert statuses(same, private, mu=0.5)[rows.ROWS[0]] == "unknown"
    assert statuses(same, private, mu=None)[rows.ROWS[0]] == "unknown"
    assert not fails(rows.ROWS, same, private, relation="replace-one")
    known = dpsynth.Schema(SCHEMA.columns, public_rows=500)
    assert not fails(rows.ROWS, same, private, schema=known)


@pytest.mark.parametrize("count", [1, 2, 30])
def test_odd_tables_raise_nothing(count, private):
    """Few rows, all missing, constant, one column."""
    table = drawn(4, count)
    table["x"], table["k"] = pd.array([pd.NA] * count, dtype="Float64"), None
    assert set(statuses(table, private)) == set(statuses(private, table))
    narrow = dpsynth.Schema([dpsynth.Boolean("b")])
    assert statuses({"b": [True] * count}, {"b": [True] * 40}, schema=narrow)[rows.ROWS[0]] == "pass"
