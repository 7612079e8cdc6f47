"""How fast predicates are judged: is this conjunction true of one synthetic row, and of which target alone?

Bit maps of every condition and a compiled AND, beside the same conjunctions as boolean masks of numpy and as
`pandas.DataFrame.query`, which are timed on fewer of them. CPU seconds of one core, the least over repeats, all in one
run, so the ratios hold on a noisy machine too. Our time holds everything: maps, drawing, both checks.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable

import numpy as np
import numpy.typing as npt
import pandas as pd

from attacks.attack import Evidence
from attacks.singling_out import ALWAYS, SinglingOut, condition_maps, draw, lone_rows
from attacks.tables import Table

LEVELS = (26, 26, 26, 9, 16, 7, 15, 6, 5, 4, 26, 26, 26, 42, 4, 26, 12, 4, 60, 5)
ORDERED = tuple(levels == 26 for levels in LEVELS)
Predicates = npt.NDArray[np.int64]


def table(rows: int, rng: np.random.Generator) -> Table:
    """Rows whose 20 columns share a hidden variable; numbers have 24 bins."""
    hidden = rng.random(rows)
    columns = [((rng.random(rows) + hidden) / 2) ** 2 * (levels - 2) for levels in LEVELS]
    codes = 2 + np.column_stack(columns).astype(np.int32)
    names = tuple(f"c{place}" for place in range(len(LEVELS)))
    ranks = (codes / np.array(LEVELS)).astype(np.float32)
    return Table(names, ORDERED, LEVELS, codes.astype(np.int64), codes, ranks)


def least_seconds(job: Callable[[], object], repeats: int) -> float:
    """Least CPU seconds of a run of `job`."""
    best = float("inf")
    for _ in range(repeats):
        start = time.process_time()
        job()
        best = min(best, time.process_time() - start)
    return best


def by_maps(synthetic: Table, targets: Table, predicates: int, seed: int) -> list[tuple[int, int]]:
    """Predicates of 3 or 4 columns that fit one synthetic row: their place in the draw, and the lone target."""
    rng = np.random.default_rng(seed)
    first, maps = condition_maps(synthetic)
    _, target_maps = condition_maps(targets)
    counts = np.bitwise_count(maps).sum(axis=1)
    drawn = conjunctions(synthetic, first, predicates, rng)
    drawn = np.take_along_axis(drawn, np.argsort(counts[drawn], axis=1), axis=1)
    kept = np.flatnonzero(lone_rows(maps, drawn) >= 0)
    return list(zip(kept.tolist(), lone_rows(target_maps, drawn[kept]).tolist(), strict=True))


def conjunctions(synthetic: Table, first: Predicates, count: int, rng: np.random.Generator) -> Predicates:
    """Of 3 or 4 columns each."""
    drawn = draw(synthetic, first, 2 * count, 4, rng)
    return drawn[(drawn != ALWAYS).sum(axis=1) >= 3][:count]


def condition_texts(first: Predicates) -> list[tuple[str, str, int]]:
    """Column, comparison and code of every condition."""
    texts = [("", "", 0)]
    for place, levels in enumerate(LEVELS):
        assert len(texts) == first[place]
        signs = ("==", "<=", ">=") if ORDERED[place] else ("==",)
        texts += [(f"c{place}", sign, code) for sign in signs for code in range(levels)]
    return texts


def slowly(
    frames: tuple[pd.DataFrame, pd.DataFrame], predicates: Predicates, texts: list[tuple[str, str, int]], query: bool
) -> list[tuple[int, int]]:
    """The same by pandas.query, or by masks of numpy; -1 for no target, -2 for several."""
    compare = {"==": np.equal, "<=": np.less_equal, ">=": np.greater_equal}
    arrays = [{name: frame[name].to_numpy() for name in frame} for frame in frames]
    found = []
    for place, predicate in enumerate(predicates):
        conditions = [texts[condition] for condition in predicate if condition != ALWAYS]
        rows = []
        for frame, columns in zip(frames, arrays, strict=True):
            if query:
                hits = frame.query(" and ".join(f"{name} {sign} {code}" for name, sign, code in conditions)).index
            else:
                masks = [compare[sign](columns[name], code) for name, sign, code in conditions]
                hits = np.flatnonzero(np.logical_and.reduce(masks))
            rows.append(hits)
            if len(rows[0]) != 1:
                break
        else:
            found.append((place, int(rows[1][0]) if len(rows[1]) == 1 else -1 if not len(rows[1]) else -2))
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rows", type=int, default=100_000)
    parser.add_argument("--targets", type=int, default=5_000)
    parser.add_argument("--predicates", type=int, default=200_000)
    parser.add_argument("--slow", type=int, default=300, help="predicates that numpy and pandas are timed on")
    parser.add_argument("--repeats", type=int, default=3)
    asked = parser.parse_args()
    rng = np.random.default_rng(0)
    synthetic, targets = table(asked.rows, rng), table(asked.targets, rng)
    lone_rows(np.zeros((1, 1), np.uint64), np.zeros((1, 1), np.int64))  # compiled before the clock starts

    first, _ = condition_maps(synthetic)
    texts = condition_texts(first)
    frames = tuple(pd.DataFrame(each.codes, columns=list(each.names)) for each in (synthetic, targets))
    some = conjunctions(synthetic, first, asked.slow, np.random.default_rng(1))
    assert slowly(frames, some, texts, query=False) == slowly(frames, some, texts, query=True)
    assert slowly(frames, some, texts, query=False) == by_maps(synthetic, targets, asked.slow, seed=1)

    seconds = {
        "bit maps": least_seconds(lambda: by_maps(synthetic, targets, asked.predicates, 1), asked.repeats),
        "numpy masks": least_seconds(lambda: slowly(frames, some, texts, query=False), asked.repeats),
        "pandas.query": least_seconds(lambda: slowly(frames, some, texts, query=True), asked.repeats),
    }
    rates = {
        name: (asked.predicates if name == "bit maps" else asked.slow) / max(spent, 1e-9)
        for name, spent in seconds.items()
    }
    print(f"{asked.rows:,} synthetic rows x {len(LEVELS)} columns, {asked.targets:,} targets, 3 or 4 conditions")
    print(f"{'judged by':16}{'predicates/s':>14}{'bit maps are faster by':>26}")
    for name, rate in rates.items():
        print(f"{name:16}{rate:>14,.0f}{rates['bit maps'] / rate:>26,.0f}")
    attack = SinglingOut()
    whole = least_seconds(lambda: attack.run(Evidence(synthetic), targets, np.random.default_rng(2)), 1)
    print(f"whole attack: {attack.predicates:,} predicates of up to {attack.most_columns} columns, {whole:.1f} CPU s")


if __name__ == "__main__":
    main()
