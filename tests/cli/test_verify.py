"""`dpsynth verify`: every check by name, and an exit code that a pipeline can trust."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import typer
from typer.testing import CliRunner, Result

import dpsynth
from dpsynth.cli.verify import verify
from dpsynth.keys import new_key_pair, read_private_key
from dpsynth.release.signing import sign
from dpsynth.release.verify import CHECKS

app = typer.Typer()
app.command()(verify)


def run(*arguments: object) -> Result:
    return CliRunner().invoke(app, [str(each) for each in arguments])


@pytest.fixture
def release(tmp_path: Path) -> Path:
    table = {"smoker": np.arange(300) % 2 == 0}
    schema = dpsynth.Schema([dpsynth.Boolean("smoker")])
    made = dpsynth.synthesize(table, schema, epsilon=1, delta=1e-6, rows=20, seed=1, synthesizer="independent")
    return made.save(tmp_path / "release")


@pytest.fixture
def public(tmp_path: Path) -> Path:
    return new_key_pair(tmp_path / "key.pem")


def test_a_signed_release_passes(release: Path, public: Path) -> None:
    sign(release, read_private_key(public.with_name("key.pem")))
    result = run(release, "--key", public)
    assert result.exit_code == 0
    assert result.stdout.splitlines()[-1] == "passed"
    as_json = json.loads(run(release, "--key", public, "--json").stdout)
    assert (as_json["passed"], as_json["exit_code"]) == (True, 0)
    assert [check["name"] for check in as_json["checks"]] == list(CHECKS)


def test_without_a_key_it_says_that_the_signature_was_not_checked(release: Path, public: Path) -> None:
    sign(release, read_private_key(public.with_name("key.pem")))
    result = run(release)
    assert result.exit_code == 0
    assert "the signature was not checked" in result.stdout
    assert "for no key was given" in result.stdout


def test_a_key_and_no_signature_is_no_pass(release: Path, public: Path) -> None:
    result = run(release, "--key", public)
    assert result.exit_code == 2
    assert "NOT VERIFIED" in result.stdout
    as_json = run(release, "--key", public, "--json")
    assert as_json.exit_code == 2
    assert json.loads(as_json.stdout)["passed"] is False


def test_damage_and_another_key_fail(release: Path, public: Path, tmp_path: Path) -> None:
    sign(release, read_private_key(public.with_name("key.pem")))
    other = run(release, "--key", new_key_pair(tmp_path / "other.pem"))
    assert other.exit_code == 1
    assert other.stdout.splitlines()[-1] == "FAILED"
    (release / "synthetic.csv").write_text("other")
    damaged = run(release, "--key", public, "--json")
    assert damaged.exit_code == 1
    checks = {check["name"]: check for check in json.loads(damaged.stdout)["checks"]}
    assert checks["files"]["status"] == "fail"
    assert "synthetic.csv" in checks["files"]["words"]


def test_files_that_no_signature_covers_are_named(release: Path, public: Path) -> None:
    sign(release, read_private_key(public.with_name("key.pem")))
    (release / "gate.json").write_text("{}")
    assert "not covered by the signature: gate.json" in run(release, "--key", public).stdout


def test_no_directory_and_no_key_are_refused(release: Path, tmp_path: Path) -> None:
    nowhere = run(tmp_path / "nowhere", "--json")
    assert nowhere.exit_code == 1
    assert json.loads(nowhere.stderr)["error"] == "release"
    no_key = run(release, "--key", tmp_path / "nowhere.pem", "--json")
    assert no_key.exit_code == 1
    assert json.loads(no_key.stderr)["error"] == "setting"
