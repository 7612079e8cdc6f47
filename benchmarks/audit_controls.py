"""How often the audit sees leaks that are not there, and how often it sees leaks that are.

Every draw makes its own private table, holdout and synthetic table from one population of mixed types, ties and
missing cells. Negative: the synthetic table is drawn independently, so every "fail" is a false alarm; at most 5 % are
allowed. Positive: some rows of the private table are copied as they are into a table that is otherwise independent;
95 % must be seen; in a wide table too, where hardly any two rows are equal by chance. "needed" is how many copied
targets the audit says it needs in order to see them.

The audit's own controls cannot make it fail, and take twice the time of the attacks: they are left out, save in the
last lines. Where the synthetic table has as many rows as the private one, the check of row counts is at stake too.

    python -m benchmarks.audit_controls [--draws 200] [--positive 20] [--full 20] [--only negative]
"""

from __future__ import annotations

import argparse
import contextlib
import importlib
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import partial
from typing import Any
from unittest.mock import patch

import numpy as np
import numpy.typing as npt

import attacks
import dpsynth
from attacks.statistics.binomial import clopper_pearson_upper
from benchmarks.audit_speed import frame_of, mixed, schema_of
from tests.attacks.worlds import SCHEMA, population

LEVEL = 0.05
CLAIMS: Mapping[str, tuple[float, float] | attacks.Claim | None] = {"none": None, "(1, 1e-6)": (1.0, 1e-6)}
ANOTHER: Mapping[str, tuple[float, float]] = {"(1, 1e-5)": (1.0, 1e-5)}
RELEASED: Mapping[str, Any] = {"none": attacks.Claim(), "release's": None}
POOLS = ((2000, 0.01), (2000, 0.02), (5000, 0.01), (5000, 0.02))
AUDIT = importlib.import_module("attacks.audit")  # the module: the package gives this name to the function
Ticks = dict[str, npt.NDArray[np.int64]]


@dataclass(frozen=True)
class People:
    """A population: its schema, and ticks of so many rows."""

    schema: dpsynth.Schema
    rows: Callable[[int, np.random.Generator], Ticks]


PEOPLE = People(SCHEMA, population)  # 8 columns: some rows of strangers are equal
WIDE = People(schema_of(20), partial(mixed, schema_of(20)))  # 20 columns: hardly any are


@dataclass(frozen=True)
class Draw:
    """One audit to be made: the tables, the copied rows among them, and what else the audit is given."""

    synthetic: Any
    train: Any
    options: dict[str, Any]


@dataclass(frozen=True)
class Case:
    """A way to make tables; `leaks` says whether an audit must fail on them."""

    name: str
    leaks: bool
    make: Callable[[int], Draw]
    claims: Mapping[str, Any] = field(default_factory=lambda: CLAIMS)
    controls: bool = False


@dataclass
class Tally:
    """What became of the audits of one case under one claim."""

    smallest: list[float] = field(default_factory=list)
    needed: list[float] = field(default_factory=list)
    verdicts: Counter[str] = field(default_factory=Counter)
    by_attack: Counter[str] = field(default_factory=Counter)
    by_check: Counter[str] = field(default_factory=Counter)
    failed: Counter[str] = field(default_factory=Counter)
    controls: Counter[str] = field(default_factory=Counter)
    seeds: list[int] = field(default_factory=list)
    cpu_seconds: float = 0.0

    def add(self, report: attacks.AuditReport, seed: int) -> None:
        """Count one report."""
        found = [
            (one.measured.p_adjusted, one.attack, one.power.get("copies"))
            for one in report.findings
            if one.measured is not None and one.measured.p_adjusted is not None
        ]
        self.smallest.append(min(p for p, _, _ in found))
        self.needed.append(min((float(copies) for *_, copies in found if copies is not None), default=np.inf))
        self.verdicts[report.verdict] += 1
        self.by_attack.update({name for p, name, _ in found if p <= LEVEL})
        self.by_check.update({check.name for check in report.checks if check.status == "fail"})
        self.failed.update({f"{one.attack}: {one.why}" for one in report.findings if one.status == "failed"})
        self.controls.update({control.name for control in report.controls if not control.passed})
        if report.verdict == "fail":
            self.seeds.append(seed)

    @property
    def alarms(self) -> int:
        """Audits in which an attack, not a static check, refuted the claim."""
        return sum(p <= LEVEL for p in self.smallest)

    def line(self, case: Case, claim: str) -> str:
        """One row of the table."""
        runs = len(self.smallest)
        low, high = interval(self.alarms, runs)
        quantiles = " ".join(f"{q:8.2g}" for q in np.quantile(self.smallest, [0, 0.05, 0.25, 0.5]))
        bar = self.alarms >= 0.95 * runs if case.leaks else self.alarms <= LEVEL * runs
        needed = float(np.median(self.needed))
        return (
            f"{case.name:34} {claim:10} {self.alarms:4} of {runs:3} {self.alarms / runs:6.1%} [{low:5.1%}, {high:6.1%}]"
            f" {'met' if bar else 'MISSED':6} {self.verdicts['fail']:4} {self.verdicts['inconclusive']:4}"
            f" {self.verdicts['pass']:4} {quantiles} {'none' if needed == np.inf else f'{needed:.0f}':>6}"
            f" {self.cpu_seconds / runs:6.1f}"
        )

    def remarks(self) -> Iterator[str]:
        """What the row leaves out."""
        for name, counts in (
            ("seen by", self.by_attack),
            ("checks that failed", self.by_check),
            ("attacks that broke", self.failed),
            ("controls that did not come out", self.controls),
        ):
            if counts:
                yield f"    {name}: " + ", ".join(f"{key} {count}" for key, count in counts.most_common(6))
        if self.seeds and len(self.seeds) < len(self.smallest):
            yield f"    fails with draws {self.seeds[:12]}"


HEAD = (
    f"{'case':34} {'claim':10} alarms of attacks, 95 % interval         bar    fail  inc pass"
    f"    least       5%      25%   median needed  CPU s"
)


def interval(count: int, runs: int, level: float = 0.05) -> tuple[float, float]:
    """Clopper-Pearson, two-sided."""
    low = 1 - float(clopper_pearson_upper(runs - count, runs, level / 2))
    return low, float(clopper_pearson_upper(count, runs, level / 2))


def ticked(columns: Ticks, schema: dpsynth.Schema = SCHEMA) -> dpsynth.Ticked:
    """Columns of ticks as a table."""
    ticks = {name: column.astype(np.int64) for name, column in columns.items()}
    return dpsynth.Ticked(schema, len(next(iter(ticks.values()))), ticks, {})


def independent(rows: int, holdout: int, made: int | None = None) -> Callable[[int], Draw]:
    """Private rows, holdout and synthetic rows, all drawn alike; by default 5 % more synthetic rows than private."""

    def make(seed: int) -> Draw:
        rng = np.random.default_rng([101, seed])
        sizes = rows, holdout, made or rows + rows // 20
        train, control, synthetic = (ticked(population(count, rng)) for count in sizes)
        return Draw(synthetic, train, {"holdout": control, "schema": SCHEMA})

    return make


def copying(rows: int, share: float, people: People = PEOPLE, **options: Any) -> Callable[[int], Draw]:
    """A share of the synthetic rows are private rows as they are; train and holdout of `rows` each."""

    def make(seed: int) -> Draw:
        rng = np.random.default_rng([201, seed])
        train, control, fresh = (people.rows(count, rng) for count in (rows, rows, rows + rows // 20))
        tables = with_copies(fresh, train, np.arange(rows), round(share * rows), rng), train, control
        synthetic, private, holdout = (ticked(each, people.schema) for each in tables)
        return Draw(synthetic, private, {"holdout": holdout, "schema": people.schema, **options})

    return make


def with_copies(
    fresh: Ticks, train: Ticks, members: npt.NDArray[np.int64], copies: int, rng: np.random.Generator
) -> Ticks:
    """Fresh rows, as many of which as `copies` are replaced by rows of `train`, drawn among `members`; shuffled."""
    copied = rng.choice(members, copies, replace=False)
    order = rng.permutation(len(next(iter(fresh.values()))))
    return {name: np.concatenate([train[name][copied], fresh[name][copies:]])[order] for name in fresh}


def pool_copying(rows: int, pool: int, share: float, people: People = PEOPLE, **options: Any) -> Callable[[int], Draw]:
    """A dpsynth release with an audit pool, whose table is replaced: a share of its rows are private ones."""

    def make(seed: int) -> Draw:
        rng = np.random.default_rng([301, seed])
        train, fresh = people.rows(rows, rng), people.rows(rows, rng)
        frame = frame_of(train, people.schema)
        release = dpsynth.synthesize(frame, people.schema, epsilon=1.0, delta=1e-6, synthesizer="mst", audit_pool=pool)
        coins = release.audit_pool
        assert coins is not None
        took_part = np.ones(rows, bool)
        took_part[coins.rows[~coins.coins]] = False
        members = np.flatnonzero(took_part)
        made = with_copies(fresh, train, members, round(share * len(members)), rng)
        vars(release)["table"] = frame_of(made, people.schema)
        return Draw(release, frame, {"pool": coins, **options})

    return make


def run(case: Case, seed: int, tallies: dict[tuple[str, str], Tally]) -> None:
    """One draw of a case under all of its claims; attacks run once, and their outcomes are judged again."""
    draw = case.make(seed)
    with tempfile.TemporaryDirectory() as folder:
        for claim, promised in case.claims.items():
            start = time.process_time()
            with contextlib.nullcontext() if case.controls else patch.object(AUDIT, "worlds", lambda *_: ()):
                report = attacks.audit(
                    draw.synthetic, train=draw.train, claim=promised, seed=seed, resume=folder, **draw.options
                )
            tally = tallies.setdefault((case.name, claim), Tally())
            tally.cpu_seconds += time.process_time() - start
            tally.add(report, seed)


def cases() -> Iterator[tuple[str, Case]]:
    """The group of each case, and the case."""
    for holdout in (1000, 500, 100):
        yield "negative", Case(f"independent, 1,000 : {holdout:,}", False, independent(1000, holdout))
    yield "full", Case("as above, 1,000 : 500, controls", False, independent(1000, 500), controls=True)
    unclaimed: dict[str, Any] = {"none": None}
    equal = independent(1000, 500, 1000)
    yield "full", Case("as many rows as train, controls", False, equal, claims=unclaimed, controls=True)
    for share in (0.01, 0.02, 0.05):
        yield "positive", Case(f"pairs, {share:.0%} of 10,000 copied", True, copying(10_000, share))
    for pool, share in POOLS:
        name = f"pool of {pool:,}, {share:.0%} of rows copied"
        yield "positive", Case(name, True, pool_copying(5 * pool, pool, share), claims=RELEASED)
    # Copies have half of the level whatever the other attacks are: one that is quick stands for all of them.
    quick = {"attacks": ["copies", "marginals"]}
    for share in (0.01, 0.02):
        made = copying(10_000, share, WIDE, **quick)
        yield "wide", Case(f"wide: pairs, {share:.0%} of 10,000 copied", True, made, claims={**CLAIMS, **ANOTHER})
    for pool, share in POOLS:
        made = pool_copying(5 * pool, pool, share, WIDE, **quick)
        yield "wide", Case(f"wide: pool of {pool:,}, {share:.0%} copied", True, made, claims={**RELEASED, **ANOTHER})


def table(listed: list[Case], tallies: dict[tuple[str, str], Tally]) -> str:
    """All rows that there are."""
    lines = [HEAD]
    for case in listed:
        for claim in case.claims:
            tally = tallies.get((case.name, claim))
            if tally is not None:
                lines += [tally.line(case, claim), *tally.remarks()]
    return "\n".join(lines)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--draws", type=int, default=200, help="of each negative case")
    parser.add_argument("--positive", type=int, default=20, help="draws of each positive case")
    parser.add_argument("--full", type=int, default=20, help="draws of each negative case with the audit's controls")
    parser.add_argument("--first", type=int, default=0, help="number of the first draw")
    parser.add_argument("--case", default="", help="cases with these words in their name alone")
    parser.add_argument("--only", choices=("negative", "full", "positive", "wide"), help="these cases alone")
    asked = parser.parse_args()
    draws = {"negative": asked.draws, "full": asked.full, "positive": asked.positive, "wide": asked.positive}
    listed = [(group, case) for group, case in cases() if asked.only in (None, group) and asked.case in case.name]
    tallies: dict[tuple[str, str], Tally] = {}
    for number in range(max(draws[group] for group, _ in listed)):
        for group, case in listed:
            if number < draws[group]:
                run(case, asked.first + number, tallies)
        if number % 5 == 4:  # so that a run that is stopped has said something
            print(f"{number + 1} draws\n{table([case for _, case in listed], tallies)}\n", file=sys.stderr, flush=True)
    print(table([case for _, case in listed], tallies))


if __name__ == "__main__":
    main()
