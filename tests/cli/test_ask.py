from __future__ import annotations

from pathlib import Path

import pytest
from typer.testing import CliRunner

import dpsynth
from dpsynth.cli.app import app

CANARY = "Zebulon"
REPLIES = "number\n\n0\nold\n120\n\n\n\nform 3\ncategory\nF, M\nother\n\n\n\n\n"
EXPECTED = [
    dpsynth.Numeric("age", lower=0, upper=120, integer=True, source="form 3"),
    dpsynth.Categorical("sex", values=["F", "M"], unknown="other", source="form 3"),
]


@pytest.fixture(autouse=True)
def _here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    Path("people.csv").write_text(f"age,sex\n31,{CANARY}\n")


def run(*arguments: str, replies: str = ""):
    return CliRunner().invoke(app, ["schema", *arguments], input=replies)


def test_the_wizard_reads_the_first_line_and_no_row(monkeypatch: pytest.MonkeyPatch) -> None:
    result = run("ask", "--header", "people.csv", "--out", "schema.yaml", replies=REPLIES)
    assert result.exit_code == 0, result.output
    assert list(dpsynth.Schema.load("schema.yaml")) == EXPECTED
    assert CANARY not in result.output + Path("schema.yaml").read_text()
    assert "the answer must be a number" in result.output
    assert not Path("schema.answers.yaml").exists()


def test_it_goes_on_where_it_was_stopped() -> None:
    lines = REPLIES.splitlines(keepends=True)
    for stop in (3, 8):
        stopped = run("ask", "--names", "age,sex", "--out", "schema.yaml", replies="".join(lines[:stop]))
        assert stopped.exit_code == 130
        assert "schema.answers.yaml" in stopped.stderr
        assert Path("schema.answers.yaml").stat().st_mode & 0o777 == 0o600
        lines = lines[stop:]
    done = run("ask", "--names", "age,sex", "--out", "schema.yaml", replies="".join(lines))
    assert done.exit_code == 0, done.output
    assert list(dpsynth.Schema.load("schema.yaml")) == EXPECTED


def test_answers_in_a_file_need_no_terminal() -> None:
    Path("answers.yaml").write_text(
        "age: {kind: number, integer: 'yes', lower: 0, upper: 120, edges: '', atoms: '', nullable: 'no', "
        "source: form 3}\n"
        "sex: {kind: category, values: 'F, M', unknown: other, nullable: 'no', source: form 3}\n"
        ".table: {missing_values: '', unit: sex}\n"
    )
    result = run("ask", "--names", "age,sex", "--answers", "answers.yaml", "--out", "schema.yaml")
    assert result.exit_code == 0, result.output
    assert list(dpsynth.Schema.load("schema.yaml")) == EXPECTED
    assert "--unit sex --max-rows-per-unit K" in result.output
    assert Path("answers.yaml").exists()


def test_a_step_back_and_the_questions_of_a_draft() -> None:
    Path("t.sql").write_text("CREATE TABLE t (age INT NOT NULL CHECK (age >= 0), sex TEXT CHECK (sex IN ('F', 'M')))")
    imported = run("import", "t.sql", "--by", "design", "--out", "draft.yaml")
    assert imported.exit_code == 0, imported.output
    assert "question: age, upper: What is the largest number" in imported.stderr
    confirmed = run("confirm", "draft.yaml", "--by", "codebook")
    assert "1 questions wait for an answer" in confirmed.stderr
    assert run("ask", "draft.yaml", replies="12\n<\n120\nform 3\n").exit_code == 0
    schema = dpsynth.Schema.load("draft.yaml")
    schema.require_reviewed()
    assert schema["age"].upper == 120


def test_import_as_json_and_its_refusals() -> None:
    Path("t.json").write_text('{"fields": [{"name": "age", "type": "integer"}]}')
    printed = run("import", "t.json", "--json")
    assert '"question": "What is the smallest number' in printed.stdout
    assert run("import", "t.json").stdout.startswith("# A DRAFT")
    assert run("import", "t.json", "--format", "sqll").exit_code == 1
    assert run("ask", "--out", "x.yaml").exit_code == 1
    assert run("ask", "--names", "a").exit_code == 1
    Path("bad.csv").write_text(f'"{CANARY}\nx\n')
    refused = run("ask", "--header", "bad.csv", "--out", "x.yaml")
    assert refused.exit_code == 1
    assert CANARY not in refused.output
