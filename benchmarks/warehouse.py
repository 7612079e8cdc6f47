"""Counting a table where it lies: all two-way marginals of a table of DuckDB, or of one in PostgreSQL.

"taken in" is the one statement that reads the table, and the check of its rules; "encoded" is done once for each codec.
The group-bys in comparison are those that a steward would write, some of them, scaled up. Seconds are CPU seconds of
this process for DuckDB, which works in it, and seconds by the clock for PostgreSQL, which does not. A PostgreSQL server
is given by --url; the table `dpsynth_benchmark` is made there and dropped.
"""

from __future__ import annotations

import argparse
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from counting import ADULT_SIZES, skewed_table
from streams import NAMES, PAIRS, SOME_PAIRS

import dpsynth
from dpsynth.codec.codec import Codec, closed_codec
from dpsynth.privacy.randomness import OsEntropy
from dpsynth.privacy.unit import PrivacyUnit
from dpsynth.private.warehouse.address import Warehouse
from dpsynth.private.warehouse.counter import WarehouseCounter

TABLE = "dpsynth_benchmark"


def in_duckdb(rows: int, folder: str) -> Warehouse:
    """A skewed and correlated table of small integers in a file."""
    import duckdb
    import pyarrow as pa

    path = Path(folder) / "rows.duckdb"
    with duckdb.connect(str(path)) as connection:
        connection.register("made", pa.table(skewed_table(ADULT_SIZES, rows)[0]))
        connection.execute(f"CREATE TABLE {TABLE} AS SELECT * FROM made")
    return Warehouse(f"duckdb:///{path}", TABLE)


def in_postgres(rows: int, url: str) -> Warehouse:
    """The same table on a server."""
    import psycopg

    columns, _ = skewed_table(ADULT_SIZES, rows)
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute(f"CREATE TABLE {TABLE} ({', '.join(f'{name} smallint' for name in NAMES)})")
        with connection.cursor().copy(f"COPY {TABLE} FROM STDIN") as copy:
            for row in zip(*(columns[name].tolist() for name in NAMES), strict=True):
                copy.write_row(row)
    return Warehouse(url, TABLE)


def timed(name: str, rows: int, clock: Callable[[], float], job: Callable[[], Any], scale: float = 1.0) -> Any:
    """What a job gives; prints its seconds, and nanoseconds for each row and pair."""
    start = clock()
    made = job()
    seconds = (clock() - start) * scale
    print(f"{name:<42} {seconds:8.2f} s {seconds * 1e9 / rows / len(PAIRS):10.2f} ns/row/pair")
    return made


def report(warehouse: Warehouse, rows: int, clock: Callable[[], float]) -> None:
    """Take in, encode, count, count again, and group by in comparison."""
    schema = dpsynth.Schema(
        [dpsynth.Categorical(name, values=range(size)) for name, size in zip(NAMES, ADULT_SIZES, strict=True)]
    )
    codec = Codec(tuple(map(closed_codec, schema.columns)))
    counter = timed("taken in", rows, clock, lambda: WarehouseCounter.of(warehouse, schema, PrivacyUnit(), OsEntropy()))
    timed("encoded", rows, clock, lambda: counter._encode(codec))
    counts = timed("all pairs", rows, clock, lambda: counter.marginals(codec, PAIRS))
    timed("all pairs again", rows, clock, lambda: counter.marginals(codec, PAIRS))
    connection = counter._held[0]

    def grouped() -> int:
        queries = (f"SELECT count(*) FROM {connection.table} GROUP BY {', '.join(pair)}" for pair in SOME_PAIRS)
        return sum(max(count for (count,) in connection.rows(query)) for query in queries)

    scale = len(PAIRS) / len(SOME_PAIRS)
    found = timed(f"group-bys ({len(SOME_PAIRS)} pairs, scaled)", rows, clock, grouped, scale)
    assert found == sum(int(counts[pair].max()) for pair in SOME_PAIRS), "all ways must count the same"
    counter.close()


def main() -> None:
    """Make the table, and measure."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=float, default=1e6)
    parser.add_argument("--url", help="of a PostgreSQL server; DuckDB without it")
    arguments = parser.parse_args()
    rows = int(arguments.rows)
    print(f"{rows:,} rows x {len(NAMES)} columns, {len(PAIRS)} pairs")
    if arguments.url is None:
        with tempfile.TemporaryDirectory() as folder:
            report(in_duckdb(rows, folder), rows, time.process_time)
        return
    import psycopg

    try:
        report(in_postgres(rows, arguments.url), rows, time.perf_counter)
    finally:
        with psycopg.connect(arguments.url, autocommit=True) as connection:
            connection.execute(f"DROP TABLE IF EXISTS {TABLE}")


if __name__ == "__main__":
    main()
