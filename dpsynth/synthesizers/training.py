"""What the neural synthesizers share: a warm start, paid for once, DP-SGD within a budget, and a finite model."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from fractions import Fraction
from functools import partial
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt

from dpsynth.codec.codec import Codec
from dpsynth.domain import Domain
from dpsynth.marginal import FloatArray
from dpsynth.mechanisms.dp_sgd import DPSGD, Training, coin_rate, noise_within
from dpsynth.models.mixture import Mixture
from dpsynth.models.raking import raked
from dpsynth.networks.diffusion import DiffusionTraining
from dpsynth.networks.extra import chosen_device, load_torch
from dpsynth.networks.learner import learn_freely
from dpsynth.networks.vae import VaeTraining
from dpsynth.plan import PlannedStep, Resources
from dpsynth.privacy.cost import Cost
from dpsynth.privacy.unit import PrivacyUnit
from dpsynth.session import Door
from dpsynth.synthesizers.mst import MST
from dpsynth.synthesizers.synthesizer import Fitted, Progress

# A model from latent points never has more cells than this, whatever its settings ask for.
MOST_CELLS = 4_000_000
# A warm start learns at the rate of an ordinary network: its rows cost nothing.
WARM_RATE, WARM_BATCH = 3e-3, 256


class Trained(Protocol):
    """The settings of DP-SGD that every synthesizer trained by it has under the same names."""

    @property
    def training_steps(self) -> float:
        """Steps."""

    @property
    def rate(self) -> float:
        """Chance of a row to be in a batch."""

    @property
    def clip(self) -> float:
        """Longest gradient."""

    @property
    def device(self) -> str:
        """cpu, cuda or auto."""


@dataclass(frozen=True)
class Schedule:
    """Steps of DP-SGD. rate: chance of a row to be in a batch. clip: of gradients. device: cpu, cuda or auto."""

    steps: int
    rate: float
    clip: float
    device: str

    def planned(self, label: str, budget: Cost, coordinates: int) -> PlannedStep:
        """The planned step."""
        return PlannedStep(label, "DP-SGD", budget, None, coordinates)

    def run(
        self, door: Door, codec: Codec, training: Training, budget: Cost, total: float, label: str, progress: Progress
    ) -> dict[str, npt.NDArray[Any]]:
        """Train at the door with the least noise that `budget` allows; all of its delta is left uncovered."""
        rate, delta0 = coin_rate(self.rate), float(budget.delta)
        if Fraction(delta0) > budget.delta:
            delta0 = math.nextafter(delta0, 0.0)
        noise = noise_within(budget, door.unit, self.steps, rate, training.coordinates, delta0)
        mechanism = DPSGD(
            codec,
            training,
            self.steps,
            rate,
            self.clip,
            noise,
            max(float(rate) * total, 1.0),
            delta0,
            chosen_device(self.device),
            progress=partial(progress, label),
        )
        return door.run(mechanism, label)


def schedule(synthesizer: Trained) -> Schedule:
    """That of a synthesizer's settings."""
    return Schedule(int(synthesizer.training_steps), synthesizer.rate, synthesizer.clip, synthesizer.device)


def require_ready(name: str, device: str) -> None:
    """Before any data: MissingExtraError without the extra `deep`, SettingError for a device that is not there."""
    load_torch(name)
    chosen_device(device)


def split(warm_share: float, domain: Domain, budget: Cost) -> tuple[Cost, Cost]:
    """What the warm start may spend, and what is left for training; of one column there is nothing to train on."""
    share = warm_share if len(domain) > 1 else 1.0
    warm = Cost(budget.mu_squared).split([share, 1 - share])[0]
    return warm, budget.minus(warm)


def warm_start(door: Door, codec: Codec, budget: Cost, progress: Progress) -> Fitted:
    """A tree of noisy pairs of columns, measured and fitted: rows drawn from it cost nothing."""
    return MST().fit(door, codec, budget, progress)


def warm_steps(domain: Domain, budget: Cost, unit: PrivacyUnit) -> tuple[PlannedStep, ...]:
    """The planned steps of `warm_start`."""
    return MST().steps(domain, budget, unit)


def warm_rows(warm: Fitted, rows: int) -> npt.NDArray[np.integer[Any]]:
    """Codes of rows of the warm model, shape (rows, columns); the same for the same model."""
    drawn = warm.model.sample(rows, np.random.default_rng(0))
    return np.stack([drawn[column] for column in warm.codec.domain], axis=1)


def warm_weights(
    training: Callable[[int, float], VaeTraining | DiffusionTraining],
    rows: npt.NDArray[np.integer[Any]],
    epochs: float,
    progress: Progress,
) -> dict[str, npt.NDArray[Any]]:
    """What a network learns from free rows in some epochs; `training` is given the steps and their rate."""
    steps = int(epochs * len(rows) / WARM_BATCH) + 1
    weights = learn_freely(training(steps, WARM_RATE).start("cpu"), rows, WARM_BATCH, int(epochs))
    progress("warm start", 1.0)
    return weights


def components_within(asked: float, domain: Domain) -> int:
    """How many latent points a model of this domain is made of."""
    return max(min(int(asked), MOST_CELLS // max(sum(domain.sizes), 1)), 1)


def calibrated(warm: Fitted, tables: Sequence[FloatArray]) -> Mixture:
    """The mixture of equally likely components, brought to the one-ways that the warm model was fitted to."""
    domain = warm.codec.domain
    count = len(tables[0])
    shares = [warm.model.project((column,)) / warm.model.total for column in domain]
    return raked(domain, np.full(count, 1.0 / count), tables, shares, warm.model.total)


def latent_points(count: int, latent: int) -> npt.NDArray[np.float32]:
    """Standard normal points, shape (count, latent), spread more evenly than independent ones; always the same."""
    from scipy.special import ndtri
    from scipy.stats import qmc

    cube = qmc.Sobol(latent, seed=np.random.default_rng(0)).random(1 << (count - 1).bit_length())[:count]
    return np.asarray(ndtri(np.clip(cube, 1e-6, 1 - 1e-6)), dtype=np.float32)


def resources(domain: Domain, components: int, coordinates: int, row_passes: float) -> Resources:
    """Counts of the warm start, cells of the mixture, and the seconds of `row_passes` rows through the network."""
    warm = MST().resources(domain)
    cells = components * (sum(domain.sizes) + 1) + 6 * coordinates
    seconds = warm.fit_seconds + 1.2e-9 * row_passes * coordinates
    return Resources(warm.marginals, warm.counted_cells, max(cells, warm.model_cells), seconds)
