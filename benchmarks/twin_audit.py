"""How near the twin audit comes to what a generator promises, and which planted bugs it catches.

First: lower bounds on mu at 95 % confidence for honest synthesizers at epsilon 1, delta 0.01, the worst case of
three columns. For comparison: a tight audit of MST and AIM reached 0.43 where their accounting implied 0.45
(arXiv 2604.18352). Then: bugs are planted in the real code, and each is audited again and again; noise comes from
the system's entropy. The last lines look from outside, at the synthetic tables alone.

    python benchmarks/twin_audit.py [--runs 20000] [--repetitions 20] [--synthesizer mst aim]
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from functools import partial
from typing import Any
from unittest.mock import patch

import numpy as np

import dpsynth
from attacks.mechanism_audit import TwinAudit, audit_callable, audit_generator
from dpsynth.codec.categorical import OpenCodec
from dpsynth.engine import run_request
from dpsynth.mechanisms import marginals
from dpsynth.privacy.cost import ZERO
from dpsynth.privacy.randomness import InsecureTestEntropy
from dpsynth.privacy.unit import PrivacyUnit
from dpsynth.session import Session

NOISE = "dpsynth.mechanisms.marginals.sample"
OPEN = dpsynth.Schema([dpsynth.OpenCategorical("a", max_values=5), dpsynth.Boolean("b"), dpsynth.Boolean("c")])


def honest() -> Any:
    """Nothing wrong."""
    return ExitStack()


def no_noise() -> Any:
    """Marginals are released as they are."""
    return patch(NOISE, lambda stddev, count, source: np.zeros(count, np.int64))


def half_the_noise() -> Any:
    """Marginals get noise of half the stddev that was charged."""
    sample = marginals.sample
    return patch(NOISE, lambda stddev, count, source: sample(stddev / 2, count, source))


def seed_used_again() -> Any:
    """The noise is the same in every run."""
    sample = marginals.sample
    return patch(NOISE, lambda stddev, count, source: sample(stddev, count, InsecureTestEntropy(7)))


def domain_from_the_data() -> Any:
    """The values of an open column are listed as they stand in the private table."""

    def found(door: Any, column: Any, budget: Any) -> OpenCodec:
        return OpenCodec(column, tuple(sorted(door.door._private.frequencies(column.name))))

    return patch("dpsynth.encoding._find_values", found)


@contextmanager
def budget_spent_twice() -> Iterator[None]:
    """The pipeline runs twice, and the session forgets what it has charged."""

    def twice(request: Any, door: Any) -> Any:
        run_request(request, door)
        return run_request(request, door)

    with patch("dpsynth.twins.run_request", twice), patch.object(Session, "spent", ZERO):
        yield


def forgotten_factor_of_replacement() -> Any:
    """A replaced row moves two cells of a marginal, and is charged as one that is added."""
    return patch.object(PrivacyUnit, "squared_l2_count_sensitivity", 1)


@dataclass(frozen=True)
class Plant:
    """A bug, and the audit that must find it."""

    bug: Callable[[], Any]
    caught: bool = True
    options: dict[str, Any] = field(default_factory=dict)

    @property
    def words(self) -> str:
        """The bug's name and what the audit was asked for."""
        asked = [f"{key} {value}" for key, value in self.options.items() if isinstance(value, str | float)]
        return ", ".join([self.bug.__name__.replace("_", " "), *asked])

    def audit(self, synthesizer: str, **options: Any) -> TwinAudit:
        """One audit with the bug in place."""
        with self.bug():
            return audit_generator(synthesizer, **{**options, **self.options})


REPLACED: dict[str, Any] = {"relation": "replace-one"}
PLANTS = (
    Plant(honest, caught=False),
    Plant(honest, caught=False, options=REPLACED),
    Plant(no_noise),
    Plant(half_the_noise),
    Plant(seed_used_again),
    Plant(domain_from_the_data, options={"schema": OPEN}),
    Plant(budget_spent_twice),
    Plant(forgotten_factor_of_replacement, options=REPLACED),
)


def vendor(table: Any, seed: int, *, stddev: float = 2.0, noise_seed: int | None = None, clip: bool = False) -> Any:
    """A small generator of the sort that is sold: a noisy histogram of a category and a number, and rows drawn.

    Claimed: mu = 1 / stddev for a row that is added, stddev 2. Bugs: a smaller stddev, a noise_seed that stays, and
    clip, which takes the bounds of the number from the data.
    """
    noise, draws = np.random.default_rng(noise_seed), np.random.default_rng(seed)
    numbers = np.asarray(table["pay"], dtype=float)
    lower, upper = (numbers.min(), numbers.max()) if clip else (0.0, 100.0)
    edges = np.linspace(lower, upper, 5)
    bins = np.clip(np.searchsorted(edges, numbers, side="right") - 1, 0, 3)
    codes = 4 * np.asarray(table["kind"], dtype=np.int64) + bins
    counts = np.rint(np.bincount(codes, minlength=8) + stddev * noise.standard_normal(8))
    rows = np.repeat(np.arange(8), np.maximum(counts, 0).astype(np.int64))
    low = edges[rows % 4]
    return {"kind": rows // 4, "pay": low + (edges[1] - edges[0]) * draws.random(len(rows))}


PAYS = {"kind": [0] * 30 + [1] * 30, "pay": [5.0, 10.0, 15.0] * 20}
PAYS_AND_ONE = {"kind": [*PAYS["kind"], 1], "pay": [*PAYS["pay"], 95.0]}
SOLD: tuple[tuple[str, bool, dict[str, Any]], ...] = (
    ("honest", False, {}),
    ("no noise", True, {"stddev": 0.0}),
    ("half the noise", True, {"stddev": 1.0}),
    ("seed used again", True, {"noise_seed": 7}),
    ("bounds from the data", True, {"clip": True}),
)


def audit_sold(bug: dict[str, Any], **options: Any) -> TwinAudit:
    """A black-box audit of the small generator with a bug, which claims mu 1/2."""
    claim = {"epsilon": 2.0, "delta": 1e-5, "mu": 0.5}
    return audit_callable(lambda table, seed: vendor(table, seed, **bug), (PAYS, PAYS_AND_ONE), **claim, **options)


def tightness(names: list[str], runs: int) -> None:
    """The first table."""
    print(f"{'synthesizer':14} promised  proved  share  epsilon proved  ceiling  runs     CPU s")
    for name in names:
        found = audit_generator(name, epsilon=1.0, delta=1e-2, runs=runs)
        print(
            f"{name:14} {found.mu:8.4f} {found.mu_lower:7.4f} {found.share:6.1%} {found.epsilon_lower:11.3f} of 1 "
            f"{found.ceiling:8.2f}  {runs:6} {found.seconds:7.0f}",
            flush=True,
        )


def caught(name: str, expected: bool, audit: Callable[[], TwinAudit], repetitions: int) -> None:
    """One line of the second table."""
    start = time.process_time()
    found = [audit() for _ in range(repetitions)]
    alarms = sum(one.verdict == "fail" for one in found)
    print(
        f"{name:50} {alarms:3} of {repetitions:3} {'caught' if expected else 'false alarms':12} "
        f"{np.median([one.share for one in found]):8.0%}  {max({one.score for one in found}, key=len):22.22} "
        f"{(time.process_time() - start) / repetitions:6.1f}",
        flush=True,
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--runs", type=int, default=20_000, help="in either world, of the honest synthesizers")
    parser.add_argument("--synthesizer", nargs="*", default=["mst"], choices=dpsynth.synthesizers())
    parser.add_argument("--repetitions", type=int, default=20, help="of the audit of each bug")
    parser.add_argument("--bug-runs", type=int, default=1000, help="in either world, in each of those audits")
    parser.add_argument("--buggy", default="independent", choices=dpsynth.synthesizers())
    asked = parser.parse_args()
    tightness(asked.synthesizer, asked.runs)
    print(f"\n{asked.buggy} at epsilon 4, delta 1e-6 or as written, {asked.bug_runs} runs in either world")
    print(f"{'planted':50} alarms                  proved/promised  by                CPU s")
    options = {"runs": asked.bug_runs, "epsilon": 4.0, "delta": 1e-6}
    for plant in (*PLANTS, Plant(half_the_noise, options={"epsilon": 1.0, "delta": 1e-5})):
        caught(plant.words, plant.caught, partial(plant.audit, asked.buggy, **options), asked.repetitions)
    for name, expected, bug in SOLD:
        seeds = iter(range(asked.repetitions))
        caught(
            f"from outside: {name}",
            expected,
            lambda bug=bug, seeds=seeds: audit_sold(bug, runs=2 * asked.bug_runs, seed=next(seeds)),
            asked.repetitions,
        )


if __name__ == "__main__":
    main()
