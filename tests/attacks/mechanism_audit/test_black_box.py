from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from attacks.mechanism_audit import audit_callable
from attacks.mechanism_audit.black_box import Matches, separating_weights
from benchmarks.twin_audit import PAYS, PAYS_AND_ONE, SOLD, audit_sold


@pytest.mark.parametrize(("name", "caught", "bug"), SOLD, ids=lambda value: value if isinstance(value, str) else "")
def test_bugs_of_a_generator_are_seen_from_outside(name, caught, bug):
    found = audit_sold(bug, runs=1500, seed=3)
    assert found.verdict == ("fail" if caught else "pass")
    assert found.mu == 0.5
    if name in ("no noise", "seed used again", "bounds from the data"):
        assert found.share > 5


def test_a_claim_without_a_curve_is_held_against_epsilon():
    found = audit_callable(
        lambda table, seed: table, (PAYS, PAYS_AND_ONE), epsilon=1.0, delta=1e-5, runs=200, name="copier"
    )
    assert (found.mu, found.verdict, found.generator) == (None, "fail", "copier")
    assert found.epsilon_lower > 3


def test_matches_are_counted_on_every_set_of_columns():
    match = Matches.of({"a": ["x", "y"], "b": [1, 9]}, {"a": ["x", "y", "y"], "b": [1, 9, 4]})
    synthetic = pd.DataFrame({"a": ["y", "y", "x", None], "b": [4.9, 6.6, 3.0, np.nan]})
    assert match.names == ("rows", "rows that match on a", "rows that match on b", "rows that match on a, b")
    # 4.9 and 3.0 are nearest to 4, among 1, 4 and 9.
    assert match.counts(synthetic).tolist() == [4, 2, 2, 1]


def test_a_replaced_row_counts_on_both_sides():
    match = Matches.of({"a": ["x", "u"]}, {"a": ["x", "v"]})
    assert match.counts({"a": ["u", "v", "v", "v", "x"]}).tolist() == [5, 2]
    with pytest.raises(ValueError, match="differ"):
        Matches.of({"a": ["x"]}, {"a": ["x"]})
    with pytest.raises(ValueError, match="columns"):
        Matches.of({"a": ["x"]}, {"b": ["x"]})


def test_wide_tables_are_looked_at_in_pairs():
    wide = {f"c{i}": [0, 1] for i in range(9)}
    match = Matches.of(wide, {name: [*cells, 2] for name, cells in wide.items()})
    assert len(match.names) == 1 + 9 + 36 + 1


def test_weights_stand_constant_and_doubled_counts():
    rng = np.random.default_rng(0)
    without = np.column_stack([np.ones(300), *2 * [rng.normal(0, 1, 300)], rng.normal(0, 5, 300)])
    within = without[rng.permutation(300)] + [0, 1, 1, 0]
    weights = separating_weights(without, within)
    assert np.isfinite(weights).all()
    assert weights[1] == pytest.approx(weights[2])
    assert abs(weights[1]) > 5 * abs(weights[3])


def test_too_few_runs_are_refused():
    with pytest.raises(ValueError, match="runs"):
        audit_callable(lambda table, seed: table, (PAYS, PAYS_AND_ONE), epsilon=1.0, delta=1e-5, runs=10)
