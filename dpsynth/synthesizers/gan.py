"""`gan`: a generator that never sees a row, against a critic trained by DP-SGD; both start on rows of a noisy tree.

Sources: Torkzadehmahani, Kairouz, Paten, "DP-CGAN", CVPR workshops 2019; Xie, Lin, Wang, Wang, Zhou, "Differentially
Private Generative Adversarial Network", 2018; Bie, Kamath, Zhang, "Private GANs, Revisited", TMLR 2023.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from dpsynth.codec.codec import Codec
from dpsynth.domain import Domain
from dpsynth.errors import SettingError
from dpsynth.networks import gan
from dpsynth.plan import PlannedStep, Resources
from dpsynth.privacy.cost import Cost
from dpsynth.privacy.unit import PrivacyUnit
from dpsynth.session import Door
from dpsynth.synthesizers import training
from dpsynth.synthesizers.settings import require_at_least_one, require_shares
from dpsynth.synthesizers.synthesizer import Fitted, Progress

_WARM_BATCH = 512


@dataclass(frozen=True)
class GAN:
    """A GAN whose critic is trained by DP-SGD, with a warm start from a noisy tree (extra `deep`).

    loss: "logistic" (as DP-CGAN) or "wasserstein" (as DP-WGAN; weights kept within weight_limit). label: a column
    that the generator is told, as often as noisy counts say; empty for none. warm_share: of the budget, for the tree.
    hidden, latent: widths. training_steps, rate, clip, critic_rate, generator_rate: of training; critic_steps: for
    each step of the generator. warm_rows, decoder_steps, warm_steps: rows of the warm start, and its steps, first of
    the generator as a decoder, then of the game. components: latent points of the final model. device: cpu, cuda
    or auto.
    """

    loss: str = "logistic"
    label: str = ""
    warm_share: float = 0.2
    hidden: float = 128.0
    latent: float = 16.0
    training_steps: float = 400.0
    rate: float = 0.05
    clip: float = 1.0
    critic_rate: float = 1e-3
    generator_rate: float = 1e-4
    critic_steps: float = 2.0
    weight_limit: float = 0.1
    warm_rows: float = 40_000.0
    decoder_steps: float = 1_500.0
    warm_steps: float = 500.0
    components: float = 16_000.0
    device: str = "cpu"

    def __post_init__(self) -> None:
        if self.loss not in gan.LOSSES:
            raise SettingError(f"loss ({self.loss!r}) must be one of {list(gan.LOSSES)}")
        require_shares(self, "warm_share", "rate", "critic_rate", "generator_rate", "weight_limit")
        require_at_least_one(self, "hidden", "latent", "training_steps", "critic_steps", "warm_rows", "warm_steps")
        require_at_least_one(self, "decoder_steps", "components")

    def _training(self, domain: Domain, shares: tuple[float, ...], start: gan.Arrays | None = None) -> gan.GanTraining:
        if self.label and self.label not in domain:
            raise SettingError(f"label ({self.label!r}) must be a column that is counted; try one of {list(domain)}")
        return gan.GanTraining(
            domain.sizes,
            int(self.hidden),
            int(self.latent),
            domain.columns.index(self.label) if self.label else None,
            shares,
            self.loss,
            self.critic_rate,
            self.generator_rate,
            int(self.critic_steps),
            self.weight_limit,
            _WARM_BATCH,
            start_from=start,
        )

    def steps(self, domain: Domain, budget: Cost, unit: PrivacyUnit) -> tuple[PlannedStep, ...]:
        """Those of the tree, and DP-SGD. Raises MissingExtraError, or SettingError for a device, before any data."""
        training.require_ready("gan", self.device)
        for_warm, for_training = training.split(self.warm_share, domain, budget)
        warm = training.warm_steps(domain, for_warm, unit)
        coordinates = self._training(domain, ()).coordinates
        return (
            warm if len(domain) < 2 else (*warm, training.schedule(self).planned("critic", for_training, coordinates))
        )

    def resources(self, domain: Domain) -> Resources:
        """The tree, the mixture, and passes of rows through both networks."""
        made_up = _WARM_BATCH * (2 * self.warm_steps + self.decoder_steps + self.training_steps)
        passes = 3 * made_up + 2 * self.training_steps * self.rate * 40_000
        components = training.components_within(self.components, domain)
        return training.resources(domain, components, self._training(domain, ()).coordinates, passes)

    def fit(self, door: Door, codec: Codec, budget: Cost, progress: Progress) -> Fitted:
        """Measure the tree, train both networks on its rows, go on with the private rows, draw latent points."""
        for_warm, for_training = training.split(self.warm_share, codec.domain, budget)
        warm = training.warm_start(door, codec, for_warm, progress)
        if len(codec.domain) < 2:
            return warm
        domain, rows = warm.codec.domain, training.warm_rows(warm, int(self.warm_rows))
        shares: tuple[float, ...] = ()
        if self.label:
            counts = np.maximum(warm.model.project((self.label,)), 0.0)
            shares = tuple((counts / counts.sum()).tolist())
        start = gan.pretrained(
            self._training(domain, shares), rows, _WARM_BATCH, int(self.decoder_steps), int(self.warm_steps)
        ).result()
        progress("warm start", 1.0)
        settings = self._training(domain, shares, start)
        total = warm.model.total
        weights = training.schedule(self).run(door, warm.codec, settings, for_training, total, "critic", progress)
        points = training.latent_points(training.components_within(self.components, domain), int(self.latent))
        return Fitted(training.calibrated(warm, gan.decode(settings, weights, points)), warm.codec, warm.measurements)
