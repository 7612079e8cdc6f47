"""A command that is stopped from outside ends with the right code and leaves nothing half-written."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

SCRIPT = """
import os, signal, sys
from dpsynth.cli import main
from dpsynth.release import bundle

written = bundle._write_file
def stopped_at_the_third_file(path, write, calls=[]):
    calls.append(path)
    if len(calls) == 3:
        os.kill(os.getpid(), signal.{name})
    return written(path, write)

bundle._write_file = stopped_at_the_third_file
sys.argv = ["dpsynth", *sys.argv[1:]]
main()
"""


@pytest.mark.parametrize(("name", "code"), [("SIGINT", 130), ("SIGTERM", 143)])
def test_a_stopped_run_leaves_nothing(tmp_path: Path, name: str, code: int) -> None:
    (tmp_path / "data.csv").write_text("member\n" + "true\nfalse\n" * 50)
    (tmp_path / "schema.yaml").write_text("version: 1\ncolumns:\n- name: member\n  type: boolean\n")
    arguments = ["synthesize", "data.csv", "--schema", "schema.yaml", "--epsilon", "1", "--delta", "1e-6"]
    done = subprocess.run(
        [
            sys.executable,
            "-c",
            SCRIPT.format(name=name),
            *arguments,
            "--synthesizer",
            "independent",
            "--out",
            "release",
        ],
        cwd=tmp_path,
        env={"PYTHONPATH": str(Path(__file__).parents[2]), "PATH": ""},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == code, done.stderr
    assert sorted(path.name for path in tmp_path.iterdir()) == ["data.csv", "schema.yaml"]
    assert "Traceback" not in done.stderr
