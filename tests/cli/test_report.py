"""`dpsynth report`: a page in one command, refusals in plain words, nothing half-written."""

from __future__ import annotations

import json
import stat
from pathlib import Path

import numpy as np
import pytest
import typer
from typer.testing import CliRunner

import dpsynth
from dpsynth.cli.report import report
from dpsynth.report import pdf

app = typer.Typer()
app.command()(report)


@pytest.fixture(scope="module")
def release(tmp_path_factory: pytest.TempPathFactory) -> Path:
    rng = np.random.default_rng(0)
    table = {name: rng.integers(0, 4, 600) for name in "abc"}
    schema = dpsynth.Schema([dpsynth.Categorical(name, values=range(4)) for name in table])
    made = dpsynth.synthesize(table, schema, epsilon=1, delta=1e-6, synthesizer="mst")
    return made.save(tmp_path_factory.mktemp("report") / "release")


def test_it_writes_a_page(release: Path, tmp_path: Path) -> None:
    out = tmp_path / "report.html"
    result = CliRunner().invoke(app, [str(release), "--out", str(out)])
    assert result.exit_code == 0, result.output
    assert "report.html" in result.stdout
    assert "Public edition." in out.read_text(encoding="utf-8")
    assert "Fidelity, from released numbers" in out.read_text(encoding="utf-8")
    again = CliRunner().invoke(app, [str(release), "--out", str(out)])
    assert again.exit_code == 1
    assert "--overwrite" in again.stderr
    fewer = CliRunner().invoke(app, [str(release), "--out", str(out), "--overwrite", "--no-fidelity", "--json"])
    assert fewer.exit_code == 0, fewer.output
    assert json.loads(fewer.stdout)["edition"] == "public"
    assert "Fidelity, from released numbers" not in out.read_text(encoding="utf-8")


def test_the_public_page_may_lie_in_the_release(release: Path) -> None:
    out = release / "report.html"
    assert CliRunner().invoke(app, [str(release), "--out", str(out)]).exit_code == 0
    assert dpsynth.load(release).rows > 0
    out.unlink()
    refused = CliRunner().invoke(app, [str(release), "--out", str(out), "--steward"])
    assert refused.exit_code == 1
    assert "must not lie in the release" in " ".join(refused.stderr.split())
    assert not out.exists()


def test_a_stewards_page_is_for_its_owner(release: Path, tmp_path: Path) -> None:
    out = tmp_path / "steward.html"
    assert CliRunner().invoke(app, [str(release), "--out", str(out), "--steward"]).exit_code == 0
    assert "Steward&#x27;s edition. " in out.read_text(encoding="utf-8")
    assert stat.S_IMODE(out.stat().st_mode) == 0o600


def test_what_is_no_audit_is_refused(release: Path, tmp_path: Path) -> None:
    (tmp_path / "audit.json").write_text('{"format": "something"}')
    out = tmp_path / "report.html"
    arguments = [str(release), "--out", str(out), "--audit", str(tmp_path / "audit.json"), "--json"]
    result = CliRunner().invoke(app, arguments)
    assert result.exit_code == 1
    assert json.loads(result.stderr)["error"] == "release"
    assert not out.exists()


@pytest.mark.skipif(pdf.browser() is None, reason="no browser is installed")
def test_it_prints_a_pdf(release: Path, tmp_path: Path) -> None:
    page, paper = tmp_path / "report.html", tmp_path / "report.pdf"
    result = CliRunner().invoke(app, [str(release), "--out", str(page), "--pdf", str(paper)])
    assert result.exit_code == 0, result.output
    assert paper.read_bytes().startswith(b"%PDF-")


def test_without_a_browser_nothing_is_written(release: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("shutil.which", lambda _: None)
    page = tmp_path / "report.html"
    result = CliRunner().invoke(app, [str(release), "--out", str(page), "--pdf", str(tmp_path / "report.pdf")])
    assert result.exit_code == 1
    assert "printing it to a file" in " ".join(result.stderr.split())
    assert not page.exists()
