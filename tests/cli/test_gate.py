"""`dpsynth gate`: exit codes, outputs, and that nothing but a pass ends with 0."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest
import typer
from click.testing import Result
from typer.testing import CliRunner

import dpsynth
from dpsynth.cli.gate import gate
from dpsynth.gate.policy import Policy
from dpsynth.keys import key_id, new_key_pair, read_public_key

app = typer.Typer(pretty_exceptions_enable=False)
app.command()(gate)

RULES = (
    "rules: {mu: {at_most: 1.0}, ledger: {needed: optional}, signature: {needed: optional}, audit: {needed: optional}"
)
HEAD = "format: dpsynth-policy\nversion: 1\nname: lenient\nexpires: 2031-01-01\n"


@pytest.fixture(scope="module")
def release(tmp_path_factory: pytest.TempPathFactory) -> Path:
    schema = dpsynth.Schema([dpsynth.Categorical("a<b>|c", values=range(3)), dpsynth.Boolean("d")])
    table = {"a<b>|c": [0, 1, 2] * 200, "d": [True, False] * 300}
    made = dpsynth.synthesize(table, schema, epsilon=1, delta=1e-6, synthesizer="independent")
    return made.save(tmp_path_factory.mktemp("gate") / "release")


@pytest.fixture
def lenient(tmp_path: Path) -> Path:
    path = tmp_path / "policy.yaml"
    path.write_text(HEAD + RULES + "}\n")
    return path


def run(*arguments: Any) -> Result:
    return CliRunner().invoke(app, [str(each) for each in arguments])


def test_a_pass(release: Path, lenient: Path) -> None:
    result = run(release, "--policy", lenient, "--at", "2030-01-01")
    assert result.exit_code == 0, result.output
    assert "PASS" in result.stdout
    assert "no proof of privacy" in result.stdout
    # The decision may lie beside the release that it is about.
    for _ in range(2):
        kept = run(release, "--policy", lenient, "--at", "2030-01-01", "--out", release / "gate.json")
        assert kept.exit_code == 0, kept.output


def test_a_fail_with_every_output(release: Path, lenient: Path, tmp_path: Path) -> None:
    lenient.write_text(HEAD + RULES + ', columns: {denied: ["a<*"]}}\n')
    outputs = {name: tmp_path / f"out.{name}" for name in ("junit", "markdown", "sarif", "out")}
    given = [part for name, path in outputs.items() for part in (f"--{name}", path)]
    result = run(release, "--policy", lenient, "--at", "2030-01-01", "--json", *given)
    assert result.exit_code == 1, result.output
    document = json.loads(result.stdout)
    assert document == json.loads(outputs["out"].read_text())
    assert (document["format"], document["version"], document["verdict"]) == ("dpsynth-gate", 1, "fail")
    assert document["policy"]["sha256"] == Policy.load(lenient).sha256
    failure = ElementTree.parse(outputs["junit"]).getroot().find(".//failure")
    assert failure is not None
    assert "a<b>|c" in str(failure.get("message"))
    assert "a&lt;b&gt;\\|c" in outputs["markdown"].read_text()
    assert json.loads(outputs["sarif"].read_text())["runs"][0]["results"][0]["ruleId"] == "columns"


def test_the_strict_default_cannot_decide_without_evidence(release: Path, tmp_path: Path) -> None:
    printed = run("--print-default-policy")
    assert printed.exit_code == 0
    path = tmp_path / "default.yaml"
    path.write_text(printed.stdout)
    result = run(release, "--policy", path, "--json")
    assert result.exit_code == 1  # recorded in no ledger
    found = {each["name"]: each["status"] for each in json.loads(result.stdout)["rules"]}
    assert (found["ledger"], found["signature"], found["audit"]) == ("fail", "undecided", "undecided")


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["{release}"], "--policy FILE must be given"),
        ([], "a release directory must be given"),
        (["{release}", "--policy", "nowhere.yaml"], "must be a readable file"),
        (["nowhere", "--policy", "{policy}"], "UNDECIDED"),
        (["{release}", "--policy", "{policy}", "--at", "soon"], "must be a day"),
        (["{release}", "--policy", "{policy}", "--key", "nowhere.pem"], "must be a readable file"),
        (["{release}", "--policy", "{policy}", "--out", "nowhere/gate.json"], "must be in a writable folder"),
        (["{release}", "--policy", "{release}/certificate.json"], "is not valid"),
        (["{release}", "--policy", "{policy}", "--ledgr", "x"], "No such option"),
    ],
)
def test_what_cannot_be_decided_ends_with_2(release: Path, lenient: Path, arguments: list[str], words: str) -> None:
    result = run(*(each.format(release=release, policy=lenient) for each in arguments))
    assert result.exit_code == 2, result.output
    assert words in " ".join(result.output.replace("│", "").split())


def test_a_day_that_is_over_ends_with_2(release: Path, lenient: Path) -> None:
    result = run(release, "--policy", lenient, "--at", "2020-01-01")
    assert result.exit_code == 2, result.output
    assert "UNDECIDED" in result.stdout
    assert "lets nothing pass now" in result.stdout


def test_a_gate_signs_its_attempts(tmp_path: Path) -> None:
    public = new_key_pair(tmp_path / "key.pem")
    named = key_id(read_public_key(public))
    ledger, policy = tmp_path / "ledger.db", tmp_path / "policy.yaml"
    dpsynth.Ledger.init(ledger, (2.0, 1e-6), sign_key=tmp_path / "key.pem").close()
    schema = dpsynth.Schema([dpsynth.Boolean("d")])
    with dpsynth.open_ledger(ledger, sign_key=tmp_path / "key.pem") as opened:
        made = dpsynth.synthesize({"d": [True, False] * 300}, schema, epsilon=1, delta=1e-6, ledger=opened)
    release = made.save(tmp_path / "release")
    asked = RULES.replace("ledger: {needed: optional}", f"ledger: {{key_ids: [{named}]}}")
    policy.write_text(HEAD + asked + "}\n")
    given = (release, "--policy", policy, "--ledger", ledger, "--key", public, "--at", "2030-01-01")
    assert run(*given).exit_code == 2
    for _ in range(2):
        result = run(*given, "--sign-key", tmp_path / "key.pem")
        assert result.exit_code == 0, result.output
    with dpsynth.open_ledger(ledger) as opened:
        assert opened.verify(keys=[public]) == ()


def test_a_broken_gate_ends_with_2(release: Path, lenient: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def planted(*_: Any, **__: Any) -> None:
        raise RuntimeError("a cell")

    monkeypatch.setattr("dpsynth.gate.decision.decide", planted)
    result = run(release, "--policy", lenient)
    assert result.exit_code == 2
    assert "a cell" not in result.output


def test_errors_are_json_too(release: Path) -> None:
    result = run(release, "--policy", "nowhere.yaml", "--json")
    assert result.exit_code == 2
    assert json.loads(result.stderr)["error"] == "gate"
