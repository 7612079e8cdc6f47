"""The first page: the whole release in plain words, for readers who will read nothing else."""

from __future__ import annotations

from dpsynth.markup import Content as Piece
from dpsynth.markup import Markup, element, foreign, joined
from dpsynth.privacy.calibration import Guarantee
from dpsynth.report import plots, words
from dpsynth.report.content import Content
from dpsynth.report.tables import figure, points

FALSE_ALARMS = 0.01


def summary(content: Content) -> Markup:
    """Seven questions and their answers."""
    answers: list[tuple[str, Piece]] = [
        ("What was released?", _paragraphs(f"{words.released(content)} {words.REAL_ROWS}")),
        ("About whom?", _paragraphs(words.about(content.certificate))),
        ("What is promised?", _promised(content)),
        ("What can an attacker gain?", _gain(content)),
        ("What was tested, and what came out?", _tested(content)),
        ("Did the gate let it pass?", _decided(content)),
        ("What is not covered?", points(foreign(each) for each in content.certificate.exclusions)),
    ]
    return element(
        "dl",
        [joined(element("dt", question), element("dd", answer)) for question, answer in answers],
        class_="answers",
    )


def _paragraphs(*texts: str | None) -> Markup:
    return joined([element("p", foreign(text)) for text in texts if text])


def _promised(content: Content) -> Markup:
    weak = words.weakness(content.certificate)
    caution = element("p", weak, class_="warning") if weak else None
    return joined(_paragraphs(words.promised(content.certificate)), caution)


def _gain(content: Content) -> Markup:
    certificate = content.certificate
    guarantee = Guarantee(certificate.promise.mu, certificate.promise.delta0)
    found = guarantee.attack_odds((FALSE_ALARMS,))[0][1]
    shape = plots.gain(found, FALSE_ALARMS, "gain", who=words.who(certificate))
    text = _paragraphs(words.odds(certificate), words.even_bet(guarantee, certificate))
    return element("div", element("div", text), figure(shape, words.gained(certificate)), class_="gain")


def _tested(content: Content) -> Markup:
    audit = content.audit
    if audit is None:
        return _verdict("Not audited", "none", words.NO_AUDIT)
    verdict = f"The audit {words.VERDICTS[audit.verdict]}" if audit.verdict != "inconclusive" else "Inconclusive"
    said = _verdict(verdict, words.TONES[audit.verdict], words.AUDIT_MEANINGS[audit.verdict])
    return joined(said, element("p", words.tried(audit)))


def _decided(content: Content) -> Markup:
    gate = content.gate
    if gate is None:
        return _verdict("No decision", "none", words.NO_GATE)
    verdict = {"pass": "Yes", "fail": "No", "undecided": "Not decided"}[gate.verdict]
    policy = f" The policy was {gate.policy.name!r}."
    said = _verdict(verdict, words.TONES[gate.verdict], words.GATE_MEANINGS[gate.verdict] + policy)
    waivers = points(
        joined(
            foreign(name), ": ", foreign(each.reason), " (", foreign(each.owner), ", until ", foreign(each.until), ")"
        )
        for name, each in gate.waivers
    )
    return joined(said, element("p", words.waived(gate)), waivers if gate.waivers else None)


def _verdict(word: str, tone: str, meaning: str) -> Markup:
    return element("p", element("span", f"{word}.", class_=f"verdict-word {tone}"), " ", meaning)
