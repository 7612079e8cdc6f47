"""Small worlds in which the answer is known: targets, the coins of who was in, and what an attacker is given.

A world: a private table with some of the targets, a synthetic table, and a reference without any target, all drawn
from one population with numbers (ties, missing cells), categories and a boolean. Kinds of synthetic table:
"independent": fresh rows, so nothing can be learned; "copier": the private table itself; "partial": fresh rows, but
`copied` of them (5 % by default) verbatim from the private table.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

import dpsynth
from attacks.attack import Evidence
from attacks.tables import Encoder, Table
from attacks.trial import Trial

TOWNS = 40
SCHEMA = dpsynth.Schema(
    [
        dpsynth.Numeric("age", lower=0, upper=99, decimals=0),
        dpsynth.Numeric("income", lower=0, upper=200_000, decimals=0, nullable=True),
        dpsynth.Numeric("score", lower=0, upper=10, decimals=0, nullable=True),
        dpsynth.Categorical("work", values=range(8)),
        dpsynth.Categorical("town", values=range(TOWNS)),
        dpsynth.Categorical("group", values=range(3), nullable=True),
        dpsynth.Categorical("colour", values=range(5)),
        dpsynth.Boolean("owner"),
    ]
)


@dataclass(frozen=True)
class World:
    """What an attack is handed (evidence, targets), what it is judged by (trial), and the private table."""

    evidence: Evidence
    targets: Table
    trial: Trial
    private: Table

    @property
    def members(self):
        return self.targets.take(self.trial.coins)

    @property
    def control(self):
        return self.targets.take(~self.trial.coins)


def population(rows: int, rng: np.random.Generator) -> dict[str, np.ndarray]:
    """Ticks of rows of one population: six hidden kinds of people, and chance."""
    kind = rng.choice(6, rows, p=[0.3, 0.25, 0.2, 0.1, 0.1, 0.05])
    income = np.exp(rng.normal(9 + kind / 4, 0.7, rows)).astype(int).clip(0, 200_000)
    columns = {
        "age": (20 + 8 * kind + rng.normal(0, 9, rows)).astype(int).clip(0, 99),
        "income": np.where(rng.random(rows) < 0.2, 0, income),
        "score": rng.binomial(10, 0.1 + kind / 8, rows),
        "work": (kind + rng.geometric(0.5, rows)) % 8,
        "town": (rng.random(rows) ** 3 * TOWNS).astype(int),
        "group": rng.integers(0, 3, rows) * (rng.random(rows) < 0.5),
        "colour": (kind + rng.integers(0, 3, rows)) % 5,
        "owner": (rng.random(rows) < 0.1 + kind / 8).astype(int),
    }
    for name, share in (("income", 0.1), ("score", 0.03), ("group", 0.05)):
        columns[name] = np.where(rng.random(rows) < share, -1, columns[name])
    return columns


def _ticked(columns: dict[str, np.ndarray]) -> dpsynth.Ticked:
    ticks = {name: column.astype(np.int64) for name, column in columns.items()}
    return dpsynth.Ticked(SCHEMA, len(ticks["age"]), ticks, {})


def world(
    kind: str, seed: int, rows: int = 3000, targets: int = 600, copied: float = 0.05, pairs: bool = False
) -> World:
    """A world of this kind ("independent", "copier", "partial") with so many rows in each table."""
    rng = np.random.default_rng(seed)
    pool, others, fresh, reference = (population(count, rng) for count in (targets, rows, rows, rows))
    coins = rng.random(targets) < 0.5
    if pairs:
        coins[1::2] = ~coins[::2]
    private = {name: np.concatenate([pool[name][coins], others[name]])[:rows] for name in pool}
    order = rng.permutation(rows)  # so that no place in a table tells anything
    verbatim = {"independent": 0, "copier": rows, "partial": round(copied * rows)}[kind]
    synthetic = {name: np.concatenate([private[name][order][:verbatim], fresh[name]])[:rows] for name in pool}
    tables = [_ticked(each) for each in (synthetic, reference, pool, private)]
    encoder = Encoder.of(SCHEMA, tables[:2])
    encoded = [encoder.encode(table) for table in tables]
    return World(Evidence(encoded[0], reference=encoded[1]), encoded[2], Trial(coins, pairs), encoded[3])


def auc(scores: np.ndarray, coins: np.ndarray) -> float:
    """Chance that a target that was in has the larger score than one that was not; ties count half."""
    from scipy.stats import rankdata

    inside = int(coins.sum())
    ranks = rankdata(scores)
    return float((ranks[coins].sum() - inside * (inside + 1) / 2) / (inside * (len(coins) - inside)))


def auc_noise(coins: np.ndarray) -> float:
    """Standard deviation of the AUC of scores that know nothing, at most (without ties)."""
    inside, outside = int(coins.sum()), int((~coins).sum())
    return float(np.sqrt((inside + outside + 1) / (12 * inside * outside)))


def edge_tables() -> dict[str, Table]:
    """Tables that break careless code: every attack must survive each as evidence and as targets."""
    rng = np.random.default_rng(5)

    def table(ticks, ordered):
        ticks = np.asarray(ticks, np.int64)
        codes = np.where(ticks >= 0, ticks + 2, ticks == -2).astype(np.int32)
        ranks = np.where((ticks >= 0) & np.array(ordered), ticks / 250, np.nan).astype(np.float32)
        names = tuple(f"c{place}" for place in range(len(ordered)))
        return Table(names, tuple(ordered), (252,) * len(ordered), ticks, codes, ranks)

    kinds = (True, False, False)
    return {
        "one row": table([[3, 1, 200]], kinds),
        "constant": table(np.full((40, 3), 7), kinds),
        "all null": table(np.full((30, 3), -1), kinds),
        "unplaceable": table(np.full((20, 3), -2), kinds),
        "duplicates": table(np.repeat(rng.integers(-1, 3, (5, 3)), 8, axis=0), kinds),
        "many levels": table(rng.integers(-2, 250, (60, 3)), kinds),
    }
