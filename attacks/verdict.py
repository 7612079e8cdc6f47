"""The verdict: fail where a claim is refuted, inconclusive where it could not have been, else pass."""

from __future__ import annotations

from collections.abc import Sequence

from attacks.report.document import Verdict
from attacks.report.records import Check, Control, FindingRecord, Levels

# By default an audit must be able to see this share of the targets copied as they are.
COPIES = "share of copied targets that must be seen"
DEFAULT_COPIES = 0.05


# The attack that gets half of the level by itself: copies are the plainest violation, and few of them tell little.
FIRST = "copies"


def shares_of(names: Sequence[str]) -> list[float]:
    """Each test's share of the level: half for copies, the rest for all others alike; fixed before any is run.

    >>> shares_of(["copies", "classifier", "linkability"])
    [0.5, 0.25, 0.25]
    """
    first = names.count(FIRST)
    others = len(names) - first
    half = 0.5 if first and others else 1.0
    return [half / first if name == FIRST else half / others for name in names]


def conclude(
    findings: Sequence[FindingRecord],
    checks: Sequence[Check],
    controls: Sequence[Control],
    levels: Levels,
    targets: int,
) -> tuple[Verdict, tuple[str, ...]]:
    """The verdict and its reasons, in plain sentences.

    findings: with p-values adjusted over all of them. targets: coins of the trial.
    """
    reasons = [f"Check {each.name!r} failed: {each.words or each.question}" for each in checks if each.status == "fail"]
    for each in findings:
        measured = each.measured
        if measured is not None and measured.p_adjusted is not None and measured.p_adjusted <= levels.alpha:
            reasons.append(
                f"Attack {each.attack!r} on {each.group}: {measured.correct:,} of {measured.guesses:,} guesses right;"
                f" under the claim so many have a probability of {measured.p_adjusted:.2g} at most, all attacks"
                " considered."
            )
    if reasons:
        return "fail", tuple(reasons)
    reasons = _doubts(findings, controls, levels, targets)
    if reasons:
        return "inconclusive", tuple(reasons)
    ran = {each.attack for each in findings if each.status == "ran"}
    stood = f"None of {len(ran)} attacks did better than the claim allows;"
    return "pass", (f"{stood} the leaky twin was caught and the independent sample was not.",)


def _doubts(findings: Sequence[FindingRecord], controls: Sequence[Control], levels: Levels, targets: int) -> list[str]:
    doubts = [f"Attack {each.attack!r} broke down: {each.why}." for each in findings if each.status == "failed"]
    ran = [each for each in findings if each.status == "ran"]
    if not ran:
        doubts.append("No attack could be run.")
    if not controls:
        doubts.append("The controls could not be run: there were too few reference rows.")
    for control in controls:
        if not control.passed:
            doubts.append(f"Control {control.name!r} did not come out as it must ({control.expected}).")
    wanted = levels.policy.get(COPIES, DEFAULT_COPIES)
    seen = [each.power.get("copies") for each in ran]
    least = min((float(each) for each in seen if each is not None), default=None)
    if ran and (least is None or least > wanted * targets):
        got = "none of them could be" if least is None else f"only {least:,.0f} or more could be"
        doubts.append(
            f"The audit is too weak: if {wanted:.0%} of the {targets:,} targets had been copied as they are, it had to"
            f" be seen; {got}. Try more targets."
        )
    return doubts


_POWERS = ("copies", "mu")


def power_in_words(findings: Sequence[FindingRecord], levels: Levels, targets: int) -> str:
    """What the audit could have seen, from the number of targets and the claim alone."""
    powers = [each.power for each in findings if each.status == "ran"]
    copies, mus = (min((p for each in powers if (p := each.get(name)) is not None), default=None) for name in _POWERS)
    if copies is None and mus is None:
        return f"With {targets:,} targets, no violation of this claim could have been shown."
    parts = []
    if copies is not None:
        parts.append(f"{copies:,.0f} of the {targets:,} targets copied as they are, if no stranger matched")
    if mus is not None:
        parts.append(f"a true mu of {mus:.2f}, if the attacker were perfect")
    return f"With probability {levels.power:.0%} the audit would have seen {', or '.join(parts)}."
