"""How long the gate takes: one whole command on a release of 1,000,000 rows x 15 columns, beside `sha256sum`.

The release is signed and charged to a ledger; the policy asks for both, for utility, for columns and for rows. Each
command runs in a process of its own; minimum over the repeats. The bar: 1.5 seconds. The last lines say where the time
goes: Python with its imports, and the same gate on a release of 1,000 rows.

    python benchmarks/gate.py [--rows 1000000] [--columns 15] [--repeats 5]
"""

from __future__ import annotations

import argparse
import hashlib
import os
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np

import dpsynth
from dpsynth.gate.policy import today
from dpsynth.keys import new_key_pair, read_private_key
from dpsynth.ledger.ledger import Ledger
from dpsynth.release.signing import sign

ROOT = Path(__file__).resolve().parents[1]
LIMIT_SECONDS = 1.5
GATE = "import typer; from dpsynth.cli.gate import gate; typer.run(gate)"
IMPORTS = "import typer, dpsynth.gate.decision, dpsynth.release.verify, pyarrow.parquet"
POLICY = """\
format: dpsynth-policy
version: 1
name: benchmark
expires: {expires}
rules:
  epsilon: {{at_most: 1.0, at_delta: 1.0e-6}}
  signature: {{needed: required}}
  ledger: {{needed: required}}
  audit: {{needed: optional}}
  utility: {{mean_tvd_at_most: 0.5}}
  columns: {{denied: ["*ssn*"]}}
  rows: {{at_most: 10000000}}
"""


def made(place: Path, rows: int, columns: int) -> Path:
    """A release with so many rows: a third of the columns numbers, the others categories."""
    rng = np.random.default_rng(0)
    schema = dpsynth.Schema(
        [
            dpsynth.Numeric(f"c{each}", lower=0, upper=1000, decimals=1)
            if each % 3 == 0
            else dpsynth.Categorical(f"c{each}", values=[f"level {level}" for level in range(2 + each)])
            for each in range(columns)
        ]
    )
    table = {
        f"c{each}": rng.integers(0, 10000, 5000) / 10
        if each % 3 == 0
        else np.array([f"level {level}" for level in rng.integers(0, 2 + each, 5000)])
        for each in range(columns)
    }
    directory = place / f"release-{rows}"
    release = dpsynth.synthesize(
        table, schema, epsilon=1, delta=1e-6, synthesizer="mst", rows=rows, ledger=place / "ledger.db"
    )
    sign(release.save(directory), read_private_key(place / "key.pem"))
    return directory


def seconds(command: list[str]) -> tuple[float, float]:
    """Wall and CPU seconds of one command."""
    before, start = resource.getrusage(resource.RUSAGE_CHILDREN), time.perf_counter()
    subprocess.run(
        command, cwd=ROOT, stdout=subprocess.DEVNULL, check=True, env={**os.environ, "PYTHONPATH": str(ROOT)}
    )
    wall, after = time.perf_counter() - start, resource.getrusage(resource.RUSAGE_CHILDREN)
    return wall, after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def hashed(directory: Path) -> float:
    """CPU seconds of SHA-256 over all files, in this process: what the gate cannot do without."""
    start = time.process_time()
    for path in sorted(directory.iterdir()):
        with path.open("rb") as stream:
            hashlib.file_digest(stream, "sha256")
    return time.process_time() - start


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=1_000_000)
    parser.add_argument("--columns", type=int, default=15)
    parser.add_argument("--repeats", type=int, default=5)
    chosen = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        place = Path(folder)
        Ledger.init(place / "ledger.db", (8.0, 1e-6)).close()
        new_key_pair(place / "key.pem")
        (place / "policy.yaml").write_text(POLICY.format(expires=today()))
        large, small = (made(place, rows, chosen.columns) for rows in (chosen.rows, 1000))
        options = ["--policy", str(place / "policy.yaml"), "--ledger", str(place / "ledger.db")]
        options += ["--key", str(place / "key.pub.pem")]
        cases = {
            "sha256sum of the files": ["sha256sum", *map(str, sorted(large.iterdir()))],
            "dpsynth gate": [sys.executable, "-c", GATE, str(large), *options],
            "dpsynth gate, 1,000 rows": [sys.executable, "-c", GATE, str(small), *options],
            "Python with imports": [sys.executable, "-c", IMPORTS],
        }
        runs: dict[str, list[tuple[float, float]]] = {case: [] for case in cases}
        for _ in range(chosen.repeats):
            for case, command in cases.items():
                runs[case].append(seconds(command))
        size = sum(path.stat().st_size for path in large.iterdir())
        base = min(cpu for _, cpu in runs["sha256sum of the files"])
        print(
            f"{chosen.rows:,} rows x {chosen.columns} columns, {size / 1e6:.0f} MB; hashlib {hashed(large):.3f} CPU s"
        )
        print(
            f"{'minimum over ' + str(chosen.repeats):<26} {'wall s':>8} {'CPU s':>8} {'x sha256sum':>12} {'at most':>8}"
        )
        for case, found in runs.items():
            wall, cpu = min(wall for wall, _ in found), min(cpu for _, cpu in found)
            limit = f"{LIMIT_SECONDS:.1f}" if case == "dpsynth gate" else ""
            print(f"{case:<26} {wall:8.3f} {cpu:8.3f} {cpu / max(base, 1e-9):12.2f} {limit:>8}")


if __name__ == "__main__":
    main()
