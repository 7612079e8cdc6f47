"""`dpsynth selftest`: replay of every synthesizer on neighbouring tables, in the user's own installation.

Each case draws a small mixed-type table and a neighbour under one relation and unit, and replays the whole
run from codes to model. A planted leak, run the same way, has to be found, or the self-test fails.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from dpsynth.engine import Request, run_request, settle
from dpsynth.errors import MissingExtraError
from dpsynth.mechanisms.count import Count
from dpsynth.privacy.randomness import InsecureTestEntropy
from dpsynth.privacy.unit import Relation
from dpsynth.private.counter import Counter
from dpsynth.private.ingest import ingest
from dpsynth.private.memory import MemoryCounter
from dpsynth.replay import ReplayReport, replay
from dpsynth.schema.columns import Boolean, Categorical, Datetime, Identifier, Numeric, OpenCategorical
from dpsynth.schema.schema import Schema
from dpsynth.session import Door
from dpsynth.synthesizers.catalogue import CATALOGUE

SETTINGS: Mapping[str, dict[str, Any]] = {
    "direct": {"marginals": "colour,size;city,size"},
    "aim": {"rounds_per_column": 1, "gap": 1.0},  # few rounds, loosely fitted: quick
    "mwem": {"rounds": 3, "gap": 1.0},
    "mixture": {"stages": 1, "stage_steps": 1},  # the model is not looked at
    "kde": {"fit_steps": 1},
    "vae": {"hidden": 4, "latent": 2, "training_steps": 2, "warm_rows": 100, "epochs": 1, "components": 8},
    "diffusion": {"hidden": 4, "training_steps": 2, "warm_rows": 100, "epochs": 1, "levels": 2, "components": 8},
    "gan": {
        "hidden": 4,
        "latent": 2,
        "training_steps": 2,
        "warm_rows": 100,
        "decoder_steps": 1,
        "warm_steps": 2,
        "components": 8,
    },
    "autoencoder": {
        "hidden": 4,
        "latent": 2,
        "training_steps": 2,
        "gaussians": 3,
        "warm_rows": 100,
        "epochs": 1,
        "components": 8,
    },
    "pategan": {
        "hidden": 4,
        "latent": 2,
        "teachers": 5,
        "rounds": 2,
        "batch": 4,
        "lessons": 1,
        "lesson": 2,
        "warm_rows": 100,
        "epochs": 1,
        "components": 8,
    },
    "dp_merf": {"fit_steps": 1},
}
COLOURS = ("red", "green", "blue")


@dataclass(frozen=True)
class SelftestReport:
    """Whether all is well, and a line for each case."""

    passed: bool
    lines: tuple[str, ...]

    def to_json(self) -> dict[str, Any]:
        """The report as JSON values."""
        return {"passed": self.passed, "lines": list(self.lines)}


def selftest(progress: Callable[[str, float], None] | None = None, tables: int = 3) -> SelftestReport:
    """Replay every synthesizer under both relations, by row and by unit, on `tables` pairs of tables each."""
    cases = [(name, relation, unit) for name in CATALOGUE for relation in Relation for unit in (None, "person")]
    lines, passed = [], True
    for done, (name, relation, unit) in enumerate(cases):
        if progress is not None:
            progress(f"{name}, {relation.value}", done / len(cases))
        whom = "rows" if unit is None else "units of up to 2 rows"
        try:
            reports = [replay_case(name, relation, unit, seed) for seed in range(tables)]
        except MissingExtraError as error:
            lines.append(f"{name}, {relation.value}, {whom}: left out: {error}")
            continue
        findings = [finding for report in reports for finding in report.findings]
        passed &= all(report.passed for report in reports)
        tightest = max(report.tightest for report in reports)
        verdict = f"ok, at most {tightest:.0%} of a declared cost was used" if not findings else "; ".join(findings)
        lines.append(f"{name}, {relation.value}, {whom}: {verdict}")
    caught = not replay_case("leak", Relation.ADD_REMOVE, None, 0).passed
    lines.append(f"planted leak: {'found, as it must be' if caught else 'NOT found: this self-test proves nothing'}")
    return SelftestReport(passed and caught, tuple(lines))


def mixed_schema() -> Schema:
    """A small schema with a column of every type."""
    return Schema(
        [
            Identifier("person"),
            Categorical("colour", values=COLOURS),
            OpenCategorical("city", nullable=True, max_values=20),
            Numeric("size", lower=0, upper=40, integer=True, atoms=(0,)),
            Boolean("member", nullable=True),
            Numeric("pay", lower=-1_000, upper=1_000_000, nullable=True, decimals=2),
            Datetime("joined", lower="2020-01-01", upper="2020-03-31", bins=4),
        ]
    )


def draw_rows(rng: np.random.Generator, persons: range, rows_each: int) -> dict[str, list[Any]]:
    """Random rows for the mixed schema, `rows_each` for each person."""
    rows = len(persons) * rows_each
    colours = rng.choice(len(COLOURS), rows, p=[0.6, 0.3, 0.1])
    return {
        "person": [str(person) for person in persons for _ in range(rows_each)],
        "colour": [COLOURS[colour] for colour in colours],
        "city": [None if city > 11 else f"city {city}" for city in rng.geometric(0.3, rows)],
        "size": [int(size) for size in np.clip(rng.poisson(4 + 9 * colours), 0, 40)],
        "pay": [None if draw < 0.2 else round(float(draw * 3e4), 2) for draw in rng.random(rows)],
        "member": [None if draw < 0.1 else bool(draw < 0.6) for draw in rng.random(rows)],
        "joined": [str(np.datetime64("2020-01-01") + int(day)) for day in rng.integers(0, 90, rows)],
    }


def replay_case(name: str, relation: Relation, unit: str | None, seed: int) -> ReplayReport:
    """Replay one synthesizer (or the planted leak) on one pair of neighbours."""
    leak = name == "leak"
    request = settle(
        mixed_schema(),
        epsilon=2.0,
        delta=1e-6,
        synthesizer="independent" if leak else name,
        relation=relation,
        unit=unit,
        max_rows_per_unit=None if unit is None else 2,
        settings=SETTINGS.get(name, {}),
    )
    table, neighbour = _neighbours(request, np.random.default_rng(seed), seed)
    program = _leaky(table, neighbour) if leak else _program(request)
    return replay(program, table, neighbour, request.unit, InsecureTestEntropy(seed), request.budget)


def _program(request: Request) -> Callable[[Door], Any]:
    def program(door: Door) -> Any:
        fitted = run_request(request, door)
        return fitted.measurements, fitted.codec, fitted.model.total

    return program


def _leaky(table: Counter, neighbour: Counter) -> Callable[[Door], Any]:
    """A program that goes around the door: its noise depends on the exact number of rows."""
    counters = iter((table, neighbour))

    def program(door: Door) -> Any:
        return door.run(Count(stddev=float(next(counters).total())), "leak")

    return program


def _neighbours(request: Request, rng: np.random.Generator, seed: int) -> tuple[Counter, Counter]:
    """A table with one more unit at its end, and its neighbour: without it, or with another one in its place."""
    rows_each = request.unit.max_rows + (request.unit.column is not None)  # one more row than bounding keeps
    base = draw_rows(rng, range(150), rows_each)
    one, other = (draw_rows(rng, range(first, first + 1), rows_each) for first in (1000, 2000))
    one["city"] = [f"only here {i}" for i in range(rows_each)]
    ending = other if request.unit.relation is Relation.REPLACE_ONE else {name: [] for name in base}
    pair = ({name: base[name] + extra[name] for name in base} for extra in (one, ending))
    first, second = (_counter(rows, request, seed) for rows in pair)
    return first, second


def _counter(rows: dict[str, list[Any]], request: Request, seed: int) -> Counter:
    import pandas as pd

    # The same seed on either side, so that bounding keeps the same rows of the units that both tables share.
    return MemoryCounter(ingest(pd.DataFrame(rows), request.schema, request.unit, InsecureTestEntropy(seed)))
