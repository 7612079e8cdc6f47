"""The audit report: one published, versioned JSON document; page and summary are made from it and nothing else.

Two editions. The steward's holds everything. The public one holds no number computed from the private rows: such
numbers are releases of their own that nobody paid for. What it still tells about them are its verdict and whether
its controls passed: a few yes-or-no answers, which no promise of the release covers.
"""

from __future__ import annotations

import json
import os
import stat
import tempfile
import uuid
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, ClassVar, Literal

from attacks.report import words
from attacks.report.card import report_card
from attacks.report.law import LawEntry, law_map
from attacks.report.records import (
    SOFTWARE,
    STRICT,
    AuditedClaim,
    Check,
    Control,
    Diagnostic,
    FindingRecord,
    Identity,
    Levels,
    ReportError,
    as_json,
)

FORMAT = "dpsynth-audit"
VERSION = 1
FILES = {".json": "audit.json", ".html": "audit.html", ".md": "audit.md"}

Verdict = Literal["pass", "fail", "inconclusive"]


@dataclass(frozen=True)
class AuditReport:
    """What was claimed of a synthetic table, what was tried against it, and what came out.

    reasons: plain sentences behind the verdict. power: what the audit could have seen, in words that hold no private
    number; power_curve: (true mu, chance that it is seen) of a perfect attacker. limits: what was not tested. law:
    filled from the findings when left empty. edition: "steward" or "public". Raises ReportError when the parts
    contradict each other: a verdict of "pass" beside a failed check, control or attack, or beside a rejected claim;
    private numbers in a public edition.
    """

    identity: Identity
    claim: AuditedClaim
    verdict: Verdict
    reasons: tuple[str, ...]
    findings: tuple[FindingRecord, ...]
    checks: tuple[Check, ...] = ()
    controls: tuple[Control, ...] = ()
    diagnostics: tuple[Diagnostic, ...] = ()
    power: str = ""
    power_curve: tuple[tuple[float, float], ...] = ()
    levels: Levels = field(default_factory=Levels)
    limits: tuple[str, ...] = words.LIMITS
    law: tuple[LawEntry, ...] = ()
    edition: Literal["steward", "public"] = "steward"
    __pydantic_config__: ClassVar[dict[str, Any]] = STRICT

    def __post_init__(self) -> None:
        if not self.law:
            object.__setattr__(self, "law", law_map(self.findings))
        faults = [*_contradictions(self), *_leaks(self)]
        if faults:
            raise ReportError("report must not contradict itself; got " + "; ".join(faults))

    def public(self) -> AuditReport:
        """The public edition: verdict, what was tested, thresholds, claim and power; safe to build on itself.

        What the audit could have seen follows from the number of targets. That may be the number of private rows, so
        it stays in only where the size of a pool was public beforehand, and the table had room for it.

        Numbers by free names, such as thresholds of the caller's own, stay out: whoever reads the edition checks it
        against a contract that knows every name.

        Privacy: the verdict and whether controls passed are still functions of the private rows.
        """
        sized = self.claim.targets_public
        return replace(
            self,
            power=self.power if sized else "",
            power_curve=self.power_curve if sized else (),
            edition="public",
            identity=replace(
                self.identity,
                seed=None,
                software={name: version for name, version in self.identity.software.items() if name in SOFTWARE},
            ),
            levels=replace(self.levels, policy={}),
            reasons=(words.PUBLIC_REASONS[self.verdict],),
            findings=tuple(
                replace(each, why="", measured=None, power=each.power if sized else {}) for each in self.findings
            ),
            checks=tuple(replace(each, words="") for each in self.checks if each.public),
            controls=tuple(replace(each, caught_by=(), words="") for each in self.controls),
            diagnostics=(),
        )

    def _repr_html_(self) -> str:
        """A card for notebooks, of the edition that this is."""
        return report_card(self)

    def to_json(self) -> dict[str, Any]:
        """A JSON object with `format` and `version`; `from_json` is its inverse."""
        return {"format": FORMAT, "version": VERSION, **as_json("report", asdict(self))}

    @classmethod
    def from_json(cls, document: Mapping[str, Any]) -> AuditReport:
        """The report in a JSON object. Raises ReportError on anything that is not one of this version."""
        from pydantic import TypeAdapter, ValidationError

        fields = dict(document)
        if (fields.pop("format", None), fields.pop("version", None)) != (FORMAT, VERSION):
            raise ReportError(
                f"report must say format {FORMAT!r} and version {VERSION}; got something else;"
                " try the version that wrote it"
            )
        try:
            return TypeAdapter(cls).validate_json(json.dumps(fields, allow_nan=False))
        except ValidationError as error:
            raise ReportError(f"report must be whole and not contradict itself; got {_places(error)}") from None
        except (ValueError, TypeError, RecursionError) as error:
            raise ReportError(f"report must be readable; got {error}") from None

    def save(self, path: Path | str) -> tuple[Path, ...]:
        """Write the report: JSON, page or summary by the suffix .json, .html or .md, or all three into a folder.

        Returns the paths written. Each file appears whole or not at all. A steward's edition can be read by its
        owner alone. Raises ReportError for another suffix and OSError when the disk refuses.
        """
        place = Path(path)
        if place.suffix and not place.is_dir():
            if place.suffix not in FILES:
                raise ReportError(f"path ({place.name}) must end with .json, .html or .md, or be a folder")
            return (self._write(place, place.suffix),)
        place.mkdir(parents=True, exist_ok=True)
        return tuple(self._write(place / name, suffix) for suffix, name in FILES.items())

    def rendered(self, suffix: str) -> str:
        """The text of the file with the suffix ".json", ".html" or ".md"."""
        from attacks.report.markdown import markdown
        from attacks.report.page import page

        if suffix == ".json":
            return json.dumps(self.to_json(), indent=1, ensure_ascii=False) + "\n"
        return page(self) if suffix == ".html" else markdown(self)

    def _write(self, place: Path, suffix: str) -> Path:
        text = self.rendered(suffix)
        # Created readable by its owner alone; other rights are given once the content is there.
        descriptor, name = tempfile.mkstemp(prefix=f".{place.name}.", dir=place.parent)
        try:
            with os.fdopen(descriptor, "w", encoding="utf-8", errors="replace", newline="\n") as stream:
                stream.write(text)
                stream.flush()
                os.fsync(stream.fileno())
            rights = stat.S_IRUSR | stat.S_IWUSR
            Path(name).chmod(rights if self.edition == "steward" else rights | stat.S_IRGRP | stat.S_IROTH)
            Path(name).replace(place)
        except BaseException:
            Path(name).unlink(missing_ok=True)
            raise
        return place


def json_schema() -> dict[str, Any]:
    """The JSON Schema (draft 2020-12) of this version of the report."""
    from pydantic import TypeAdapter

    schema = TypeAdapter(AuditReport).json_schema()
    head = {"format": {"const": FORMAT, "type": "string"}, "version": {"const": VERSION, "type": "integer"}}
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        **schema,
        "properties": {**head, **schema["properties"]},
        "required": [*head, *schema["required"]],
    }


def new_report_id() -> str:
    """A fresh random identity of a report."""
    return uuid.uuid4().hex


def utc_now() -> str:
    """The date and time now, UTC, to the second: what `Identity.created` holds."""
    return datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def _contradictions(report: AuditReport) -> list[str]:
    """Why the verdict "pass" cannot stand beside the rest."""
    if report.verdict != "pass":
        return []
    faults = [f"a pass although check {each.name!r} failed" for each in report.checks if each.status == "fail"]
    faults += [f"a pass although control {each.name!r} failed" for each in report.controls if not each.passed]
    faults += [f"a pass although attack {each.attack!r} failed" for each in report.findings if each.status == "failed"]
    faults += [
        f"a pass although attack {each.attack!r} rejects the claim"
        for each in report.findings
        if each.measured is not None
        and each.measured.p_adjusted is not None
        and each.measured.p_adjusted <= report.levels.alpha
    ]
    if not any(each.status == "ran" for each in report.findings):
        faults.append("a pass although no attack ran")
    if report.claim.design == "none":
        faults.append("a pass although nobody recorded which targets were in")
    return faults


def _leaks(report: AuditReport) -> list[str]:
    """Which private numbers stand in a public edition."""
    if report.edition != "public":
        return []
    parts: Iterable[tuple[str, bool]] = (
        ("a seed", report.identity.seed is not None),
        ("software of other names", not set(report.identity.software) <= set(SOFTWARE)),
        ("thresholds by free names", bool(report.levels.policy)),
        ("diagnostics", bool(report.diagnostics)),
        ("numbers of attacks", any(each.measured is not None or each.why for each in report.findings)),
        ("numbers of targets", not report.claim.targets_public and _tells_targets(report)),
        ("words of checks", any(each.words for each in report.checks)),
        ("checks of private rows", not all(each.public for each in report.checks)),
        ("words of controls", any(each.words or each.caught_by for each in report.controls)),
        ("reasons of its own", report.reasons != (words.PUBLIC_REASONS[report.verdict],)),
    )
    return [f"{name} in a public edition" for name, found in parts if found]


def _tells_targets(report: AuditReport) -> bool:
    return bool(report.power or report.power_curve or any(each.power for each in report.findings))


def _places(error: Any) -> str:
    """Our own reasons where there are any, else where the faults are; never the values."""
    faults = error.errors()
    own = [str(fault["ctx"]["error"]) for fault in faults if fault["type"] == "value_error"]
    places = sorted({".".join(str(part) for part in fault["loc"]) for fault in faults})
    return "; ".join(own) or f"faults at {places[:5]}"
