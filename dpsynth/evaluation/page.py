"""The evaluation as one HTML page, made of the report's parts; and a short form for notebooks."""

from __future__ import annotations

from collections.abc import Sequence
from importlib import resources

from dpsynth.evaluation import plots, words
from dpsynth.evaluation.arms import Figure, Spread
from dpsynth.evaluation.evaluation import EDITION, SECTIONS, ColumnGaps, Evaluation
from dpsynth.evaluation.fairness import Group
from dpsynth.markup import Content, Markup, document, element, foreign, joined, page_head
from dpsynth.report.tables import facts, figure, marked, points, table
from dpsynth.report.words import moment

MOST_GROUPS = 60


def page(found: Evaluation) -> str:
    """The whole page."""
    sections = _sections(found)
    links = [element("li", element("a", title, href=f"#{name}")) for name, title, _ in sections]
    body = element(
        "body",
        element("a", "Skip to the summary", href="#summary", class_="skip"),
        element("header", _head(found)),
        element(
            "main",
            _summary(found),
            element("nav", element("h2", "Contents", id="contents"), element("ol", links), aria_labelledby="contents"),
            [_section(place, *each) for place, each in enumerate(sections, 1)],
        ),
        class_="steward",
    )
    return document("en", page_head(f"{words.TITLE} (steward)", _sheet()), body)


def notebook(found: Evaluation) -> str:
    """The edition, the headline and the main figures, for a notebook's cell."""
    rows: list[list[Content]] = [
        [each.name, *map(words.number, _values(each)), words.reached(each)] for each in found.figures["marginals"]
    ]
    heads = ["figure", "synthetic", "floor", "ceiling", "reached"]
    return element(
        "div", element("p", element("strong", EDITION)), points(words.headline(found)), table("Marginals", heads, rows)
    ).html


def _values(each: Figure) -> tuple[float, float, float]:
    return each.synthetic.value, each.floor.value, each.ceiling.value


def _sheet() -> str:
    report = resources.files("dpsynth.report")
    own = (resources.files("dpsynth.evaluation") / "evaluation.css").read_text(encoding="utf-8")
    return "\n".join([*((report / name).read_text(encoding="utf-8") for name in ("base.css", "report.css")), own])


def _head(found: Evaluation) -> Markup:
    subject = found.subject
    made = [
        subject.synthesizer,
        f"epsilon {subject.epsilon:g}, delta {subject.delta:g}",
        f"{subject.rows:,} synthetic rows",
        f"{subject.private_rows:,} private rows",
        f"{subject.columns} columns",
        f"evaluated {moment(subject.created)}",
    ]
    dot = " \N{MIDDLE DOT} "
    return joined(
        element("h1", words.TITLE),
        element("p", [joined(dot if place else None, part) for place, part in enumerate(made)]),
        element("p", element("strong", EDITION[0].upper() + EDITION[1:] + "."), class_="edition"),
    )


def _summary(found: Evaluation) -> Markup:
    figures = [
        each for name in ("marginals", "queries", "relations", "prediction") for each in found.figures.get(name, ())
    ]
    chosen = [each for each in figures if not any(word in each.name for word in ("largest", "macro", "k-marginal"))]
    return element(
        "section",
        element("h2", "Summary", id="summary-title"),
        points(words.headline(found)),
        figure(plots.rulers(chosen, "rulers"), words.HOW_TO_READ, kind="wide-figure"),
        element("p", words.SPREAD),
        element("p", words.HELD_OUT if found.subject.holdout_rows is not None else words.SEEN),
        points(found.notes) if found.notes else None,
        id="summary",
        class_="summary",
        tabindex="-1",
        aria_labelledby="summary-title",
    )


def _section(number: int, name: str, title: str, content: Markup) -> Markup:
    heading = element("h2", element("span", str(number), class_="number"), title, id=f"{name}-title")
    return element("section", heading, content, id=name, aria_labelledby=f"{name}-title")


def _sections(found: Evaluation) -> list[tuple[str, str, Markup]]:
    made = [
        (section.replace(" ", "-"), title, _figures(found, section))
        for section, title in SECTIONS.items()
        if section in found.figures
    ]
    made.insert(3, ("columns", "Column by column", _columns(found)))
    if found.groups:
        made.append(("groups", "Groups", _groups(found)))
    if found.gaps or found.courses:
        made.append(("fairness", "Fairness before and after", _fairness(found)))
    made.append(("appendix", "How this was computed", _appendix(found)))
    return made


def _figures(found: Evaluation, section: str) -> Markup:
    figures = found.figures[section]
    lead: list[Content] = [element("p", words.SECTIONS[section])]
    if section == "marginals":
        lead.append(element("p", words.WHOLE))
    if section == "relations" and len(found.columns) > 1:
        names = [each.column for each in found.columns]
        lead.append(figure(plots.relations(found.relations, names, "matrix"), "Cramer's V", kind="wide-figure"))
    if section == "prediction":
        score = figures[0].name.split(",")[0]
        caption = f"{score} on private test rows, with its spread over the repeats"
        lead.append(figure(plots.models(figures, found.direct, score, "models"), caption, kind="wide-figure"))
    rest: list[Content] = [table(SECTIONS[section], *_rows(figures), kind="numbers")]
    if section == "prediction" and found.direct:
        rest += [element("p", words.DIRECT), _direct(found)]
    if section == "marginals" and found.areas:
        rows: list[list[Content]] = [[foreign(area), words.number(score)] for area, score in found.areas.items()]
        rest.append(table("k-marginal score of each area, as SDNist 2.4 scores it", ["area", "score"], rows, slim=True))
    return joined(lead, rest)


def _rows(figures: Sequence[Figure]) -> tuple[list[str], list[list[Content]]]:
    whole = any(each.whole is not None for each in figures)
    heads = ["figure", "better", *(["all rows"] if whole else []), "synthetic", "floor", "ceiling", "reached"]
    rows: list[list[Content]] = [
        [
            foreign(each.name),
            words.best(each),
            *([words.number(each.whole)] if whole else []),
            *(_cell(spread) for spread in (each.synthetic, each.floor, each.ceiling)),
            words.reached(each),
        ]
        for each in figures
    ]
    return heads, rows


def _cell(found: Spread) -> Markup:
    spread = element("span", words.spread(found), class_="spread-words") if found.least < found.most else None
    return joined(words.number(found.value), spread)


def _direct(found: Evaluation) -> Markup:
    scores = list(found.direct[0].scores)
    rows: list[list[Content]] = [
        [each.model, *(_cell(each.scores[score]) for score in scores)] for each in found.direct
    ]
    return table(f"Private models at epsilon {found.subject.epsilon:g}", ["model", *scores], rows, kind="numbers")


def _columns(found: Evaluation) -> Markup:
    heads = ["column", "kind", "distance", "of two halves", "Wasserstein", "missing", "values kept", "range kept"]
    rows: list[list[Content]] = [
        [
            foreign(each.column),
            each.kind,
            words.number(each.distance.whole),
            words.number(each.distance.ceiling.value),
            None if each.wasserstein is None else f"{words.number(each.wasserstein.whole)} {each.unit}".strip(),
            f"{each.missing_synthetic:.1%} for {each.missing_private:.1%}"
            if each.missing_private or each.missing_synthetic
            else None,
            f"{each.categories:.0%}",
            None if each.covered is None else f"{each.covered:.0%}",
        ]
        for each in found.columns
    ]
    text = (
        "Distance is total variation, the released table against all private rows; beside it, what two halves of the"
        " private rows differ by. Wasserstein: how far, on average, a value would have to be moved, in the column's"
        " unit."
    )
    return joined(element("p", text), table("Columns", heads, rows, kind="numbers"))


def _groups(found: Evaluation) -> Markup:
    shown = sorted(found.groups, key=lambda each: (len(each.levels), -each.rows))[:MOST_GROUPS]
    heads = [
        "group",
        "private rows",
        "synthetic rows",
        "log disparity",
        "p",
        "representation",
        "error",
        "two halves",
        "noise, rows",
    ]
    rows: list[list[Content]] = [_group(each) for each in shown]
    left_out = len(found.groups) - len(shown) + found.groups_left_out
    return joined(
        element("p", words.GROUPS),
        figure(
            plots.disparities(shown, "disparities"), "Odds of meeting each group, largest groups", kind="wide-figure"
        ),
        figure(plots.groups(found.groups, "group-errors"), "Small groups are hard for everybody", kind="wide-figure"),
        table("Groups", heads, rows, kind="numbers"),
        element("p", f"{left_out} smaller groups are left out here.") if left_out else None,
    )


def _group(each: Group) -> list[Content]:
    tone = {"as private": "pass", "absent": "fail"}.get(each.verdict, "unknown")
    return [
        foreign(each.name),
        f"{each.rows:,}",
        f"{each.synthetic_rows:,}",
        words.number(each.log_disparity),
        words.number(each.p),
        marked(each.verdict, tone),
        words.number(each.error),
        words.number(each.chance),
        None if each.noise is None else f"{each.noise:.0f}",
    ]


def _fairness(found: Evaluation) -> Markup:
    heads = [
        "column",
        "parity before",
        "parity after",
        "odds before",
        "odds after",
        "labels, private",
        "labels, synthetic",
    ]
    rows: list[list[Content]] = [[foreign(each.column), *map(words.number, _gaps(each))] for each in found.gaps]
    made: list[Content] = []
    if found.gaps:
        made += [element("p", words.GAPS), table("Gaps between groups", heads, rows, kind="numbers")]
    if found.courses:
        courses: list[list[Content]] = [
            [
                foreign(f"{each.level[0]}: {each.level[1]}"),
                words.number(each.distance),
                words.number(each.correlation),
                f"{each.departing:.0%} of {len(each.points)}",
            ]
            for each in found.courses
        ]
        heads = ["group", "distance", "correlation", "points departing"]
        made += [element("p", words.COURSES), table("Courses", heads, courses, kind="numbers")]
    return joined(made)


def _gaps(each: ColumnGaps) -> tuple[float, ...]:
    gaps = each.real.parity, each.synthetic.parity, each.real.odds, each.synthetic.odds
    return (*gaps, each.outcome_private, each.outcome_synthetic)


def _appendix(found: Evaluation) -> Markup:
    subject = found.subject
    rows: list[tuple[str, Content]] = [
        ("release", element("code", subject.content_digest)),
        ("label", foreign(subject.label) if subject.label else "none"),
        ("positive value", foreign(subject.positive) if subject.positive else "none"),
        ("protected columns", foreign(", ".join(subject.protected)) if subject.protected else "none"),
        ("repeats, seed", f"{subject.repeats}, {subject.seed}"),
        ("holdout", "none" if subject.holdout_rows is None else f"{subject.holdout_rows:,} rows"),
        ("software", subject.software),
    ]
    return facts(rows)
