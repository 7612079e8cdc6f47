"""`vae`: an autoencoder, started on rows of a noisy tree of pairs and then trained on the private rows by DP-SGD.

Sources: Kingma, Welling, "Auto-Encoding Variational Bayes", ICLR 2014; Abadi et al., "Deep Learning with Differential
Privacy", CCS 2016. The tree: McKenna, Miklau, Sheldon, "Winning the NIST Contest", JPC 2021.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial

from dpsynth.codec.codec import Codec
from dpsynth.domain import Domain
from dpsynth.networks import vae
from dpsynth.plan import PlannedStep, Resources
from dpsynth.privacy.cost import Cost
from dpsynth.privacy.unit import PrivacyUnit
from dpsynth.session import Door
from dpsynth.synthesizers import training
from dpsynth.synthesizers.settings import require_at_least_one, require_shares
from dpsynth.synthesizers.synthesizer import Fitted, Progress


@dataclass(frozen=True)
class VAE:
    """A variational autoencoder trained by DP-SGD, with a warm start from a noisy tree (extra `deep`).

    warm_share: of the budget, for the tree whose rows the network is first trained on. hidden, latent: widths. beta:
    weight of the divergence. steps, rate, clip, learning_rate: of DP-SGD. warm_rows, epochs: of the warm start.
    components: latent points of the final model. device: cpu, cuda or auto.
    """

    warm_share: float = 0.2
    hidden: float = 128.0
    latent: float = 16.0
    beta: float = 1.0
    training_steps: float = 400.0
    rate: float = 0.05
    clip: float = 1.0
    learning_rate: float = 1e-3
    warm_rows: float = 40_000.0
    epochs: float = 5.0
    components: float = 8_000.0
    device: str = "cpu"

    def __post_init__(self) -> None:
        require_shares(self, "warm_share", "rate", "learning_rate")
        require_at_least_one(self, "hidden", "latent", "training_steps", "warm_rows", "epochs", "components")

    def _training(self, domain: Domain, steps: int, rate: float, start: vae.Arrays | None = None) -> vae.VaeTraining:
        sizes = domain.sizes
        return vae.VaeTraining(sizes, int(self.hidden), int(self.latent), self.beta, rate, steps, start_from=start)

    def steps(self, domain: Domain, budget: Cost, unit: PrivacyUnit) -> tuple[PlannedStep, ...]:
        """Those of the tree, and DP-SGD. Raises MissingExtraError, or SettingError for a device, before any data."""
        training.require_ready("vae", self.device)
        for_warm, for_training = training.split(self.warm_share, domain, budget)
        warm = training.warm_steps(domain, for_warm, unit)
        if len(domain) < 2:
            return warm
        coordinates = self._training(domain, 1, 1.0).coordinates
        return (*warm, training.schedule(self).planned("autoencoder", for_training, coordinates))

    def resources(self, domain: Domain) -> Resources:
        """The tree, the mixture, and passes of rows through the network."""
        passes = self.warm_rows * self.epochs + 2 * self.training_steps * self.rate * 40_000
        components = training.components_within(self.components, domain)
        return training.resources(domain, components, self._training(domain, 1, 1.0).coordinates, passes)

    def fit(self, door: Door, codec: Codec, budget: Cost, progress: Progress) -> Fitted:
        """Measure the tree, train on its rows, train on the private rows, and draw latent points."""
        for_warm, for_training = training.split(self.warm_share, codec.domain, budget)
        warm = training.warm_start(door, codec, for_warm, progress)
        if len(codec.domain) < 2:
            return warm
        domain, rows = warm.codec.domain, training.warm_rows(warm, int(self.warm_rows))
        start = training.warm_weights(partial(self._training, domain), rows, self.epochs, progress)
        settings = self._training(domain, int(self.training_steps), self.learning_rate, start)
        total = warm.model.total
        weights = training.schedule(self).run(door, warm.codec, settings, for_training, total, "autoencoder", progress)
        points = training.latent_points(training.components_within(self.components, domain), int(self.latent))
        model = training.calibrated(warm, vae.decode(settings, weights, points))
        return Fitted(model, warm.codec, warm.measurements)
