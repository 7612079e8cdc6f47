"""Diagnostics: right values where they are known, fair to members and control, and never a verdict."""

from __future__ import annotations

import json

import numpy as np
import pytest
from scipy.stats import mannwhitneyu, norm

from attacks import diagnostics as module
from attacks.diagnostics import data_copying, diagnostics
from attacks.membership.nearest import search
from tests.attacks.worlds import edge_tables, world

NEARER = "share nearer to a member than to a control row"


def test_values_are_those_of_the_plain_computation():
    w = world("independent", 1, rows=500, targets=200)
    count = min(len(w.members), len(w.control))
    found = diagnostics(w.evidence.synthetic, w.members, w.control, w.evidence.reference)
    assert found["members, and control rows"] == count
    near = search(w.evidence.synthetic, w.members.take(np.arange(len(w.members))), 2).distances.astype(float)
    if len(w.members) == count:
        assert found["distance to the closest member, median"] == pytest.approx(np.median(near[:, 0]))
        ratios = [1.0 if second == 0 else first / second for first, second in near]
        assert found["nearest-neighbour ratio, members, 5 % quantile"] == pytest.approx(np.quantile(ratios, 0.05))
    assert all(isinstance(value, float | int | None) for value in found.values())
    json.dumps(found, allow_nan=False)


@pytest.mark.parametrize("sizes", [(1000, 1000), (1000, 100), (100, 1000)])
def test_members_and_control_of_any_sizes_look_alike_to_an_independent_table(sizes):
    """Unequal sizes are what fools such numbers elsewhere."""
    w = world("independent", 2, rows=1000, targets=2600)
    members, control = w.members.take(np.arange(sizes[0])), w.control.take(np.arange(sizes[1]))
    found = diagnostics(w.evidence.synthetic, members, control, w.evidence.reference)
    assert abs(found[NEARER] - 0.5) < (0.05 if min(sizes) == 1000 else 0.12)
    assert abs(found["data-copying test, mean z"]) < 3


def test_a_copier_shows():
    w = world("copier", 3)
    found = diagnostics(w.evidence.synthetic, w.private, w.evidence.reference)
    assert found["distance to the closest member, median"] == 0
    assert found["share equal to a member"] == 1
    assert found["share equal to a control row"] < 0.1
    assert found[NEARER] > 0.95
    assert found["data-copying test, mean z"] < -5


def test_cells_part_the_rows_evenly():
    w = world("independent", 4)
    cells = module._cells(w.evidence.reference, (w.evidence.reference, w.evidence.synthetic), 16)
    counts = np.bincount(cells[0])
    assert len(counts) == 16
    assert counts.max() < 4 * counts.min()
    assert set(cells[1]) == set(range(16))


def test_z_is_that_of_the_test(rng):
    drawn, real = rng.integers(0, 5, 60).astype(float), rng.integers(1, 6, 80).astype(float)
    asymptotic = mannwhitneyu(drawn, real, alternative="less", method="asymptotic", use_continuity=False)
    assert norm.cdf(module._mann_whitney(drawn, real)) == pytest.approx(asymptotic.pvalue)
    assert module._mann_whitney(np.zeros(5), np.zeros(5)) == 0


@pytest.mark.parametrize("name", edge_tables())
def test_odd_tables(name):
    tables = edge_tables()
    for synthetic in tables.values():
        json.dumps(diagnostics(synthetic, tables[name], tables["one row"], tables[name]), allow_nan=False)
        json.dumps(diagnostics(synthetic, tables["many levels"], tables["duplicates"]), allow_nan=False)
    none = tables[name].take(np.zeros(0, np.int64))
    json.dumps(diagnostics(tables[name], tables[name], none, None), allow_nan=False)
    assert data_copying(tables["one row"], tables["one row"], tables["one row"], tables["one row"]) is None
