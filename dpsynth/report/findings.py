"""Sections on what was found: the audit, the gate's decision, fidelity, the model."""

from __future__ import annotations

from dpsynth.markup import Content as Piece
from dpsynth.markup import Markup, element, foreign, joined
from dpsynth.report import plots, words
from dpsynth.report.content import Content
from dpsynth.report.evidence import Audit, Finding
from dpsynth.report.fidelity import NEAR, ColumnFidelity, Fidelity
from dpsynth.report.tables import facts, figure, listed, marked, points, table

MOST_SHOWN = 6
"""Columns whose shares are drawn one by one."""

MOST_ROWS = 200
"""Columns that the table of fidelity lists."""

_FEW, _MANY = 2, 8


def audit(content: Content) -> Markup:
    """What was tried against the release, and what came out."""
    found = content.audit
    if found is None:
        return element("p", words.NO_AUDIT)
    tone = words.TONES[found.verdict]
    design = {
        "pool": "before the fit, a secret coin decided for each target whether it took part",
        "pool of pairs": "before the fit, a secret coin decided for each pair of targets which one took part",
        "pairs": "each pair of targets holds one row that took part and one that did not",
        "none": "nobody recorded which targets took part",
    }[found.claim.design]
    rows: list[tuple[str, Piece]] = [
        ("verdict", marked(words.VERDICTS[found.verdict], tone if tone != "unsure" else "inconclusive")),
        ("in words", words.AUDIT_MEANINGS[found.verdict]),
        ("reasons", listed(found.reasons)),
        (
            "edition",
            f"{found.edition}'s" if found.edition == "steward" else "public: without numbers from private rows",
        ),
        ("made", words.moment(found.identity.created)),
        ("how targets were chosen", design),
        ("what it could have seen", foreign(found.power) if found.power else "not stated"),
        ("chance of a false alarm", f"at most {words.percent(found.levels.alpha)} in the whole audit"),
        ("what was audited", words.audited(found)),
    ]
    return joined(facts(rows), _attacks(found), _checks(found), _controls(found))


def _attacks(found: Audit) -> Markup:
    steward = found.edition == "steward"
    heads = ["attack", "asks", "attacker has", "outcome"]
    heads += ["right guesses", "AUC", "mu proved", "p, corrected"] if steward else ["a good score means"]
    rows = [
        [
            joined(foreign(each.attack), joined(", ", foreign(each.group)) if each.group != "all targets" else None),
            foreign(each.criterion),
            foreign(each.threat),
            marked(*words.outcome(each, found)),
            *(_numbers(each) if steward else [foreign(each.about)]),
        ]
        for each in found.findings
    ]
    withheld = None if steward else element("p", words.WITHHELD)
    return joined(withheld, table("Attacks", heads, rows, kind="many" if steward else ""))


def _numbers(finding: Finding) -> list[Piece]:
    measured = finding.measured
    if measured is None:
        return ["", "", "", ""]
    return [
        f"{measured.correct:,} of {measured.guesses:,}",
        "" if measured.auc is None else words.number(measured.auc),
        "" if measured.mu_lower is None else f"at least {words.number(measured.mu_lower)}",
        "" if measured.p_adjusted is None else words.number(measured.p_adjusted),
    ]


def _checks(found: Audit) -> Markup | None:
    if not found.checks:
        return None
    steward = found.edition == "steward"
    rows: list[list[Piece]] = [
        [
            foreign(each.name),
            foreign(each.question),
            marked(each.status, each.status.replace(" ", "-")),
            *([foreign(each.words)] if steward else []),
        ]
        for each in found.checks
    ]
    heads = ["check", "question", "answer", *(["in words"] if steward else [])]
    return table("Checks that need no attack", heads, rows, kind="questions")


def _controls(found: Audit) -> Markup:
    if not found.controls:
        return element("p", "No control was run: nothing shows that this audit would have caught a leak.")
    rows: list[list[Piece]] = [
        [
            foreign(each.name),
            foreign(each.expected),
            marked("as expected", "pass") if each.passed else marked("NOT as expected", "fail"),
        ]
        for each in found.controls
    ]
    return table("Would a leak have been caught?", ["control", "expected", "went"], rows, kind="questions")


def decision(content: Content) -> Markup:
    """What the gate decided, rule by rule, and what was waived."""
    gate = content.gate
    if gate is None:
        return element("p", words.NO_GATE)
    rows: list[list[Piece]] = [
        [foreign(each.name), marked(each.status, each.status), foreign(each.words)] for each in gate.rules
    ]
    waivers: list[list[Piece]] = [
        [foreign(name), foreign(each.owner), foreign(each.reason), foreign(each.until), each.instead_of]
        for name, each in gate.waivers
    ]
    return joined(
        facts(
            [
                ("decision", marked(words.VERDICTS[gate.verdict], gate.verdict)),
                ("in words", words.GATE_MEANINGS[gate.verdict]),
                ("policy", joined(foreign(gate.policy.name), ", in force until ", foreign(gate.policy.expires))),
                ("SHA-256 of the policy", element("code", foreign(gate.policy.sha256))),
                ("decided on", foreign(gate.at)),
                ("audit that it judged", words.judged_audit(content)),
            ]
        ),
        table("Rules of the policy", ["rule", "result", "in words"], rows) if rows else None,
        table("Waivers", ["rule", "waived by", "reason", "until", "without it"], waivers)
        if waivers
        else element("p", words.NO_WAIVERS),
    )


def fidelity(content: Content) -> Markup | None:
    """The synthetic table beside the noisy counts."""
    found = content.fidelity
    if found is None or not found.columns:
        return None
    rows: list[list[Piece]] = [
        [
            foreign(each.column),
            f"{len(each.labels):,}",
            f"{words.number(each.stddev)} rows",
            f"{each.typical:.2f}",
            f"{each.near:,} of {len(each.labels):,}",
        ]
        for each in _farthest(found)
    ]
    drawn = plots.strips(found.columns, NEAR, "strips")
    more = len(found.columns) - MOST_ROWS
    few = len(found.columns) > plots.MOST_STRIPS
    caption = "Each dot is one value of a column. Dots in the shaded band lie within the noise of the measurement."
    caption += f" The {plots.MOST_STRIPS} columns that lie farthest." if few else ""
    heads = ["column", "values", "noise of a count", "typical distance", f"within {NEAR:g} standard deviations"]
    return joined(
        element("p", words.FIDELITY),
        element("p", words.fidelity_in_words(found, NEAR), class_="lead"),
        figure(drawn, caption),
        _multiples(found),
        element("p", words.FIDELITY_LIMITS, class_="aside"),
        table("Measured columns", heads, rows),
        element("p", f"And {more:,} columns that lie nearer.") if more > 0 else None,
    )


def _farthest(found: Fidelity) -> list[ColumnFidelity]:
    """All columns, or the farthest of very many, in table order."""
    kept = {each.column for each in sorted(found.columns, key=lambda each: -each.typical)[:MOST_ROWS]}
    return [each for each in found.columns if each.column in kept]


def _multiples(found: Fidelity) -> Markup | None:
    """The first columns that have few values, one drawing each."""
    few = [each for each in found.columns if _FEW <= len(each.labels) <= _MANY and each.measured.sum() > 0]
    chosen = (few or [each for each in found.columns if each.measured.sum() > 0])[:MOST_SHOWN]
    if not chosen:
        return None
    figures = [
        figure(plots.shares(each, NEAR, f"shares-{place}"), each.column, above=True)
        for place, each in enumerate(chosen)
    ]
    said = f"Bars are shares in the synthetic table; dots are the measured shares, give or take {NEAR:g} standard"
    said += " deviations of the noise (the lines through them). The first columns that have few values:"
    return joined(
        element("h3", "Shares, with the error of the noise"),
        element("p", said),
        element("div", figures, class_="small-multiples"),
    )


def model(content: Content) -> Markup | None:
    """The network of a Bayesian network."""
    if content.drawing is None:
        return None
    shape = plots.network(content.drawing, len(content.columns), "network")
    scrolled = element(
        "div", shape, class_="scroll", tabindex="0", role="region", aria_label="Network, scrolls sideways"
    )
    return joined(
        element("p", words.NETWORK),
        element(
            "figure",
            scrolled,
            element("figcaption", "An arrow leads to a column from those it was drawn given."),
            class_="network",
        ),
    )


def limits(content: Content) -> Markup:
    """What is known to be limited, and what lies outside the promise."""
    certificate = content.certificate
    return joined(
        element("h3", "Limits of the synthetic table"),
        points(foreign(each) for each in certificate.known_limits),
        element("h3", "Outside the promise"),
        points(foreign(each) for each in certificate.exclusions),
        joined(element("h3", "What the audit did not test"), points(foreign(each) for each in content.audit.limits))
        if content.audit is not None
        else None,
    )
