"""How counting grows with rows, columns, codes of a column and processors; and what it would cost beyond.

All two-way marginals of a made-up Parquet file by the stream backend, each point in a process of its own. "read" is
decoding, checking and writing the private file; "count" is encoding and counting. Seconds are CPU seconds of all
threads, except for the processors, where they are seconds by the clock. `--svg FILE` draws the same.

Larger tables are computed and not measured: seconds = rows * (columns * read + pairs * count) / processors, with the
rates of the largest table measured; adding up the executors' counts and starting them comes on top.

    python benchmarks/growth.py [--largest 1e7] [--svg docs/explanation/growth.svg]
"""

from __future__ import annotations

import argparse
import itertools
import json
import math
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from dpsynth.markup import Markup, element

GROUP_ROWS = 1 << 20
ROWS, COLUMNS, CODES = 1_000_000, 15, 12


@dataclass(frozen=True)
class Point:
    """Seconds to read and to count all pairs of a table of this shape."""

    rows: int
    columns: int
    codes: int
    processors: int
    read: float
    count: float

    @property
    def pairs(self) -> int:
        """How many two-way marginals."""
        return math.comb(self.columns, 2)


def write(path: Path, rows: int, columns: int, codes: int) -> None:
    """Columns that hang on the one before, in row groups of a million rows."""
    import numpy as np
    import pyarrow as pa
    from pyarrow import parquet

    names = [f"c{place}" for place in range(columns)]
    kind = np.uint8 if codes <= 256 else np.uint16
    rng = np.random.default_rng(0)
    with parquet.ParquetWriter(path, pa.schema([(name, pa.from_numpy_dtype(kind)) for name in names])) as writer:
        for first in range(0, rows, GROUP_ROWS):
            count = min(GROUP_ROWS, rows - first)
            column, made = np.zeros(count, dtype=np.int64), {}
            for name in names:
                column = (column + rng.geometric(0.4, count)) % codes
                made[name] = column.astype(kind)
            writer.write_table(pa.table(made))


def counted(path: Path, columns: int, codes: int) -> dict[str, float]:
    """Seconds of the processor and by the clock, after packages and the kernel are loaded."""
    import numpy as np
    import pyarrow.dataset
    import pyarrow.parquet  # noqa: F401

    import dpsynth
    from dpsynth.codec.codec import Codec, closed_codec
    from dpsynth.privacy.randomness import OsEntropy
    from dpsynth.privacy.unit import PrivacyUnit
    from dpsynth.private.cover import plan_cover
    from dpsynth.private.ingest import RowsIn, ingest_with_pool
    from dpsynth.private.kernels import partial_counts
    from dpsynth.private.memory import MemoryCounter

    names = [f"c{place}" for place in range(columns)]
    schema = dpsynth.Schema([dpsynth.Categorical(name, values=range(codes)) for name in names])
    codec, pairs = Codec(tuple(map(closed_codec, schema.columns))), list(itertools.combinations(names, 2))
    found: dict[str, float] = {}
    some = {name: np.zeros(2, dtype=np.uint8) for name in names}
    partial_counts(some, codec.domain, plan_cover(codec.domain, pairs), compiled=True)  # loads the kernel
    small = {name: [place % codes for place in range(70_000)] for name in names}
    for data in (small, path):  # the first one loads what the second one needs
        start, clock = time.process_time(), time.perf_counter()
        table, _ = ingest_with_pool(data, schema, PrivacyUnit(), OsEntropy(), None, RowsIn.DISK)
        between, clock_between = time.process_time(), time.perf_counter()
        counter = MemoryCounter(table)
        counter.marginals(codec, pairs)
        found = {
            "read": between - start,
            "count": time.process_time() - between,
            "read clock": clock_between - clock,
            "count clock": time.perf_counter() - clock_between,
        }
        counter.close()
    return found


def measured(folder: Path, rows: int, columns: int, codes: int, processors: int = 0) -> Point:
    """One point; processors: how many the process is kept to, and then by the clock; 0 for all."""
    path = folder / f"{rows}-{columns}-{codes}.parquet"
    if not path.exists():
        write(path, rows, columns, codes)
    command = [sys.executable, __file__, "--child", str(path), str(columns), str(codes)]
    if processors:
        command = ["taskset", "--cpu-list", f"0-{processors - 1}", *command]
    found = json.loads(subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True).stdout)
    suffix = " clock" if processors else ""
    return Point(rows, columns, codes, processors, found[f"read{suffix}"], found[f"count{suffix}"])


def panel(title: str, label: str, points: Sequence[tuple[float, Point]], left: float) -> list[Markup]:
    """Nanoseconds for each row and pair, both axes logarithmic."""
    width, top, foot = 200.0, 46.0, 220.0
    xs = [math.log10(x) for x, _ in points]
    low, span = min(xs), max(max(xs) - min(xs), 1e-9)

    def across(x: float) -> float:
        return left + 44 + (width - 54) * (math.log10(x) - low) / span

    def down(nanoseconds: float) -> float:
        return foot - (foot - top) * (math.log10(min(max(nanoseconds, 0.1), 100.0)) + 1) / 3

    shape = [element("text", title, x=left + 44, y=24, font_weight="bold")]
    shape.append(element("text", label, x=left + 44, y=foot + 36))
    for power in range(-1, 3):
        y = down(10.0**power)
        shape.append(element("path", d=f"M{left + 44} {y:.0f}H{left + width}", stroke="#d0d0d0"))
        shape.append(element("text", f"{10.0**power:g}", x=left + 38, y=f"{y + 4:.0f}", text_anchor="end"))
    for x, _ in points:
        shape.append(element("text", f"{x:,.0f}" if x < 1e4 else f"1e{math.log10(x):.0f}", x=f"{across(x):.0f}",
                             y=foot + 18, text_anchor="middle"))  # fmt: skip
    for name, colour, dash in (("read", "#b35806", "5 3"), ("count", "#2166ac", "none")):
        line = [(across(x), down(1e9 * getattr(point, name) / point.rows / point.pairs)) for x, point in points]
        path = "M" + "L".join(f"{x:.1f} {y:.1f}" for x, y in line)
        shape.append(element("path", d=path, stroke=colour, stroke_width=2, fill="none", stroke_dasharray=dash))
        shape += [element("circle", cx=f"{x:.1f}", cy=f"{y:.1f}", r=3, fill=colour) for x, y in line]
    return shape


def drawing(panels: Sequence[tuple[str, str, Sequence[tuple[float, Point]]]]) -> str:
    """All panels in one picture."""
    words = "Nanoseconds for each row and pair of columns, to read a Parquet file (dashed) and to count (solid)"
    shape = [element("title", words), element("rect", width=220 * len(panels) + 10, height=290, fill="white")]
    for place, (title, label, points) in enumerate(panels):
        shape += panel(title, label, points, 220.0 * place)
    shape.append(element("text", f"{words}.", x=44, y=280))
    svg = element("svg", *shape, xmlns="http://www.w3.org/2000/svg", width=220 * len(panels) + 10, height=290,
                  role="img", font_family="sans-serif", font_size=11)  # fmt: skip
    return svg.html + "\n"


def main() -> None:
    """Measure, print, and draw if asked to."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--largest", type=float, default=1e7, help="rows of the largest table")
    parser.add_argument("--svg", type=Path, help="where to draw it")
    parser.add_argument("--child", nargs=3, help=argparse.SUPPRESS)
    asked = parser.parse_args()
    if asked.child:
        print(json.dumps(counted(Path(asked.child[0]), int(asked.child[1]), int(asked.child[2]))))
        return
    from dpsynth.processors import usable_processors

    panels: list[tuple[str, str, list[tuple[float, Point]]]] = []
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        sizes = [10**power for power in range(5, round(math.log10(asked.largest)) + 1)]
        series = {
            ("rows", "rows"): [(n, (n, COLUMNS, CODES)) for n in sizes],
            ("columns", f"columns, {ROWS:,} rows"): [(d, (ROWS, d, CODES)) for d in (10, 20, 50, 100, 200)],
            ("codes", f"codes of a column, {ROWS:,} rows"): [(s, (ROWS, COLUMNS, s)) for s in (2, 8, 32, 128, 512)],
            ("processors", f"processors, {10 * ROWS:,} rows"): [
                (p, (10 * ROWS, COLUMNS, CODES, p)) for p in range(1, usable_processors() + 1)
            ],
        }
        print(f"{'rows':>12} {'columns':>8} {'codes':>6} {'processors':>11} {'read s':>8} {'count s':>8} "
              f"{'ns/row/pair: read':>18} {'count':>7}")  # fmt: skip
        for (title, label), shapes in series.items():
            points = []
            for x, shape in shapes:
                point = measured(folder, *shape)
                points.append((float(x), point))
                each = 1e9 / point.rows / point.pairs
                print(f"{point.rows:>12,} {point.columns:>8} {point.codes:>6} {point.processors or 'all':>11} "
                      f"{point.read:8.2f} {point.count:8.2f} {point.read * each:18.3f} {point.count * each:7.3f}",
                      flush=True)  # fmt: skip
            panels.append((title, label, points))
    largest = panels[0][2][-1][1]
    read, count = largest.read / largest.rows / largest.columns, largest.count / largest.rows / largest.pairs
    for rows, processors in ((10**9, 16), (10**10, 400)):
        seconds = rows * (COLUMNS * read + math.comb(COLUMNS, 2) * count) / processors
        print(f"computed, not measured: {rows:,} rows x {COLUMNS} columns on {processors} processors: {seconds:.0f} s")
    if asked.svg:
        asked.svg.write_text(drawing(panels), encoding="utf-8")


if __name__ == "__main__":
    main()
