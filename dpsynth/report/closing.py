"""The last sections: how to verify, standards, lines for signatures, glossary, technical appendix."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from dpsynth._version import __version__
from dpsynth.markup import Content as Piece
from dpsynth.markup import Markup, element, foreign, joined
from dpsynth.report import words
from dpsynth.report.content import Content
from dpsynth.report.glossary import GLOSSARY
from dpsynth.report.standards import STANDARDS
from dpsynth.report.tables import facts, marked, points, table

if TYPE_CHECKING:
    from dpsynth.release.certificate import MechanismRecord

MOST_CLIQUES = 120
"""Sets of columns beyond this many are counted, not listed: the certificate has them all."""

_COMMANDS = (
    ("Every file is as the manifest says, and the arithmetic of the promise adds up:", "dpsynth show DIRECTORY"),
    ("The mechanisms do what they were charged for, on neighbouring tables:", "dpsynth selftest"),
    ("A policy of your own is met:", "dpsynth gate DIRECTORY --policy policy.yaml"),
    ("It is signed by somebody whose key you have from elsewhere:", "dpsynth verify DIRECTORY --key FILE"),
    ("This page can be made again from the release:", "dpsynth report DIRECTORY --out report.html"),
    ("The manifest is the one whose hash stands in the appendix:", "sha256sum DIRECTORY/MANIFEST.json"),
)
_TONES = {"evidence here": "pass", "in part": "unknown", "for people": "none"}


def verify(content: Content) -> Markup:
    """Commands, each with what it checks."""
    return joined(
        [joined(element("p", what), element("pre", element("code", command))) for what, command in _COMMANDS],
        element("h3", "As the certificate says"),
        points(foreign(each) for each in content.certificate.how_to_verify),
    )


def standards(titles: Mapping[str, str]) -> Markup:
    """A map from what standards ask to sections of this page. titles: of the sections, by id."""
    tables = []
    for standard in STANDARDS:
        rows: list[list[Piece]] = [
            [
                each.asks,
                marked(each.answer, _TONES[each.answer]),
                joined(
                    [
                        joined(", " if place else None, element("a", titles[name], href=f"#{name}"))
                        for place, name in enumerate(section for section in each.sections if section in titles)
                    ]
                ),
                each.left,
            ]
            for each in standard.questions
        ]
        tables.append(table(standard.name, ["asks", "answered", "where", "what it asks beyond"], rows))
    return joined(element("p", words.NOT_LAW), tables)


def signatures() -> Markup:
    """Lines that people fill in."""
    rows: list[list[Piece]] = [[role, "", "", ""] for role in words.ROLES]
    lines = [element("div", element("dt", each), element("dd")) for each in words.TO_FILL_IN]
    return joined(
        element("p", words.SIGN_OFF),
        table("Signatures", ["role", "name", "date", "signature"], rows, kind="sign-off"),
        element("dl", lines, class_="fill-in"),
    )


def glossary() -> Markup:
    """Words that a reader may not know."""
    return element(
        "dl",
        [joined(element("dt", word), element("dd", meaning)) for word, meaning in GLOSSARY.items()],
        class_="glossary",
    )


def appendix(content: Content) -> Markup:
    """Hashes, versions, settings, and which columns were measured together."""
    certificate = content.certificate
    files: list[list[Piece]] = [
        [foreign(each.name), f"{each.bytes:,}", element("code", each.sha256)] for each in content.files
    ]
    evidence: list[list[Piece]] = [[foreign(each.name), element("code", each.sha256)] for each in content.evidence]
    rows: list[tuple[str, Piece]] = [
        ("SHA-256 of MANIFEST.json", element("code", content.manifest)),
        ("release made", f"{words.moment(certificate.created)} with {words.software(certificate)}"),
        ("report made", f"{words.moment(content.made)} with dpsynth {__version__}"),
        ("private rows, estimated with noise", f"{certificate.estimated_total:,.0f}"),
        ("settings", foreign(_plainly(certificate.settings))),
    ]
    if certificate.audit_pool is not None:
        rows.append(("commitment to the audit pool", element("code", certificate.audit_pool.commitment)))
    if content.audit is not None:
        rows.append(("audit report", element("code", foreign(content.audit.identity.report_id))))
    return joined(
        facts(rows),
        table("Files of the release", ["file", "bytes", "SHA-256"], files),
        table("Evidence beside the release", ["file", "SHA-256"], evidence, slim=True) if evidence else None,
        _cliques(content),
    )


def _cliques(content: Content) -> Markup | None:
    """Sets of several columns, with the noise of each where it is known."""
    found = [
        (clique, record.label, size)
        for record in content.certificate.mechanisms
        for clique, size in _measured(record)
        if isinstance(clique, list) and len(clique) > 1
    ]
    if not found:
        return None
    rows: list[list[Piece]] = [
        [
            foreign(" + ".join(map(str, clique))),
            foreign(label),
            f"{words.number(size, 4)} rows" if isinstance(size, int | float) else "",
        ]
        for clique, label, size in found[:MOST_CLIQUES]
    ]
    more = len(found) - MOST_CLIQUES
    return joined(
        table("Columns measured together", ["columns", "step", "noise of a count"], rows),
        element("p", f"And {more:,} more, listed in certificate.json.") if more > 0 else None,
    )


def _measured(record: MechanismRecord) -> list[tuple[object, object]]:
    """Sets of columns that a mechanism measured, each with its noise."""
    cliques, sizes = record.parameters.get("cliques"), record.parameters.get("stddev")
    if not isinstance(cliques, list):
        return []
    known = sizes if isinstance(sizes, list) and len(sizes) == len(cliques) else [sizes] * len(cliques)
    return list(zip(cliques, known, strict=True))


def _plainly(value: Any) -> str:
    """A JSON value without its brackets and quotes."""
    if isinstance(value, dict):
        return ", ".join(f"{name} {_plainly(each)}" for name, each in value.items())[:600]
    if isinstance(value, list):
        return "(" + ", ".join(map(_plainly, value)) + ")"
    if value is None or isinstance(value, bool):
        return {True: "yes", False: "no", None: "not set"}[value]
    return str(value)
