"""`copula`: one-ways and the correlation of rank scores; a Gaussian copula joins the columns.

Source: Li, Xiong, Jiang, "Differentially Private Synthesization of Multi-Dimensional Data using Copula Functions",
EDBT 2014, with one noisy vector of the products of bounded rank scores (Spearman's rho) in place of a noisy Kendall's
tau for each pair.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from dpsynth.codec.codec import Codec
from dpsynth.domain import Domain
from dpsynth.errors import SettingError
from dpsynth.marginal import FloatArray
from dpsynth.mechanisms.feature_sums import feature_sums_within, planned_sums
from dpsynth.mechanisms.pair_products import (
    PairProducts,
    finest_scale,
    limit_in_units,
    products_bound,
    scores_in_units,
)
from dpsynth.models.gaussian_copula import copula_mixture, hidden_correlations, nearest_correlation
from dpsynth.plan import PlannedStep, Resources
from dpsynth.privacy.cost import Cost
from dpsynth.privacy.unit import PrivacyUnit
from dpsynth.session import Door
from dpsynth.synthesizers.one_ways import estimate_total, independent_model, measure_one_ways
from dpsynth.synthesizers.scores import mid_ranks, one_way_shares
from dpsynth.synthesizers.settings import require_at_least_one, require_shares
from dpsynth.synthesizers.synthesizer import Fitted, Progress, planned_marginals

MODEL_CELLS = 4_000_000
"""Cells of the largest mixture, which holds as many components as fit."""


@dataclass(frozen=True)
class Copula:
    """One-ways and one correlation for each pair of columns: quick, for numbers and other ordered columns.

    one_way_share: of the budget; the rest measures the products of scores. clip: rows whose squared rank scores sum
    to more than this times the number of columns are drawn in; at 3, no row can be. components: draws of what columns
    share, at most.
    """

    one_way_share: float = 0.6
    clip: float = 2.0
    components: float = 4096.0

    def __post_init__(self) -> None:
        require_shares(self, "one_way_share")
        require_at_least_one(self, "components")
        if not 0.1 <= self.clip <= 100:
            raise SettingError(f"clip ({self.clip}) must be from 0.1 to 100; got another number; try 2")

    def _split(self, domain: Domain, budget: Cost) -> tuple[Cost, Cost]:
        one_ways, products = budget.split((self.one_way_share, 1 - self.one_way_share) if len(domain) > 1 else (1, 0))
        return one_ways, products

    def _scale_and_limit(self, columns: int) -> tuple[int, int]:
        scale = finest_scale(columns, self.clip * columns)
        return scale, limit_in_units(self.clip * columns, scale)

    def _components(self, domain: Domain) -> int:
        return max(1, min(int(self.components), MODEL_CELLS // (sum(domain.sizes) + 1)))

    def steps(self, domain: Domain, budget: Cost, unit: PrivacyUnit) -> tuple[PlannedStep, ...]:
        """One-ways, and the products of scores."""
        for_one_ways, for_products = self._split(domain, budget)
        one_ways = planned_marginals("one-way marginals", domain, [(c,) for c in domain], for_one_ways, unit)
        if len(domain) < 2:
            return (one_ways,)
        bound = products_bound(len(domain), *self._scale_and_limit(len(domain)))
        pairs = len(domain) * (len(domain) - 1) // 2
        return (one_ways, planned_sums("products of rank scores", bound, pairs, for_products, unit))

    def resources(self, domain: Domain) -> Resources:
        """One-ways are counted; the mixture holds each code in each component."""
        width, components = sum(domain.sizes), self._components(domain)
        pairs = len(domain) * (len(domain) - 1) // 2
        model = max(components * (width + 1), width)
        return Resources(len(domain), width + pairs, model, 3e-6 * model)

    def fit(self, door: Door, codec: Codec, budget: Cost, progress: Progress) -> Fitted:
        """Measure one-ways, then correlations of the scores that follow from them, then draw what columns share."""
        domain = codec.domain
        for_one_ways, for_products = self._split(domain, budget)
        one_ways = measure_one_ways(door, codec, for_one_ways)
        total = estimate_total(one_ways)
        if len(domain) < 2:
            return Fitted(independent_model(codec, one_ways, total), codec, one_ways)
        progress("correlations", 0.2)
        shares = one_way_shares(one_ways)
        scale, limit = self._scale_and_limit(len(domain))
        scores = tuple(scores_in_units(rank_scores(share), scale) for share in shares)
        products = PairProducts(domain, scores, scale, limit)
        noisy = door.run(feature_sums_within(codec, products, for_products, door.unit), "products of rank scores")
        correlations = hidden_correlations(noisy / total, [each / scale for each in scores], shares)
        progress("model", 0.5)
        model = copula_mixture(
            domain,
            nearest_correlation(correlations),
            shares,
            total,
            np.random.default_rng(0),  # the fit is a function of what was measured, and of nothing else
            self._components(domain),
        )
        return Fitted(model, codec, one_ways)


def rank_scores(shares: FloatArray) -> FloatArray:
    """The middle rank of each code, moved and stretched to mean 0 and variance 1 of even ranks: within sqrt(3) of 0."""
    return float(np.sqrt(12.0)) * (mid_ranks(shares) - 0.5)
