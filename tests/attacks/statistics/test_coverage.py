"""A small version of benchmarks/audit_coverage.py: every bound that must hold does, and the check can tell."""

from __future__ import annotations

import pytest

from benchmarks.audit_coverage import MECHANISMS, Coverage, coverage


@pytest.mark.parametrize("mechanism", MECHANISMS[1::2] + MECHANISMS[-1:], ids=lambda mechanism: mechanism.name)
def test_bounds_are_right_nineteen_times_in_twenty(mechanism):
    lines = coverage(mechanism, simulations=40, runs=300, coins=600)
    assert len(lines) == 6
    for line in lines:
        if "Bayesian" not in line.bound:
            assert not line.fails, line
    if mechanism.delta == 0:  # and they are no empty words
        assert all(line.mean > 0.15 * line.truth for line in lines), lines


def test_the_check_sees_bounds_that_fail():
    """Right 70 % of the time instead of 95 %: seen in 1,000 simulations and in 40, though not in 5."""
    assert Coverage("", "", 1.0, 1.0, 700, 1000).fails
    assert Coverage("", "", 1.0, 1.0, 26, 40).fails
    assert not Coverage("", "", 1.0, 1.0, 3, 5).fails
    assert not Coverage("", "", 1.0, 1.0, 945, 1000).fails
