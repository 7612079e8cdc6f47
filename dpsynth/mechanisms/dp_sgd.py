"""DP-SGD: a network trained on the rows by clipped gradients of Poisson-sampled batches, with exact noise.

Sources: Abadi, Chu, Goodfellow, McMahan, Mironov, Talwar, Zhang, "Deep Learning with Differential Privacy", CCS 2016
(algorithm 1); Li, Tramer, Liang, Hashimoto, "Large Language Models Can Be Strong Differentially Private Learners",
ICLR 2022 (clipping without keeping the gradients of single rows, as Opacus does it).
"""

from __future__ import annotations

import math
import warnings
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from fractions import Fraction
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np
import numpy.typing as npt

from dpsynth.codec.codec import Codec
from dpsynth.errors import SettingError
from dpsynth.mechanisms.gaussian_cost import gaussian_cost
from dpsynth.networks.checkpoints import Checkpoint, Course
from dpsynth.networks.gradients import DRAW_WORDS, ClippedGradients, secret_draws, set_gradient
from dpsynth.privacy.cost import ZERO, Cost
from dpsynth.privacy.discrete_gaussian import sample
from dpsynth.privacy.randomness import EntropySource
from dpsynth.privacy.sampled_gaussian import SampledGaussian
from dpsynth.privacy.unit import PrivacyUnit, Relation
from dpsynth.private.coded_rows import CodedRows
from dpsynth.private.counter import Counter

if TYPE_CHECKING:
    import torch

Arrays = Mapping[str, npt.NDArray[Any]]

# Gradients are summed on a grid of this many cells to the clipping norm.
CELLS = 1 << 20
# Of the clipping norm, set aside for the rounding of float32 in forward and backward passes and in their sums.
FLOAT_MARGIN = 2.0**-8
# A coin of 32 random bits falls with a chance that is a multiple of this.
_COIN_BITS = 32
# Rows that pass through the network at a time.
_BLOCK_ROWS = 4096


class Trainee(Protocol):
    """A network in training. It sees rows in `losses` alone, and learns of them by noisy gradients alone."""

    module: torch.nn.Module

    def losses(self, codes: torch.Tensor, draws: torch.Generator) -> torch.Tensor:
        """The loss of each row, shape (rows,).

        codes: int64, shape (rows, columns). draws: for what each row draws for itself. The loss of a row must be a
        function of this row, its own draws and the parameters; of no other row of the batch.
        """
        ...

    def update(self, step: int) -> None:
        """One public step, by the noisy mean gradient that lies in `.grad` of the module's parameters."""
        ...

    def state(self) -> dict[str, npt.NDArray[Any]]:
        """Everything that later steps and the result depend on, as arrays: for checkpoints."""
        ...

    def restore(self, state: Arrays) -> None:
        """The inverse of `state`."""
        ...

    def result(self) -> dict[str, npt.NDArray[Any]]:
        """What is released once all steps are done."""
        ...


class Training(Protocol):
    """What is trained, and how: a frozen value made from public facts and released values."""

    def start(self, device: str) -> Trainee:
        """A network ready for its first step; equal trainings start equal networks."""
        ...

    @property
    def coordinates(self) -> int:
        """How many numbers a gradient of the module has."""
        ...

    def describe(self) -> dict[str, Any]:
        """Public settings, as JSON values."""
        ...


@dataclass(frozen=True)
class DPSGD:
    """`steps` noisy gradient steps on Poisson-sampled rows.

    training: the network. rate: chance of each row to be in a batch, a multiple of 2^-32. clip: largest norm of one
    row's gradient, in units of the loss. noise: stddev of the noise on the sum of clipped gradients, in units of
    `clip`. batch: public estimate of the rows of a batch, by which the noisy sum is divided. delta0: what the price
    may leave uncovered. checkpoint: where the run is kept, so that it can go on after a crash.

    In each step every row is in by a coin of its own. The gradient of each row's loss is scaled down to norm `clip`;
    the sum is rounded to a grid of 2^-20 of `clip`, and discrete Gaussian noise is added to each coordinate, on that
    grid. An empty batch takes its step like any other. No number of the run is logged.

    Privacy: a row that is in moves the sum by at most `clip`, and rounding moves each coordinate by at most one cell
    more, so it moves the integers by at most 2^20 (1 + margin) + sqrt(coordinates), which the noise hides at the
    price of `gaussian_cost`. What a row draws for itself is drawn independently of other rows and kept secret, so
    that the draws of all others may be held fixed. Sampling and steps: `SampledGaussian`. The margin is for float32,
    where a sum over other rows may be rounded otherwise when one row more is in; it bounds the errors that occur, and
    is no proof.
    """

    codec: Codec
    training: Training
    steps: int
    rate: Fraction
    clip: float
    noise: float
    batch: float
    delta0: float
    device: str = "cpu"
    checkpoint: Checkpoint | None = field(default=None, compare=False)
    progress: Callable[[float], None] | None = field(default=None, compare=False)

    def __post_init__(self) -> None:
        if (self.rate * 2**_COIN_BITS).denominator != 1 or not 0 < self.rate <= 1:
            raise SettingError(
                f"rate ({float(self.rate):g}) must be a multiple of 2^-32 in (0, 1]; try coin_rate(0.05)"
            )
        for name in ("clip", "noise", "batch"):
            if not 0 < getattr(self, name) < math.inf:
                raise SettingError(f"{name} ({getattr(self, name)}) must be a positive number; try 1.0")

    def events(self, unit: PrivacyUnit) -> SampledGaussian:
        """What all steps together are, to an accountant."""
        return self._events(unit.max_rows, unit.relation)

    def cost(self, unit: PrivacyUnit) -> Cost:
        """The smallest Gaussian price that dominates all steps, with `delta0`."""
        return Cost.of_mu(self.events(unit).dominating_mu(self.delta0), self.delta0)

    def query(self, private: Counter) -> CodedRows:
        """The codes of all rows: secret. Raises SettingError where the rows are not in memory."""
        return private.coded_rows(self.codec)

    def randomise(self, exact: CodedRows, source: EntropySource) -> dict[str, npt.NDArray[Any]]:
        """What the training releases once all steps are done."""
        trainee = self.training.start(self.device)
        course = Course.begin(self.checkpoint, trainee, {**self.describe(), "steps": self.steps})
        with ClippedGradients(trainee, self.clip) as gradients:
            for step in course.steps(self.steps):
                rows = exact.matrix[poisson_sample(exact.count, self.rate, source)]
                summed = gradients.sum(rows, secret_draws(source.words(DRAW_WORDS), self.device), _BLOCK_ROWS)
                cells = np.rint(summed * (CELLS / self.clip)).astype(np.int64)
                noisy = cells + sample(self.noise * CELLS, cells.size, source)
                set_gradient(trainee.module, noisy.astype(np.float64) * (self.clip / CELLS / self.batch))
                trainee.update(step)
                if self.progress is not None:
                    self.progress((step + 1) / self.steps)
        return trainee.result()

    def kept_at(self, path: Path) -> DPSGD:
        """The same training, kept in a file while it goes on."""
        return replace(self, checkpoint=Checkpoint(path))

    def movement(self, exact: CodedRows, neighbour: CodedRows) -> Cost:
        """The price for a unit of just the rows by which the two tables differ."""
        lost, won = exact.moved(neighbour)
        if lost == won == 0:
            return ZERO
        relation = Relation.REPLACE_ONE if lost and won else Relation.ADD_REMOVE
        return Cost.of_mu(self._events(max(lost, won), relation).dominating_mu(self.delta0), self.delta0)

    def describe(self) -> dict[str, Any]:
        """Kind, and everything that an accountant needs to compute the price again."""
        return {
            "kind": "DP-SGD",
            "steps": self.steps,
            "rate": float(self.rate),
            "clip": self.clip,
            "noise_multiplier": self.noise,
            "step_mu": self._step_mu,
            "delta0": self.delta0,
            "float_margin": FLOAT_MARGIN,
            "opacus_epsilon_at_1e-5": opacus_epsilon(1 / self._step_mu, float(self.rate), self.steps),
            "coordinates": self.training.coordinates,
            "network": self.training.describe(),
        }

    @property
    def _step_mu(self) -> float:
        return step_mu(self.noise, self.training.coordinates)

    def _events(self, rows: int, relation: Relation) -> SampledGaussian:
        return SampledGaussian(self.steps, self.rate, self._step_mu, rows, relation)


def step_mu(noise: float, coordinates: int) -> float:
    """What one row that is surely in a batch costs in one step, as mu; `noise` in units of the clipping norm."""
    moved = math.ceil(CELLS * (1 + FLOAT_MARGIN) + math.sqrt(coordinates) + 1)
    return gaussian_cost(moved**2, noise * CELLS).mu


@lru_cache(maxsize=256)
def opacus_epsilon(noise: float, rate: float, steps: int) -> float:
    """What Opacus' own accountant says of one row added or removed, at delta 1e-5: shown, and not relied on."""
    from opacus.accountants import RDPAccountant

    accountant = RDPAccountant()
    accountant.history = [(noise, rate, steps)]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # it remarks on the orders that it tried
        return float(accountant.get_epsilon(1e-5))


def coin_rate(rate: float) -> Fraction:
    """The multiple of 2^-32 nearest to `rate`, which lies in (0, 1].

    >>> coin_rate(0.25)
    Fraction(1, 4)
    """
    if not 0 < rate <= 1:
        raise SettingError(f"rate ({rate}) must be above 0 and at most 1; try 0.05")
    return Fraction(max(round(rate * 2**_COIN_BITS), 1), 2**_COIN_BITS)


@lru_cache(maxsize=256)
def noise_within(budget: Cost, unit: PrivacyUnit, steps: int, rate: Fraction, coordinates: int, delta0: float) -> float:
    """The smallest noise, to a thousandth of itself and on the safe side, whose price is within `budget`.

    Raises SettingError when the budget has no room for `delta0`, or would need a noise of more than a million.
    """
    if not Fraction(delta0) <= budget.delta:
        raise SettingError(f"delta0 ({delta0}) must be within the budget's; got {float(budget.delta):.3g}")
    from scipy.optimize import brentq

    target = float(budget.mu_squared) ** 0.5 * (1 - 1e-9)

    def price(noise: float) -> float:
        events = SampledGaussian(steps, rate, step_mu(noise, coordinates), unit.max_rows, unit.relation)
        return events.dominating_mu(delta0)

    # mu is nearly steps^1/2 rate k / noise where noise rules; elsewhere the bracket is widened.
    low = high = max(unit.l1_count_sensitivity * float(rate) * steps**0.5 / target, 0.2)
    while price(high) > target:
        high *= 2
        if high > 1e6:
            raise SettingError("budget must leave room for DP-SGD; got too little; try a larger epsilon")
    while price(low) <= target and low > 1e-3:
        low /= 2
    found = math.exp(
        brentq(lambda log: math.log(price(math.exp(log)) / target), math.log(low), math.log(high), xtol=2e-4)
    )
    while price(found) > target:
        found *= 1.0002
    return found


def poisson_sample(count: int, rate: Fraction, source: EntropySource) -> npt.NDArray[np.int64]:
    """Increasing indices below `count`, each of them in by a coin of its own that falls with chance `rate`, exactly."""
    if rate == 1:
        return np.arange(count)
    words = source.words((count + 1) // 2).view(np.uint32)[:count]
    return np.flatnonzero(words < np.uint32(int(rate * 2**_COIN_BITS)))
