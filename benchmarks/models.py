"""How long models take to fit and to sample, on a tree of pairs with the sizes of the Adult table.

Run: python benchmarks/models.py [rows]. CPU seconds, least of three repeats, one process; compare the ratios.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from functools import partial

import numpy as np
import pandas as pd

from dpsynth.domain import Domain
from dpsynth.marginal import NoisyMarginal
from dpsynth.models.fit import fit
from dpsynth.models.random_field import RandomField

SIZES = (85, 9, 100, 16, 7, 15, 6, 5, 2, 100, 100, 99, 42, 2, 20)
TOTAL = 40_000


def seconds(work: Callable[[], object], repeats: int = 3) -> float:
    times = []
    for _ in range(repeats):
        start = time.process_time()
        work()
        times.append(time.process_time() - start)
    return min(times)


def noisy_tree(stddev: float, seed: int = 0) -> tuple[Domain, list[NoisyMarginal]]:
    """All one-ways and the pairs of a random tree, measured on skewed rows drawn along that tree."""
    rng = np.random.default_rng(seed)
    domain = Domain(tuple(f"c{index}" for index in range(len(SIZES))), SIZES)
    parents = [-1, *(int(rng.integers(index)) for index in range(1, len(SIZES)))]
    rows = np.zeros((TOTAL, len(SIZES)), dtype=np.int64)
    for column, size in enumerate(SIZES):
        own = rng.dirichlet(np.full(size, 0.3))
        groups = SIZES[parents[column]] if column else 1
        tables = 0.5 * rng.dirichlet(np.full(size, 0.3), groups) + 0.5 * own
        group = rows[:, parents[column]] if column else np.zeros(TOTAL, dtype=np.int64)
        above = rng.random(TOTAL)[:, None] > np.cumsum(tables, axis=1)[group]
        rows[:, column] = np.minimum(above.sum(axis=1), size - 1)
    measured = []
    for columns in [(index,) for index in range(len(SIZES))] + [(parents[i], i) for i in range(1, len(SIZES))]:
        clique = tuple(domain.columns[column] for column in columns)
        counts = np.zeros(domain.shape(clique))
        np.add.at(counts, tuple(rows[:, column] for column in columns), 1)
        measured.append(NoisyMarginal(clique, counts + rng.normal(0, stddev, counts.shape), stddev))
    return domain, measured


def pandas_sample(field: RandomField, rows: int) -> pd.DataFrame:
    """The usual way to draw rows down a tree: pandas groupby and one numpy draw for each value of the parent."""
    rng = np.random.default_rng(0)
    out = pd.DataFrame(index=range(rows))
    for clique, separator in zip(field.tree.cliques, field.tree.separators, strict=True):
        given = list(separator)
        for column in (name for name in clique if name not in separator):
            size = field.domain[column]
            if not given:
                weights = field.project((column,))
                out[column] = rng.choice(size, rows, p=weights / weights.sum())
            else:
                table = field.project((*given, column)).reshape(-1, size)
                codes = np.ravel_multi_index([out[name] for name in given], field.domain.shape(given))
                column_of = {group: table[group] / table[group].sum() for group in np.unique(codes)}
                out[column] = out.groupby(codes)[given[0]].transform(
                    lambda part, column_of=column_of, size=size: rng.choice(size, len(part), p=column_of[part.name])
                )
            given.append(column)
    return out


def distance(field: RandomField, rows: dict[str, np.ndarray], cliques: list[tuple[str, ...]]) -> float:
    """Mean total variation distance of the rows' marginals from the model's."""
    found = []
    for clique in cliques:
        codes = np.ravel_multi_index([rows[column].astype(np.int64) for column in clique], field.domain.shape(clique))
        share = np.bincount(codes, minlength=field.domain.cells(clique)) / codes.size
        found.append(np.abs(share - field.project(clique).ravel() / field.total).sum() / 2)
    return float(np.mean(found))


def main() -> None:
    rows = int(sys.argv[1]) if len(sys.argv) > 1 else 1_000_000
    print(f"{'fit: stddev':<34}{'gap 1e-2':>10}{'gap 1e-3':>10}{'gap 1e-4':>10}  CPU seconds")
    for stddev in (0.5, 5.0, 50.0, 500.0, 5000.0):
        domain, measured = noisy_tree(stddev)
        times = [seconds(partial(fit, domain, measured, TOTAL, gap=gap)) for gap in (1e-2, 1e-3, 1e-4)]
        print(f"{stddev:<34}" + "".join(f"{spent:>10.3f}" for spent in times))
    domain, measured = noisy_tree(20.0)
    field = fit(domain, measured, TOTAL)
    rng = np.random.default_rng(0)
    cliques = [clique for clique in field.tree.cliques if len(clique) > 1]
    one_ways = [(column,) for column in domain.columns]
    heads = ("CPU s", "Mrows/s", "speed-up", "pair TVD", "1-way TVD")
    label = f"sample: {rows} x {len(SIZES)}"
    print(f"\n{label:<34}" + "".join(f"{head:>10}" for head in heads))
    slow = seconds(lambda: pandas_sample(field, rows), 1)
    drawn = pandas_sample(field, rows)
    table = [("pandas groupby", slow, {c: drawn[c].to_numpy() for c in domain.columns})]
    for method in ("independent", "rounded"):
        field.sample(10, rng, method)
        table.append(
            (method, seconds(lambda method=method: field.sample(rows, rng, method)), field.sample(rows, rng, method))
        )
    for name, spent, found in table:
        print(
            f"{name:<34}{spent:>10.3f}{rows / spent / 1e6:>10.2f}{slow / spent:>10.1f}"
            f"{distance(field, found, cliques):>10.5f}{distance(field, found, one_ways):>10.6f}"
        )


if __name__ == "__main__":
    main()
