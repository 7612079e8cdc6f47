"""Attribute inference on the census table of the papers: what each part of the attack adds, and what a budget changes.

Rows of the coded Adult table are parted at random: 20,000 are synthesized, others are real rows in place of a
synthetic table (the ceiling of what the population tells), and targets are drawn half from the synthesized rows and
half from rows that nobody used. Shares are means over the hidden columns, in per cent; "weighted" counts a right
guess by the rarity of the value, so that the mode scores about 100 / values in every column. "claims" are the one
guess about each target that says most, right among members and among others: the difference is privacy, all else is
knowledge of the population.

Reported for CoBP-RA on 10,000 rows of Adult (arXiv:2606.08372, tables of the authors' repository, weighted per cent):
MST at epsilon 0.1, 1 and 10: forest 16.0, 22.1, 24.1; with propagation 16.1, 23.5, 25.7; from 10 to 1,000 it gains
0.8 more; and on 1,000 rows members less others is 0.2 +- 1.9 at epsilon 1. Needs the shared data sets beside the
checkout (or DPSYNTH_SHARED).

    python benchmarks/attribute_inference.py [--synthesizer mst mosaic] [--epsilon 1 10] [--seeds 1] [--columns]
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from statistics import mean
from typing import Any

import numpy as np
from shared import ABSENT, SHARED

import dpsynth
from attacks.attack import Evidence, Outcome
from attacks.attribute import AttributeInference
from attacks.tables import Encoder, as_ticked, rows_at

FITTED, TARGETS, DELTA = 20_000, 5_000, 1e-5
NUMBERS = ("age", "fnlwgt", "education-num", "capital-gain", "capital-loss", "hours-per-week")
KNOWN = ("age", "education-num", "marital-status", "race", "sex", "native-country")
HIDDEN = ("workclass", "occupation", "relationship", "capital-gain", "capital-loss", "hours-per-week", "income>50K")
PARTS = {
    "naive Bayes": AttributeInference(known=KNOWN, hidden=HIDDEN, at_most=9, trees=0, propagation=False),
    "naive Bayes + tree": AttributeInference(known=KNOWN, hidden=HIDDEN, at_most=9, trees=0),
    "forest": AttributeInference(known=KNOWN, hidden=HIDDEN, at_most=9, propagation=False),
    "forest + tree": AttributeInference(known=KNOWN, hidden=HIDDEN, at_most=9),
}


def read() -> tuple[dpsynth.Schema, dpsynth.Ticked]:
    """The coded table, and a schema of its public domain."""
    import pandas as pd

    folder = SHARED / "data" / "adult-coded"
    sizes = json.loads((folder / "domain.json").read_text())
    schema = dpsynth.Schema(
        [
            dpsynth.Numeric(name, lower=0, upper=size - 1, decimals=0)
            if name in NUMBERS
            else dpsynth.Categorical(name, values=range(size))
            for name, size in sizes.items()
        ]
    )
    frame = pd.read_csv(folder / "adult.csv.gz")
    return schema, as_ticked({name: frame[name].to_numpy() for name in sizes}, schema)


def weighted_difference(outcome: Outcome, inside: np.ndarray) -> tuple[float, float, float, float]:
    """Per cent of right claims among members and others, then both weighted by rarity."""
    assert outcome.success is not None
    assert outcome.weights is not None
    rates = [float(outcome.success[group].mean()) for group in (inside, ~inside)]
    rates += [float(np.average(outcome.success[own], weights=outcome.weights[own])) for own in (inside, ~inside)]
    return tuple(100 * rate for rate in rates)  # type: ignore[return-value]


def judge(encoder: Encoder, synthetic: dpsynth.Ticked, targets: dpsynth.Ticked, seed: int) -> dict[str, Any]:
    """Every part of the attack on one table: per hidden column plain and weighted shares, rates of claims, seconds."""
    evidence, coded = Evidence(encoder.encode(synthetic)), encoder.encode(targets)
    inside = np.arange(TARGETS) < TARGETS // 2
    results: dict[str, Any] = {}
    for name, attack in PARTS.items():
        start = time.process_time()
        outcome = attack.run(evidence, coded, np.random.default_rng(seed))
        seconds = time.process_time() - start
        plain, weighted = (outcome.details[key] for key in ("right guesses of all targets", "rarity-weighted"))
        results[name] = (plain["attack"], weighted["attack"], weighted_difference(outcome, inside), seconds)
        results.setdefault("mode", (plain["mode"], weighted["mode"], None, 0.0))
    return results


def show(release: str, runs: list[dict[str, Any]], columns: bool) -> None:
    """Rows of the table: one for each part of the attack, means over the runs."""
    for part in runs[0]:
        plain, weighted = (
            {name: 100 * mean(run[part][side][name] for run in runs) for name in HIDDEN} for side in (0, 1)
        )
        cells = [mean(plain.values()), mean(weighted.values())]
        if part != "mode":
            cells += [mean(run[part][2][place] for run in runs) for place in range(4)]
            cells.append(mean(run[part][3] for run in runs))
        print(f"{release:<22}{part:<20}" + "".join(f"{cell:>11.1f}" for cell in cells), flush=True)
        if columns:
            for name in HIDDEN:
                print(f"{'':<22}  {name:<18}{plain[name]:>11.1f}{weighted[name]:>11.1f}")


def main() -> int:
    """Print the table."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--synthesizer", nargs="*", default=["mst", "mosaic"])
    parser.add_argument("--epsilon", type=float, nargs="*", default=[1.0, 10.0])
    parser.add_argument("--seeds", type=int, default=1)
    parser.add_argument("--columns", action="store_true", help="show every hidden column")
    asked = parser.parse_args()
    if not (SHARED / "data" / "adult-coded" / "adult.csv.gz").is_file():
        print(f"skipped: {ABSENT}")
        return 0
    schema, table = read()
    heads = ("plain", "weighted", "claims in", "out", "weighted in", "out", "seconds")
    print(f"{'release':<22}{'guesses by':<20}" + "".join(f"{head:>11}" for head in heads))
    splits = []  # fitted rows, targets, other rows
    for seed in range(asked.seeds):
        order = np.random.default_rng(seed).permutation(table.rows)
        fitted, others = order[:FITTED], order[FITTED:]
        half = TARGETS // 2
        targets = rows_at(table, np.concatenate([fitted[:half], others[:half]]))
        splits.append((rows_at(table, fitted), targets, rows_at(table, others[half : half + FITTED])))
    # The same codes for every table, or columns of numbers would have more values in one release than in another.
    encoder = Encoder.of(schema, [splits[0][2]])
    for synthesizer in asked.synthesizer:
        for epsilon in asked.epsilon:
            runs = []
            for seed, (fitted_rows, targets, _) in enumerate(splits):
                release = dpsynth.synthesize(
                    dict(fitted_rows.ticks), schema, epsilon=epsilon, delta=DELTA, synthesizer=synthesizer, seed=seed
                )
                runs.append(judge(encoder, as_ticked(release.table, schema), targets, seed))
            show(f"{synthesizer}, epsilon {epsilon:g}", runs, asked.columns)
    show("other real rows", [judge(encoder, rest, goal, n) for n, (_, goal, rest) in enumerate(splits)], asked.columns)
    show("the fitted rows", [judge(encoder, own, goal, n) for n, (own, goal, _) in enumerate(splits)], asked.columns)
    return 0


if __name__ == "__main__":
    sys.exit(main())
