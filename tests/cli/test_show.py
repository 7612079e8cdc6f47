"""`dpsynth show`, `synthesizers` and `selftest`."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from typer.testing import CliRunner

import dpsynth
from dpsynth.cli.app import app
from dpsynth.release.bundle import FILES, write_directory
from dpsynth.release.documents import to_document
from dpsynth.release.plain_words import plain_words


@pytest.fixture
def directory(tmp_path: Path, certificates: ModuleType) -> Path:
    """A release directory of which only the certificate is real; `show` reads no more than that."""
    document = to_document(certificates.make_certificate(created="2026-01-01T00:00:00Z").to_json())
    writers = {name: lambda path: path.write_bytes(b"{}") for name in FILES}
    write_directory(tmp_path / "release", {**writers, "certificate.json": lambda path: path.write_bytes(document)})
    return tmp_path / "release"


def test_show_prints_the_certificate(directory: Path, certificates: ModuleType) -> None:
    result = CliRunner().invoke(app, ["show", str(directory)])
    certificate = certificates.make_certificate(created="2026-01-01T00:00:00Z")
    assert result.exit_code == 0
    assert result.stdout.startswith(plain_words(certificate))
    assert "Checked now" in result.stdout
    as_json = CliRunner().invoke(app, ["show", str(directory), "--json"])
    assert json.loads(as_json.stdout) == certificate.to_json()


def test_show_refuses_a_changed_release(directory: Path) -> None:
    (directory / "synthetic.csv").write_text("other")
    result = CliRunner().invoke(app, ["show", str(directory), "--json"])
    assert result.exit_code == 1
    assert json.loads(result.stderr)["error"] == "release"


def test_synthesizers_are_listed() -> None:
    result = CliRunner().invoke(app, ["synthesizers"])
    as_json = CliRunner().invoke(app, ["synthesizers", "--json"])
    assert json.loads(as_json.stdout) == dpsynth.synthesizers()
    assert all(name in result.stdout for name in dpsynth.synthesizers())


@dataclass(frozen=True)
class _Report:
    passed: bool
    lines: tuple[str, ...] = ("mst: ok",)

    def to_json(self) -> dict[str, Any]:
        return {"passed": self.passed, "lines": list(self.lines)}


@pytest.mark.parametrize("passed", [True, False])
def test_selftest_ends_as_its_report_says(monkeypatch: pytest.MonkeyPatch, passed: bool) -> None:
    from dpsynth import selftest

    monkeypatch.setattr(selftest, "selftest", lambda progress=None: _Report(passed))
    text = CliRunner().invoke(app, ["selftest"])
    as_json = CliRunner().invoke(app, ["selftest", "--json"])
    assert text.exit_code == as_json.exit_code == (0 if passed else 1)
    assert "mst: ok" in text.stdout
    assert json.loads(as_json.stdout)["passed"] is passed
