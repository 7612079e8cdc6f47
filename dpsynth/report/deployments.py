"""What others have promised in public: published epsilons and deltas of known deployments, each with its source.

They differ in whom they protect and how often they spend, which the numbers alone do not show.
"""

from __future__ import annotations

import math
from dataclasses import dataclass


@dataclass(frozen=True)
class Deployment:
    """One published promise.

    whom: what one unit is. epsilon, delta: as published, delta 0 for a pure promise. every: how often that much is
    spent. source: where the numbers are published.
    """

    name: str
    whom: str
    epsilon: float
    delta: float
    every: str
    source: str


DEPLOYMENTS = (
    Deployment(
        "Wikimedia, page views by country",
        "one device's first 10 pages of a day",
        1.0,
        1e-7,
        "each day",
        "README of the country_project_page data set (rho 0.015), analytics.wikimedia.org, from 2023",
    ),
    Deployment(
        "Google, symptom search trends",
        "one user's searches of a day",
        1.68,
        0.0,
        "each day",
        "Bavadekar et al., arXiv 2009.01265, 2020",
    ),
    Deployment(
        "Apple, emoji suggestions",
        "one device's reports of a day, noised on the device",
        4.0,
        0.0,
        "each day",
        "Apple, Differential Privacy Overview, 2017; list of D. Desfontaines, desfontain.es",
    ),
    Deployment(
        "Apple, new words typed",
        "one device's reports of a day, noised on the device",
        16.0,
        0.0,
        "each day",
        "the same",
    ),
    Deployment(
        "US Census 2020, redistricting data",
        "one person",
        17.14,
        1e-10,
        "once",
        "Abowd et al., The 2020 Census Disclosure Avoidance System TopDown Algorithm, HDSR 2022 (rho 2.56)",
    ),
    Deployment(
        "LinkedIn, audience engagements",
        "one member",
        34.9,
        7e-9,
        "each month",
        "Rogers et al., arXiv 2002.05839, 2020",
    ),
)


def finds_at_most(epsilon: float, delta: float, false_alarms: float) -> float:
    """The largest true-positive rate that (epsilon, delta) alone leaves an attacker, at a false-positive rate.

    Source: Kairouz, Oh, Viswanath, "The Composition Theorem for Differential Privacy", ICML 2015, theorem 2.1.

    >>> round(finds_at_most(1.0, 1e-6, 0.01), 4), finds_at_most(50.0, 0.0, 0.01)
    (0.0272, 1.0)
    """
    steep = delta + math.exp(min(epsilon, 700.0)) * false_alarms
    flat = 1 - math.exp(-epsilon) * max(1 - delta - false_alarms, 0.0)
    return min(steep, flat, 1.0)
