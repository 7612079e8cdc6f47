"""How long a user waits before anything happens: import and --help, each in fresh processes.

The minimum over the repeats, in wall and CPU seconds, and the CPU time as a multiple of `import numpy`'s.
"""

from __future__ import annotations

import resource
import subprocess
import sys
import time
from pathlib import Path

REPEATS = 7
ROOT = Path(__file__).resolve().parents[1]
# What is run, and the wall seconds we promise.
CASES: dict[str, tuple[list[str], float | None]] = {
    "python": (["-c", "pass"], None),
    "import numpy": (["-c", "import numpy"], None),
    "import dpsynth": (["-c", "import dpsynth"], 1.0),
    "dpsynth --help": (["-c", "from dpsynth.cli import main; main()", "--help"], 1.2),
}


def seconds(arguments: list[str]) -> tuple[float, float]:
    """Wall and CPU seconds of one fresh interpreter."""
    before, start = resource.getrusage(resource.RUSAGE_CHILDREN), time.perf_counter()
    subprocess.run([sys.executable, *arguments], cwd=ROOT, stdout=subprocess.DEVNULL, check=True)
    wall, after = time.perf_counter() - start, resource.getrusage(resource.RUSAGE_CHILDREN)
    return wall, after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def main() -> None:
    """Print the table. The repeats go round the cases, so that a slow moment does not hit one case alone."""
    runs: dict[str, list[tuple[float, float]]] = {case: [] for case in CASES}
    for _ in range(REPEATS):
        for case, (arguments, _limit) in CASES.items():
            runs[case].append(seconds(arguments))
    numpy_cpu = min(cpu for _, cpu in runs["import numpy"])
    print(f"{'minimum over ' + str(REPEATS):<18} {'wall s':>8} {'CPU s':>8} {'x numpy':>8} {'at most':>8}")
    for case, (_, limit) in CASES.items():
        wall, cpu = min(wall for wall, _ in runs[case]), min(cpu for _, cpu in runs[case])
        promise = "" if limit is None else f"{limit:.1f}"
        print(f"{case:<18} {wall:8.3f} {cpu:8.3f} {cpu / max(numpy_cpu, 1e-9):8.2f} {promise:>8}")


if __name__ == "__main__":
    main()
