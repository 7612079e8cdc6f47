"""Runs: one synthesizer, one seed, in a fresh process with one thread and limits; what came of it, failed or not."""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.compare import metrics
from benchmarks.compare.data import Coded, Codes
from benchmarks.shared import ROOT
from dpsynth.evaluation.marginals import marginal_errors

WORKER = Path(__file__).with_name("worker.py")
ONE_THREAD = dict.fromkeys(
    ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "NUMBA_NUM_THREADS", "POLARS_MAX_THREADS"), "1"
)
WALL_FACTOR = 6.0  # a run may take so many times its CPU limit by the clock: other work may share the machine
WALL_EXTRA = 300.0  # seconds for imports, which the CPU limit leaves out


@dataclass(frozen=True)
class Job:
    """What to run: `ours`, a peer's name, or `not private` for a reference."""

    peer: str
    mechanism: str
    epsilon: float
    delta: float
    limit_seconds: float

    @property
    def label(self) -> str:
        """As it is written in a command and in the table."""
        return f"{self.peer}:{self.mechanism}"


@dataclass(frozen=True)
class Result:
    """One run: times in CPU seconds of fit and sample, peak MB of the process, and the metrics where it finished."""

    label: str
    data: str
    epsilon: float | None
    seed: int
    status: str
    seconds: float | None = None
    megabytes: float | None = None
    error1: float | None = None
    error2: float | None = None
    error3: float | None = None
    error4: float | None = None
    error5: float | None = None
    auc: float | None = None
    nist: float | None = None
    fit_seconds: float | None = None
    wall_seconds: float | None = None
    import_seconds: float | None = None
    moved_cells: int | None = None
    versions: dict[str, str] | None = None

    def line(self) -> str:
        """The result as a line of JSON."""
        return json.dumps(asdict(self))


def run(job: Job, table: Coded, seed: int, python: Path, logs: Path | None = None) -> Result:
    """Run one job in a process of its own and judge its rows; what a run that failed had printed is kept in `logs`."""
    with tempfile.TemporaryDirectory(prefix="dpsynth-compare-") as name:
        folder = Path(name)
        np.savez(folder / "train.npz", **_by_number(table.train))
        request = {**asdict(job), "seed": seed, "rows": table.rows, "domain": table.domain}
        (folder / "request.json").write_text(json.dumps(request))
        status = _finish(job, folder, python)
        report = json.loads((folder / "report.json").read_text()) if (folder / "report.json").is_file() else {}
        kept = ("seconds", "megabytes", "fit_seconds", "wall_seconds", "import_seconds", "moved_cells", "versions")
        result = Result(job.label, table.name, job.epsilon, seed, status, **{key: report.get(key) for key in kept})
        if status != "ok":
            if logs is not None:
                logs.mkdir(parents=True, exist_ok=True)
                shutil.copy(folder / "output.log", logs / f"{job.peer}-{job.mechanism}-{seed}.log")
            return result
        with np.load(folder / "synthetic.npz") as arrays:
            synthetic = {column: arrays[f"column{index}"] for index, column in enumerate(table.domain)}
    return judged(result, table, synthetic)


def reference(mechanism: str, table: Coded, seed: int) -> Result:
    """A row that is not private: `resampled` (real rows drawn again) or `independent` (exact one-column marginals)."""
    rng = np.random.default_rng(seed)
    rows = rng.integers(0, table.rows, table.rows)
    synthetic = {
        name: codes[rows] if mechanism == "resampled" else rng.choice(codes, table.rows)
        for name, codes in table.train.items()
    }
    return judged(Result(f"not private: {mechanism}", table.name, None, seed, "ok"), table, synthetic)


def judged(result: Result, table: Coded, synthetic: Codes) -> Result:
    """The result with its metrics."""
    values: dict[str, Any] = marginal_errors(table.train, synthetic, table.domain)
    if table.target is not None:
        values["auc"] = metrics.classifier_auc(synthetic, table.test, table.domain, table.target)
    if table.name.startswith("nist-acs"):
        values["nist"] = metrics.nist_score(table.train, synthetic, table.domain)
    return replace(result, **values)


def _by_number(table: Codes) -> dict[str, Any]:
    """Arrays under names that no column name can upset."""
    return {f"column{index}": codes for index, codes in enumerate(table.values())}


def _finish(job: Job, folder: Path, python: Path) -> str:
    """Run the worker to its end and say how it ended; the process and its children are gone afterwards."""
    environment = {**os.environ, **ONE_THREAD}
    environment["PYTHONPATH"] = str(ROOT) if job.peer == "ours" else ""
    with (folder / "output.log").open("w") as output:
        process = subprocess.Popen(
            [str(python), str(WORKER), str(folder)],
            env=environment,
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
        try:
            code = process.wait(timeout=job.limit_seconds * WALL_FACTOR + WALL_EXTRA)
        except subprocess.TimeoutExpired:
            return _ended(folder, f"over {job.limit_seconds * WALL_FACTOR:,.0f} s by the clock")
        finally:
            _end_group(process)
    return status_of(code, folder, job.limit_seconds)


def status_of(code: int, folder: Path, limit_seconds: float) -> str:
    """How a worker with this exit code ended: ok, failed in a stage, over its limit, or ended by a signal."""
    if code == -getattr(signal, "SIGXCPU", 24):
        return _ended(folder, f"over {limit_seconds:,.0f} CPU s")
    if code < 0:
        memory = ", out of memory?" if code == -9 else ""
        return _ended(folder, f"ended by signal {-code}{memory}")
    path = folder / "report.json"
    status = str(json.loads(path.read_text())["status"]) if path.is_file() else "running"
    return f"failed with exit code {code}" if status == "running" else status


def _ended(folder: Path, how: str) -> str:
    path = folder / "report.json"
    stage = json.loads(path.read_text())["stage"] if path.is_file() else "start"
    return f"{how} in {stage}"


def _end_group(process: subprocess.Popen[bytes]) -> None:
    """End what the worker may have left running; it leads a process group of its own."""
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()


def our_python() -> Path:
    """The interpreter that runs this program: dpsynth is installed for it."""
    return Path(sys.executable)
