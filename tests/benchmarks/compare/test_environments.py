from __future__ import annotations

import sys
from pathlib import Path

import pytest

from benchmarks.compare import environments
from benchmarks.compare.environments import InstallError, Peer, python_of

PEER = Peer("tiny", ("tiny==1.2",), ("mst",), ((3, 11), (3, 99)))


def steps(monkeypatch: pytest.MonkeyPatch, code: str) -> None:
    monkeypatch.setattr(environments, "_commands", lambda folder, python, peer: [[sys.executable, "-c", code]])


def test_an_environment_is_made_once_and_said_to_be(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    steps(monkeypatch, "print('installed')")
    assert python_of(PEER, tmp_path) == tmp_path / "tiny-1.2" / "bin" / "python"
    assert "making an environment for tiny" in capsys.readouterr().out
    steps(monkeypatch, "raise SystemExit(1)")
    python_of(PEER, tmp_path)
    assert capsys.readouterr().out == ""


def test_a_failed_install_names_its_log_and_is_tried_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    steps(monkeypatch, "print('no such version'); raise SystemExit(4)")
    for _ in range(2):
        with pytest.raises(InstallError, match=r"exit code 4, see .*install\.log"):
            python_of(PEER, tmp_path)
    assert "no such version" in (tmp_path / "tiny-1.2" / "install.log").read_text()


def test_an_unsupported_python_is_not_tried(tmp_path: Path) -> None:
    old = Peer("old", ("old==1.0",), ("mst",), ((3, 6), (3, 7)))
    with pytest.raises(InstallError, match=r"needs Python 3\.6 to 3\.7"):
        python_of(old, tmp_path)


def test_every_requirement_is_exact() -> None:
    for peer in environments.PEERS.values():
        assert all("==" in requirement for requirement in peer.requirements)
        assert peer.mechanisms
