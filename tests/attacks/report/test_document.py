"""The report as a document: round trips, what it refuses, its editions, its files."""

from __future__ import annotations

import json
import stat
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import attacks.report
from attacks.claim import Claim
from attacks.finding import Finding
from attacks.report.document import FILES, AuditReport, json_schema, new_report_id
from attacks.report.records import (
    AuditedClaim,
    Check,
    Control,
    Diagnostic,
    FindingRecord,
    Identity,
    Levels,
    ReportError,
    software_versions,
)

KINDS = ["passed", "public", "failed", "without claim", "pairs", "weak", "hostile"]


@pytest.mark.parametrize("kind", KINDS)
def test_round_trip(reports: dict[str, AuditReport], kind: str) -> None:
    report = reports[kind]
    text = json.dumps(report.to_json())
    assert AuditReport.from_json(json.loads(text)) == report
    assert json.loads(text)["format"] == "dpsynth-audit"


rates = st.floats(0, 1)
texts = st.text(max_size=12)
anything = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53), 2**53) | rates | texts,
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(texts, inner, max_size=2),
    max_leaves=4,
)


@st.composite
def findings(draw: st.DrawFn) -> FindingRecord:
    ran = draw(st.booleans())
    numbers: dict[str, Any] = {
        "targets": draw(st.integers(0, 10**6)),
        "p_value": draw(rates),
        "mu_lower": draw(st.floats(0, 1e3)),
        "auc": draw(rates | st.just(float("nan"))),
        "true_positive_rates": {"0.01": draw(rates | st.none())},
        "roc": tuple(draw(st.lists(st.tuples(rates, rates), max_size=4))),
        "power": {"mu": draw(rates | st.none()), "copies": draw(st.integers(0, 99) | st.none())},
        "details": draw(st.dictionaries(texts, anything, max_size=2)),
    }
    words = {name: draw(texts) for name in ("attack", "about", "criterion", "threat", "group")}
    found = Finding(**words, **numbers) if ran else Finding(**words, status="not run", why=draw(texts))
    return FindingRecord.of(found, draw(rates | st.none()))


@st.composite
def audits(draw: st.DrawFn) -> AuditReport:
    claim = Claim(draw(st.floats(0, 50)), draw(rates), draw(st.none() | st.floats(0, 9)), draw(rates))
    design = draw(st.sampled_from(["pool", "pairs", "none"]))
    identity = Identity(
        new_report_id(), draw(texts), draw(texts), "file bytes", draw(st.integers(0, 10**9)),
        tuple(draw(st.lists(texts, max_size=3))), draw(texts), seed=draw(st.none() | st.integers(0, 2**63)),
    )  # fmt: skip
    return AuditReport(
        identity=identity,
        claim=AuditedClaim.of(draw(st.sampled_from([claim, None])), unit=draw(texts), design=design),
        verdict=draw(st.sampled_from(["fail", "inconclusive"])),
        reasons=tuple(draw(st.lists(texts, max_size=2))),
        findings=tuple(draw(st.lists(findings(), max_size=3))),
        checks=(Check(draw(texts), draw(texts), draw(st.sampled_from(["pass", "fail", "unknown"])), draw(texts)),),
        controls=(Control(draw(texts), draw(texts), draw(st.booleans())),),
        diagnostics=(Diagnostic(draw(texts), draw(rates | st.integers(-9, 9) | texts | st.none())),),
        power=draw(texts),
        power_curve=tuple(draw(st.lists(st.tuples(st.floats(0, 10), rates), max_size=3))),
        levels=Levels(policy=draw(st.dictionaries(texts, rates, max_size=2))),
    )


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(audits())
def test_any_report_comes_back_and_can_be_shown(report: AuditReport) -> None:
    for edition in (report, report.public()):
        document = json.loads(edition.rendered(".json"))
        assert AuditReport.from_json(document) == edition
        assert_fits(document, json_schema())
        assert edition.rendered(".html").count("<script") == 0
        assert len(edition.rendered(".md").splitlines()) <= 80


def assert_fits(value: Any, schema: dict[str, Any], definitions: dict[str, Any] | None = None) -> None:
    """A value against the part of JSON Schema that pydantic writes for these records; unknown words are an error."""
    definitions = definitions if definitions is not None else schema.get("$defs", {})
    if "$ref" in schema:
        return assert_fits(value, definitions[schema["$ref"].rsplit("/", 1)[1]], definitions)
    if "anyOf" in schema:
        assert any(_fits(value, each, definitions) for each in schema["anyOf"])
        return None
    if not schema:
        return None
    known = {"type", "properties", "required", "additionalProperties", "items", "prefixItems", "minItems", "maxItems"}
    known |= {"enum", "const", "title", "description", "default", "$defs", "$schema"}
    assert set(schema) <= known
    python: dict[str, Any] = {"string": str, "boolean": bool, "null": type(None), "array": list, "object": dict}
    kind = schema.get("type")
    if kind in ("number", "integer"):
        assert isinstance(value, int if kind == "integer" else int | float)
        assert not isinstance(value, bool)
    elif kind is not None:
        assert isinstance(value, python[kind])
    assert value in schema.get("enum", [value])
    assert value == schema.get("const", value)
    if isinstance(value, dict):
        named, others = schema.get("properties", {}), schema.get("additionalProperties", True)
        assert set(schema.get("required", ())) <= set(value)
        for name, each in value.items():
            assert name in named or others is not False, name
            assert_fits(each, named.get(name, others if isinstance(others, dict) else {}), definitions)
    if isinstance(value, list):
        assert schema.get("minItems", 0) <= len(value) <= schema.get("maxItems", len(value))
        first = schema.get("prefixItems", [])
        for place, each in enumerate(value):
            assert_fits(each, first[place] if place < len(first) else schema.get("items", {}), definitions)
    return None


def _fits(value: Any, schema: dict[str, Any], definitions: dict[str, Any]) -> bool:
    try:
        assert_fits(value, schema, definitions)
    except AssertionError:
        return False
    return True


@pytest.mark.parametrize("kind", KINDS)
def test_schema_accepts_reports_and_nothing_else(reports: dict[str, AuditReport], kind: str) -> None:
    document, schema = reports[kind].to_json(), json_schema()
    assert_fits(document, schema)
    for spoiled in (
        document | {"version": 2},
        document | {"verdict": "anonymous"},
        document | {"more": 1},
        {name: value for name, value in document.items() if name != "findings"},
        document | {"claim": document["claim"] | {"epsilon": "1"}},
    ):
        with pytest.raises(AssertionError):
            assert_fits(spoiled, schema)
        with pytest.raises(ReportError):
            AuditReport.from_json(spoiled)


def test_the_published_schema_is_that_of_the_code() -> None:
    published = Path(attacks.report.__file__).with_name("audit.schema.json")
    assert json.loads(published.read_text(encoding="utf-8")) == json_schema()


@pytest.mark.parametrize(
    "change",
    [
        {"format": "other"},
        {"version": "1"},
        {"findings": None},
        {"levels": {"alpha": float("nan")}},
        {"claim": {"made": 1}},
        {"identity": []},
        {"reasons": "one"},
    ],
)
def test_refuses_to_read_anything_else(passed: AuditReport, change: dict[str, Any]) -> None:
    with pytest.raises(ReportError, match="report must"):
        AuditReport.from_json(passed.to_json() | change)


def test_errors_hold_no_value(passed: AuditReport) -> None:
    document = passed.to_json()
    document["findings"][0]["measured"]["correct"] = "secret-4711"
    with pytest.raises(ReportError, match=r"findings\.0\.measured\.correct") as caught:
        AuditReport.from_json(document)
    assert "4711" not in str(caught.value)


def test_a_pass_cannot_stand_beside_a_fault(passed: AuditReport) -> None:
    record = passed.findings[0]
    assert record.measured is not None
    rejected = replace(record, measured=replace(record.measured, p_adjusted=0.01))
    broken = replace(record, status="failed", measured=None)
    faults: list[dict[str, Any]] = [
        {"checks": (Check("domain", "?", "fail"),)},
        {"controls": (Control("leaky twin", "must be caught", False),)},
        {"findings": (rejected,)},
        {"findings": (broken,)},
        {"findings": ()},
        {"claim": replace(passed.claim, design="none")},
    ]
    for fault in faults:
        with pytest.raises(ReportError, match="a pass although"):
            replace(passed, **fault)
        assert replace(passed, verdict="inconclusive", **fault).verdict == "inconclusive"


def test_a_claim_must_suit_its_design() -> None:
    with pytest.raises(ReportError, match="replace-one"):
        AuditedClaim.of(Claim(1.0, 1e-5, relation="replace-one"), unit="one row", design="pool")
    with pytest.raises(ReportError, match="epsilon"):
        AuditedClaim(True, -1.0, 0.0, None, 0.0, "add-remove", "one row", "pool")


def _numbers(value: Any) -> set[float]:
    if isinstance(value, dict):
        return set().union(*map(_numbers, value.values())) if value else set()
    if isinstance(value, list):
        return set().union(*map(_numbers, value)) if value else set()
    return {float(value)} if isinstance(value, int | float) and not isinstance(value, bool) else set()


@pytest.mark.parametrize("kind", ["passed", "failed", "without claim", "hostile"])
def test_public_edition_holds_no_private_number(reports: dict[str, AuditReport], kind: str) -> None:
    """Whatever the attacks measured, the public edition is the same to the byte, in all three files."""
    report = reports[kind]
    other = replace(
        report,
        identity=replace(report.identity, seed=12345),
        reasons=("secret reason 987.654",),
        findings=tuple(
            each
            if each.measured is None
            else replace(
                each,
                measured=replace(
                    each.measured, targets=98765, members=4711, correct=31415, auc=0.98765, p_value=0.12345, roc=()
                ),
            )
            for each in report.findings
        ),
        checks=tuple(replace(each, words="secret 4711") for each in report.checks),
        controls=tuple(replace(each, words="secret 4711", caught_by=("secret",)) for each in report.controls),
        diagnostics=(Diagnostic("secret", 0.4711),),
    )
    for suffix in FILES:
        assert other.public().rendered(suffix) == report.public().rendered(suffix)
        assert "secret" not in other.public().rendered(suffix)
        assert "4711" in other.rendered(suffix) or suffix == ".md"
    assert not _numbers(other.public().to_json()) & {12345.0, 98765.0, 4711.0, 31415.0, 0.98765, 0.12345, 0.4711}
    assert report.public().public() == report.public()


def test_a_public_edition_with_private_parts_cannot_be_made(passed: AuditReport) -> None:
    public = passed.public()
    parts: list[dict[str, Any]] = [
        {"identity": replace(public.identity, seed=1)},
        {"findings": passed.findings},
        {"checks": tuple(replace(each, public=True) for each in passed.checks)},
        {"checks": tuple(replace(each, words="") for each in passed.checks)},
        {"controls": tuple(replace(each, words="") for each in passed.controls)},
        {"controls": tuple(replace(each, caught_by=()) for each in passed.controls)},
        {"diagnostics": passed.diagnostics},
        {"reasons": passed.reasons},
    ]
    for part in parts:
        with pytest.raises(ReportError, match="in a public edition"):
            replace(public, **part)
        with pytest.raises(ReportError, match="in a public edition"):
            AuditReport.from_json(replace(passed, **part).to_json() | public.to_json() | _json_of(passed, part))


def test_checks_of_private_rows_stay_with_the_steward(passed: AuditReport) -> None:
    shown = [each.name for each in passed.public().checks]
    assert shown == ["arithmetic", "domain", "noise"]
    assert "row count" in passed.rendered(".html")
    assert not any("row count" in passed.public().rendered(suffix) for suffix in FILES)


def _json_of(report: AuditReport, part: dict[str, Any]) -> dict[str, Any]:
    document = replace(report, **part).to_json()
    return {name: document[name] for name in part}


def test_saves_one_file_or_all(passed: AuditReport, tmp_path: Path) -> None:
    for suffix in FILES:
        (path,) = passed.save(tmp_path / f"one{suffix}")
        assert path.read_text(encoding="utf-8") == passed.rendered(suffix)
        assert stat.S_IMODE(path.stat().st_mode) == 0o600
    written = passed.public().save(tmp_path / "all")
    assert sorted(path.name for path in written) == ["audit.html", "audit.json", "audit.md"]
    assert {stat.S_IMODE(path.stat().st_mode) for path in written} == {0o644}
    assert AuditReport.from_json(json.loads((tmp_path / "all" / "audit.json").read_text("utf-8"))) == passed.public()
    with pytest.raises(ReportError, match="must end with"):
        passed.save(tmp_path / "one.pdf")


def test_a_failed_write_leaves_nothing_behind(
    passed: AuditReport, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (path,) = passed.save(tmp_path / "kept.json")
    before = path.read_bytes()

    def refuse(descriptor: int) -> None:
        raise OSError("disk full")

    monkeypatch.setattr("os.fsync", refuse)
    with pytest.raises(OSError, match="disk full"):
        passed.public().save(path)
    assert path.read_bytes() == before
    assert [each.name for each in tmp_path.iterdir()] == ["kept.json"]


def test_records_take_what_is_no_number_as_missing() -> None:
    words = {"attack": "a", "about": "b", "criterion": "membership", "threat": "t"}
    odd = Finding(**words, auc=float("nan"), auc_interval=(float("nan"), 1.0), roc=((0.0, float("nan")), (1.0, 1.0)))
    record = FindingRecord.of(odd)
    assert record.measured is not None
    assert (record.measured.auc, record.measured.auc_interval, record.measured.roc) == (None, None, ((1.0, 1.0),))
    assert FindingRecord.of(Finding(**words, status="failed", why="it broke down")).measured is None


def test_versions_of_what_made_it() -> None:
    assert {"dpsynth", "python", "numpy"} <= set(software_versions())
