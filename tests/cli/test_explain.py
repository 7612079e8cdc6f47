"""`dpsynth explain`: odds in words, a picture of letters, JSON and a page."""

from __future__ import annotations

import json
from pathlib import Path

import typer
from typer.testing import CliRunner

from dpsynth.cli.explain import explain

app = typer.Typer()
app.command()(explain)

ASKED = ["--epsilon", "1", "--delta", "1e-6"]


def test_it_prints_words_a_picture_and_tables() -> None:
    done = CliRunner().invoke(app, ASKED)
    assert done.exit_code == 0, done.output
    assert "1.84%" in done.stdout
    letters = [
        line.strip() for line in done.stdout.splitlines() if len(line.strip()) == 50 and set(line) <= set(" o#.")
    ]
    assert len(letters) == 20
    assert ("".join(letters).count("o"), "".join(letters).count("#")) == (10, 9)
    assert "US Census 2020" in done.stdout


def test_json_and_a_page(tmp_path: Path) -> None:
    out = tmp_path / "odds.html"
    done = CliRunner().invoke(app, [*ASKED, "--json", "--out", str(out)])
    assert done.exit_code == 0, done.output
    assert json.loads(done.stdout)["promise"]["epsilon"] == 1.0
    assert "What this promise means" in out.read_text(encoding="utf-8")
    again = CliRunner().invoke(app, [*ASKED, "--out", str(out)])
    assert again.exit_code == 1
    assert "--overwrite" in again.stderr
    assert CliRunner().invoke(app, [*ASKED, "--out", str(out), "--overwrite"]).exit_code == 0
    assert CliRunner().invoke(app, ["--epsilon", "-1", "--delta", "1e-6"]).exit_code == 1
