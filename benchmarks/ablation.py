"""What each idea of `mosaic` brings: the default without it, on the coded census table of the papers.

Every row is a fresh process on one thread with several seeds; medians over the seeds, and the standard
deviation of the error of triples. Needs the shared data sets beside the checkout (or DPSYNTH_SHARED), and
says so where they are absent.

    python benchmarks/ablation.py [--epsilon 1] [--seeds 5]
"""

from __future__ import annotations

import argparse
import importlib
import json
import os
import subprocess
import sys
from statistics import median, pstdev
from typing import Any

from adult import DELTA, TARGET, run_one
from shared import ABSENT, ROOT, SHARED

COLUMNS = ("tvd1", "tvd2", "tvd3", "tstr_auc", "seconds")
# Name -> constants of the module that are replaced, and settings.
VARIANTS: dict[str, tuple[dict[str, Any], dict[str, Any]]] = {
    "mosaic": ({}, {}),
    "one resolution a column": ({"_LEVEL_GROUPS": ()}, {}),
    "two resolutions (8 groups and own codes)": ({"_LEVEL_GROUPS": (8,)}, {}),
    "pairs only": ({}, {"workload": "2"}),
    "one round": ({}, {"rounds": 1}),
    "no final shot (rounds spend all but 1 %)": ({}, {"round_share": 0.74}),
    "no noise penalty": ({}, {"noise_penalty": 0}),
    "one draw, neither averaged nor settled": ({"settle_records": lambda *given: 0}, {}),
    "cold records (temperature 0.05)": ({}, {"temperature": 0.05}),
    "hot records (temperature 6)": ({}, {"temperature": 6}),
    "one_way_share .1": ({}, {"one_way_share": 0.1}),
    "one_way_share .45": ({}, {"one_way_share": 0.45}),
    "label named": ({}, {"workload": f"3;label={TARGET}"}),
}


def run_variant(name: str, epsilon: float, seeds: int) -> list[dict[str, float]]:
    """All seeds of one variant."""
    constants, settings = VARIANTS[name]
    module = importlib.import_module("dpsynth.synthesizers.mosaic")
    for constant, value in constants.items():
        if not hasattr(module, constant):
            raise AttributeError(f"{constant} must be in the module of mosaic")
        setattr(module, constant, value)
    return run_one("mosaic", epsilon, seeds, settings)


def main() -> int:
    """Print the table; in a worker process, print the results of one variant as JSON."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--epsilon", type=float, default=1.0)
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--worker", help=argparse.SUPPRESS)
    asked = parser.parse_args()
    if not (SHARED / "bench" / "metrics.py").is_file():
        print(f"skipped: {ABSENT}")
        return 0
    if asked.worker:
        print(json.dumps(run_variant(asked.worker, asked.epsilon, asked.seeds)))
        return 0
    threads = dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "NUMBA_NUM_THREADS"), "1")
    print(f"epsilon {asked.epsilon:g}, delta {DELTA:g}, {asked.seeds} seeds, medians")
    print(f"{'':<44}" + "".join(f"{column:>10}" for column in COLUMNS) + f"{'sd tvd3':>10}", flush=True)
    for name in VARIANTS:
        command = [sys.executable, __file__, "--worker", name, "--epsilon", str(asked.epsilon)]
        done = subprocess.run(
            [*command, "--seeds", str(asked.seeds)],
            env={**os.environ, **threads, "PYTHONPATH": str(ROOT)},
            stdout=subprocess.PIPE,
            check=True,
            text=True,
        )
        runs = json.loads(done.stdout.splitlines()[-1])
        cells = "".join(f"{median(run[column] for run in runs):>10.4f}" for column in COLUMNS)
        print(f"{name:<44}{cells}{pstdev(run['tvd3'] for run in runs):>10.4f}", flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
