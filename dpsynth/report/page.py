"""The report as one HTML file: no script, nothing fetched, readable by eye, by ear and on paper.

The page's policy forbids the browser to run or fetch anything; only the style sheet whose hash it names counts.
"""

from __future__ import annotations

import re
from importlib import resources

from dpsynth.markup import Content as Piece
from dpsynth.markup import Markup, document, element, foreign, joined, page_head
from dpsynth.report import closing, findings, promises, words
from dpsynth.report.content import Content
from dpsynth.report.summary import summary

_MIDDLE_DOT = " \N{MIDDLE DOT} "


def page(content: Content) -> str:
    """The whole page."""
    sections = _sections(content)
    titles = {name: title for name, title, _ in sections}
    sections[[name for name, _, _ in sections].index("standards")] = (
        "standards", titles["standards"], closing.standards(titles),
    )  # fmt: skip
    links = [element("li", element("a", title, href=f"#{name}")) for name, title in titles.items()]
    body = element(
        "body",
        element("a", "Skip to the summary", href="#summary", class_="skip"),
        element("header", _head(content)),
        element(
            "main",
            _summary(content),
            element("nav", element("h2", "Contents", id="contents"), element("ol", links), aria_labelledby="contents"),
            [_section(place, *each) for place, each in enumerate(sections, 1)],
        ),
        class_=content.edition,
    )
    return document("en", page_head(f"{words.TITLE} ({content.edition})", _sheet(content)), body)


def _sections(content: Content) -> list[tuple[str, str, Markup | None]]:
    """Id, title and content of every section that has something to say; that on standards comes later."""
    sections = [
        ("promise", "What is promised", promises.promise(content)),
        ("mechanisms", "What was measured, and what it cost", promises.mechanisms(content)),
        ("public", "What was taken as public", promises.public(content)),
        ("ledger", "Ledger", promises.ledger(content)),
        ("audit", "Audit", findings.audit(content)),
        ("decision", "Decision of the gate", findings.decision(content)),
        ("fidelity", "Fidelity, from released numbers", findings.fidelity(content)),
        ("model", "The model", findings.model(content)),
        ("limits", "Known limits", findings.limits(content)),
        ("verify", "How to verify", closing.verify(content)),
        ("standards", "Standards and laws", Markup("")),
        ("signatures", "Signatures and context", closing.signatures()),
        ("glossary", "Glossary", closing.glossary()),
        ("appendix", "Technical appendix", closing.appendix(content)),
    ]
    return [each for each in sections if each[2] is not None]


def _section(number: int, name: str, title: str, content: Markup | None) -> Markup:
    heading = element("h2", element("span", str(number), class_="number"), title, id=f"{name}-title")
    return element(
        "section",
        heading,
        content,
        id=name,
        aria_labelledby=f"{name}-title",
        class_="sign" if name == "signatures" else None,
    )


def _summary(content: Content) -> Markup:
    return element(
        "section",
        element("h2", "Summary in plain words", id="summary-title"),
        summary(content),
        id="summary",
        class_="summary",
        tabindex="-1",
        aria_labelledby="summary-title",
    )


def _head(content: Content) -> Markup:
    certificate = content.certificate
    made: list[Piece] = [
        foreign(certificate.synthesizer),
        f"{certificate.rows:,} rows",
        f"{len(content.columns)} columns",
        f"released {words.moment(certificate.created)}",
        f"reported {words.moment(content.made)}",
    ]
    warning = words.noise_free_promise(certificate)
    return joined(
        element("h1", words.TITLE),
        element("p", [joined(_MIDDLE_DOT if place else None, part) for place, part in enumerate(made)]),
        element("p", words.EDITIONS[content.edition], class_="edition"),
        element("p", warning, class_="warning") if warning else None,
    )


def _sheet(content: Content) -> str:
    """The style sheets, and at the foot of every printed page which release it belongs to."""
    base, own = (
        (resources.files("dpsynth.report") / name).read_text(encoding="utf-8") for name in ("base.css", "report.css")
    )
    release = re.sub(r"[^0-9a-f]", "", content.manifest)[:16]
    foot = f'@page {{ @bottom-left {{ content: "release {release}"; font: 8pt sans-serif; color: #444; }} }}'
    return f"{base}\n{own}\n{foot}\n"
