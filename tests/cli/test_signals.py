"""A command that is stopped from outside ends with the right code and leaves nothing half-written."""

from __future__ import annotations

import os
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


PLAN = ["plan", "--schema", "schema.yaml", "--epsilon", "1", "--delta", "1e-6"]


def _run(folder: Path, script: str, arguments: list[str], stdout: int) -> tuple[int, str]:
    (folder / "schema.yaml").write_text("version: 1\ncolumns:\n- name: member\n  type: boolean\n")
    done = subprocess.run(
        [sys.executable, "-c", script, *arguments],
        cwd=folder,
        env={"PYTHONPATH": str(Path(__file__).parents[2]), "PATH": ""},
        stdout=stdout,
        stderr=subprocess.PIPE,
        text=True,
        check=False,
    )
    return done.returncode, done.stderr


MAIN = "from dpsynth.cli import main; main()"


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs /dev/full")
@pytest.mark.parametrize("arguments", [PLAN, [*PLAN, "--json"], ["--help"]], ids=["table", "json", "help"])
def test_a_full_disk_behind_stdout_is_one_clear_error(tmp_path: Path, arguments: list[str]) -> None:
    with Path("/dev/full").open("w") as full:
        code, message = _run(tmp_path, MAIN, arguments, full.fileno())
    assert code == 1
    assert "No space left on device" in message
    assert len(message.splitlines()) == 1


@pytest.mark.parametrize("arguments", [PLAN, [*PLAN, "--json"]], ids=["table", "json"])
def test_a_closed_pipe_ends_quietly(tmp_path: Path, arguments: list[str]) -> None:
    reader, writer = os.pipe()
    os.close(reader)
    try:
        assert _run(tmp_path, MAIN, arguments, writer) == (141, "")
    finally:
        os.close(writer)


def test_an_interrupt_while_the_parser_is_imported_is_one_line(tmp_path: Path) -> None:
    script = """
import sys
from dpsynth.cli import main

class Interrupt:
    def find_spec(self, name, path=None, target=None):
        if name == "typer":
            raise KeyboardInterrupt

sys.meta_path.insert(0, Interrupt())
assert "typer" not in sys.modules
main()
"""
    assert _run(tmp_path, script, ["--help"], subprocess.DEVNULL) == (130, "error: interrupted\n")
