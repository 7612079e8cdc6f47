from __future__ import annotations

import json
import stat
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from typer.testing import CliRunner

import dpsynth
from dpsynth.cli.app import app
from dpsynth.cli.audit import foreign

SCHEMA = dpsynth.Schema([dpsynth.Categorical(name, values=range(9)) for name in "abcd"])


def table(rows: int, seed: int) -> pd.DataFrame:
    rng = np.random.default_rng(seed)
    return pd.DataFrame({name: rng.integers(0, 9, rows) for name in "abcd"})


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A private table with a release of it and its coins; a holdout; and a foreign table that is a copy."""
    place = tmp_path_factory.mktemp("audit")
    private = table(4000, 1)
    private.to_csv(place / "private.csv", index=False)
    table(2000, 2).to_csv(place / "holdout.csv", index=False)
    private.to_csv(place / "copy.csv", index=False)
    SCHEMA.save(place / "schema.yaml")
    release = dpsynth.synthesize(private, SCHEMA, epsilon=0.5, delta=1e-6, synthesizer="mst", audit_pool=800)
    release.save(place / "release")
    assert release.audit_pool is not None
    release.audit_pool.save(place / "coins.json")
    return place


QUICK = ("--attacks", "copies,calibrated-distance,marginals")


def test_a_release_is_audited_and_the_report_is_written(place: Path, tmp_path: Path) -> None:
    arguments = ["audit", str(place / "release"), "--private", str(place / "private.csv")]
    arguments += ["--pool", str(place / "coins.json"), "--out", str(tmp_path / "report"), *QUICK]
    arguments += ["--public", str(tmp_path / "public.html")]
    result = CliRunner().invoke(app, arguments)
    assert result.exit_code in (0, 2), result.output  # a false alarm of these attacks is rarer than one in a thousand
    assert "claim: Differential privacy with epsilon 0.5" in result.stdout
    assert "control: leaky twin: as it must be" in result.stdout
    assert "calibrated-distance" in result.stdout
    written = {path.name: stat.S_IMODE(path.stat().st_mode) for path in (tmp_path / "report").iterdir()}
    assert written == {"audit.json": 0o600, "audit.html": 0o600, "audit.md": 0o600}
    document = json.loads((tmp_path / "report" / "audit.json").read_text())
    assert document["verdict"] == {0: "pass", 2: "inconclusive"}[result.exit_code]
    assert "Public edition" in (tmp_path / "public.html").read_text()


def test_a_copy_from_elsewhere_fails_with_code_1(place: Path) -> None:
    arguments = ["audit", "--synthetic", str(place / "copy.csv"), "--train", str(place / "private.csv")]
    arguments += ["--holdout", str(place / "holdout.csv"), "--schema", str(place / "schema.yaml"), "--json", *QUICK]
    result = CliRunner().invoke(foreign, arguments)
    assert result.exit_code == 1, result.output
    document = json.loads(result.stdout)
    assert document["verdict"] == "fail"
    assert document["claim"]["made"] is False
    claimed = CliRunner().invoke(foreign, [*arguments, "--epsilon", "1", "--delta", "1e-6"])
    assert claimed.exit_code == 1
    assert json.loads(claimed.stdout)["claim"]["epsilon"] == 1


@pytest.mark.parametrize(
    ("more", "words"),
    [
        ([], "holdout must be given"),
        (["--holdout", "nowhere.csv"], "must be an existing file"),
        (["--pool", "nowhere.json"], "must be a readable file"),
        (["--holdout", "{place}/holdout.csv", "--attacks", "nonsense"], "must be 'release', 'all', or among"),
    ],
)
def test_what_cannot_be_audited_cannot_decide(place: Path, more: list[str], words: str) -> None:
    arguments = ["audit", str(place / "release"), "--private", str(place / "private.csv")]
    result = CliRunner().invoke(app, [*arguments, *(each.format(place=place) for each in more)])
    assert result.exit_code == 2
    assert words in " ".join(result.output.split())


def test_attacks_are_listed() -> None:
    result = CliRunner().invoke(foreign, ["list"])
    assert result.exit_code == 0
    assert "singling-out" in result.stdout
    found = json.loads(CliRunner().invoke(foreign, ["list", "--json"]).stdout)
    assert {"name", "about", "criterion", "threat"} == set(found[0])
