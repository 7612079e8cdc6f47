"""`dp_merf`: one noisy mean embedding of whole rows, and a generator network trained to have the same.

Source: Harder, Adamczewski, Park, "DP-MERF: Differentially Private Mean Embeddings with Random Features for Practical
Privacy-preserving Data Generation", AISTATS 2021, with a sum in place of a mean, since the number of rows is private.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial

import numpy as np

from dpsynth.codec.codec import Codec
from dpsynth.domain import Domain
from dpsynth.errors import SettingError
from dpsynth.marginal import FloatArray
from dpsynth.mechanisms.feature_sums import feature_sums_within, planned_sums
from dpsynth.mechanisms.random_fourier import RandomFourier, fourier_bound, sparse_frequencies
from dpsynth.models.fit_embedding import Embedding
from dpsynth.networks.embedding import Part, train_generator
from dpsynth.networks.extra import load_torch
from dpsynth.plan import PlannedStep, Resources
from dpsynth.privacy.cost import Cost
from dpsynth.privacy.unit import PrivacyUnit
from dpsynth.session import Door
from dpsynth.synthesizers.kde import column_sets, feature_count
from dpsynth.synthesizers.one_ways import estimate_total, independent_model, measure_one_ways
from dpsynth.synthesizers.scores import mid_ranks, one_way_shares, orders
from dpsynth.synthesizers.settings import require_at_least_one, require_not_negative, require_shares
from dpsynth.synthesizers.synthesizer import Fitted, Progress, planned_marginals


@dataclass(frozen=True)
class DPMERF:
    """A noisy mean embedding of the rows and a network trained to match it (extra `deep`).

    one_way_share: of the budget; the rest releases the embedding. features: random phases. degree: columns that each
    phase looks at, 0 for all of them, as in the paper. lengthscale: of the kernel; the angle of a code has stddev
    1 / lengthscale where codes have no order, and that times its middle rank where they have one. label: a column
    whose classes get an embedding each. one_way_weight: of the noisy one-ways in training. fit_steps, rate: of
    training. components: hidden points, each of which becomes a component of the model.
    """

    one_way_share: float = 0.3
    features: float = 1000.0
    degree: float = 2.0
    lengthscale: float = 0.1
    label: str = ""
    one_way_weight: float = 1.0
    fit_steps: float = 300.0
    rate: float = 5e-3
    components: float = 200.0

    def __post_init__(self) -> None:
        require_shares(self, "one_way_share")
        require_at_least_one(self, "features", "fit_steps", "components")
        require_not_negative(self, "degree", "one_way_weight")
        if not 0 < self.rate < 1:
            raise SettingError(f"rate ({self.rate}) must be between 0 and 1; got another number; try 0.001")
        if not 0.01 <= self.lengthscale <= 100:
            raise SettingError(f"lengthscale ({self.lengthscale}) must be from 0.01 to 100; got another; try 0.1")

    def _split(self, domain: Domain, budget: Cost) -> tuple[Cost, Cost]:
        one_ways, features = budget.split((self.one_way_share, 1 - self.one_way_share) if len(domain) > 1 else (1, 0))
        return one_ways, features

    def _classes(self, domain: Domain) -> int:
        if self.label and self.label not in domain:
            raise SettingError(f"label ({self.label!r}) must be a column that is counted; try one of {list(domain)}")
        return domain[self.label] if self.label else 1

    def steps(self, domain: Domain, budget: Cost, unit: PrivacyUnit) -> tuple[PlannedStep, ...]:
        """One-ways, and the embedding. Raises MissingExtraError without the extra `deep`: before any data."""
        load_torch("the synthesizer dp_merf")
        for_one_ways, for_features = self._split(domain, budget)
        one_ways = planned_marginals("one-way marginals", domain, [(c,) for c in domain], for_one_ways, unit)
        if len(domain) < 2:
            return (one_ways,)
        count = feature_count(domain, int(self.features), int(self.degree))
        length = 2 * count * self._classes(domain)
        return (one_ways, planned_sums("mean embedding", fourier_bound(count), length, for_features, unit))

    def resources(self, domain: Domain) -> Resources:
        """One-ways and features are counted; training holds each code and phase in each hidden point."""
        width, classes = sum(domain.sizes), self._classes(domain)
        features = feature_count(domain, int(self.features), int(self.degree))
        components = int(self.components) + classes
        looks = min(int(self.degree), len(domain)) or len(domain)
        model = max(components * (width + 1 + 2 * looks * features) + looks * features * max(domain.sizes), width)
        seconds = 4e-10 * self.fit_steps * components * features * looks * (width / len(domain) + 20)
        return Resources(len(domain), width + 2 * features * classes, model, seconds)

    def fit(self, door: Door, codec: Codec, budget: Cost, progress: Progress) -> Fitted:
        """Measure one-ways, release the embedding once, then train without further cost."""
        domain = codec.domain
        for_one_ways, for_features = self._split(domain, budget)
        one_ways = measure_one_ways(door, codec, for_one_ways)
        total = estimate_total(one_ways)
        if len(domain) < 2:
            return Fitted(independent_model(codec, one_ways, total), codec, one_ways)
        shares = one_way_shares(one_ways)
        rng = np.random.default_rng(0)  # public: phases depend on released numbers alone
        features = self._features(domain, shares, orders(codec), rng)
        mechanism = feature_sums_within(codec, features, for_features, door.unit)
        noisy = door.run(mechanism, "mean embedding")
        stddev = mechanism.stddev / features.bound.scale / total
        turns = tuple(features.turns(column) for column in domain)
        label = self.label or None
        class_shares = shares[domain.columns.index(label)] if label else np.ones(1)
        parts = []
        for code, (cosines, sines) in enumerate(noisy.reshape(features.classes, 2, -1) / total):
            own = Embedding(cosines + 1j * sines, stddev, features.places, turns)
            parts.append(Part(code if label else None, float(class_shares[code]), own))
        model = train_generator(
            domain,
            parts,
            label,
            shares,
            total,
            rng.standard_normal,
            points=int(self.components),
            steps=int(self.fit_steps),
            rate=self.rate,
            one_way_weight=self.one_way_weight,
            progress=partial(progress, "model"),
        )
        return Fitted(model, codec, one_ways)

    def _features(
        self, domain: Domain, shares: tuple[FloatArray, ...], ordered: tuple[int, ...], rng: np.random.Generator
    ) -> RandomFourier:
        """Random phases with the frequencies of a Gaussian kernel on one-hot codes and on ranks."""
        count = feature_count(domain, int(self.features), int(self.degree))
        degree = min(int(self.degree), len(domain)) or len(domain)
        angles = []
        for share, size, first in zip(shares, domain.sizes, ordered, strict=True):
            own = rng.standard_normal((size, count)) / self.lengthscale
            ranks = mid_ranks(share[:first] / max(float(share[:first].sum()), 1e-12)) if first else np.empty(0)
            own[:first] = 2 * ranks[:, None] * rng.standard_normal(count) / self.lengthscale
            angles.append(own)
        made = sparse_frequencies(domain, column_sets(len(domain), degree, count, rng), tuple(angles))
        return RandomFourier(domain, made.places, made.angles, count, self.label or None)
