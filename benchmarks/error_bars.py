"""How often 95% intervals hold the truth, noise and sampling together: ours, those of m tables, and naive ones.

Private tables are drawn again and again from a population that is known: a simulated one, and the Adult table, drawn
from with replacement. Each is measured through the door, with exact noise, fitted, and asked. Printed for every
number: the share of intervals with the truth inside and its 95% binomial interval, for

- measured: `Release.estimate`, from the noisy marginals;
- stderr: 1.96 standard errors about the same estimate, without what was not measured: what an interval would be that
  takes the model's word for the inside of groups of codes (the same as measured where nothing was grouped);
- tables: `Release.sample_tables` of --tables tables and the combining rules (only in the first --table-repetitions);
- naive: the synthetic rows taken for real ones;

and the median width over that of the interval that the private rows themselves would give.

    python benchmarks/error_bars.py [--repetitions 50] [--rows 10000] [--epsilons 0.5 1 5] [--synthesizer direct]
"""

from __future__ import annotations

import argparse
import time
import warnings
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from scipy.stats import binomtest

import dpsynth
from benchmarks.shared import ABSENT, SHARED
from dpsynth.codec.codec import Codec, closed_codec
from dpsynth.engine import run_request, settle
from dpsynth.inference.functional import Functional, evaluate
from dpsynth.inference.grid import Grid, grid_of
from dpsynth.inference.intervals import estimate
from dpsynth.inference.posterior import redrawn_models
from dpsynth.inference.released import Design
from dpsynth.inference.request import Request, parse
from dpsynth.marginal import FloatArray, NoisyMarginal
from dpsynth.models.model import Model
from dpsynth.privacy.randomness import OsEntropy
from dpsynth.private.ingest import ingest
from dpsynth.private.memory import MemoryCounter
from dpsynth.session import Session


@dataclass(frozen=True, eq=False)
class World:
    """A population as rows with weights, what is public about it, what is measured and what is asked."""

    name: str
    schema: dpsynth.Schema
    rows: pd.DataFrame
    weights: FloatArray
    measured: str
    requests: tuple[str, ...]


def simulated() -> World:
    """Income on sex, education and age, logistic."""
    shape = (2, 2, 5, 10)
    places = np.indices(shape).reshape(4, -1)
    income, sex, education, age = places
    odds = -2.0 + 0.5 * sex + 0.4 * education + 0.15 * age
    mass = (
        np.array([0.45, 0.55])[sex] * np.array([0.3, 0.3, 0.2, 0.12, 0.08])[education] * np.exp(-0.02 * (age - 4) ** 2)
    )
    weights = mass / (1 + np.exp(np.where(income == 1, -odds, odds)))
    schema = dpsynth.Schema(
        [
            dpsynth.Categorical("income", values=["low", "high"]),
            dpsynth.Categorical("sex", values=["F", "M"]),
            dpsynth.Categorical("education", values=list("abcde")),
            dpsynth.Categorical("age", values=range(20, 70, 5)),
        ]
    )
    labels = [np.array(list(column.labels)) for column in schema.columns]
    rows = pd.DataFrame({column.name: labels[i][places[i]] for i, column in enumerate(schema.columns)})
    requests = (
        "share(income)",
        "count(sex, income)",
        "mean(age) by sex",
        "income ~ age + sex",
        "income ~ age + sex + education",
        "age ~ income + sex",
    )
    return World("simulated", schema, rows, weights / weights.sum(), "income,sex,education,age", requests)


def adult() -> World:
    """Age in years, sex and income of the Adult table."""
    table = pd.read_csv(SHARED / "data" / "adult" / "adult.csv.gz", skipinitialspace=True)[["age", "sex", "income"]]
    schema = dpsynth.Schema(
        [
            dpsynth.Categorical("age", values=range(int(table["age"].min()), int(table["age"].max()) + 1)),
            *(dpsynth.Categorical(name, values=sorted(table[name].unique())) for name in ("sex", "income")),
        ]
    )
    requests = ("share(income) by sex", "count(sex, income)", "mean(age)", "mean(age) by income", "income ~ age + sex")
    return World("Adult", schema, table, np.full(len(table), 1 / len(table)), "age,sex,income", requests)


@dataclass(frozen=True, eq=False)
class Made:
    """A release without its certificate, which takes longer to check than the rest."""

    codec: Codec
    model: Model
    measurements: tuple[NoisyMarginal, ...]
    rows: int
    design: Design


@dataclass(frozen=True, eq=False)
class Question:
    """A request, the grid of every code of its columns, and the population's answer for a table of so many rows.

    widths: of the intervals that real rows would give.
    """

    request: Request
    grid: Grid
    truth: Functional
    widths: FloatArray


def question(world: World, text: str, rows: int) -> Question:
    """What is asked, and what is true, whatever codes a release joins."""
    codec = Codec(tuple(closed_codec(column) for column in world.schema.columns))
    request = parse(text, codec.domain.columns)
    grid = grid_of(codec, request.clique, None, [np.ones(codec.domain[column]) for column in request.clique])
    counts = counts_on(world, request.clique, world.rows, world.weights * rows)
    truth = evaluate(request, grid, counts)
    return Question(request, grid, truth, 2 * 1.96 * np.sqrt(truth.sampling_variances(counts)))


def counts_on(world: World, clique: Sequence[str], rows: pd.DataFrame, weights: FloatArray) -> FloatArray:
    place = np.zeros(len(rows), dtype=np.int64)
    size = 1
    for name in clique:
        labels = next(column for column in world.schema.columns if column.name == name).labels
        place = place * len(labels) + pd.Categorical(rows[name], categories=list(labels)).codes
        size *= len(labels)
    return np.bincount(place, weights, minlength=size)


def combined(release: Made, asked: Sequence[Question], count: int, seed: int) -> list[dpsynth.Combined]:
    """Every one of `count` tables analysed as if it were real, and combined, question by question."""
    found: list[list[tuple[FloatArray, FloatArray]]] = [[] for _ in asked]
    for number, model in enumerate(redrawn_models(release, count, seed)):
        codes = model.sample(release.rows, np.random.default_rng([seed, number]), "independent")
        for one, answers in zip(asked, found, strict=True):
            place = np.ravel_multi_index([codes[c].astype(np.int64) for c in one.request.clique], one.grid.shape)
            counts = np.bincount(place, minlength=one.grid.cells).astype(np.float64)
            answer = evaluate(one.request, one.grid, counts)
            answers.append((answer.values, answer.sampling_variances(counts)))
    return [dpsynth.combine(*zip(*answers, strict=True)) for answers in found]


@dataclass(frozen=True)
class Setting:
    """How often, how many private rows, and how each is released."""

    repetitions: int
    rows: int
    epsilon: float
    synthesizer: str
    tables: int
    table_repetitions: int


def releases(world: World, setting: Setting) -> Iterator[tuple[int, Made]]:
    """Tables of the population, each with its seed, measured through the session's door with exact noise."""
    settings = {"marginals": world.measured} if setting.synthesizer == "direct" else {}
    promise = {"epsilon": setting.epsilon, "delta": 1e-6, "synthesizer": setting.synthesizer}
    request = settle(world.schema, settings=settings, **promise)
    for seed in range(setting.repetitions):
        rng, source = np.random.default_rng(seed), OsEntropy()
        private = world.rows.iloc[rng.choice(len(world.rows), setting.rows, p=world.weights)]
        counter = MemoryCounter(ingest(private.reset_index(drop=True), world.schema, request.unit, source))
        session = Session(counter, request.unit, request.budget, source)
        fitted = run_request(request, session)
        session.close()
        chosen = any("selection" in str(record.parameters.get("kind")) for record in session.records)
        rows = round(fitted.model.total)
        yield seed, Made(fitted.codec, fitted.model, fitted.measurements, rows, Design(chosen))


Key = tuple[str, str, str]


def run(world: World, setting: Setting) -> tuple[Mapping[Key, list[bool]], Mapping[Key, list[float]]]:
    """For each (request, row, method): whether each interval held the truth, and its width over that of real rows."""
    held: dict[Key, list[bool]] = defaultdict(list)
    widths: dict[Key, list[float]] = defaultdict(list)
    asked = [question(world, text, setting.rows) for text in world.requests]
    for seed, release in releases(world, setting):
        several = combined(release, asked, setting.tables, seed) if seed < setting.table_repetitions else []
        for number, one in enumerate(asked):
            found = estimate(release, one.request.text)
            half = 1.96 * found.stderrs
            ends = {
                "measured": (found.lows, found.highs),
                "stderr": (found.estimates - half, found.estimates + half),
                "naive": (found.naive_lows, found.naive_highs),
            }
            if several:
                ends["tables"] = (several[number].lows, several[number].highs)
            for method, (lows, highs) in ends.items():
                for row, name in enumerate(one.truth.names):
                    key = (one.request.text, name, method)
                    held[key].append(bool(lows[row] <= one.truth.values[row] <= highs[row]))
                    widths[key].append(float((highs[row] - lows[row]) / one.widths[row]))
    return held, widths


def print_table(world: World, setting: Setting) -> None:
    started = time.perf_counter()
    held, widths = run(world, setting)
    seconds = time.perf_counter() - started
    title = f"{world.name}, {setting.rows:,} rows, epsilon {setting.epsilon:g}, {setting.synthesizer}"
    print(f"\n{title}, {setting.repetitions} repetitions ({seconds:.0f} s)")
    print(
        f"{'':54}{'measured':>22}{'width':>7}{'stderr':>8}{'width':>7}{'naive':>8}{'width':>7}{'tables':>8}{'width':>7}"
    )
    for text, name, method in held:
        if method != "measured":
            continue
        ours = held[text, name, method]
        interval = binomtest(sum(ours), len(ours)).proportion_ci()
        line = f"{text + ': ' + name:<54.54}{np.mean(ours):7.1%} ({interval.low:5.1%}, {interval.high:6.1%})"
        for other in ("measured", "stderr", "naive", "tables"):
            if other != "measured":
                line += f"{np.mean(held[text, name, other]):8.1%}" if held.get((text, name, other)) else f"{'':8}"
            line += f"{np.median(widths[text, name, other]):7.2f}" if held.get((text, name, other)) else f"{'':7}"
        print(line)
    for wanted in ("measured", "stderr"):
        shares = [float(np.mean(one)) for (_, _, method), one in held.items() if method == wanted]
        print(f"{wanted}: from {min(shares):.1%} to {max(shares):.1%}, mean {np.mean(shares):.1%}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--repetitions", type=int, default=50)
    parser.add_argument("--rows", type=int, default=10_000)
    parser.add_argument("--epsilons", type=float, nargs="+", default=[0.5, 1.0, 5.0])
    parser.add_argument("--synthesizer", default="direct")
    parser.add_argument("--tables", type=int, default=20)
    parser.add_argument("--table-repetitions", type=int, default=10, help="0 for synthesizers that join codes")
    parser.add_argument("--worlds", nargs="+", choices=["simulated", "adult"], default=["simulated", "adult"])
    asked = parser.parse_args()
    warnings.simplefilter("ignore")
    for name in asked.worlds:
        if name == "adult" and not SHARED.is_dir():
            print(f"Adult: {ABSENT}")
            continue
        world = simulated() if name == "simulated" else adult()
        for epsilon in asked.epsilons:
            print_table(
                world,
                Setting(
                    asked.repetitions,
                    asked.rows,
                    epsilon,
                    asked.synthesizer,
                    asked.tables,
                    min(asked.table_repetitions, asked.repetitions),
                ),
            )


if __name__ == "__main__":
    main()
