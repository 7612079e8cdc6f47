"""Sections on what was promised and what it rests on: the promise, its mechanisms, public items, the ledger."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from dpsynth.fairness import fairness_in_words
from dpsynth.markup import Content as Piece
from dpsynth.markup import Markup, element, foreign, joined
from dpsynth.privacy.calibration import Guarantee
from dpsynth.release.plain_words import FAIR, rounded_up, workload_in_words
from dpsynth.report import plots, words
from dpsynth.report.content import Content
from dpsynth.report.tables import facts, figure, listed, table

MOST_STEPS = 150
"""Steps beyond this many are added up in one line."""

MOST_ITEMS = 400
"""Public items beyond this many are counted, not listed: the schema has them all."""

CONSTRAINT = "constraint: "
"""How the item of a constraint begins, among those of its columns."""

SHOWN_ALARMS = (0.1, 0.05, 0.01, 0.001)

_LEDGER_NAMES = {
    "ledger_id": "ledger",
    "scope": "charged to",
    "request_id": "request",
    "seq": "entry",
    "hash": "hash of the entry",
    "head_seq": "newest entry at the time",
    "head_hash": "its hash (the head)",
}


def promise(content: Content) -> Markup:
    """Unit, epsilon and delta, odds, and the whole privacy profile."""
    certificate = content.certificate
    made = certificate.promise
    guarantee = Guarantee(made.mu, made.delta0)
    odds: list[list[Piece]] = [
        [f"{1000 * alarms:g}", f"{1000 * alarms:g}", rounded_up(1000 * finds, 3)]
        for alarms, finds in guarantee.attack_odds(SHOWN_ALARMS)
    ]
    profile: list[list[Piece]] = [[words.number(delta), rounded_up(epsilon, 4)] for delta, epsilon in made.profile]
    shape = plots.profile(guarantee, (made.epsilon, made.delta), "profile")
    return joined(
        element("p", foreign(words.promised(certificate)), class_="lead"),
        element("p", caution) if (caution := words.record_level(certificate)) else None,
        facts(
            [
                ("epsilon", words.bound(made.epsilon)),
                ("delta", words.bound(made.delta)),
                ("unit of privacy", foreign(certificate.unit.words)),
                ("neighbouring tables", certificate.unit.relation),
                (
                    "rows kept of each unit",
                    "no unit was named: each row stands by itself"
                    if certificate.unit.column is None
                    else f"at most {certificate.unit.max_rows}, chosen at random",
                ),
                ("where noise is added", "centrally: one steward sees the rows and adds the noise"),
                ("in the accountant's terms", words.accountant(certificate)),
            ]
        ),
        element("h3", "In odds"),
        element("p", words.odds(certificate), " ", words.even_bet(guarantee, certificate)),
        table(
            "Odds of the best attacker, of 1,000 each",
            ["false alarms", "found by guessing", "found at most"],
            odds,
            slim=True,
        ),
        element("h3", "The whole privacy profile"),
        element("p", words.PROFILE),
        element(
            "div",
            figure(shape, "Delta against epsilon, both as promised; lower is better."),
            element("div", table("The same in numbers", ["delta", "epsilon"], profile, slim=True), class_="beside"),
            class_="figures",
        ),
    )


def mechanisms(content: Content) -> Markup:
    """Every step that looked at private rows, its noise, and its share of the budget."""
    certificate = content.certificate
    spending = certificate.spending
    rows: list[list[Piece]] = [
        [
            joined(foreign(each.label), element("span", foreign(each.kind), class_="kind")),
            words.measured_by(each),
            words.noise_of(each),
            element("span", plots.share_bar(each.share), words.percent(each.share), class_="share"),
        ]
        for each in certificate.mechanisms[:MOST_STEPS]
    ]
    others = certificate.mechanisms[MOST_STEPS:]
    if others:
        share = sum(each.share for each in others)
        rows.append([f"{len(others):,} more steps", "listed in certificate.json", "", words.percent(share)])
    used = spending.spent_mu_squared / spending.granted_mu_squared if spending.granted_mu_squared else 0.0
    workload = workload_in_words(certificate.settings)
    made: list[tuple[str, Piece]] = [
        ("synthesizer", foreign(words.made_with(certificate))),
        ("meant to be right about", foreign(workload) if workload else "no workload was named"),
        ("noise", foreign(certificate.noise.law)),
        ("source of randomness", foreign(certificate.noise.entropy)),
        (
            "spent",
            f"{words.percent(used)} of the granted budget (mu squared {words.number(spending.granted_mu_squared, 4)})",
        ),
        ("drawn with seed", f"{certificate.seed}; it governs the drawing of rows, and no seed reaches the noise"),
    ]
    fairness = fairness_in_words(certificate.settings)
    if fairness is not None:
        made.insert(2, ("fairness", foreign(f"{fairness}. {FAIR}")))
    pool = certificate.audit_pool
    if pool is not None:
        made.append(("audit pool", f"{pool.units:,} units{', in pairs' if pool.pairs else ''}, chosen by secret coins"))
    return joined(
        element(
            "p",
            "Only these steps looked at private rows. Everything after them worked on their noisy answers, which costs"
            " no privacy. Sizes of noise are standard deviations of one count.",
        ),
        table("Mechanisms", ["step", "measured", "noise", "share of budget"], rows),
        facts(made),
    )


def public(content: Content) -> Markup:
    """What the promise takes as known to everybody, and who said that it is."""
    items = content.certificate.public_metadata
    grouped: dict[tuple[str, str], list[str]] = {}
    rules: list[list[Piece]] = []
    for item in items[:MOST_ITEMS]:
        if item.item.startswith(CONSTRAINT):
            rules.append([foreign(item.item.removeprefix(CONSTRAINT)), foreign(item.column), foreign(item.source)])
        else:
            grouped.setdefault((item.column, item.source), []).append(item.item)
    rows: list[list[Piece]] = [
        [foreign(column), listed(names), foreign(source)] for (column, source), names in grouped.items()
    ]
    more = len(items) - MOST_ITEMS
    return joined(
        element(
            "p",
            "The promise does not cover what is listed here: it was taken as public before the run. Whoever declared an"
            " item answers for it. An item that was in truth read off the private rows is a leak that nothing else in"
            " this report can find.",
        ),
        table("Taken as public", ["column", "items", "who said so"], rows),
        table("Constraints: what holds in every row", ["constraint", "columns", "who said so"], rules)
        if rules
        else None,
        element("p", f"And {more:,} more items, listed in certificate.json.") if more > 0 else None,
    )


def ledger(content: Content) -> Markup:
    """Where the release was charged."""
    entry = content.certificate.to_json()["ledger"]
    if not isinstance(entry, Mapping):
        return element("p", words.NO_LEDGER)
    rows = [(_LEDGER_NAMES.get(str(name), str(name)), _identifier(value)) for name, value in entry.items()]
    return joined(element("p", words.LEDGER), facts(rows))


def _identifier(value: Any) -> Markup:
    return element("code", foreign(str(value)))
