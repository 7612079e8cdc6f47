"""Evaluating a release: seconds by stage on a made-up table, and figures beside sdmetrics and SDNist 2.4.

Every column of the table leans on the one before; half of them are numbers. With --peers, an interpreter of another
environment that holds sdmetrics and sdnist==2.4 (`python -m venv peers && peers/bin/pip install sdmetrics sdnist==2.4`)
computes the figures of shared definition on the same two tables, and the largest difference is printed.

    python benchmarks/evaluate.py [--rows 100000] [--columns 20] [--repeats 3] [--peers peers/bin/python]
"""

from __future__ import annotations

import argparse
import json
import resource
import subprocess
import tempfile
import time
from itertools import combinations
from pathlib import Path
from typing import Any

import numpy as np

PEERS = r"""
import json, sys, warnings
import numpy as np, pandas as pd
warnings.simplefilter("ignore")
folder = sys.argv[1]
real, other = (pd.read_csv(f"{folder}/{name}.csv") for name in ("real", "other"))
numbers = json.load(open(f"{folder}/numbers.json"))
names = list(real)
categories = [name for name in names if name not in numbers]
from sdmetrics.column_pairs import ContingencySimilarity, CorrelationSimilarity
from sdmetrics.single_column import CategoryCoverage, KSComplement, MissingValueSimilarity, RangeCoverage, TVComplement
import sdnist.report.dataset  # first: its modules import each other in a circle
from sdnist.report.score.utility import KMarginal
from sklearn.tree import DecisionTreeClassifier
found = {}
for name in categories:
    found[f"1-way {name}"] = 1 - TVComplement.compute(real[name], other[name])
    found[f"categories {name}"] = CategoryCoverage.compute(real[name], other[name])
for name in numbers:
    found[f"kolmogorov {name}"] = 1 - KSComplement.compute(real[name], other[name])
    found[f"range {name}"] = RangeCoverage.compute(real[name], other[name])
    found[f"missing {name}"] = 1 - MissingValueSimilarity.compute(real[name], other[name])
pair = lambda table, a, b: table[[a, b]]
for k, a in enumerate(categories):
    for b in categories[k + 1 :]:
        found[f"2-way {a} {b}"] = 1 - ContingencySimilarity.compute(pair(real, a, b), pair(other, a, b))
for k, a in enumerate(numbers):
    for b in numbers[k + 1 :]:
        score = CorrelationSimilarity.compute(pair(real, a, b), pair(other, a, b), coefficient="Spearman")
        found[f"spearman {a} {b}"] = 2 * (1 - score)
coded = [table[categories].rename(columns={categories[0]: "PUMA"}) for table in (real, other)]
marginal = KMarginal(*coded, ["PUMA"])
found["k-marginal"] = float(marginal.compute_score())
for area, score in marginal.scores.items():
    found[f"k-marginal {area}"] = float(score)
from pathlib import Path
from sdnist.metrics.propensity import PropensityMSE
found["pmse"] = float(PropensityMSE(*coded, Path(folder)).compute_score())
json.dump(found, sys.stdout)
"""


def made_up(rows: int, columns: int, rng: np.random.Generator) -> Any:
    """A table whose columns lean on the one before; every second one is a number, some of these with missing cells."""
    import pandas as pd

    table: dict[str, Any] = {}
    last = rng.normal(size=rows)
    for place in range(columns):
        last = 0.7 * last + rng.normal(size=rows)
        if place % 2:
            values = np.round(50 + 12 * last, 1)
            table[f"n{place}"] = np.where(rng.random(rows) < 0.05, np.nan, values) if place % 4 == 1 else values
        else:
            table[f"c{place}"] = np.digitize(last, np.linspace(-2, 2, 2 + place % 7))
    table["label"] = (last + rng.normal(size=rows) > 1).astype(int)
    return pd.DataFrame(table)


def schema_of(table: Any) -> Any:
    import dpsynth

    made = [
        dpsynth.Numeric(name, lower=-50, upper=150, decimals=1, nullable=True, bins=16)
        if name.startswith("n")
        else dpsynth.Categorical(name, values=range(10 if name != "label" else 2))
        for name in table
    ]
    return dpsynth.Schema(made)


def timed(rows: int, columns: int, repeats: int) -> None:
    """Seconds of every stage, by the clock, and processor seconds in all."""
    import dpsynth

    table = made_up(rows, columns - 1, np.random.default_rng(0))
    release = dpsynth.synthesize(table, schema_of(table), epsilon=1, delta=1e-9, synthesizer="mst", seed=0)
    release.table  # noqa: B018 drawn before the clock starts
    stages: list[tuple[str, float]] = []
    start, busy = time.perf_counter(), time.process_time()
    found = dpsynth.evaluate(
        release, table, label="label", protected=["c0", "c2"], repeats=repeats,
        progress=lambda stage, _: stages.append((stage, time.perf_counter())),
    )  # fmt: skip
    end = time.perf_counter()
    print(f"{rows:,} rows, {table.shape[1]} columns, {repeats} repeats")
    for (stage, at), (_, after) in zip(stages, [*stages[1:], ("", end)], strict=True):
        print(f"  {stage:24} {after - at:6.1f} s")
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1000
    spent = f"{end - start:6.1f} s by the clock, {time.process_time() - busy:.1f} s of processors"
    print(f"  {'in all':24} {spent}, {peak:.0f} MB")
    print(f"  2-way {found['2-way'].synthetic.value:.4f}, floor {found['2-way'].floor.value:.4f}")


def ours(real: Any, other: Any, schema: Any) -> dict[str, float]:
    """The same figures by dpsynth.evaluation."""
    import dpsynth
    from dpsynth.evaluation import columns, marginals, propensity, relations
    from dpsynth.evaluation.assess import area_scores
    from dpsynth.evaluation.table import coded

    one, two = coded(schema, [dpsynth.ticked(each, schema) for each in (real, other)])
    numbers = list(one.ordered)
    categories = [name for name in one.sizes if name not in numbers]
    found = {}
    for name in categories:
        found[f"1-way {name}"] = marginals.total_variation(one.codes, two.codes, one.sizes, [name])
        found[f"categories {name}"] = columns.categories_kept(one, two, name)
    for name in numbers:
        values = one.values[name], two.values[name]
        found[f"kolmogorov {name}"] = columns.kolmogorov(*values)
        found[f"range {name}"] = columns.range_covered(*values) or 0.0
        found[f"missing {name}"] = abs(columns.missing_share(one, name) - columns.missing_share(two, name))
    for a, b in combinations(categories, 2):
        found[f"2-way {a} {b}"] = marginals.total_variation(one.codes, two.codes, one.sizes, [a, b])
    off = np.abs(relations.rank_correlations(one) - relations.rank_correlations(two))
    for (i, a), (j, b) in combinations(enumerate(numbers), 2):
        found[f"spearman {a} {b}"] = float(off[i, j])
    sizes = {name: one.sizes[name] for name in categories}
    sets = marginals.area_sets(categories, categories[0])
    found["k-marginal"] = marginals.k_marginal_score(one.codes, two.codes, sizes, sets)
    for area, score in area_scores(one, two, categories[0], categories).items():
        found[f"k-marginal {area}"] = score
    rows = np.concatenate([np.column_stack([each.codes[name] for name in categories]) for each in (one, two)])
    found["pmse"] = propensity.pmse(rows.astype(float), np.repeat([0, 1], [one.rows, two.rows]), 0)
    return found


def beside_peers(python: Path, rows: int) -> None:
    """Figures of shared definition on a made-up table and a noisy copy of it."""
    rng = np.random.default_rng(1)
    real = made_up(rows, 11, rng)
    other = real.sample(len(real) * 9 // 10, replace=True, random_state=2).reset_index(drop=True)
    for name in other:
        changed = rng.random(len(other)) < 0.2
        other.loc[changed, name] = rng.permutation(other[name].to_numpy())[changed]
    with tempfile.TemporaryDirectory() as folder:
        for name, table in (("real", real), ("other", other)):
            table.to_csv(Path(folder) / f"{name}.csv", index=False)
        (Path(folder) / "numbers.json").write_text(json.dumps([name for name in real if name.startswith("n")]))
        (Path(folder) / "peers.py").write_text(PEERS)
        answer = subprocess.run(
            [str(python), str(Path(folder) / "peers.py"), folder], stdout=subprocess.PIPE, text=True, check=True
        )
    theirs = json.loads(answer.stdout)
    mine = ours(real, other, schema_of(real))
    print(f"{'figure':14}{'compared':>10}{'theirs, mean':>14}{'ours, mean':>14}{'largest difference':>20}")
    for kind in dict.fromkeys(name.split()[0] for name in theirs):
        names = [name for name in theirs if name.split()[0] == kind]
        both = np.array([(theirs[name], mine[name]) for name in names])
        means = both.mean(axis=0)
        print(
            f"{kind:14}{len(names):>10}{means[0]:>14.6g}{means[1]:>14.6g}{np.abs(both[:, 0] - both[:, 1]).max():>20.2g}"
        )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=int, default=20_000)
    parser.add_argument("--columns", type=int, default=20)
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--peers", type=Path, metavar="PYTHON")
    asked = parser.parse_args()
    if asked.peers is not None:
        beside_peers(asked.peers, min(asked.rows, 5_000))
    else:
        timed(asked.rows, asked.columns, asked.repeats)


if __name__ == "__main__":
    main()
