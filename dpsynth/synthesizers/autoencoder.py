"""`autoencoder`: an autoencoder by DP-SGD, and in its latent space a noisy mixture of Gaussians (of each class).

Source: Abay, Zhou, Kantarcioglu, Thuraisingham, Sweeney, "Privacy Preserving Synthetic Data Release Using Deep
Learning", ECML-PKDD 2018. There each class has an autoencoder and DP-EM of its own; here one network serves all
classes, starts on rows of a noisy tree, and the mixture is a few rounds of noisy clusters.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
import numpy.typing as npt

from dpsynth.codec.codec import Codec
from dpsynth.domain import Domain
from dpsynth.errors import SettingError
from dpsynth.marginal import FloatArray
from dpsynth.mechanisms.feature_sums import feature_sums_within, planned_sums
from dpsynth.mechanisms.latent_clusters import BOUND, RADIUS, LatentClusters, encoder_of, entries, moments
from dpsynth.models.mixture import Mixture
from dpsynth.models.raking import raked
from dpsynth.models.simplex import project_to_simplex
from dpsynth.networks import vae
from dpsynth.plan import PlannedStep, Resources
from dpsynth.privacy.cost import Cost
from dpsynth.privacy.unit import PrivacyUnit
from dpsynth.session import Door
from dpsynth.synthesizers import training
from dpsynth.synthesizers.settings import require_at_least_one, require_not_negative, require_shares
from dpsynth.synthesizers.synthesizer import Fitted, Progress

_LAYERS = ("encoder.0.weight", "encoder.0.bias", "encoder.2.weight", "encoder.2.bias")

Rows = npt.NDArray[np.integer[Any]]


@dataclass(frozen=True)
class Autoencoder:
    """An autoencoder trained by DP-SGD, and a noisy mixture of Gaussians of its latent codes (extra `deep`).

    warm_share, mixture_share: of the budget, for the tree whose rows the network starts on, and for all rounds of the
    mixture; the rest is DP-SGD's. label: a column whose codes have Gaussians of their own, or none. gaussians: all in
    all. rounds: in which they are measured, each time from where they were found before. reach: longest latent code
    that counts as it is. hidden, latent: widths. beta: weight of the divergence, small so that rows lie apart.
    training_steps, rate, clip, learning_rate: of DP-SGD. warm_rows, epochs: of the warm start. components: latent
    points of the final model. device: cpu, cuda or auto.
    """

    warm_share: float = 0.2
    mixture_share: float = 0.2
    label: str = ""
    gaussians: float = 40.0
    rounds: float = 2.0
    reach: float = 6.0
    hidden: float = 128.0
    latent: float = 10.0
    beta: float = 0.2
    training_steps: float = 400.0
    rate: float = 0.05
    clip: float = 1.0
    learning_rate: float = 1e-3
    warm_rows: float = 40_000.0
    epochs: float = 5.0
    components: float = 8_000.0
    device: str = "cpu"

    def __post_init__(self) -> None:
        require_shares(self, "warm_share", "mixture_share", "rate", "learning_rate")
        require_not_negative(self, "beta", "reach")
        require_at_least_one(self, "gaussians", "rounds", "hidden", "latent", "training_steps", "warm_rows", "epochs")
        require_at_least_one(self, "components")
        if not self.warm_share + self.mixture_share < 1:
            raise SettingError("warm_share + mixture_share must be below 1; got nothing for DP-SGD; try less")
        if not self.reach > 0:
            raise SettingError(f"reach ({self.reach}) must be above 0; got 0; try 6")

    def _training(self, domain: Domain, steps: int, rate: float, start: vae.Arrays | None = None) -> vae.VaeTraining:
        sizes = domain.sizes
        return vae.VaeTraining(sizes, int(self.hidden), int(self.latent), self.beta, rate, steps, start_from=start)

    def _split(self, domain: Domain, budget: Cost) -> tuple[Cost, Cost, Cost]:
        shares = (self.warm_share, self.mixture_share, 1 - self.warm_share - self.mixture_share)
        warm, mixture, _ = Cost(budget.mu_squared).split(shares if len(domain) > 1 else (1, 0, 0))
        return warm, mixture, budget.minus(warm).minus(mixture)

    def _grid(self, domain: Domain) -> tuple[int, int]:
        """Classes, and Gaussians of each."""
        if self.label and self.label not in domain:
            raise SettingError(f"label ({self.label!r}) must be a column that is counted; try one of {list(domain)}")
        classes = domain[self.label] if self.label else 1
        return classes, max(int(self.gaussians) // classes, 1)

    def steps(self, domain: Domain, budget: Cost, unit: PrivacyUnit) -> tuple[PlannedStep, ...]:
        """Those of the tree, DP-SGD, and rounds of Gaussians. Raises MissingExtraError without the extra `deep`."""
        training.require_ready("autoencoder", self.device)
        classes, own = self._grid(domain)
        for_warm, for_mixture, for_training = self._split(domain, budget)
        warm = training.warm_steps(domain, for_warm, unit)
        if len(domain) < 2:
            return warm
        length, rounds = entries(classes * own, int(self.latent)), int(self.rounds)
        coordinates = self._training(domain, 1, 1.0).coordinates
        return (
            *warm,
            training.schedule(self).planned("autoencoder", for_training, coordinates),
            *(
                planned_sums(f"latent clusters, round {number + 1}", BOUND, length, part, unit)
                for number, part in enumerate(for_mixture.split([1] * rounds))
            ),
        )

    def resources(self, domain: Domain) -> Resources:
        """The tree, the mixture, and passes of rows through the network."""
        classes, own = self._grid(domain)
        passes = self.warm_rows * self.epochs + 2 * self.training_steps * self.rate * 40_000 + 40_000 * self.rounds
        components = training.components_within(self.components, domain) + classes * own
        found = training.resources(domain, components, self._training(domain, 1, 1.0).coordinates, passes)
        counted = found.counted_cells + int(self.rounds) * entries(classes * own, int(self.latent))
        return Resources(found.marginals, counted, found.model_cells, found.fit_seconds)

    def fit(self, door: Door, codec: Codec, budget: Cost, progress: Progress) -> Fitted:
        """Measure the tree, train on its rows and then on the private rows, find Gaussians, decode points of them."""
        for_warm, for_mixture, for_training = self._split(codec.domain, budget)
        warm = training.warm_start(door, codec, for_warm, progress)
        if len(codec.domain) < 2:
            return warm
        domain, rows = warm.codec.domain, training.warm_rows(warm, int(self.warm_rows))
        start = training.warm_weights(partial(self._training, domain), rows, self.epochs, progress)
        settings = self._training(domain, int(self.training_steps), self.learning_rate, start)
        total = warm.model.total
        weights = training.schedule(self).run(door, warm.codec, settings, for_training, total, "autoencoder", progress)
        clusters = self._started(domain, weights, rows)
        known = _moments_of(clusters, rows, warm.model.total)
        for number, part in enumerate(for_mixture.split([1] * int(self.rounds))):
            progress("latent clusters", number / self.rounds)
            if number:
                clusters = _moved(clusters, known[1])
                known = _moments_of(clusters, rows, warm.model.total)
            mechanism = feature_sums_within(warm.codec, clusters, part, door.unit)
            noisy = door.run(mechanism, f"latent clusters, round {number + 1}")
            known = _informed(known, moments(noisy, clusters.clusters), mechanism.stddev / RADIUS, warm.model.total)
        return Fitted(self._mixture(warm, settings, weights, clusters, known, rows), warm.codec, warm.measurements)

    def _started(self, domain: Domain, weights: vae.Arrays, rows: Rows) -> LatentClusters:
        """Clusters of the warm rows, by a few rounds of Lloyd's algorithm, which cost nothing."""
        encoder = encoder_of(domain, [weights[name] for name in _LAYERS], self.reach)
        classes, own = self._grid(domain)
        rng = np.random.default_rng(0)  # public, like all that is drawn from here
        centres = np.zeros((classes, own, encoder.latent), dtype=np.int64)
        for label in range(classes):
            some = rows[rows[:, domain.columns.index(self.label)] == label] if self.label else rows
            some = some if len(some) else rows
            drawn = some[rng.choice(len(some), own, replace=len(some) < own)]
            centres[label] = encoder.of(_columns(domain, drawn)).astype(np.int64)
        clusters = LatentClusters(encoder, self.label or None, centres)
        for _ in range(5):
            clusters = _moved(clusters, _moments_of(clusters, rows, 1.0)[1])
        return clusters

    def _mixture(
        self, warm: Fitted, settings: vae.VaeTraining, weights: vae.Arrays, clusters: LatentClusters,
        known: tuple[FloatArray, FloatArray, FloatArray], rows: Rows,
    ) -> Mixture:  # fmt: skip
        """Points of each Gaussian, decoded; in its own class where there are classes; brought to the one-ways."""
        domain = warm.codec.domain
        counts, means, variances = known
        count = training.components_within(self.components, domain)
        shares = counts / counts.sum()
        points = np.maximum(np.floor(shares * count).astype(int), 1)
        source = np.repeat(np.arange(points.size), points)
        normal = training.latent_points(source.size, int(self.latent))
        # Latent codes are means; the network itself spreads each of them, as much as it was trained to bear.
        spread = variances[source] * self.reach**2 + vae.mean_spread(settings, weights, rows[:5_000])
        latents = means[source] * self.reach + np.sqrt(spread) * np.random.default_rng(1).permutation(normal)
        tables = vae.decode(settings, weights, latents.astype(np.float32))
        if self.label:
            of_class = source // clusters.centres.shape[1]
            tables[domain.columns.index(self.label)] = np.eye(domain[self.label])[of_class]
        one_ways = [warm.model.project((column,)) / warm.model.total for column in domain]
        return raked(domain, (shares / points)[source], tables, one_ways, warm.model.total)


def _columns(domain: Domain, rows: Rows) -> dict[str, npt.NDArray[np.uint32]]:
    return {column: rows[:, place].astype(np.uint32) for place, column in enumerate(domain)}


def _moments_of(clusters: LatentClusters, rows: Rows, total: float) -> tuple[FloatArray, FloatArray, FloatArray]:
    """Counts (summing to `total`), means and variances of free rows; where a cluster has none, of all rows."""
    features = clusters.sums(_columns(clusters.domain, rows)) / RADIUS
    counts, sums, squares = moments(features, clusters.clusters)
    weight = np.maximum(counts, 1e-9)[:, None]
    empty = (counts < 1)[:, None]
    everywhere = squares.sum(axis=0) / len(rows)
    means = np.where(empty, clusters.centres.reshape(clusters.clusters, -1) / RADIUS, sums / weight)
    variances = np.where(empty, everywhere, np.maximum(squares / weight - means**2, 0.0))
    return counts * (total / len(rows)), means, variances


def _informed(
    before: tuple[FloatArray, FloatArray, FloatArray], noisy: tuple[FloatArray, FloatArray, FloatArray],
    stddev: float, total: float,
) -> tuple[FloatArray, FloatArray, FloatArray]:  # fmt: skip
    """What is known of clusters after noisy moments: each number is drawn to what it was by what noise weighs in it.

    A mean of n rows is off by stddev / n, a variance by about as much; both are held against how far they may
    reasonably be from those of the warm rows: as far as the cluster is wide.
    """
    counts = project_to_simplex(noisy[0], total)
    rows = np.maximum(counts, stddev)[:, None]
    error = (stddev / rows) ** 2
    width = before[2].mean(axis=1, keepdims=True) + 1e-6
    trust = width / (width + error)
    means = trust * np.clip(noisy[1] / rows, -1, 1) + (1 - trust) * before[1]
    seen = np.clip(noisy[2] / rows - means**2, 0.0, 1.0)
    sure = width**2 / (width**2 + error)
    return counts, means, sure * seen + (1 - sure) * before[2]


def _moved(clusters: LatentClusters, means: FloatArray) -> LatentClusters:
    """The same clusters around these means, which are in features."""
    centres = np.rint(np.clip(means, -1, 1) * RADIUS).astype(np.int64).reshape(clusters.centres.shape)
    return LatentClusters(clusters.encoder, clusters.label, centres)
