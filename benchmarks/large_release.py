"""A whole release of a Parquet file larger than memory: where the time goes, and what the peak of memory is.

The release is made in a fresh process, from the file to the directory that is written, with every synthetic row. A
stage lasts from the line of progress that names it to the next one. `--rows` of 1e8 is a table of 12 GB as 64-bit
numbers. For no more than SMALL_ROWS the same release is made in memory too, from the same randomness: its noisy
numbers must be the same.

    python benchmarks/large_release.py [--rows 1e8] [--synthesizer auto] [--file kept.parquet]
"""

from __future__ import annotations

import argparse
import itertools
import json
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from counting import ADULT_SIZES
from streams import NAMES, write

BAR_SECONDS, BAR_MEGABYTES = 240.0, 3000.0
SMALL_ROWS = 10**7


def schema() -> Any:
    """The public facts of the table."""
    import dpsynth

    return dpsynth.Schema(
        [dpsynth.Categorical(name, values=range(size)) for name, size in zip(NAMES, ADULT_SIZES, strict=True)]
    )


def whole_release(path: Path, synthesizer: str, out: Path) -> dict[str, Any]:
    """Stages with their seconds by the clock and of the processor, and the peak memory in MB."""
    from pyarrow import parquet

    import dpsynth

    marks: list[tuple[str, float, float]] = []

    def progress(stage: str, fraction: float) -> None:
        if not marks or marks[-1][0] != stage:
            marks.append((stage, time.perf_counter(), time.process_time()))

    plan = dpsynth.plan(schema(), epsilon=1.0, delta=1e-9, synthesizer=synthesizer)
    told = dpsynth.forecast_resources(plan, len(NAMES), parquet.read_metadata(path).num_rows).to_json()
    progress("start", 0.0)
    settings = {"rows_in": "disk"}
    made = dpsynth.synthesize(
        path, schema(), epsilon=1.0, delta=1e-9, synthesizer=synthesizer, settings=settings, progress=progress
    )
    progress("drawing and writing", 0.0)
    made.save(out)
    progress("end", 1.0)
    stages = [(name, after[1] - clock, after[2] - work) for (name, clock, work), after in itertools.pairwise(marks)]
    return {
        "stages": stages,
        "wall": marks[-1][1] - marks[0][1],
        "cpu": marks[-1][2] - marks[0][2],
        "megabytes": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024,
        "written": sum(file.stat().st_size for file in out.iterdir()) / 1e6,
        "synthesizer": made.certificate.synthesizer,
        "rows": made.rows,
        "forecast": told,
    }


def measured_alike(path: Path, synthesizer: str) -> bool:
    """Whether the stream and the memory give the same noisy numbers from the same randomness."""
    from dpsynth.engine import release, settle
    from dpsynth.privacy.randomness import InsecureTestEntropy

    found = []
    for place in ("disk", "memory"):
        asked = settle(schema(), epsilon=1.0, delta=1e-9, synthesizer=synthesizer, settings={"rows_in": place})
        found.append(release(path, asked, InsecureTestEntropy(0), rows=0, seed=0).measurements)
    one, other = found
    return len(one) == len(other) and all(
        first.clique == second.clique and (first.values == second.values).all()
        for first, second in zip(one, other, strict=True)
    )


def report(path: Path, rows: int, synthesizer: str) -> None:
    """Print the table, and whether the bars are met."""
    with tempfile.TemporaryDirectory() as folder:
        command = [sys.executable, __file__, "--child", folder, "--file", str(path), "--synthesizer", synthesizer]
        found = json.loads(subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True).stdout)
    print(f"{rows:,} rows x {len(NAMES)} columns; {found['synthesizer']}; {found['rows']:,} synthetic rows written, "
          f"{found['written']:.0f} MB")  # fmt: skip
    print(f"{'':<40} {'seconds':>8} {'CPU s':>8}")
    for name, clock, work in found["stages"]:
        if clock >= 0.01 * found["wall"]:
            print(f"{name[:40]:<40} {clock:8.1f} {work:8.1f}")
    known = found["forecast"]
    told = {"read": known["read_seconds"], "write": known["write_seconds"]}
    told["all between"] = known["count_seconds"] + known["fit_seconds"]
    actual = {"read": 0.0, "write": 0.0, "all between": 0.0}
    for name, clock, _ in found["stages"]:
        actual[{"reading the table": "read", "drawing and writing": "write"}.get(name, "all between")] += clock
    print("forecast beside actual: " + "; ".join(f"{name} {told[name]:.0f} / {actual[name]:.0f} s" for name in told)
          + f"; memory {known['memory_bytes'] / 1e6:.0f} / {found['megabytes']:.0f} MB; release "
          f"{known['release_bytes'] / 1e6:.0f} / {found['written']:.0f} MB")  # fmt: skip
    print(f"{'all':<40} {found['wall']:8.1f} {found['cpu']:8.1f}   peak {found['megabytes']:.0f} MB")
    bars = {
        f"{found['wall']:.0f} <= {BAR_SECONDS:.0f} s for 1e8 rows": found["wall"] <= BAR_SECONDS,
        f"{found['megabytes']:.0f} <= {BAR_MEGABYTES:.0f} MB": found["megabytes"] <= BAR_MEGABYTES,
    }
    if rows <= SMALL_ROWS:
        bars["the same noisy numbers as in memory"] = measured_alike(path, synthesizer)
    for bar, met in bars.items():
        print(f"bar {'met' if met else 'MISSED'}: {bar}")


def main() -> None:
    """Write the file unless it is given, and measure."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=float, default=1e7)
    parser.add_argument("--synthesizer", default="auto")
    parser.add_argument("--file", type=Path, help="kept and used again when it exists; by default a temporary one")
    parser.add_argument("--child", type=Path, help=argparse.SUPPRESS)
    asked = parser.parse_args()
    if asked.child:
        print(json.dumps(whole_release(asked.file, asked.synthesizer, asked.child / "release")))
        return
    with tempfile.TemporaryDirectory() as folder:
        path = asked.file or Path(folder) / "rows.parquet"
        if not path.exists():
            write(path, int(asked.rows))
        report(path, int(asked.rows), asked.synthesizer)


if __name__ == "__main__":
    main()
