"""The report as one HTML file: no script, nothing fetched, readable by eye, by ear and on paper.

The page's policy forbids the browser to run or fetch anything; only the style sheet whose hash it names counts.
"""

from __future__ import annotations

from collections.abc import Sequence
from importlib import resources

from attacks.report import plots, words
from attacks.report.document import FORMAT, VERSION, AuditReport
from attacks.report.records import FindingRecord
from dpsynth.markup import Content, Markup, document, element, foreign, joined, page_head

# Not colour alone: each verdict has its own sign.
_SIGNS = {"pass": "\N{CHECK MARK}", "fail": "\N{MULTIPLICATION X}", "inconclusive": "?"}
_ANSWER_SIGNS = {
    "pass": "\N{CHECK MARK}",
    "fail": "\N{MULTIPLICATION X}",
    "unknown": "?",
    "not applicable": "\N{EN DASH}",
}


def page(report: AuditReport) -> str:
    """The whole page, from the report alone."""
    # The rules that all our pages share, then those of this one.
    sheets = resources.files("dpsynth.report") / "base.css", resources.files("attacks.report") / "page.css"
    sheet = "\n".join(each.read_text(encoding="utf-8") for each in sheets)
    sections = [
        ("claim", "What was promised", _claim(report)),
        ("attacks", "What was tried", _attacks(report)),
        ("checks", "Static checks", _checks(report)),
        ("controls", "Would a leak have been caught?", _controls(report)),
        ("diagnostics", "Diagnostics", _diagnostics(report)),
        ("law", "Laws and standards", _law(report)),
        ("limits", "What was not tested", element("ul", [element("li", limit) for limit in report.limits])),
        ("appendix", "Technical appendix", _appendix(report)),
    ]
    kept = [each for each in sections if each[2] is not None]
    links = [element("li", element("a", title, href=f"#{name}")) for name, title, _ in kept]
    body = element(
        "body",
        element("a", "Skip to the verdict", href="#verdict", class_="skip"),
        element("header", _head(report)),
        element(
            "main",
            _verdict(report),
            element("nav", element("ol", links), aria_label="Contents"),
            [
                element(
                    "section",
                    element("h2", title, id=f"{name}-title"),
                    content,
                    id=name,
                    aria_labelledby=f"{name}-title",
                )
                for name, title, content in kept
            ],
        ),
    )
    return document("en", page_head(f"{words.VERDICTS[report.verdict]}: {words.TITLE.lower()}", sheet), body)


def _head(report: AuditReport) -> Markup:
    identity = report.identity
    made: list[Content] = [foreign(identity.synthesizer), f"{identity.rows:,} rows", f"{len(identity.columns)} columns"]
    made += [f"audited {words.moment(identity.created)}"]
    return joined(
        element("h1", words.TITLE),
        element("p", [joined(" \N{MIDDLE DOT} " if place else None, part) for place, part in enumerate(made)]),
        element("p", words.EDITIONS[report.edition], class_="note"),
    )


def _verdict(report: AuditReport) -> Markup:
    weak = words.weakness(report.claim)
    sign = element("span", _SIGNS[report.verdict], class_="sign", aria_hidden="true")
    facts = [element("div", element("dt", label), element("dd", number)) for label, number in words.counts(report)]
    return element(
        "section",
        element("p", sign, words.VERDICTS[report.verdict], class_="word"),
        element("h2", words.headline(report)),
        element("p", words.MEANINGS[report.verdict]),
        element("p", weak, class_="warning") if weak else None,
        element("ul", [element("li", foreign(reason)) for reason in report.reasons]) if report.reasons else None,
        element("dl", facts, class_="facts"),
        id="verdict",
        class_=f"verdict {report.verdict}",
        tabindex="-1",
    )


def _claim(report: AuditReport) -> Markup:
    claim = report.claim
    start = element("p", foreign(words.claim_in_words(claim)), class_="lead")
    tested = joined(element("h3", "How it was tested"), element("p", words.design_in_words(claim)))
    if not claim.made:
        return joined(start, tested)
    rows = [[accused, found, guessed] for accused, found, guessed in words.odds(claim)]
    table = _table(
        words.ODDS,
        list(words.ODDS_HEADS),
        rows,
        slim=True,
    )
    return joined(
        start,
        element("h3", f"What epsilon {words.rounded(claim.epsilon, 'up')} means"),
        element("p", words.EPSILON),
        table,
        element("p", words.ceilings(claim)),
        tested,
    )


def _attacks(report: AuditReport) -> Markup:
    names = list(dict.fromkeys(each.attack for each in report.findings))
    groups = [[each for each in report.findings if each.attack == name] for name in names]
    figures = [each for each in (_bounds(report), _power(report)) if each is not None]
    start = joined(
        element("p", foreign(report.power)) if report.power else None,
        element("div", figures, class_="figures") if figures else None,
    )
    if report.edition == "public":
        return joined(start, _tried(groups, report))
    return joined(
        start,
        _tried(groups, report),
        [_attack(records, report, f"attack-{place}") for place, records in enumerate(groups)],
    )


def _tried(groups: Sequence[Sequence[FindingRecord]], report: AuditReport) -> Markup:
    """All attacks, one in a line; with what each means where no section follows that says it."""
    public = report.edition == "public"
    rows: list[list[Content]] = [
        [
            foreign(first.attack) if public else element("a", foreign(first.attack), href=f"#attack-{place}"),
            foreign(words.CRITERIA.get(first.criterion, first.criterion)),
            *([foreign(first.about)] if public else []),
            foreign(first.threat),
            _outcomes(records, report),
        ]
        for place, records in enumerate(groups)
        for first in records[:1]
    ]
    heads = ["attack", "asks", *(["in words"] if public else []), "attacker has", "outcome"]
    return _table("All attacks", heads, rows)


def _bounds(report: AuditReport) -> Markup | None:
    """What every attack proved, beside the claim."""
    found = [(each, words.bound_of(each, report)) for each in report.findings]
    rows = [(_label(each, report), bound[1]) for each, bound in found if bound is not None]
    if not rows:
        return None
    measure, _, claimed = next(bound for _, bound in found if bound is not None)
    largest = f" The {plots.MOST_BARS} largest of {len(rows)}." if len(rows) > plots.MOST_BARS else ""
    beyond = "" if claimed is None else f" {words.BEYOND}"
    caption = f"What each attack proves: {measure} is at least this.{beyond}{largest}"
    return _figure(plots.bounds(rows, measure, claimed, "bounds"), caption)


def _power(report: AuditReport) -> Markup | None:
    if not report.power_curve:
        return None
    shape = plots.power(report.power_curve, report.claim.curve, report.levels.power, "power")
    return _figure(shape, "The chance that a perfect attacker, with as many targets, makes the audit fail.")


def _label(record: FindingRecord, report: AuditReport) -> str:
    """The attack, and its targets where it was tried on several groups."""
    several = sum(each.attack == record.attack for each in report.findings) > 1
    return f"{record.attack}, {record.group}" if several else record.attack


def _attack(records: Sequence[FindingRecord], report: AuditReport, name: str) -> Markup:
    """One attack on all its groups of targets; figures for the first group that it ran on."""
    first = next((each for each in records if each.measured is not None), records[0])
    figures = []
    if first.measured is not None and first.measured.success is not None:
        shape = plots.success(first.measured.success, f"{name}-success")
        figures.append(_figure(shape, f"Right guesses, {first.group}."))
    if first.measured is not None and first.measured.roc:
        shape = plots.roc(first.measured.roc, report.claim.curve_tested, f"{name}-roc")
        caption = f"Finds against false alarms, {first.group}. {words.SHADED}"
        figures.append(_figure(shape, caption))
    said = [(each, " ".join(words.finding_in_words(each, report))) for each in records]
    several = len(records) > 1
    text = element(
        "div",
        element("h3", foreign(first.attack)),
        element("p", foreign(first.about)),
        [
            element("p", element("strong", foreign(each.group), ": ") if several else None, foreign(sentences))
            for each, sentences in said
            if sentences
        ],
    )
    beside = element("div", figures, class_="beside") if figures else None
    numbers = _numbers(records, report)
    return element("article", text, beside, element("div", numbers) if numbers else None, id=name)


def _numbers(records: Sequence[FindingRecord], report: AuditReport) -> Markup | None:
    """The numbers of an attack, a column for each group of targets."""
    ran = [each for each in records if each.measured is not None]
    if not ran:
        return None
    columns = [words.numbers_in_words(each, report) for each in ran]
    rows: list[list[Content]] = [
        [label, *(foreign(column[place][1]) for column in columns)] for place, (label, _) in enumerate(columns[0])
    ]
    shown = [row for row in rows if row[1:] != [foreign(words.NONE)] * len(ran)]
    return _table("In numbers", ["number", *(each.group for each in ran)], shown, slim=len(ran) <= 2)


def _outcomes(records: Sequence[FindingRecord], report: AuditReport) -> Markup:
    """Each outcome once; with the groups of targets it belongs to where they differ."""
    kinds = list(dict.fromkeys(words.outcome(each, report) for each in records))
    lines = []
    for kind in kinds:
        groups = words.joined([each.group for each in records if words.outcome(each, report) == kind])
        mark = element("span", words.OUTCOMES[kind], class_=f"outcome {kind.replace(' ', '-')}")
        lines.append(element("div", mark, joined(" (", foreign(groups), ")") if len(kinds) > 1 else None))
    return joined(lines)


def _checks(report: AuditReport) -> Markup:
    if not report.checks:
        return element("p", words.NO_CHECKS[report.edition])
    rows = [
        [
            foreign(each.name),
            foreign(each.question),
            element(
                "span", f"{_ANSWER_SIGNS[each.status]} {each.status}", class_=f"outcome {each.status.replace(' ', '-')}"
            ),
            *([foreign(each.words)] if report.edition == "steward" else []),
        ]
        for each in report.checks
    ]
    heads = ["check", "question", "answer", *(["in words"] if report.edition == "steward" else [])]
    return _table("Checks that need no attack", heads, rows)


def _controls(report: AuditReport) -> Markup:
    if not report.controls:
        return element("p", words.NO_CONTROLS)
    steward = report.edition == "steward"
    rows = [
        [
            foreign(each.name),
            foreign(each.expected),
            element("span", words.control_in_words(each), class_=f"outcome {'pass' if each.passed else 'fail'}"),
            *([foreign(words.joined(each.caught_by)), foreign(each.words)] if steward else []),
        ]
        for each in report.controls
    ]
    heads = ["control", "expected", "went", *(["alarm raised by", "in words"] if steward else [])]
    return joined(element("p", words.CONTROLS), _table("Controls", heads, rows))


def _diagnostics(report: AuditReport) -> Markup | None:
    if not report.diagnostics:
        return None
    rows: list[list[Content]] = []
    for each in report.diagnostics:
        value = each.value if isinstance(each.value, str) else words.rounded(each.value)
        rows.append([foreign(each.name), foreign(value), foreign(each.words)])
    table = _table("Numbers that do not judge", ["name", "value", "what it is"], rows)
    return joined(element("p", words.DIAGNOSTICS, class_="aside"), table)


def _law(report: AuditReport) -> Markup:
    rows: list[list[Content]] = [
        [each.text, each.asks, foreign(words.joined(each.tested_by)), each.left] for each in report.law
    ]
    heads = ["law or standard", "asks", "attacks that speak to it", "what it asks beyond"]
    return joined(element("p", words.LAW), _table("Laws and standards", heads, rows))


def _appendix(report: AuditReport) -> Markup:
    identity, claim = report.identity, report.claim
    rows: list[tuple[str, Content]] = [
        ("report", identity.report_id),
        ("format", f"{FORMAT} {VERSION}"),
        (f"SHA-256 of the {identity.hashed}", element("code", identity.sha256)),
        ("synthesizer", foreign(identity.synthesizer)),
        ("vendor", foreign(identity.vendor or words.joined([]))),
        ("columns", [joined(", " if place else None, foreign(name)) for place, name in enumerate(identity.columns)]),
        ("neighbouring tables", claim.relation),
        ("unit", foreign(claim.unit)),
        ("thresholds", foreign(words.levels_in_words(report))),
        ("software", foreign(", ".join(f"{name} {version}" for name, version in identity.software.items()))),
    ]
    rows += [("seed", str(identity.seed))] if identity.seed is not None else []
    return element(
        "dl", [joined(element("dt", label), element("dd", value)) for label, value in rows], class_="facts-long"
    )


def _figure(shape: Markup, caption: str) -> Markup:
    return element("figure", shape, element("figcaption", foreign(caption)))


def _table(caption: str, heads: Sequence[str], rows: Sequence[Sequence[Content]], *, slim: bool = False) -> Markup:
    """A table. Unless slim it becomes a list of cards where the page is narrow; its roles keep it a table by ear."""
    head = [element("th", foreign(each), scope="col", role="columnheader") for each in heads]
    body = [
        element(
            "tr",
            element("th", row[0], scope="row", role="rowheader"),
            [
                element("td", cell, role="cell", data_label=label)
                for cell, label in zip(row[1:], heads[1:], strict=True)
            ],
            role="row",
        )
        for row in rows
    ]
    return element(
        "table",
        element("caption", caption),
        element("thead", element("tr", head, role="row"), role="rowgroup"),
        element("tbody", body, role="rowgroup"),
        role="table",
        class_="slim" if slim else "wide",
    )
