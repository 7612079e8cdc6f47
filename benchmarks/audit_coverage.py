"""How often the audit's lower bounds on epsilon and mu are right, and how much they prove, where the truth is known.

Mechanisms of known privacy are simulated many times over; every bound must be at most the truth in 95 % of them. In
twin worlds each of `--runs` runs gives one score; in one run each of `--coins` targets has its own coin and score. The
Bayesian bounds are credible, not confident: they are printed for comparison and may fall below 95 %.

    python benchmarks/audit_coverage.py [--simulations 1000] [--runs 400] [--coins 1000]
"""

from __future__ import annotations

import argparse
import math
import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
import numpy.typing as npt

from attacks.statistics import one_run
from attacks.statistics.bayesian import credible_epsilon, credible_mu
from attacks.statistics.binomial import clopper_pearson_upper, epsilon_lower_bound
from attacks.statistics.gdp_lower_bound import gdp_lower_bound, mu_from_errors
from attacks.statistics.guessing import tallies
from attacks.statistics.split import judge_runs
from attacks.statistics.trade_off import Gaussian

FloatArray = npt.NDArray[np.float64]
LEVEL = 0.05


@dataclass(frozen=True)
class Mechanism:
    """A mechanism that answers each coin with a score, and its exact privacy: epsilon at `delta`, and mu with delta0.

    scores: from coins, shape (runs, coins of one run) or (coins,), to scores of that shape.
    """

    name: str
    scores: Callable[[npt.NDArray[np.bool_], np.random.Generator], FloatArray]
    epsilon: float
    delta: float
    mu: float
    delta0: float = 0.0


def gaussian(mu: float, delta: float = 1e-5) -> Mechanism:
    """Noise of its own for every coin."""
    return Mechanism(
        f"Gaussian, mu {mu:g}",
        lambda coins, rng: rng.standard_normal(coins.shape) + mu * coins,
        Gaussian(mu).epsilon_at(delta),
        delta,
        mu,
    )


def response(epsilon: float, delta: float = 0.0) -> Mechanism:
    """Randomised response, which with probability delta tells all coins of a run at once.

    Pure epsilon-DP implies mu-GDP with the mu whose curve passes through the corner of the epsilon-DP curve.
    """
    from scipy.special import ndtri

    def scores(coins: npt.NDArray[np.bool_], rng: np.random.Generator) -> FloatArray:
        told = rng.random(coins.shape) < 1 / (1 + math.exp(-epsilon))
        honest = rng.random((*coins.shape[:-1], 1)) < delta
        return np.where(honest, 2.0, 1.0) * np.where((told | honest) == coins, 1.0, -1.0)

    name = f"response, epsilon {epsilon:g}" + (f", delta {delta:g}" if delta else "")
    return Mechanism(name, scores, epsilon, delta, 2 * float(ndtri(1 / (1 + math.exp(-epsilon)))), delta)


MECHANISMS = (
    gaussian(0.5),
    gaussian(1.0),
    gaussian(3.0),
    response(0.5),
    response(1.0),
    response(3.0),
    response(1.0, 0.02),
)


def twin_bounds(mechanism: Mechanism, runs: int, rng: np.random.Generator) -> dict[str, tuple[float, float]]:
    """Of every bound for twin worlds: what it says, and the truth."""
    without, within = (mechanism.scores(np.full((runs, 1), inside), rng)[:, 0] for inside in (False, True))
    slack, delta0 = mechanism.delta, mechanism.delta0
    errors = judge_runs(without, within, mu_from_errors, 0.1).errors
    return {
        "twins: epsilon, Clopper-Pearson": (
            epsilon_lower_bound(without, within, false_alarm=LEVEL, delta=slack),
            mechanism.epsilon,
        ),
        "twins: mu, Clopper-Pearson": (
            gdp_lower_bound(without, within, false_alarm=LEVEL, delta0=delta0).mu,
            mechanism.mu,
        ),
        "twins: epsilon, Bayesian": (credible_epsilon(*errors, outside=LEVEL, delta=slack), mechanism.epsilon),
        "twins: mu, Bayesian": (credible_mu(*errors, outside=LEVEL, delta0=delta0), mechanism.mu),
    }


def one_run_bounds(mechanism: Mechanism, coins: int, rng: np.random.Generator) -> dict[str, tuple[float, float]]:
    """Of every bound for one run, best of all guess rules at its price: what it says, and the truth."""
    truth = rng.random(coins) < 0.5
    found = tallies(mechanism.scores(truth, rng), truth, False, rng)
    level = LEVEL / len(found)
    counts = [(coins, each.guesses, each.correct) for each in found]
    return {
        "one run: epsilon": (max(_epsilon(*each, level, mechanism.delta) for each in counts), mechanism.epsilon),
        "one run: mu": (max(_mu(*each, level, mechanism.delta0) for each in counts), mechanism.mu),
    }


@lru_cache(maxsize=100_000)
def _epsilon(coins: int, guesses: int, correct: int, level: float, delta: float) -> float:
    return one_run.epsilon_lower(coins, guesses, correct, level=level, delta=delta)


@lru_cache(maxsize=100_000)
def _mu(coins: int, guesses: int, correct: int, level: float, delta0: float) -> float:
    return one_run.mu_lower(coins, guesses, correct, level=level, delta0=delta0)


@dataclass(frozen=True)
class Coverage:
    """Of one bound on one mechanism: the truth, the mean bound, and how often it was at most the truth."""

    mechanism: str
    bound: str
    truth: float
    mean: float
    covered: int
    simulations: int

    @property
    def rate(self) -> float:
        """How often the bound was right."""
        return self.covered / self.simulations

    @property
    def fails(self) -> bool:
        """Whether it was right too rarely for a bound that is right with probability 95 %, and by no chance (1e-6)."""
        return bool(clopper_pearson_upper(self.covered, self.simulations, 1e-6) < 1 - LEVEL)


def coverage(mechanism: Mechanism, simulations: int, runs: int, coins: int, seed: int = 0) -> list[Coverage]:
    """The coverage of every bound on one mechanism."""
    rng = np.random.default_rng(seed)
    seen: dict[str, list[tuple[float, float]]] = {}
    for _ in range(simulations):
        for name, pair in (twin_bounds(mechanism, runs, rng) | one_run_bounds(mechanism, coins, rng)).items():
            seen.setdefault(name, []).append(pair)
    lines = []
    for name, pairs in seen.items():
        bounds = np.array([bound for bound, _ in pairs])
        truth = pairs[0][1]
        covered = int((bounds <= truth + 1e-9).sum())
        lines.append(Coverage(mechanism.name, name, truth, float(bounds.mean()), covered, simulations))
    return lines


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--simulations", type=int, default=1000, help="of each mechanism")
    parser.add_argument("--runs", type=int, default=400, help="in either of two worlds")
    parser.add_argument("--coins", type=int, default=1000, help="targets of one run")
    asked = parser.parse_args()
    print(f"{'mechanism':34} {'bound':32} {'truth':>6} {'mean':>6} {'share':>6} {'right':>7}")
    start = time.process_time()
    for mechanism in MECHANISMS:
        for line in coverage(mechanism, asked.simulations, asked.runs, asked.coins):
            verdict = "  TOO RARELY" if line.fails and "Bayesian" not in line.bound else ""
            print(
                f"{line.mechanism:34} {line.bound:32} {line.truth:6.3f} {line.mean:6.3f} "
                f"{line.mean / line.truth:6.0%} {line.rate:7.1%}{verdict}",
                flush=True,
            )
    print(f"{time.process_time() - start:.0f} CPU s")


if __name__ == "__main__":
    main()
