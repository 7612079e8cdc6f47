"""From scores to guesses of coins, by rules that are fixed before any coin is seen.

In a pool: the highest 1 %, or 10 %, are in; or the higher half is in and the lower half out. Of pairs: the 2 %, 20 %,
or all, with the largest differences of scores: the higher of the two is in. Chance alone breaks ties.

An attack that names members outright is judged by those names alone, however many they are.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

FloatArray = npt.NDArray[np.float64]

POOL_RULES = {"the highest 1 % are in": 0.01, "the highest 10 % are in": 0.1, "the higher half is in": 1.0}
PAIR_RULES = {"the clearest 2 % of pairs": 0.02, "the clearest 20 % of pairs": 0.2, "all pairs": 1.0}


@dataclass(frozen=True)
class Tally:
    """What came of one rule: how many coins were guessed, and how many of them rightly.

    fixed: whether the number of guesses was fixed before the release was seen.
    """

    rule: str
    guesses: int
    correct: int
    fixed: bool = True


def guesses_of(coins: int, share: float) -> int:
    """How many of the coins a rule guesses: at least one."""
    return min(coins, max(1, round(share * coins)))


def tallies(
    scores: FloatArray, coins: npt.NDArray[np.bool_], pairs: bool, rng: np.random.Generator
) -> tuple[Tally, ...]:
    """What came of every rule.

    scores: one for each coin, larger for "in"; or, of pairs, that of the first less that of the second. coins: the
    truth, shape of `scores`: used only to count.
    """
    lots = rng.random(len(scores))
    if pairs:
        order = np.lexsort((lots, -np.abs(scores)))
        said = np.where(scores == 0, rng.random(len(scores)) < 0.5, scores > 0)
        right = (said == coins)[order]
        kept = ((rule, right[: guesses_of(len(scores), share)]) for rule, share in PAIR_RULES.items())
        return tuple(Tally(rule, len(those), int(those.sum())) for rule, those in kept)
    falling = coins[np.lexsort((lots, -scores))]
    found = []
    for rule, share in POOL_RULES.items():
        guesses = guesses_of(len(scores), share)
        inside = falling[:guesses] if share < 1 else falling[: (guesses + 1) // 2]
        outside = falling[:0] if share < 1 else falling[(guesses + 1) // 2 :]
        found.append(Tally(rule, guesses, int(inside.sum()) + int((~outside).sum())))
    return tuple(found)


def named_tally(named: npt.NDArray[np.bool_], coins: npt.NDArray[np.bool_], pairs: bool) -> Tally:
    """What came of naming members outright. Of pairs, those with exactly one named row are guessed.

    named: for each coin; of pairs, for each row. coins: for each coin; of pairs, whether the first row was in.
    """
    if not pairs:
        return Tally("those it names are in", int(named.sum()), int((named & coins).sum()), fixed=False)
    guessed = named[::2] != named[1::2]
    right = named[::2][guessed] == coins[guessed]
    return Tally("of a pair, the one it names", int(guessed.sum()), int(right.sum()), fixed=False)
