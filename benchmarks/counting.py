"""How fast all two-way marginals are counted, beside numpy, pandas and the memory's own speed.

One table per size: CPU seconds of one core, the minimum over repeats, everything in one run, so the ratios
hold on a noisy machine too. The slow rivals are timed on some of the pairs and rows and scaled up, as each line says.
Our time holds everything: the range check, the copy into blocks, counting, summing down.
"""

from __future__ import annotations

import argparse
import itertools
import time
from collections.abc import Callable

import numpy as np
import numpy.typing as npt

from dpsynth.domain import Domain
from dpsynth.private.cover import plan_cover
from dpsynth.private.kernels import BLOCK_ROWS, count_cliques, partial_counts, sum_down

# The cardinalities of the Adult table, numeric columns in up to 100 bins: 589 in all, 105 pairs.
ADULT_SIZES = (85, 9, 100, 16, 16, 7, 15, 6, 5, 2, 100, 99, 85, 42, 2)
BAR_NS, BAR_BINCOUNT, BAR_PANDAS = 0.95, 5.0, 50.0  # promised at 1e7 rows x 15 columns
TIMED_PAIRS, PANDAS_ROWS = 15, 1_000_000
Table = dict[str, npt.NDArray[np.uint8]]


def skewed_table(sizes: tuple[int, ...], rows: int, seed: int = 0) -> tuple[Table, Domain]:
    """Columns that share a hidden uniform variable (correlated), squared (skewed towards code 0)."""
    generator = np.random.default_rng(seed)
    domain = Domain.of({f"c{place}": size for place, size in enumerate(sizes)})
    hidden = generator.random(rows, dtype=np.float32)
    table: Table = {}
    for place, column in enumerate(domain.columns):
        uniform = (generator.random(rows, dtype=np.float32) + hidden) / 2
        skewed = uniform ** (4 if place % 3 == 2 else 2)
        table[column] = np.minimum(skewed * domain[column], domain[column] - 1).astype(np.uint8)
    return table, domain


def cpu_seconds(job: Callable[[], object], repeats: int) -> float:
    """Least CPU seconds of a run of `job`."""
    best = float("inf")
    for _ in range(repeats):
        start = time.process_time()
        job()
        best = min(best, time.process_time() - start)
    return best


def bincount_pair(table: Table, domain: Domain, pair: tuple[str, str], block: int) -> npt.NDArray[np.int64]:
    """One pair by numpy, in blocks of rows."""
    first, second = (table[column] for column in pair)
    counts = np.zeros(domain.cells(pair), dtype=np.int64)
    for start in range(0, len(first), block):
        cell = first[start : start + block].astype(np.int64) * domain[pair[1]] + second[start : start + block]
        counts += np.bincount(cell, minlength=len(counts))
    return counts.reshape(domain.shape(pair))


def memory_seconds(size: int, repeats: int) -> tuple[float, float]:
    """CPU seconds to copy `size` bytes, and to read them."""
    source, target = np.ones(size, np.uint8), np.zeros(size, np.uint8)
    return cpu_seconds(lambda: np.copyto(target, source), repeats), cpu_seconds(lambda: source.max(), repeats)


def range_check(table: Table) -> list[int]:
    """The check alone that every code lies in the domain, block by block as the counting does it."""
    return [
        int(codes[start : start + BLOCK_ROWS].max())
        for codes in table.values()
        for start in range(0, len(codes), BLOCK_ROWS)
    ]


def our_seconds(table: Table, domain: Domain, pairs: list[tuple[str, str]], repeats: int) -> dict[str, float]:
    """The whole call, then its ways and parts; all on one core."""
    cover = plan_cover(domain, pairs)
    flat = partial_counts(table, domain, cover, threads=1, compiled=True)
    jobs: dict[str, Callable[[], object]] = {
        "dpsynth": lambda: count_cliques(table, domain, pairs, threads=1),
        "  with the kernel": lambda: partial_counts(table, domain, cover, threads=1, compiled=True),
        "  with numpy": lambda: partial_counts(table, domain, cover, threads=1, compiled=False),
        "  range check": lambda: range_check(table),
        "  summing down": lambda: sum_down(flat, domain, cover, pairs),
    }
    return {name: cpu_seconds(job, repeats) for name, job in jobs.items()}


def rival_seconds(table: Table, domain: Domain, pairs: list[tuple[str, str]], repeats: int) -> dict[str, float]:
    """Other ways to the same counts: timed on `TIMED_PAIRS` pairs, pandas on fewer and at most 1e6 rows; scaled."""
    import pandas as pd

    rows = len(table["c0"])
    timed = pairs[:: max(1, len(pairs) // TIMED_PAIRS)]
    few = timed[:: max(1, len(timed) // 4)]
    frame = pd.DataFrame({column: codes[:PANDAS_ROWS] for column, codes in table.items()})
    counted = count_cliques(table, domain, timed, threads=1)
    assert all((counted[pair] == bincount_pair(table, domain, pair, rows)).all() for pair in timed)
    assert counted[few[0]].sum() * len(frame) == frame.groupby(list(few[0])).size().sum() * rows
    jobs: dict[str, tuple[float, Callable[[], object]]] = {
        f"numpy bincount, whole ({len(timed)} pairs)": (
            len(pairs) / len(timed),
            lambda: [bincount_pair(table, domain, pair, rows) for pair in timed],
        ),
        f"numpy bincount, 64K rows ({len(timed)} pairs)": (
            len(pairs) / len(timed),
            lambda: [bincount_pair(table, domain, pair, 65_536) for pair in timed],
        ),
        f"pandas groupby ({len(few)} pairs, {len(frame):,} rows)": (
            len(pairs) / len(few) * rows / len(frame),
            lambda: [frame.groupby(list(pair)).size() for pair in few],
        ),
    }
    return {name: scale * cpu_seconds(job, repeats) for name, (scale, job) in jobs.items()}


def report(sizes: tuple[int, ...], rows: int, repeats: int) -> None:
    """Print the table of one size, and at 1e7 rows whether the bars are met."""
    table, domain = skewed_table(sizes, rows)
    pairs = list(itertools.combinations(domain.columns, 2))
    size = rows * len(domain)
    copy, read = memory_seconds(size, 2 * repeats)
    ours, rivals = our_seconds(table, domain, pairs, repeats), rival_seconds(table, domain, pairs, min(2, repeats))
    whole = ours["dpsynth"]
    cliques = plan_cover(domain, pairs).cliques
    print(
        f"\n{rows:,} rows x {len(domain)} columns: {len(pairs)} pairs summed down from {len(cliques)} counted cliques"
    )
    print(f"{'(in brackets: timed on so much, then scaled)':<44} {'CPU s':>9} {'ns/row/pair':>12} {'x dpsynth':>10}")
    for name, seconds in {**ours, **rivals}.items():
        print(f"{name:<44} {seconds:9.4f} {1e9 * seconds / rows / len(pairs):12.3f} {seconds / whole:10.2f}")
    traffic = 2 * rows * len(pairs) / whole
    print(
        f"memory: copies {size / copy / 1e9:.1f} GB/s, reads {size / read / 1e9:.1f} GB/s; reading the table once is "
        f"{read / whole:.1%} of our time;\n2 bytes for each row and pair come to {traffic / 1e9:.1f} GB/s, "
        f"{traffic * read / size:.0%} of the read speed"
    )
    if rows >= 10_000_000:
        per_pair = 1e9 * whole / rows / len(pairs)
        to_bincount = min(seconds for name, seconds in rivals.items() if "bincount" in name) / whole
        to_pandas = max(seconds for name, seconds in rivals.items() if "pandas" in name) / whole
        for bar, met in {
            f"{per_pair:.3f} <= {BAR_NS} ns/row/pair": per_pair <= BAR_NS,
            f"{to_bincount:.1f} >= {BAR_BINCOUNT:g} x numpy bincount": to_bincount >= BAR_BINCOUNT,
            f"{to_pandas:.0f} >= {BAR_PANDAS:g} x pandas": to_pandas >= BAR_PANDAS,
        }.items():
            print(f"bar {'met' if met else 'MISSED'}: {bar}")


def main() -> None:
    """Print one table for each number of rows."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, nargs="+", default=[100_000, 1_000_000, 10_000_000])
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--wide", action="store_true", help="also 50 columns at 1,000,000 rows")
    arguments = parser.parse_args()
    start = time.process_time()
    table, domain = skewed_table(ADULT_SIZES, 2)
    partial_counts(table, domain, plan_cover(domain, [domain.columns[:2]]), compiled=True)
    print(f"loading numba and the kernel (compiled now or before): {time.process_time() - start:.2f} CPU s")
    for rows in arguments.rows:
        report(ADULT_SIZES, rows, arguments.repeats)
    if arguments.wide:
        report(tuple(np.random.default_rng(0).choice(ADULT_SIZES, 50).tolist()), 1_000_000, arguments.repeats)


if __name__ == "__main__":
    main()
