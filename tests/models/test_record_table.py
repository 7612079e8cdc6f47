"""Record tables: projections count, samples use every record equally often, stored tables are not trusted."""

from __future__ import annotations

import json

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dpsynth.domain import Domain
from dpsynth.errors import PlanTooLargeError, ReleaseError, SettingError
from dpsynth.models.model import read_model
from dpsynth.models.record_table import RecordTable

DOMAIN = Domain.of({"a": 3, "b": 2, "wide": 300})


def table(records: int = 50, total: float = 100.0, seed: int = 0) -> RecordTable:
    rng = np.random.default_rng(seed)
    matrix = np.column_stack([rng.integers(0, size, records) for size in DOMAIN.sizes])
    return RecordTable.of_matrix(DOMAIN, matrix, total)


@settings(max_examples=30, deadline=None)
@given(st.integers(1, 60), st.permutations(["a", "b", "wide"]), st.integers(0, 3))
def test_project_counts_records(records, order, columns):
    made, clique = table(records, total=7.0), tuple(order[:columns])
    counts = np.zeros(DOMAIN.shape(clique))
    for row in range(records):
        counts[tuple(int(made.codes[name][row]) for name in clique)] += 7.0 / records
    np.testing.assert_allclose(made.project(clique), counts, atol=1e-12)


@settings(max_examples=30, deadline=None)
@given(st.integers(1, 20), st.integers(0, 90), st.integers(0, 5))
def test_rounded_samples_use_every_record_equally_often(records, rows, seed):
    matrix = np.column_stack([np.zeros(records), np.zeros(records), np.arange(records)]).astype(int)
    drawn = RecordTable.of_matrix(DOMAIN, matrix, 1.0).sample(rows, np.random.default_rng(seed))
    used = np.bincount(drawn["wide"], minlength=records)
    assert used.sum() == rows
    assert used.max() - used.min() <= 1


def test_rows_are_exchangeable():
    """Two records, three rows: the one used twice, and where it stands, are uniform (false alarm 1e-6)."""
    made = RecordTable.of_matrix(DOMAIN, np.array([[0, 0, 0], [0, 0, 1]]), 2.0)
    rng = np.random.default_rng(0)
    draws = np.array([made.sample(3, rng)["wide"] for _ in range(3000)]).mean(axis=0)
    assert np.abs(draws - 0.5).max() < 5.1 * 0.5 / 3000**0.5


def test_as_many_rows_as_records_give_back_the_records():
    made = table()
    drawn = made.sample(made.records, np.random.default_rng(1))
    rows = [sorted(zip(*(codes[name].tolist() for name in DOMAIN), strict=True)) for codes in (drawn, made.codes)]
    assert rows[0] == rows[1]
    assert [drawn[name].dtype for name in DOMAIN] == [np.uint8, np.uint8, np.uint16]


def test_independent_samples_repeat_records():
    made = table(20)
    drawn = made.sample(20, np.random.default_rng(1), "independent")["wide"]
    assert len(set(drawn.tolist())) < 20
    assert set(drawn.tolist()) <= set(made.codes["wide"].tolist())


def test_bad_arguments_are_refused():
    made, rng = table(), np.random.default_rng(0)
    with pytest.raises(SettingError, match="rows"):
        made.sample(-1, rng)
    with pytest.raises(SettingError, match="method"):
        made.sample(1, rng, "exact")
    with pytest.raises(SettingError, match="once"):
        made.project(("a", "a"))
    with pytest.raises(PlanTooLargeError):
        made.project(("a", "b"), max_cells=5)
    with pytest.raises(SettingError, match="below 3"):
        RecordTable(DOMAIN, {**made.codes, "a": made.codes["a"] + np.uint8(3)}, 1.0)
    with pytest.raises(SettingError, match="table order"):
        RecordTable(DOMAIN, {name: made.codes[name] for name in ("b", "a", "wide")}, 1.0)
    with pytest.raises(SettingError, match="same number"):
        RecordTable(DOMAIN, {**made.codes, "a": made.codes["a"][1:]}, 1.0)
    with pytest.raises(SettingError, match="at least one"):
        RecordTable(DOMAIN, {name: codes[:0] for name, codes in made.codes.items()}, 1.0)


def test_stored_and_read_again():
    made = table()
    read = read_model(json.loads(json.dumps(made.to_json())), made.to_arrays())
    assert isinstance(read, RecordTable)
    assert (read.domain, read.total) == (made.domain, made.total)
    assert all(np.array_equal(read.codes[name], made.codes[name]) for name in DOMAIN)


BROKEN = {
    "format": ({"format": "other"}, {}),
    "sizes are numbers": ({"sizes": [3, 2, "300"]}, {}),
    "sizes are positive": ({"sizes": [3, 0, 300]}, {}),
    "sizes fit the codes": ({"sizes": [2, 2, 300]}, {}),
    "sizes fit the type": ({"sizes": [3, 2, 3]}, {}),
    "columns are texts": ({"columns": ["a", 3, "wide"]}, {}),
    "columns are distinct": ({"columns": ["a", "a", "wide"]}, {}),
    "total is finite": ({"total": float("inf")}, {}),
    "total is not negative": ({"total": -1.0}, {}),
    "a table too many": ({}, {"codes_3": np.zeros(50, dtype=np.uint8)}),
    "a signed table": ({}, {"codes_0": np.zeros(50, dtype=np.int8)}),
    "a table of floats": ({}, {"codes_0": np.zeros(50)}),
    "a short table": ({}, {"codes_0": np.zeros(49, dtype=np.uint8)}),
    "a square table": ({}, {"codes_0": np.zeros((50, 1), dtype=np.uint8)}),
    "a code out of range": ({}, {"codes_0": np.full(50, 3, dtype=np.uint8)}),
}


@pytest.mark.parametrize("case", BROKEN)
def test_broken_parts_are_refused(case):
    document, arrays = BROKEN[case]
    made = table()
    with pytest.raises(ReleaseError):
        RecordTable.from_arrays({**made.to_json(), **document}, {**made.to_arrays(), **arrays})


def test_missing_parts_are_refused():
    made = table()
    for name in made.to_json():
        with pytest.raises(ReleaseError):
            RecordTable.from_arrays({k: v for k, v in made.to_json().items() if k != name}, made.to_arrays())
    with pytest.raises(ReleaseError):
        RecordTable.from_arrays(made.to_json(), {})
