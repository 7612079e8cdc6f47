"""`dpsynth synthesize`: what it hands to the library, what it prints, and how it refuses."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from typer.testing import CliRunner

import dpsynth
from dpsynth.audit_pool import AuditPool
from dpsynth.cli.app import app
from dpsynth.errors import DataError
from dpsynth.keys import new_key_pair
from dpsynth.release.certificate import PoolRecord

CANARY = "CANARY-4711-Jane-Doe"


@pytest.fixture
def schema_file(tmp_path: Path) -> Path:
    path = tmp_path / "schema.yaml"
    dpsynth.Schema([dpsynth.Numeric("age", lower=0, upper=120, integer=True, edges=[18, 65])]).save(path)
    return path


def _arguments(schema_file: Path, out: Path, *more: str) -> list[str]:
    start = ["synthesize", "data.csv", "--schema", str(schema_file), "--epsilon", "1", "--delta", "1e-9"]
    return [*start, "--out", str(out), *more]


def test_every_option_reaches_the_library(
    schema_file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, fake_release: Callable[..., Any]
) -> None:
    seen: dict[str, Any] = {}

    def synthesize(data: Path, schema: dpsynth.Schema, **options: Any) -> Any:
        seen.update(options, data=data, names=schema.names)
        return fake_release()

    monkeypatch.setattr(dpsynth, "synthesize", synthesize)
    more = ["--synthesizer", "direct", "--rows", "50", "--seed", "3", "--unit", "id", "--max-rows-per-unit", "4"]
    more += ["--label", "age", "--workload", "2", "--fairness", "protected=a; outcome=b"]
    more += ["--relation", "replace-one", "--set", "marginals=age,sex", "--set", "degree=2"]
    result = CliRunner().invoke(app, _arguments(schema_file, tmp_path / "out", *more))
    assert result.exit_code == 0, result.output
    assert seen == {
        "data": "data.csv",
        "names": ("age",),
        "epsilon": 1.0,
        "delta": 1e-9,
        "synthesizer": "direct",
        "label": "age",
        "workload": "2",
        "fairness": "protected=a; outcome=b",
        "relation": "replace-one",
        "unit": "id",
        "max_rows_per_unit": 4,
        "rows": 50,
        "seed": 3,
        "settings": {"marginals": "age,sex", "degree": "2"},
        "audit_pool": False,
        "ledger": None,
        "scope": "population",
        "request_id": None,
        "checkpoint": None,
        "progress": None,
    }
    for words in (str(tmp_path / "out"), "epsilon 1 and delta 1e-09", "record-level", "false alarms"):
        assert words in result.stdout
    assert "NOT PRIVATE" not in result.stdout


def test_the_coins_of_a_pool_go_to_a_file_of_their_own(
    schema_file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, fake_release: Callable[..., Any]
) -> None:
    seen: dict[str, Any] = {}
    pool = AuditPool(np.arange(2), np.arange(2), np.array([True, False]), False, 5, "ab")

    def synthesize(*_: Any, **options: Any) -> Any:
        seen.update(options)
        made = fake_release(audit_pool=PoolRecord(2, False, pool.commitment))
        made.audit_pool = pool
        return made

    monkeypatch.setattr(dpsynth, "synthesize", synthesize)
    coins = tmp_path / "coins.json"
    result = CliRunner().invoke(app, _arguments(schema_file, tmp_path / "out", "--audit-pool", str(coins)))
    assert result.exit_code == 0, result.output
    assert seen["audit_pool"] is True
    assert f"dpsynth audit {tmp_path / 'out'} --private DATA --pool {coins}" in result.stdout
    assert AuditPool.load(coins).commitment == pool.commitment

    monkeypatch.setattr(dpsynth, "synthesize", lambda *_, **__: pytest.fail("the private table was touched"))
    result = CliRunner().invoke(app, _arguments(schema_file, tmp_path / "other", "--audit-pool", str(coins)))
    assert result.exit_code == 1
    assert "must be a new file" in result.output
    result = CliRunner().invoke(app, _arguments(schema_file, tmp_path / "other", "--audit-units", "10"))
    assert result.exit_code == 2


def test_the_entries_of_the_ledger_are_signed(
    schema_file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, fake_release: Callable[..., Any]
) -> None:
    seen: dict[str, Any] = {}

    def synthesize(*_: Any, **options: Any) -> Any:
        seen.update(options)
        return fake_release()

    monkeypatch.setattr(dpsynth, "synthesize", synthesize)
    public, ledger = new_key_pair(tmp_path / "key.pem"), str(tmp_path / "ledger.db")
    dpsynth.Ledger.init(ledger, 1.0, sign_key=tmp_path / "key.pem").close()
    more = ("--ledger", ledger, "--sign-key", str(tmp_path / "key.pem"))
    result = CliRunner().invoke(app, _arguments(schema_file, tmp_path / "out", *more))
    assert result.exit_code == 0, result.output
    with seen["ledger"] as opened:
        opened.cap("population", 2.0)
        assert opened.verify(keys=[public]) == ()
    alone = CliRunner().invoke(app, _arguments(schema_file, tmp_path / "other", *more[2:]))
    assert alone.exit_code == 2
    assert "needs --ledger" in alone.output


def test_json_holds_the_certificate(
    schema_file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, fake_release: Callable[..., Any]
) -> None:
    monkeypatch.setattr(dpsynth, "synthesize", lambda *_, **__: fake_release())
    result = CliRunner().invoke(app, _arguments(schema_file, tmp_path / "out", "--json"))
    printed = json.loads(result.stdout)
    assert printed["release"] == str(tmp_path / "out")
    assert printed["certificate"]["promise"]["epsilon"] == 1.0


def test_a_taken_directory_is_refused_before_any_budget_is_spent(
    schema_file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(dpsynth, "synthesize", lambda *_, **__: pytest.fail("the private table was touched"))
    result = CliRunner().invoke(app, _arguments(schema_file, tmp_path))
    assert result.exit_code == 1
    assert result.stderr.startswith("error: out (")


def test_progress_is_asked_for(
    schema_file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, fake_release: Callable[..., Any]
) -> None:
    def synthesize(*_: Any, progress: Callable[[str, float], None], **__: Any) -> Any:
        progress("model", 0.5)
        return fake_release()

    monkeypatch.setattr(dpsynth, "synthesize", synthesize)
    result = CliRunner().invoke(app, _arguments(schema_file, tmp_path / "out", "--progress", "--json"))
    assert "model" in result.stderr
    json.loads(result.stdout)


@pytest.mark.parametrize(
    ("error", "exit_code"), [(DataError("must fit"), 1), (KeyboardInterrupt(), 130), (RuntimeError(CANARY), 1)]
)
def test_no_release_is_left_after_a_refusal(
    schema_file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, error: BaseException, exit_code: int
) -> None:
    def synthesize(*_: Any, **__: Any) -> Any:
        raise error

    monkeypatch.setattr(dpsynth, "synthesize", synthesize)
    result = CliRunner().invoke(app, _arguments(schema_file, tmp_path / "out"))
    assert result.exit_code == exit_code
    assert not (tmp_path / "out").exists()
    assert CANARY not in result.output


def test_what_auto_chose_is_said(
    schema_file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, fake_release: Callable[..., Any]
) -> None:
    seen: dict[str, Any] = {}

    def synthesize(*_: Any, **options: Any) -> Any:
        seen.update(options)
        return fake_release(reason="9 columns: reasons")

    monkeypatch.setattr(dpsynth, "synthesize", synthesize)
    result = CliRunner().invoke(app, _arguments(schema_file, tmp_path / "out"))
    assert seen["synthesizer"] == "auto"
    assert "made by: mst, chosen by auto: 9 columns: reasons" in result.stdout


def test_a_release_with_test_entropy_says_so(
    schema_file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, fake_release: Callable[..., Any]
) -> None:
    monkeypatch.setattr(dpsynth, "synthesize", lambda *_, **__: fake_release(private=False))
    result = CliRunner().invoke(app, _arguments(schema_file, tmp_path / "out"))
    assert "NOT PRIVATE" in result.stdout


def test_no_cell_of_the_table_reaches_the_screen(schema_file: Path, tmp_path: Path) -> None:
    """A real run on a table that breaks its schema with a value that must not be seen."""
    table = tmp_path / "data.csv"
    for column, cells in (("age", ["30", CANARY]), (CANARY, ["1", "2"])):
        table.write_text("\n".join([column, *cells]) + "\n")
        start = ["synthesize", str(table), "--schema", str(schema_file), "--epsilon", "1", "--delta", "1e-9"]
        for more in ([], ["--json"]):
            result = CliRunner().invoke(app, [*start, "--out", str(tmp_path / "out"), *more])
            assert result.exit_code == 1
            if column == "age":
                assert CANARY not in result.output


def test_nothing_of_one_person_is_in_a_release_or_on_the_screen(tmp_path: Path) -> None:
    """A name, a place that nobody else has, and the path of the file: none of them may come out."""
    columns = [
        dpsynth.Identifier("name"),
        dpsynth.OpenCategorical("place", max_values=10),
        dpsynth.Boolean("member"),
    ]
    dpsynth.Schema(columns).save(tmp_path / "schema.yaml")
    rows = [f"person-{number},Oslo,{'true' if number % 3 else 'false'}" for number in range(400)]
    data = tmp_path / f"{CANARY}.csv"
    data.write_text("\n".join(["name,place,member", *rows, f"{CANARY},{CANARY},true"]) + "\n")
    start = ["synthesize", str(data), "--schema", str(tmp_path / "schema.yaml"), "--epsilon", "1", "--delta", "1e-9"]
    for form in ([], ["--json"]):
        result = CliRunner().invoke(app, [*start, "--out", str(tmp_path / f"out{len(form)}"), "--progress", *form])
        assert result.exit_code == 0, result.output
        assert CANARY not in result.output
        release = dpsynth.load(tmp_path / f"out{len(form)}")
        assert "Oslo" in set(release.table["place"]), "what many share must come through, or the test shows nothing"
        assert CANARY not in release.table.to_csv()
        for file in (tmp_path / f"out{len(form)}").iterdir():
            assert CANARY.encode() not in file.read_bytes(), file.name
            assert b"person-1" not in file.read_bytes(), file.name
