from __future__ import annotations

from dataclasses import replace

import pytest

from attacks.report.records import Check, Control, FindingRecord, Levels, Measured
from attacks.verdict import COPIES, conclude, power_in_words

LEVELS = Levels(alpha=0.05)
MEASURED = Measured(
    targets=1000,
    controls=500,
    rule="top",
    confidence=0.95,
    members=500,
    guesses=10,
    correct=9,
    p_value=0.2,
    p_value_no_learning=0.01,
    p_adjusted=0.4,
    epsilon_lower=0.0,
    mu_lower=0.0,
    auc=0.5,
    auc_interval=(0.4, 0.6),
    true_positive_rates={},
    roc=(),
    success=None,
    seconds=1.0,
    details={},
)
RAN = FindingRecord(
    "copies", "about", "membership", "the release", "all targets", "ran", "", {"mu": 0.7, "copies": 20}, MEASURED
)
CONTROLS = (Control("leaky twin", "caught", True, ("copies",)), Control("independent sample", "not caught", True))
PASSED = Check("sums", "?", "pass")


def verdict(findings=(RAN,), checks=(PASSED,), controls=CONTROLS, levels=LEVELS, targets=1000):
    return conclude(findings, checks, controls, levels, targets)


def test_a_pass_needs_attacks_that_ran_and_controls_that_came_out() -> None:
    found, reasons = verdict()
    assert found == "pass"
    assert "leaky twin was caught" in reasons[0]
    assert "safe" not in reasons[0]


@pytest.mark.parametrize("p", [0.05, 1e-9])
def test_a_rejected_claim_fails(p: float) -> None:
    found, reasons = verdict(findings=(replace(RAN, measured=replace(MEASURED, p_adjusted=p)),))
    assert found == "fail"
    assert "9 of 10 guesses right" in reasons[0]


def test_a_failed_check_fails_whatever_else_is_doubtful() -> None:
    found, reasons = verdict(checks=(Check("entropy", "?", "fail", "test entropy"),), controls=())
    assert found == "fail"
    assert "test entropy" in reasons[0]


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"findings": (RAN, replace(RAN, status="failed", why="KeyError", measured=None))}, "broke down"),
        ({"findings": (replace(RAN, status="not run", measured=None),)}, "No attack could be run"),
        ({"findings": ()}, "No attack could be run"),
        ({"controls": ()}, "controls could not be run"),
        ({"controls": (replace(CONTROLS[0], passed=False), CONTROLS[1])}, "'leaky twin' did not"),
        ({"controls": (CONTROLS[0], replace(CONTROLS[1], passed=False))}, "'independent sample' did not"),
        ({"findings": (replace(RAN, power={"mu": None, "copies": None}),)}, "too weak"),
        ({"targets": 399}, "too weak"),
        ({"levels": Levels(policy={COPIES: 0.01})}, "too weak"),
    ],
)
def test_what_could_not_have_been_seen_is_no_pass(changes: dict[str, object], words: str) -> None:
    found, reasons = verdict(**changes)  # type: ignore[arg-type]
    assert found == "inconclusive"
    assert any(words in reason for reason in reasons)


def test_power_is_said_in_words() -> None:
    assert "20 of the 1,000 targets copied" in power_in_words((RAN,), LEVELS, 1000)
    assert "no violation" in power_in_words((replace(RAN, power={}),), LEVELS, 1000)
