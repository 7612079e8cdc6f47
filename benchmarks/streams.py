"""Counting a Parquet file larger than memory: all two-way marginals of rows on disk, beside DuckDB and Polars.

Every way runs in a process of its own, one after the other, so that its peak memory is its own. Seconds are CPU seconds
of all threads, which are those of one core, whatever the machine does besides. The rivals count some of the pairs, one
group-by for each, and are scaled up, as their lines say. Writing the file takes constant memory: a row group at a time.

"with decoding" is, once packages and the kernel are loaded, everything from opening the file to the marginals:
decoding, checking every rule of the schema, writing the rows to the private file, encoding, counting. "once encoded" is
what each further round costs.
"""

from __future__ import annotations

import argparse
import importlib.util
import itertools
import json
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from counting import ADULT_SIZES, skewed_table

BAR_DECODING, BAR_ENCODED, BAR_MEGABYTES, BAR_RIVALS = 2.8, 1.2, 1200.0, 8.0
GROUP_ROWS = 1 << 20
TIMED_PAIRS = 15
NAMES = [f"c{place}" for place in range(len(ADULT_SIZES))]
PAIRS = list(itertools.combinations(NAMES, 2))
SOME_PAIRS = PAIRS[:: len(PAIRS) // TIMED_PAIRS]
Result = dict[str, float]


def write(path: Path, rows: int) -> None:
    """A skewed and correlated table of small integers, zstd, in row groups of a million rows."""
    import pyarrow as pa
    from pyarrow import parquet

    with parquet.ParquetWriter(path, pa.schema(dict.fromkeys(NAMES, pa.uint8())), compression="zstd") as writer:
        for first in range(0, rows, GROUP_ROWS):
            columns, _ = skewed_table(ADULT_SIZES, min(GROUP_ROWS, rows - first), seed=first)
            writer.write_table(pa.table(columns))


def ours(path: Path) -> Result:
    """The stream backend: ingest and all pairs, then all pairs once more from the codes."""
    import pyarrow.dataset
    import pyarrow.parquet  # noqa: F401 - loaded before the clock starts, as the rivals are

    import dpsynth
    from dpsynth.codec.codec import Codec, closed_codec
    from dpsynth.privacy.randomness import OsEntropy
    from dpsynth.privacy.unit import PrivacyUnit
    from dpsynth.private.cover import plan_cover
    from dpsynth.private.ingest import RowsIn, ingest_with_pool
    from dpsynth.private.kernels import partial_counts
    from dpsynth.private.memory import MemoryCounter

    schema = dpsynth.Schema(
        [dpsynth.Categorical(name, values=range(size)) for name, size in zip(NAMES, ADULT_SIZES, strict=True)]
    )
    codec = Codec(tuple(map(closed_codec, schema.columns)))
    before = time.process_time()
    some, domain = skewed_table(ADULT_SIZES, 2)
    partial_counts(some, domain, plan_cover(domain, PAIRS), compiled=True)
    MemoryCounter(ingest_with_pool(some, schema, PrivacyUnit(), OsEntropy(), None, RowsIn.DISK)[0]).close()
    start, wall = time.process_time(), time.perf_counter()
    table, _ = ingest_with_pool(path, schema, PrivacyUnit(), OsEntropy(), None, RowsIn.DISK)
    taken_in = time.process_time()
    counter = MemoryCounter(table)
    first = counter.marginals(codec, PAIRS)
    counted, waited = time.process_time(), time.perf_counter()
    counter._kept.clear()  # so that it counts again
    again = counter.marginals(codec, PAIRS)
    assert all((first[pair] == again[pair]).all() for pair in PAIRS)
    result = {
        "loading": start - before,
        "decoding": counted - start,
        "ingest": taken_in - start,
        "encoded": time.process_time() - counted,
        "wall": waited - wall,
        "check": float(sum(int(first[pair].max()) for pair in SOME_PAIRS)),
    }
    counter.close()
    return result


def duckdb(path: Path) -> Result:
    """One GROUP BY for each of some pairs."""
    import duckdb as engine

    connection = engine.connect()
    start, check = time.process_time(), 0
    for first, second in SOME_PAIRS:
        query = f"SELECT count(*) FROM read_parquet('{path}') GROUP BY {first}, {second}"
        check += max(count for (count,) in connection.execute(query).fetchall())
    return {"decoding": (time.process_time() - start) * len(PAIRS) / len(SOME_PAIRS), "check": float(check)}


def polars(path: Path) -> Result:
    """One group-by for each of some pairs, in one streaming collect_all."""
    import polars as engine

    start = time.process_time()
    scan = engine.scan_parquet(path)
    tables = engine.collect_all([scan.group_by(list(pair)).len() for pair in SOME_PAIRS], engine="streaming")
    check = sum(int(table["len"].max()) for table in tables)  # type: ignore[arg-type]
    return {"decoding": (time.process_time() - start) * len(PAIRS) / len(SOME_PAIRS), "check": float(check)}


WAYS = {"dpsynth": ours, "duckdb": duckdb, "polars": polars}


def measured(way: str, path: Path) -> Result:
    """What a fresh process measures, and its peak memory in MB."""
    command = [sys.executable, __file__, "--way", way, "--file", str(path)]
    answer: Result = json.loads(subprocess.run(command, capture_output=True, text=True, check=True).stdout)
    return answer


def report(path: Path, rows: int) -> None:
    """Print the table, and whether the bars are met."""
    ways = [way for way in WAYS if way == "dpsynth" or importlib.util.find_spec(way)]
    found = {way: measured(way, path) for way in ways}
    assert len({result["check"] for result in found.values()}) == 1, "all ways must count the same"
    own = found["dpsynth"]
    per_pair = 1e9 / rows / len(PAIRS)
    print(f"{rows:,} rows x {len(NAMES)} columns, {path.stat().st_size / 1e6:.0f} MB of Parquet, {len(PAIRS)} pairs")
    print(f"{'':<42} {'CPU s':>8} {'ns/row/pair':>12} {'peak MB':>8} {'x dpsynth':>10}")
    lines = [
        ("dpsynth with decoding", own["decoding"], own["megabytes"]),
        ("  of it decoding, checking, writing", own["ingest"], own["megabytes"]),
        ("dpsynth once encoded", own["encoded"], own["megabytes"]),
    ]
    lines += [
        (f"{way} group-bys ({len(SOME_PAIRS)} pairs, scaled)", found[way]["decoding"], found[way]["megabytes"])
        for way in ways
        if way != "dpsynth"
    ]
    for name, seconds, megabytes in lines:
        print(
            f"{name:<42} {seconds:8.2f} {seconds * per_pair:12.3f} {megabytes:8.0f} {seconds / own['decoding']:10.2f}"
        )
    print(
        f"with decoding: {own['wall']:.1f} s by the clock; loading packages and the kernel once: {own['loading']:.1f} s"
    )
    bars = {
        f"{own['decoding'] * per_pair:.2f} <= {BAR_DECODING} ns with decoding": own["decoding"] * per_pair
        <= BAR_DECODING,
        f"{own['encoded'] * per_pair:.2f} <= {BAR_ENCODED} ns once encoded": own["encoded"] * per_pair <= BAR_ENCODED,
        f"{own['megabytes']:.0f} <= {BAR_MEGABYTES:.0f} MB": own["megabytes"] <= BAR_MEGABYTES,
    }
    for way in ways[1:]:
        ratio = found[way]["decoding"] / own["decoding"]
        bars[f"{ratio:.1f} >= {BAR_RIVALS:.0f} x {way}"] = ratio >= BAR_RIVALS
    for bar, met in bars.items():
        print(f"bar {'met' if met else 'MISSED'}: {bar}")


def main() -> None:
    """Write the file unless it is given, and measure each way."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=float, default=1e7)
    parser.add_argument("--file", type=Path, help="kept and used again when it exists; by default a temporary one")
    parser.add_argument("--way", choices=WAYS, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.way:
        result = WAYS[arguments.way](arguments.file)
        result["megabytes"] = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
        print(json.dumps(result))
        return
    rows = int(arguments.rows)
    with tempfile.TemporaryDirectory() as folder:
        path = arguments.file or Path(folder) / "rows.parquet"
        if not path.exists():
            write(path, rows)
        report(path, rows)


if __name__ == "__main__":
    main()
