"""What the number of wrong guesses proves, false positives and false negatives taken together.

An attacker tells two worlds apart with rates a of false positives and b of false negatives. A promise bounds their
sum from below: a + b >= 2 (1 - delta0) Phi(-mu / 2) under delta0-approximate mu-GDP, and a + b >=
2 (1 - delta) / (1 + e^epsilon) under (epsilon, delta)-DP. With as many runs in either world the number of wrong
guesses is a sum of independent coins of mean (a + b) / 2. Such a sum is small with at most the chance that
identical coins of that mean would give (Hoeffding, "On the distribution of the number of successes in independent
trials", Ann. Math. Stat. 1956, theorem 4), so one exact binomial bound on the mean serves both kinds of error. Two
separate bounds, each for half the false-alarm rate, lose nearly twice as much.
"""

from __future__ import annotations

import math

from attacks.statistics.binomial import clopper_pearson_upper


def mu_from_wrong_guesses(wrong: int, guesses: int, *, false_alarm: float, delta0: float = 0.0) -> float:
    """Lower bound on mu from a test that was fixed in advance, with half of its `guesses` made in either world.

    It exceeds the mu of a delta0-approximately mu-GDP mechanism with probability at most `false_alarm`, which must
    be at most 0.25 (Hoeffding's bound holds below the mean). At least 0.

    >>> round(mu_from_wrong_guesses(400, 1000, false_alarm=0.05), 3)
    0.372
    """
    from scipy.special import ndtri

    rate = _wrong_rate(wrong, guesses, false_alarm) / (1 - delta0)
    return max(-2 * float(ndtri(rate)), 0.0) if rate < 0.5 else 0.0


def epsilon_from_wrong_guesses(wrong: int, guesses: int, *, false_alarm: float, delta: float) -> float:
    """Lower bound on the epsilon of an (epsilon, delta)-DP mechanism, from the same errors; at least 0.

    >>> round(epsilon_from_wrong_guesses(400, 1000, false_alarm=0.05, delta=0.0), 3)
    0.297
    """
    rate = _wrong_rate(wrong, guesses, false_alarm)
    return max(math.log((1 - delta - rate) / rate), 0.0) if 1 - delta > rate else 0.0


def _wrong_rate(wrong: int, guesses: int, false_alarm: float) -> float:
    if guesses % 2 or not 0 < false_alarm <= 0.25:
        raise ValueError("guesses must be as many in either world, and false_alarm at most 0.25")
    return float(clopper_pearson_upper(wrong, guesses, false_alarm))
