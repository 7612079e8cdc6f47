"""What a promise means as one HTML page: the same pictures, tables and rules of style as in the compliance report."""

from __future__ import annotations

from importlib import resources
from typing import TYPE_CHECKING

from dpsynth.markup import Content as Piece
from dpsynth.markup import Markup, document, element, foreign, joined, page_head
from dpsynth.release.plain_words import rounded_up
from dpsynth.report import plots, words
from dpsynth.report.deployments import DEPLOYMENTS, finds_at_most
from dpsynth.report.tables import figure, table

if TYPE_CHECKING:
    from dpsynth.report.explanation import Explanation

TITLE = "What this promise means"
SHOWN_ALARMS = 0.01


def page(made: Explanation) -> str:
    """The whole page."""
    promise = made.promise
    sheet = "\n".join(
        (resources.files("dpsynth.report") / name).read_text(encoding="utf-8") for name in ("base.css", "report.css")
    )
    sections = [
        ("odds", "What an attacker can gain", _odds(made)),
        ("sums", "Several releases add up", _sums(made)),
        ("others", "What others have promised", _others(made)),
        ("profile", "The same promise at other deltas", _profile(made)),
    ]
    body = element(
        "body",
        element(
            "header",
            element("h1", TITLE),
            element("p", f"epsilon {words.bound(promise.epsilon)}, delta {words.bound(promise.delta)}"),
            element("p", "Computed before any release: no data was read, and nothing was spent.", class_="edition"),
        ),
        element(
            "main",
            element("p", foreign(words.promised(made)), class_="lead"),
            element("p", foreign(words.about(made))),
            element("p", caution) if (caution := words.record_level(made)) else None,
            element("p", weak, class_="warning") if (weak := words.weakness(made)) else None,
            [element("section", element("h2", title), content, id=name) for name, title, content in sections],
        ),
        class_="public",
    )
    return document("en", page_head(TITLE, sheet), body)


def _odds(made: Explanation) -> Markup:
    finds = dict(made.guarantee.attack_odds((SHOWN_ALARMS,)))[SHOWN_ALARMS]
    rows: list[list[Piece]] = [
        [words.percent(each.false_alarms), words.percent(each.finds, up=True), words.percent(each.right, up=True)]
        for each in made.odds
    ]
    return joined(
        element("p", words.odds(made), " ", words.even_bet(made.guarantee, made), " ", made.in_frequencies),
        element(
            "div",
            figure(plots.gain(finds, SHOWN_ALARMS, "gain", who=words.who(made)), words.gained(made)),
            figure(
                plots.trade_off(made.guarantee, [each.false_alarms for each in made.odds], "trade-off"),
                "Above the dashed line is what the release may add to guessing.",
            ),
            class_="figures",
        ),
        table(
            "The best attacker, whatever he knows",
            ["false alarms", "found at most", "right at most, of those accused"],
            rows,
            slim=True,
        ),
        element(
            "p",
            "The last column is for suspects of whom half are in the table. Advantage (finds less false alarms, at"
            f" best): {words.percent(made.advantage, up=True)}.",
        ),
    )


def _sums(made: Explanation) -> Markup:
    rows: list[list[Piece]] = [
        [f"{each.releases}", rounded_up(each.epsilon, 4), words.percent(each.finds, up=True)] for each in made.sums
    ]
    heads = ["releases like this", f"epsilon at delta {words.bound(made.promise.delta)}", "found at 1% false alarms"]
    return joined(
        element(
            "p",
            "Whoever has several releases about the same people has all their promises spent. Together they come to"
            " less than the sum of their epsilons, because noise is not always at its worst:",
        ),
        table("Releases about the same people, together", heads, rows, slim=True),
    )


def _others(made: Explanation) -> Markup:
    promise = made.promise
    own: list[Piece] = [
        "this promise",
        foreign(f"{'one row' if made.unit.column is None else f'one value of {made.unit.column!r}'}, each release"),
        words.bound(promise.epsilon),
        words.bound(promise.delta),
        words.percent(made.alone, up=True),
        "",
    ]
    rows: list[list[Piece]] = [own]
    for each in DEPLOYMENTS:
        finds = finds_at_most(each.epsilon, each.delta, SHOWN_ALARMS)
        promised: list[Piece] = [words.number(each.epsilon, 4), words.number(each.delta), words.percent(finds, up=True)]
        rows.append([each.name, f"{each.whom}, {each.every}", *promised, each.source])
    heads = ["deployment", "protects, and how often", "epsilon", "delta", "found at 1% false alarms", "source"]
    return joined(
        element(
            "p",
            "What others do is no proof that it is right for your data. The bound in this table follows from epsilon"
            " and delta alone, so that all rows compare. The noise behind them may leave less: that of this promise"
            f" leaves {words.percent(made.odds[1].finds, up=True)}.",
        ),
        table("Published promises", heads, rows, kind="questions"),
    )


def _profile(made: Explanation) -> Markup:
    promise = made.promise
    return joined(
        element("p", words.PROFILE),
        figure(
            plots.profile(made.guarantee, (promise.epsilon, promise.delta), "profile-curve"),
            "Delta against epsilon, both as promised; lower is better.",
        ),
    )
