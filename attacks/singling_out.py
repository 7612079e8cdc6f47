"""Singling out: predicates read off the synthetic table alone that fit exactly one of the targets.

A predicate is a conjunction of conditions on a few columns of a random synthetic row, or a lone extreme value.
The attacker keeps those that fit one synthetic row, and looks whether they fit exactly one target.

Members and others are judged together by the same predicates: the attacker does not know the coins. So nothing
needs a correction for the sizes of two groups, such as one would fit on subsamples of a control and extrapolate:
each target is singled out or not, and the two rates are compared as they are, however large either group is.

A predicate of weight w fits one of n strangers with chance n w (1 - w)^(n - 1), whatever was released: at best 37 %.
Only light predicates (w below 1 / n) that fit a target say something. Weights come from the release alone:
conditions are taken as independent, a lone value as rare as Good and Turing's estimate says.

Sources: Cohen, Nissim, "Towards formalizing the GDPR's notion of singling out", PNAS 2020 (weights, the trivial
rate); Giomi et al., "A unified framework for quantifying privacy risk in synthetic data", PoPETs 2023 (predicates
from synthetic rows); Good, Biometrika 1953 (the chance of a value that was seen once).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np
import numpy.typing as npt

from attacks.attack import Criterion, Evidence, FloatArray, Outcome
from attacks.tables import MISSING, UNSEEN, Table
from attacks.threat import RELEASE, Threat

IntArray = npt.NDArray[np.int64]
BitArray = npt.NDArray[np.uint64]

ALWAYS = 0  # the condition that holds for every row: it fills short conjunctions up
NONE, SEVERAL = -1, -2  # in place of the one row that a predicate fits
CHUNK = 65_536  # predicates drawn and judged at a time
MOST_BITS = 2**32  # of all maps of the synthetic rows together: 512 MiB


@dataclass(frozen=True)
class SinglingOut:
    """Predicates that fit one synthetic row, tried on the targets.

    predicates: conjunctions to draw; most_columns: conditions of the longest, twice those of the shortest. max_rows:
    synthetic rows used, drawn at random; "fits one synthetic row" then means one of these. Fewer where the bit maps
    of a wide table would pass 512 MiB.
    chance: with so many predicates nearly every target is fitted alone by some heavy one. So a target counts as
    singled out where the confidences of those that fit it sum to more than 1 / chance times what is expected of a
    stranger. Few strangers are: by Markov's inequality a share of at most `chance`, as far as the weights are right;
    1 to 5 % in worlds where nothing can be learned.
    """

    predicates: int = 500_000
    most_columns: int = 8
    chance: float = 0.2
    max_rows: int = 200_000

    def __post_init__(self) -> None:
        if self.predicates < 0 or self.most_columns < 1 or self.max_rows < 1 or not 0 < self.chance < 1:
            raise ValueError("predicates must be >= 0, most_columns and max_rows >= 1, chance between 0 and 1")

    @property
    def threat(self) -> Threat:
        """The release alone."""
        return RELEASE

    @property
    def criterion(self) -> Criterion:
        """Singling out, the first question of WP216."""
        return Criterion.SINGLING_OUT

    @property
    def about(self) -> str:
        """One plain sentence for the report: what a good score means."""
        return "A rare combination of values in the synthetic table points to exactly one real person."

    def missing(self, evidence: Evidence, targets: Table) -> str | None:
        """Why it cannot be run; None when it can."""
        return None if len(evidence.synthetic) and targets.names else "the synthetic table has no row or no column"

    def run(self, evidence: Evidence, targets: Table, rng: np.random.Generator) -> Outcome:
        """Score of a target: the sum of confidences of the predicates that fit it alone, beyond what makes a success.

        Confidence of a predicate of weight w: log 1 / (n w) for n targets, at least 0.
        """
        synthetic = evidence.synthetic
        most = min(self.max_rows, max(MOST_BITS // _conditions(synthetic), 1))
        if len(synthetic) > most:
            synthetic = synthetic.take(np.sort(rng.choice(len(synthetic), most, replace=False)))
        lone, lone_weights = lone_values(synthetic, targets)
        drawn, drawn_weights = self._conjunctions(synthetic, targets, rng)
        fits, log_weights = np.concatenate([lone, drawn]), np.concatenate([lone_weights, drawn_weights])
        weights = np.exp(log_weights)
        # The chance that a predicate fits one given stranger, and none of the other targets.
        stranger = weights * (1 - weights) ** max(len(targets) - 1, 0)
        confidences = np.maximum(-log_weights - np.log(max(len(targets), 1)), 0.0)
        alone = fits >= 0
        sums = np.bincount(fits[alone], confidences[alone], len(targets)).astype(np.float64)
        expected = float(stranger @ confidences)
        scores = sums - expected / self.chance
        some = max(len(fits), 1)
        details = {
            "synthetic rows used": len(synthetic),
            "conjunctions drawn": self.predicates,
            "predicates that fit one synthetic row": len(fits),
            "of these, fit exactly one target": int(alone.sum()),
            "rate": float(alone.sum() / some),
            "trivial rate at these weights": float(len(targets) * stranger.sum() / some),
            "median weight": float(np.median(weights)) if len(fits) else 1.0,
            "targets that some predicate fits alone": len(np.unique(fits[alone])),
            "confidence expected of a stranger": expected,
        }
        return Outcome(scores, success=scores > 0, details=details)

    def _conjunctions(self, synthetic: Table, targets: Table, rng: np.random.Generator) -> tuple[IntArray, FloatArray]:
        """The one target that each conjunction fits (NONE, SEVERAL), and log weights, of those that fit one row."""
        first, maps = condition_maps(synthetic)
        counts = np.bitwise_count(maps).sum(axis=1, dtype=np.int64)
        log_weights = np.log(np.maximum(counts, 1) / len(synthetic))
        _, target_maps = condition_maps(targets)
        fits, weights = [np.zeros(0, np.int64)], [np.zeros(0)]
        for start in range(0, self.predicates, CHUNK):
            predicates = draw(synthetic, first, min(CHUNK, self.predicates - start), self.most_columns, rng)
            order = np.argsort(counts[predicates], axis=1)  # rare conditions first: most words end there
            predicates = np.take_along_axis(predicates, order, axis=1)
            predicates = predicates[lone_rows(maps, predicates) >= 0]
            fits.append(lone_rows(target_maps, predicates))
            weights.append(log_weights[predicates].sum(axis=1))
        return np.concatenate(fits), np.concatenate(weights)


def condition_maps(table: Table) -> tuple[IntArray, BitArray]:
    """For every condition the rows that it holds for, as bits, shape (conditions, ceil(rows / 64)).

    Returns the first condition of each column, too. A column's conditions are "equals code c" at first + c, and for
    numbers "at most" at first + levels + c and "at least" at first + 2 * levels + c. A missing cell is neither small
    nor large. Nothing equals a code that no attacker's table holds.
    """
    levels = np.array(table.levels, dtype=np.int64)
    sizes = levels * np.where(table.ordered, 3, 1)
    first = 1 + np.concatenate([[0], np.cumsum(sizes)[:-1]]).astype(np.int64)
    maps = np.zeros((_conditions(table), -(-len(table) // 64)), np.uint64)
    rows = np.arange(len(table))
    words, bits = rows // 64, np.uint64(1) << (rows % 64).astype(np.uint64)
    np.bitwise_or.at(maps[ALWAYS], words, bits)
    for place, start in enumerate(first):
        count = int(levels[place])
        equal = maps[start : start + count]
        np.bitwise_or.at(equal, (table.codes[:, place], words), bits)
        equal[UNSEEN] = 0
        if table.ordered[place]:
            values = equal[UNSEEN + 1 :]
            at_most, at_least = maps[start + count : start + 2 * count], maps[start + 2 * count : start + 3 * count]
            np.bitwise_or.accumulate(values, axis=0, out=at_most[UNSEEN + 1 :])
            np.bitwise_or.accumulate(values[::-1], axis=0, out=at_least[UNSEEN + 1 :][::-1])
    return first, maps


def _conditions(table: Table) -> int:
    return 1 + sum(levels * (3 if ordered else 1) for levels, ordered in zip(table.levels, table.ordered, strict=True))


def draw(synthetic: Table, first: IntArray, count: int, most_columns: int, rng: np.random.Generator) -> IntArray:
    """Conjunctions that hold for random synthetic rows, shape (count, most columns), short ones filled with ALWAYS.

    Of random columns each, from half of most_columns (2 at least) to all: "equals this cell", or for every third number
    "at most" or "at least" it. Short and loose ones seldom fit one row alone.
    """
    width = min(most_columns, len(synthetic.names))
    rows = rng.integers(len(synthetic), size=count)
    columns = rng.random((count, len(synthetic.names)), dtype=np.float32).argpartition(width - 1, axis=1)[:, :width]
    codes = synthetic.codes[rows[:, None], columns]
    ordered = np.array(synthetic.ordered)[columns] & (codes > max(MISSING, UNSEEN))
    kinds = np.where(ordered, np.maximum(rng.integers(6, size=columns.shape) - 3, 0), 0)
    conditions: IntArray = first[columns] + kinds * np.array(synthetic.levels)[columns] + codes
    lengths = rng.integers(max(width // 2, min(2, width)), width + 1, size=count)
    conditions[np.arange(width) >= lengths[:, None]] = ALWAYS
    return conditions


def lone_rows(maps: BitArray, predicates: IntArray) -> IntArray:
    """The one row for which all conditions of each predicate hold; NONE or SEVERAL where it is not one.

    maps: shape (conditions, words); predicates: conditions, shape (predicates, columns).
    """
    found = np.empty(len(predicates), np.int64)
    _compiled()(maps, np.ascontiguousarray(predicates), found)
    return found


@lru_cache(maxsize=1)
def _compiled() -> Callable[..., None]:
    import numba

    try:
        compiled: Callable[..., None] = numba.njit(nogil=True, cache=True)(_lone_rows)
    except RuntimeError:  # no folder that numba may keep its cache in: compile anew in each process
        compiled = numba.njit(nogil=True)(_lone_rows)
    return compiled


def _lone_rows(maps: Any, predicates: Any, found: Any) -> None:
    """Word by word, until a second row is found. A word has one bit exactly if clearing its lowest leaves none."""
    one = np.uint64(1)
    for predicate in range(predicates.shape[0]):
        row = NONE
        for word in range(maps.shape[1]):
            bits = maps[predicates[predicate, 0], word]
            for condition in range(1, predicates.shape[1]):
                if bits == 0:
                    break
                bits &= maps[predicates[predicate, condition], word]
            if bits == 0:
                continue
            if row != NONE or bits & (bits - one) != 0:
                row = SEVERAL
                break
            row = 64 * word
            while bits != one:
                bits >>= one
                row += 1
        found[predicate] = row


def lone_values(synthetic: Table, targets: Table) -> tuple[IntArray, FloatArray]:
    """Predicates on one column: values that occur once, and the smallest and largest number where only one row has it.

    Returns for each the one target that it fits (NONE, SEVERAL), and its log weight. A value seen once among n rows
    weighs what Good and Turing say: 2 N2 / (n N1), N1 and N2 values having been seen once and twice; an extreme of
    n rows is as likely passed by a further row as any other: 1 / (n + 1).
    """
    fits, log_weights = [np.zeros(0, np.int64)], [np.zeros(0)]
    rows = len(synthetic)
    for place, ordered in enumerate(synthetic.ordered):
        ticks, own = synthetic.ticks[:, place], targets.ticks[:, place]
        values, counts = np.unique(ticks[ticks >= -1], return_counts=True)
        lone = values[counts == 1]
        weight = min(2 * ((counts == 2).sum() + 1) / (rows * max(len(lone), 1)), 1 / rows)
        sorted_own = np.sort(own)
        places = np.argsort(own, kind="stable")
        left, right = np.searchsorted(sorted_own, lone), np.searchsorted(sorted_own, lone, side="right")
        fits.append(_single(right - left, places, left))
        log_weights.append(np.full(len(lone), np.log(weight)))
        numbers = values[values >= 0]
        if ordered and len(numbers):
            extremes = [
                np.flatnonzero((own >= 0) & (own <= numbers[0])) if numbers[0] in lone else None,
                np.flatnonzero(own >= numbers[-1]) if numbers[-1] in lone else None,
            ]
            for rows_beyond in (each for each in extremes if each is not None):
                fits.append(_single(np.array([len(rows_beyond)]), rows_beyond, np.zeros(1, np.int64)))
                log_weights.append(np.full(1, np.log(1 / (rows + 1))))
    return np.concatenate(fits), np.concatenate(log_weights)


def _single(counts: IntArray, rows: IntArray, starts: IntArray) -> IntArray:
    """Where a count is one the row at its start, else NONE or SEVERAL."""
    fits = np.where(counts == 0, NONE, SEVERAL)
    fits[counts == 1] = rows[starts[counts == 1]]
    return fits
