from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from click.testing import Result
from typer.testing import CliRunner

from dpsynth.cli.ledger import app
from dpsynth.ledger import open_ledger, whole_units
from dpsynth.privacy.calibration import budget_from

PROMISE = ("--epsilon", "1", "--delta", "1e-6")


def run(*arguments: object, code: int = 0) -> Result:
    result = CliRunner().invoke(app, [str(argument) for argument in arguments])
    assert result.exit_code == code, result.output
    assert "Traceback" not in result.output
    return result


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """A ledger with two requests, one of them touched."""
    path = tmp_path / "ledger.db"
    run("init", path, *PROMISE, "--actor", "steward", "--reason", "policy 2026")
    with open_ledger(path) as ledger:
        for name, epsilon in (("visits 1", 0.5), ("labs 1", 0.3)):
            cost = whole_units(budget_from(epsilon, 1e-6))
            ledger.reserve("population/visits", cost, request_id=name, plan_hash="plan", actor="ann", reason="monthly")
        ledger.touched("visits 1")
    return path


def test_show(path: Path) -> None:
    lines = run("show", path).stdout.splitlines()
    (top,) = [line.split() for line in lines if line.strip().startswith("population ")]
    assert top[:2] == ["population", "1"]
    assert top[4] == "1e-06"
    assert top[-1] == "2"
    document = json.loads(run("show", path, "--json").stdout)
    assert [one["scope"] for one in document["scopes"]] == ["population", "population/visits"]
    assert document["scopes"][0]["cap_epsilon"] == pytest.approx(1, rel=1e-6)
    assert document["scopes"][1]["cap"] is None
    assert document["head"]["seq"] == 4


def test_quote(path: Path) -> None:
    assert "fits" in run("quote", path, "--scope", "population/new", "--epsilon", "0.5", "--delta", "1e-6").stdout
    said = run("quote", path, "--scope", "population/new", *PROMISE, code=1).stdout
    assert "epsilon 1 at delta 1e-06: does not fit" in said
    document = json.loads(run("quote", path, "--scope", "population", *PROMISE, "--json", code=1).stdout)
    assert document["fits"] is False
    assert document["binds"] == {"scope": "population", "part": "mu^2"}
    largest = f"{document['largest_epsilon']:.4f}"
    run("quote", path, "--scope", "population", "--epsilon", float(largest) - 1e-4, "--delta", "1e-6")
    run("quote", path, "--scope", "population", "--mu", "0.01")


def test_explain(path: Path) -> None:
    said = run("explain", path).stdout
    assert said.index("visits 1") < said.index("labs 1")
    assert "TOUCHED" in said
    assert "monthly" in said
    document = json.loads(run("explain", path, "--scope", "population/visits", "--json").stdout)
    assert [(one["request_id"], one["state"]) for one in document] == [("visits 1", "TOUCHED"), ("labs 1", "RESERVED")]
    assert document[0]["epsilon"] == pytest.approx(0.5, rel=1e-6)


def test_grant(path: Path) -> None:
    run(
        "grant",
        path,
        "--scope",
        "population",
        "--epsilon",
        "2",
        "--delta",
        "1e-6",
        "--actor",
        "board",
        "--reason",
        "vote",
    )
    run("quote", path, "--scope", "population", *PROMISE)
    said = run("grant", path, "--scope", "population", "--epsilon", "0.1", "--delta", "1e-6", code=1).stderr
    assert "must cover what was spent" in said
    run("grant", path, "--scope", "population", "--epsilon", "1", code=2)
    run("grant", path, "--scope", "population", "--mu", "1", *PROMISE, code=2)


def test_void(path: Path) -> None:
    run("void", path, "labs 1", "--actor", "ann", "--reason", "wrong schema")
    assert "labs 1" not in run("explain", path).stdout
    said = run("void", path, "visits 1", "--json", code=1).stderr
    assert json.loads(said)["error"] == "ledger"
    assert "what was touched is spent" in json.loads(said)["message"]


def certificate(path: Path, request_id: str = "visits 1") -> dict[str, Any]:
    with open_ledger(path) as ledger:
        entry, head = ledger.reservation(request_id).entry, ledger.head
    record = {"ledger_id": head.ledger_id, "scope": entry.scope, "request_id": request_id, "seq": entry.seq}
    return {"ledger": {**record, "hash": entry.hash, "head_seq": head.seq, "head_hash": head.hash}}


def test_verify(path: Path, tmp_path: Path) -> None:
    old = path.read_bytes()
    said = run("verify", path).stdout
    assert "no fault" in said
    assert "without --certificate" in said
    run("void", path, "labs 1")
    folder = tmp_path / "release"
    folder.mkdir()
    (folder / "certificate.json").write_text(json.dumps(certificate(path)))
    assert "without" not in run("verify", path, "--certificate", folder).stdout
    path.write_bytes(old)
    said = run("verify", path, "--certificate", folder / "certificate.json", code=1).stdout
    assert "fault (truncated): the ledger ends at entry 4, but a certificate knows entry 5" in said
    document = json.loads(run("verify", path, "--certificate", folder, "--json", code=1).stdout)
    assert (document["ok"], document["known_heads"]) == (False, 2)
    assert [fault["kind"] for fault in document["faults"]] == ["truncated"]


@pytest.mark.parametrize("content", ["{}", '{"ledger": null}', '{"ledger": {"seq": 1}}', "[", '{"ledger": []}'])
def test_a_certificate_without_a_ledger(path: Path, tmp_path: Path, content: str) -> None:
    (tmp_path / "certificate.json").write_text(content)
    said = run("verify", path, "--certificate", tmp_path / "certificate.json", code=1).stderr
    assert "must name an entry of a ledger" in said


def test_export(path: Path, tmp_path: Path) -> None:
    lines = run("export", path).stdout.splitlines()
    assert [json.loads(line)["kind"] for line in lines] == ["CAP", "RESERVE", "RESERVE", "TOUCHED"]
    run("export", path, "--out", tmp_path / "entries.jsonl")
    assert (tmp_path / "entries.jsonl").read_text().splitlines() == lines
    run("export", path, "--out", tmp_path / "entries.jsonl", code=1)


def test_what_is_no_ledger(tmp_path: Path) -> None:
    (tmp_path / "noise.db").write_bytes(bytes(range(256)) * 64)
    for command in ("show", "explain", "verify", "export"):
        assert "must exist" in run(command, tmp_path / "absent.db", code=1).stderr
        assert "damaged or no ledger" in run(command, tmp_path / "noise.db", code=1).stderr


def test_a_ledger_is_not_made_twice(path: Path) -> None:
    assert "must not exist yet" in run("init", path, *PROMISE, code=1).stderr
