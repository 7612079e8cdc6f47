"""Speed of the exact discrete Gaussian over its range of stddev, beside OpenDP's sampler in the same run.

Run: python benchmarks/noise.py. Last, it shows that how long a draw takes says nothing of its magnitude.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from functools import partial

import numpy as np

from dpsynth.privacy import discrete_gaussian
from dpsynth.privacy.discrete_gaussian import sample
from dpsynth.privacy.exponential import select
from dpsynth.privacy.randomness import OsEntropy

STDDEVS = (0.1, 0.3, 1.0, 3.0, 10.0, 31.9, 32.0, 100.0, 1e3, 1e4, 1e5, 1e6, 1e9)
DRAWS = 1_000_000
OPENDP_DRAWS = 5_000


def seconds(run: Callable[[], object], repeats: int = 5) -> float:
    """The least processor time of several runs."""
    times = []
    for _ in range(repeats):
        start = time.process_time()
        run()
        times.append(time.process_time() - start)
    return min(times)


def opendp_draws_per_second(stddev: float) -> float:
    """OpenDP's discrete Gaussian added to a vector of zeros; NaN where OpenDP is not installed."""
    try:
        import opendp.prelude as dp
    except ImportError:
        return math.nan
    dp.enable_features("contrib")
    space = dp.vector_domain(dp.atom_domain(T=int)), dp.l2_distance(T=float)
    measurement = space >> dp.m.then_gaussian(stddev)
    zeros = [0] * OPENDP_DRAWS
    return OPENDP_DRAWS / seconds(lambda: measurement(zeros), repeats=3)


def print_speeds() -> None:
    source = OsEntropy()
    print(f"{'stddev':>10} {'table ms':>9} {'draws/s':>12} {'OpenDP draws/s':>15} {'ratio':>7}")
    for stddev in STDDEVS:
        build = seconds(partial(discrete_gaussian._table.__wrapped__, stddev))
        ours = DRAWS / seconds(partial(sample, stddev, DRAWS, source))
        theirs = opendp_draws_per_second(stddev)
        print(f"{stddev:>10g} {build * 1e3:>9.2f} {ours:>12,.0f} {theirs:>15,.0f} {ours / theirs:>7.0f}")
    for candidates in (10, 1_000, 1_000_000):
        once = seconds(partial(select, np.arange(candidates, dtype=np.int64), 1e-3, source))
        print(f"select() among {candidates:>9,} candidates: {once * 1e6:>9,.0f} microseconds")


def print_timing_correlation(stddev: float, draws: int = 400_000) -> None:
    """Rank correlation of the wall time of single draws with their magnitude, and three standard errors of it."""
    source = OsEntropy()
    sample(stddev, 1, source)
    magnitudes, nanoseconds = np.empty(draws), np.empty(draws)
    for i in range(draws):
        start = time.perf_counter_ns()
        drawn = sample(stddev, 1, source)
        nanoseconds[i] = time.perf_counter_ns() - start
        magnitudes[i] = abs(int(drawn[0]))
    # Ranks with random ties: in a plain correlation the interruptions by other processes would drown the rest.
    rng = np.random.default_rng()
    ranks = [
        np.lexsort((rng.random(draws), values)).argsort().astype(np.float64) for values in (magnitudes, nanoseconds)
    ]
    correlation = np.corrcoef(ranks[0], ranks[1])[0, 1]
    print(f"stddev {stddev:g}: time against magnitude {correlation:+.4f}, chance within {3 / math.sqrt(draws):.4f}")


if __name__ == "__main__":
    print_speeds()
    for stddev in (0.5, 50.0, 1e6):
        print_timing_correlation(stddev)
