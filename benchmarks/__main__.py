"""Print the benchmark tables: `python -m benchmarks [name ...]`, all of them by default."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent
NAMES = (
    "startup",
    "noise",
    "counting",
    "streams",
    "models",
    "adult",
    "raw_adult",
    "constraints",
    "fairness",
    "binning",
    "audit",
    "recompute",
    "audit_coverage",
    "error_bars",
    "audit_controls",
    "audit_speed",
    "twin_audit",
    "membership_strength",
    "attribute_inference",
    "singling_out",
)


def main(names: list[str]) -> int:
    """Run each benchmark in a process of its own; the exit code is the number of those that failed."""
    unknown = sorted(set(names) - set(NAMES))
    if unknown:
        print(f"benchmark ({', '.join(unknown)}) must be one of: {', '.join(NAMES)}", file=sys.stderr)
        return 2
    failed = []
    for name in names or NAMES:
        print(f"\n== {name} ==", flush=True)
        if subprocess.run([sys.executable, str(HERE / f"{name}.py")], cwd=HERE.parent, check=False).returncode:
            failed.append(name)
    if failed:
        print(f"\nfailed: {', '.join(failed)}", file=sys.stderr)
    return len(failed)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
