"""`kde`: a noisy kernel density of the table, by random Fourier features of few columns each, and its mixture.

Sources: Rahimi, Recht, "Random Features for Large-Scale Kernel Machines", NIPS 2007; Balog, Tolstikhin, Schoelkopf,
"Differentially Private Database Release via Kernel Mean Embeddings", ICML 2018.
"""

from __future__ import annotations

import itertools
import math
from dataclasses import dataclass
from functools import partial

import numpy as np

from dpsynth.codec.codec import Codec
from dpsynth.domain import Domain
from dpsynth.errors import SettingError
from dpsynth.features import IntArray
from dpsynth.marginal import FloatArray
from dpsynth.mechanisms.feature_sums import feature_sums_within, planned_sums
from dpsynth.mechanisms.random_fourier import RandomFourier, fourier_bound, sparse_frequencies
from dpsynth.models.fit_embedding import Embedding, fit_embedding
from dpsynth.plan import PlannedStep, Resources
from dpsynth.privacy.cost import Cost
from dpsynth.privacy.unit import PrivacyUnit
from dpsynth.session import Door
from dpsynth.synthesizers.one_ways import estimate_total, independent_model, measure_one_ways
from dpsynth.synthesizers.scores import mid_ranks, one_way_shares, orders
from dpsynth.synthesizers.settings import require_at_least_one, require_not_negative, require_shares
from dpsynth.synthesizers.synthesizer import Fitted, Progress, planned_marginals


@dataclass(frozen=True)
class KDE:
    """A noisy kernel density of all pairs of columns, held by a mixture: no choice is made, so none is paid for.

    one_way_share: of the budget; the rest measures the features. features: random phases, each of `degree` columns.
    bandwidth: of the kernel along an ordered column, as a part of its ranks; fixed in advance, never fitted to rows.
    components: of the mixture. penalty: how strongly components are held near the one-ways. fit_steps: of the descent.
    """

    one_way_share: float = 0.3
    features: float = 1000.0
    degree: float = 2.0
    bandwidth: float = 0.07
    components: float = 200.0
    penalty: float = 10.0
    fit_steps: float = 200.0

    def __post_init__(self) -> None:
        require_shares(self, "one_way_share")
        require_at_least_one(self, "features", "degree", "components", "fit_steps")
        require_not_negative(self, "penalty")
        if not 0.01 <= self.bandwidth <= 10:
            raise SettingError(f"bandwidth ({self.bandwidth}) must be from 0.01 to 10; got another number; try 0.07")

    def _split(self, domain: Domain, budget: Cost) -> tuple[Cost, Cost]:
        one_ways, features = budget.split((self.one_way_share, 1 - self.one_way_share) if len(domain) > 1 else (1, 0))
        return one_ways, features

    def steps(self, domain: Domain, budget: Cost, unit: PrivacyUnit) -> tuple[PlannedStep, ...]:
        """One-ways, and the features."""
        for_one_ways, for_features = self._split(domain, budget)
        one_ways = planned_marginals("one-way marginals", domain, [(c,) for c in domain], for_one_ways, unit)
        if len(domain) < 2:
            return (one_ways,)
        count = feature_count(domain, int(self.features), int(self.degree))
        return (one_ways, planned_sums("random features", fourier_bound(count), 2 * count, for_features, unit))

    def resources(self, domain: Domain) -> Resources:
        """One-ways are counted; the fit holds each code and each phase in each component, several times."""
        width, features = sum(domain.sizes), feature_count(domain, int(self.features), int(self.degree))
        components = int(self.components)
        model = max(components * (width + 1 + 2 * features), width) + features * width
        seconds = 6e-10 * self.fit_steps * components * features * self.degree / len(domain) * width
        return Resources(len(domain), width + 2 * features, model, seconds)

    def fit(self, door: Door, codec: Codec, budget: Cost, progress: Progress) -> Fitted:
        """Measure one-ways and features, then fit the mixture to both."""
        domain = codec.domain
        for_one_ways, for_features = self._split(domain, budget)
        one_ways = measure_one_ways(door, codec, for_one_ways)
        total = estimate_total(one_ways)
        if len(domain) < 2:
            return Fitted(independent_model(codec, one_ways, total), codec, one_ways)
        shares = one_way_shares(one_ways)
        rng = np.random.default_rng(0)  # public: phases and fit are a function of what was measured before
        degree = min(int(self.degree), len(domain))
        count = feature_count(domain, int(self.features), int(self.degree))
        features = kernel_features(domain, shares, orders(codec), count, degree, self.bandwidth, rng)
        mechanism = feature_sums_within(codec, features, for_features, door.unit)
        noisy = door.run(mechanism, "random features")
        cosines, sines = noisy.reshape(2, -1) / total
        embedding = Embedding(
            cosines + 1j * sines,
            mechanism.stddev / features.bound.scale / total,
            features.places,
            tuple(features.turns(column) for column in domain),
        )
        model = fit_embedding(
            domain,
            embedding,
            shares,
            total,
            rng,
            components=int(self.components),
            steps=int(self.fit_steps),
            penalty=self.penalty,
            progress=partial(progress, "model"),
        )
        return Fitted(model, codec, one_ways)


def kernel_features(
    domain: Domain,
    shares: tuple[FloatArray, ...],
    ordered: tuple[int, ...],
    count: int,
    degree: int,
    bandwidth: float,
    rng: np.random.Generator,
) -> RandomFourier:
    """Random phases of `degree` columns each, every set of columns equally often, or nearly.

    Codes in an order stand at their middle ranks (of the noisy one-ways, so public) and have a frequency with the law
    of a kernel: normal with stddev 1 / bandwidth, the kernel being a Gaussian of that bandwidth. Other codes have
    angles of their own, so that the kernel is 1 for equal codes and 0 in the mean for others.
    """
    groups = column_sets(len(domain), degree, count, rng)
    angles = []
    for share, size, first in zip(shares, domain.sizes, ordered, strict=True):
        own = rng.uniform(0, 2 * np.pi, (size, count))
        ranks = mid_ranks(share[:first] / max(float(share[:first].sum()), 1e-12)) if first else np.empty(0)
        own[:first] = ranks[:, None] * rng.standard_normal(count) / bandwidth + rng.uniform(0, 2 * np.pi, count)
        angles.append(own)
    return sparse_frequencies(domain, groups, tuple(angles))


def feature_count(domain: Domain, most: int, degree: int) -> int:
    """How many phases are worth their noise: no more than the tables of all sets of `degree` columns have cells.

    >>> feature_count(Domain.of({"a": 2, "b": 3, "c": 4}), 1000, 2), feature_count(Domain.of({"a": 90, "b": 90}), 50, 2)
    (26, 50)
    """
    cells = [1] + [0] * min(degree or len(domain), len(domain))
    for size in domain.sizes:  # cells[k]: of all sets of k columns so far
        cells[1:] = [own + size * fewer for fewer, own in itertools.pairwise(cells)]
    return max(1, min(most, cells[-1]))


def column_sets(columns: int, degree: int, count: int, rng: np.random.Generator) -> IntArray:
    """`count` sets of `degree` columns, shape (count, degree): all equally often, to one, or a random part of them."""
    if math.comb(columns, degree) > 4 * count:
        return np.stack([np.sort(rng.permutation(columns)[:degree]) for _ in range(count)])
    sets = np.array(list(itertools.combinations(range(columns), degree)), dtype=np.int64)
    return np.concatenate([rng.permutation(sets) for _ in range(-(-count // len(sets)))])[:count]
