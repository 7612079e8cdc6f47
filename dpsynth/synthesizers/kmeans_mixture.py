"""`kmeans_mixture`: rows are divided into clusters under privacy, and each cluster gets its own one-way counts.

Source: Acs, Melis, Castelluccia, De Cristofaro, "Differentially Private Mixture of Generative Neural Networks", ICDM
2017: noisy clusters, then a model for each by parallel composition; here a product of one-ways, not a network.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from dpsynth.codec.codec import Codec
from dpsynth.domain import Domain
from dpsynth.errors import SettingError
from dpsynth.features import IntArray
from dpsynth.marginal import FloatArray
from dpsynth.mechanisms.clusters import ClusterCounts, ClusterPoints, Clusters, counts_bound, points_bound
from dpsynth.mechanisms.feature_sums import feature_sums_within, planned_sums
from dpsynth.models.mixture import Mixture
from dpsynth.models.raking import raked
from dpsynth.models.simplex import project_to_simplex
from dpsynth.plan import PlannedStep, Resources
from dpsynth.privacy.cost import Cost
from dpsynth.privacy.unit import PrivacyUnit
from dpsynth.session import Door
from dpsynth.synthesizers.one_ways import estimate_total, independent_model, measure_one_ways
from dpsynth.synthesizers.scores import mid_ranks, one_way_shares, orders
from dpsynth.synthesizers.settings import require_at_least_one, require_shares
from dpsynth.synthesizers.synthesizer import Fitted, Progress, planned_marginals

SCALE = 1 << 8
"""Units of a coordinate of 1; coordinates are at most 1."""
COORDINATES = 4
"""Most coordinates of a column whose codes have no order: its codes are random points of the unit sphere."""


@dataclass(frozen=True)
class KMeansMixture:
    """Clusters of alike rows, and the one-ways of each: one mixture, its components chosen by the rows.

    one_way_share, centre_share: of the budget, for the one-ways of the whole table and for all rounds that move the
    centres; the rest counts every column in every cluster. components: clusters. rounds: in which centres move.
    """

    one_way_share: float = 0.15
    centre_share: float = 0.25
    components: float = 40.0
    rounds: float = 4.0

    def __post_init__(self) -> None:
        require_shares(self, "one_way_share", "centre_share")
        require_at_least_one(self, "components", "rounds")
        if not self.one_way_share + self.centre_share < 1:
            raise SettingError("one_way_share + centre_share must be below 1; got nothing for the clusters; try less")

    def _split(self, domain: Domain, budget: Cost) -> tuple[Cost, Cost, Cost]:
        shares = (self.one_way_share, self.centre_share, 1 - self.one_way_share - self.centre_share)
        one_ways, centres, clusters = budget.split(shares if len(domain) > 1 else (1, 0, 0))
        return one_ways, centres, clusters

    def steps(self, domain: Domain, budget: Cost, unit: PrivacyUnit) -> tuple[PlannedStep, ...]:
        """One-ways, rounds of centres, and the one-ways of each cluster."""
        for_one_ways, for_centres, for_clusters = self._split(domain, budget)
        one_ways = planned_marginals("one-way marginals", domain, [(c,) for c in domain], for_one_ways, unit)
        if len(domain) < 2:
            return (one_ways,)
        clusters, rounds = int(self.components), int(self.rounds)
        largest = points_bound((np.full((1, 1), SCALE),) * len(domain), SCALE)
        length = clusters * (1 + COORDINATES * len(domain))
        parts = for_centres.split([1] * rounds)
        cells = clusters * sum(domain.sizes)
        return (
            one_ways,
            *(planned_sums(f"centres, round {i + 1}", largest, length, part, unit) for i, part in enumerate(parts)),
            planned_sums("one-ways of clusters", counts_bound(len(domain)), cells, for_clusters, unit),
        )

    def resources(self, domain: Domain) -> Resources:
        """Every code is counted in every cluster; the mixture holds as much."""
        width, clusters = sum(domain.sizes), int(self.components)
        counted = width + clusters * (width + self.rounds * (1 + COORDINATES * len(domain)))
        return Resources(len(domain), int(counted), max(clusters * (width + 1), width))

    def fit(self, door: Door, codec: Codec, budget: Cost, progress: Progress) -> Fitted:
        """Measure one-ways; move the centres; count each cluster; shrink the counts as far as they are noise."""
        domain = codec.domain
        for_one_ways, for_centres, for_clusters = self._split(domain, budget)
        one_ways = measure_one_ways(door, codec, for_one_ways)
        total = estimate_total(one_ways)
        if len(domain) < 2:
            return Fitted(independent_model(codec, one_ways, total), codec, one_ways)
        shares = one_way_shares(one_ways)
        rng = np.random.default_rng(0)  # public: where points and centres start depends on released numbers alone
        points = code_points(shares, orders(codec), rng)
        clusters = Clusters(domain, points, _drawn_centres(points, shares, int(self.components), rng), SCALE)
        for number, part in enumerate(for_centres.split([1] * int(self.rounds))):
            progress("centres", number / self.rounds)
            mechanism = feature_sums_within(codec, ClusterPoints(clusters), part, door.unit)
            noisy = door.run(mechanism, f"centres, round {number + 1}")
            clusters = _moved(clusters, noisy, mechanism.stddev / SCALE)
        counting = feature_sums_within(codec, ClusterCounts(clusters), for_clusters, door.unit)
        counts = door.run(counting, "one-ways of clusters")
        progress("model", 0.9)
        return Fitted(_mixture(domain, counts, counting.stddev, shares, total), codec, one_ways)


def code_points(
    shares: tuple[FloatArray, ...], ordered: tuple[int, ...], rng: np.random.Generator
) -> tuple[IntArray, ...]:
    """Coordinates of each column's codes, in whole units, norm at most 1: ranks for ordered codes, else random.

    A column in order has one coordinate, from -1 to 1 by middle rank, and codes outside the order stand at 0. Codes
    without order are points of a unit sphere with few dimensions, far apart in the mean.
    """
    found = []
    for share, first in zip(shares, ordered, strict=True):
        if first or share.size <= 2:
            inside = first or share.size
            ranks = mid_ranks(share[:inside] / max(float(share[:inside].sum()), 1e-12))
            own = np.zeros((share.size, 1))
            own[:inside, 0] = 2 * ranks - 1
        else:
            own = rng.standard_normal((share.size, min(COORDINATES, share.size - 1)))
            own /= np.linalg.norm(own, axis=1, keepdims=True)
        found.append(np.trunc(own * SCALE).astype(np.int64))
    return tuple(found)


def _drawn_centres(
    points: tuple[IntArray, ...], shares: tuple[FloatArray, ...], clusters: int, rng: np.random.Generator
) -> IntArray:
    """Points of rows whose columns are drawn from the noisy one-ways, each on its own."""
    drawn = [own[rng.choice(share.size, clusters, p=share)] for own, share in zip(points, shares, strict=True)]
    return np.concatenate(drawn, axis=1)


def _moved(clusters: Clusters, noisy: FloatArray, stddev: float) -> Clusters:
    """Centres at the noisy means of their clusters, as far as a cluster has more rows than noise.

    A mean is drawn towards where the centre was by what the noise of a count weighs against the rows of the cluster.
    """
    table = noisy.reshape(clusters.count, -1)
    rows = np.maximum(table[:, :1], 0.0)
    means = table[:, 1:] / np.maximum(rows, stddev) * clusters.scale
    trust = rows**2 / (rows**2 + clusters.coordinates * stddev**2)
    limit = float(clusters.scale)
    moved = np.clip(trust * means + (1 - trust) * clusters.centres, -limit, limit)
    return Clusters(clusters.domain, clusters.points, np.rint(moved).astype(np.int64), clusters.scale)


def _mixture(
    domain: Domain, counts: FloatArray, stddev: float, shares: tuple[FloatArray, ...], total: float
) -> Mixture:
    """The mixture of noisy one-ways: each is drawn towards the whole table's as far as its distance is noise.

    James and Stein: of the squared distance between a cluster's counts and the expected ones, what noise alone would
    bring is taken off.
    """
    clusters = counts.size // sum(domain.sizes)
    ends = np.cumsum([0, *(clusters * size for size in domain.sizes)])
    noisy = [
        counts[start:end].reshape(clusters, size)
        for start, end, size in zip(ends[:-1], ends[1:], domain.sizes, strict=True)
    ]
    weight = np.array([1.0 / table.shape[1] for table in noisy])
    rows = weight @ np.stack([table.sum(axis=1) for table in noisy]) / weight.sum()
    rows = project_to_simplex(rows, total)
    tables = []
    for table, share in zip(noisy, shares, strict=True):
        expected = rows[:, None] * share
        away = table - expected
        noise = (share.size - 1) * stddev**2
        kept = np.maximum(0.0, 1.0 - noise / np.maximum((away**2).sum(axis=1), 1e-12))
        shrunk = expected + kept[:, None] * away
        tables.append(np.stack([project_to_simplex(own, 1.0) for own in shrunk / np.maximum(rows, 1e-9)[:, None]]))
    return raked(domain, rows / rows.sum(), tables, shares, total)
