from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from benchmarks.compare import __main__ as command
from benchmarks.compare.data import Coded, coded
from benchmarks.compare.environments import InstallError
from benchmarks.compare.runs import Job, our_python, reference, run


@pytest.fixture
def table() -> Coded:
    rng = np.random.default_rng(0)
    domain = {"a": 3, "b": 4, "label": 2}
    return coded("tiny", {name: rng.integers(0, size, 200) for name, size in domain.items()}, domain)


def fake(mechanism: str, limit_seconds: float = 30.0) -> Job:
    return Job("fake", mechanism, 1.0, 1e-9, limit_seconds)


def test_a_peer_that_works_is_judged(table: Coded) -> None:
    result = run(fake("uniform"), table, 0, our_python())
    assert result.status == "ok"
    assert result.moved_cells == 0
    assert result.seconds is not None
    assert result.megabytes is not None
    assert result.megabytes > 5
    assert result.error1 is not None
    assert 0 < result.error1 < 0.2


@pytest.mark.parametrize(
    ("mechanism", "status"),
    [("broken", "failed in fit: ValueError: this peer always fails"), ("endless", "over 1 CPU s in fit")],
)
def test_a_peer_that_does_not_finish_is_a_row(table: Coded, tmp_path: Path, mechanism: str, status: str) -> None:
    result = run(fake(mechanism, 1.0), table, 0, our_python(), tmp_path / "logs")
    assert (result.status, result.error3, result.seconds) == (status, None, None)
    log = (tmp_path / "logs" / f"fake-{mechanism}-0.log").read_text()
    assert ("this peer always fails" in log) == (mechanism == "broken")


def test_an_interpreter_that_is_no_environment_is_a_row(table: Coded, tmp_path: Path) -> None:
    broken = tmp_path / "python"
    broken.write_text("#!/bin/sh\nexit 3\n")
    broken.chmod(0o755)
    assert run(fake("uniform"), table, 0, broken).status == "failed with exit code 3"


def test_a_comparison_goes_on_past_peers_that_fail(table: Coded) -> None:
    def python(peer: str) -> Path:
        if peer == "absent":
            raise InstallError("no such package")
        return our_python()

    jobs = [Job("absent", "mst", 1.0, 1e-9, 30.0), fake("broken"), fake("uniform")]
    results = list(command.compare(table, jobs, 2, python=python))
    assert [(result.label, result.status) for result in results] == [
        ("not private: resampled", "ok"),
        ("not private: resampled", "ok"),
        ("not private: independent", "ok"),
        ("not private: independent", "ok"),
        ("absent:mst", "not installed: no such package"),
        ("fake:broken", "failed in fit: ValueError: this peer always fails"),
        ("fake:uniform", "ok"),
        ("fake:uniform", "ok"),
    ]


def test_a_resumed_comparison_runs_only_what_is_missing(table: Coded, tmp_path: Path) -> None:
    def nothing_may_run(peer: str) -> Path:
        raise AssertionError(peer)

    first = list(command.compare(table, [fake("uniform")], 1, python=lambda peer: our_python()))
    path = tmp_path / "results.jsonl"
    path.write_text("".join(f"{result.line()}\n" for result in first))
    kept = command.read_results(path, table, 1.0)
    assert list(command.compare(table, [fake("uniform")], 1, kept, nothing_may_run)) == first == kept
    assert [json.loads(line)["epsilon"] for line in path.read_text().splitlines()] == [None, None, 1.0]
    assert all(result.epsilon is None for result in command.read_results(path, table, 2.0))


def test_references_bound_what_is_possible(table: Coded) -> None:
    resampled, independent = (reference(name, table, 0) for name in ("resampled", "independent"))
    assert resampled.error1 is not None
    assert independent.error1 is not None
    assert max(resampled.error1, independent.error1) < 0.15
    assert resampled.seconds is None


def test_peers_are_named_alone_or_with_a_mechanism() -> None:
    assert command.peer_jobs(["dpmm:mst", "opendp"]) == [("dpmm", "mst"), ("opendp", "mst"), ("opendp", "aim")]
    for unknown in ("dpmm:mts", "nobody"):
        with pytest.raises(ValueError, match="must be one of: dpmm:mst"):
            command.peer_jobs([unknown])
