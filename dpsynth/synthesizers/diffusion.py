"""`diffusion`: a network that puts exchanged codes right, started on rows of a noisy tree, then trained by DP-SGD.

Sources: Hoogeboom et al., "Argmax Flows and Multinomial Diffusion", NeurIPS 2021; Truda, "Generating tabular datasets
under differential privacy", 2023; Abadi et al., "Deep Learning with Differential Privacy", CCS 2016.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial

import numpy as np

from dpsynth.codec.codec import Codec
from dpsynth.domain import Domain
from dpsynth.networks import diffusion
from dpsynth.plan import PlannedStep, Resources
from dpsynth.privacy.cost import Cost
from dpsynth.privacy.unit import PrivacyUnit
from dpsynth.session import Door
from dpsynth.synthesizers import training
from dpsynth.synthesizers.settings import require_at_least_one, require_shares
from dpsynth.synthesizers.synthesizer import Fitted, Progress

_Shares = tuple[tuple[float, ...], ...]


@dataclass(frozen=True)
class Diffusion:
    """Multinomial diffusion trained by DP-SGD, with a warm start from a noisy tree (extra `deep`).

    warm_share: of the budget, for the tree whose rows the network is first trained on. hidden: width. training_steps,
    rate, clip, learning_rate: of DP-SGD. warm_rows, epochs: of the warm start. levels: steps from nothing to a row.
    components: rows that the final model is made of. device: cpu, cuda or auto.
    """

    warm_share: float = 0.2
    hidden: float = 128.0
    training_steps: float = 600.0
    rate: float = 0.05
    clip: float = 1.0
    learning_rate: float = 2e-3
    warm_rows: float = 40_000.0
    epochs: float = 5.0
    levels: float = 30.0
    components: float = 16_000.0
    device: str = "cpu"

    def __post_init__(self) -> None:
        require_shares(self, "warm_share", "rate", "learning_rate")
        require_at_least_one(self, "hidden", "training_steps", "warm_rows", "epochs", "levels", "components")

    def _training(
        self, shares: _Shares, steps: int, rate: float, start: diffusion.Arrays | None = None
    ) -> diffusion.DiffusionTraining:
        return diffusion.DiffusionTraining(shares, int(self.hidden), rate, steps, start_from=start)

    def _coordinates(self, domain: Domain) -> int:
        return self._training(tuple((0.0,) * size for size in domain.sizes), 1, 1.0).coordinates

    def steps(self, domain: Domain, budget: Cost, unit: PrivacyUnit) -> tuple[PlannedStep, ...]:
        """Those of the tree, and DP-SGD. Raises MissingExtraError, or SettingError for a device, before any data."""
        training.require_ready("diffusion", self.device)
        for_warm, for_training = training.split(self.warm_share, domain, budget)
        warm = training.warm_steps(domain, for_warm, unit)
        if len(domain) < 2:
            return warm
        return (*warm, training.schedule(self).planned("denoiser", for_training, self._coordinates(domain)))

    def resources(self, domain: Domain) -> Resources:
        """The tree, the mixture, and passes of rows through the network."""
        components = training.components_within(self.components, domain)
        learnt = self.warm_rows * self.epochs + 2 * self.training_steps * self.rate * 40_000
        passes = learnt + self.levels * components / 3  # answers need no gradient
        return training.resources(domain, components, self._coordinates(domain), passes)

    def fit(self, door: Door, codec: Codec, budget: Cost, progress: Progress) -> Fitted:
        """Measure the tree, train on its rows, train on the private rows, and let made-up rows arise."""
        for_warm, for_training = training.split(self.warm_share, codec.domain, budget)
        warm = training.warm_start(door, codec, for_warm, progress)
        if len(codec.domain) < 2:
            return warm
        domain, rows = warm.codec.domain, training.warm_rows(warm, int(self.warm_rows))
        shares = tuple(_shares(warm, column) for column in domain)
        start = training.warm_weights(partial(self._training, shares), rows, self.epochs, progress)
        settings = self._training(shares, int(self.training_steps), self.learning_rate, start)
        total = warm.model.total
        weights = training.schedule(self).run(door, warm.codec, settings, for_training, total, "denoiser", progress)
        components = training.components_within(self.components, domain)
        tables = diffusion.decode(settings, weights, components, int(self.levels))
        return Fitted(training.calibrated(warm, tables), warm.codec, warm.measurements)


def _shares(warm: Fitted, column: str) -> tuple[float, ...]:
    """How often each code is, by the noisy counts; never quite 0, so that each can be drawn."""
    counts = np.maximum(warm.model.project((column,)), 0.0) + 1e-6
    return tuple((counts / counts.sum()).tolist())
