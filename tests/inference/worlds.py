"""Small populations with a known law, and releases of samples from them without a run."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

import dpsynth
from dpsynth.codec.codec import Codec, closed_codec
from dpsynth.domain import Clique
from dpsynth.inference.posterior import total_of
from dpsynth.inference.released import Design
from dpsynth.marginal import FloatArray, NoisyMarginal
from dpsynth.models.fit import fit
from dpsynth.models.model import Model

SCHEMA = dpsynth.Schema(
    [
        dpsynth.Categorical("income", values=["low", "high"]),
        dpsynth.Boolean("smoker"),
        dpsynth.Categorical("age", values=range(20, 60, 10), nullable=True),
    ]
)
CODEC = Codec(tuple(closed_codec(column) for column in SCHEMA.columns))
ALL: Clique = ("income", "smoker", "age")


def population() -> FloatArray:
    """Probabilities of (income, smoker, age); some ages are missing."""
    shape = CODEC.domain.shape(ALL)
    table = np.zeros(shape)
    for smoker in range(2):
        for age in range(5):
            high = 1 / (1 + np.exp(1.0 - 0.4 * age + 0.6 * smoker))
            mass = (0.7, 0.3)[smoker] * (0.3, 0.25, 0.2, 0.15, 0.1)[age]
            table[:, smoker, age] = mass * (1 - high), mass * high
    return table / table.sum()


@dataclass(frozen=True, eq=False)
class World:
    """What `Released` asks for."""

    codec: Codec
    model: Model
    measurements: tuple[NoisyMarginal, ...]
    rows: int
    design: Design = field(default_factory=Design)


def noisy(
    counts: FloatArray, cliques: Sequence[Clique], stddev: float, rng: np.random.Generator | None
) -> tuple[NoisyMarginal, ...]:
    """Noisy marginals of a table of counts on `ALL`; without noise where rng is None."""
    measured = []
    for clique in cliques:
        table = np.einsum(counts, [0, 1, 2], [ALL.index(column) for column in clique])
        noise = np.zeros(table.shape) if rng is None else np.rint(rng.normal(size=table.shape) * stddev)
        measured.append(NoisyMarginal(clique, table + noise, stddev))
    return tuple(measured)


def measure(counts: FloatArray, cliques: Sequence[Clique], stddev: float, rng: np.random.Generator | None) -> World:
    """A release of a table of counts: its noisy marginals and the model fitted to them."""
    measured = noisy(counts, cliques, stddev, rng)
    total = total_of(measured)
    return World(CODEC, fit(CODEC.domain, measured, total, gap=1e-2), measured, round(total))


def sample(rows: int, rng: np.random.Generator) -> FloatArray:
    """Counts of a private table of `rows` rows from the population."""
    table = population()
    return rng.multinomial(rows, table.reshape(-1)).reshape(table.shape).astype(np.float64)
