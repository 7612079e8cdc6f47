"""The discrete Gaussian on the integers: an exact sampler that is also fast, and its privacy cost.

The law is P(x) = exp(-x**2 / (2 stddev**2)) / (the same summed over all integers), where `stddev` is the exact
rational value of the float. Given ideal random words the draws have this law, not one near it, so the
sampler costs no delta. Proof: docs/explanation/exact-noise.md.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from dpsynth.errors import SettingError
from dpsynth.privacy.randomness import WORD_BITS, EntropySource, exp_bounds, exp_coin, next_word

# At the minimum the noise is zero except with probability 1e-86, so a smaller stddev would buy nothing. At the
# maximum 39 bits of a word are left for the comparison below, which _MARGIN needs.
MIN_STDDEV = 0.05
MAX_STDDEV = 1e9

_MASS_BITS = 128  # block masses are rounded up to multiples of 2**-128
_TAIL_BITS = 64  # the blocks end where exp(-x**2 / (2 stddev**2)) falls below 2**-64
_CHUNK = 1 << 14  # proposals made at once: the work arrays stay in the processor's cache

# Two float64 numbers decide an acceptance unless they are closer than this. Their errors add up to less than
# 2**-38: x is exact; x**2 / (2 stddev**2) is at most 46 with a relative error of at most 4.1 * 2**-53, so its
# exp is off by less than 2**-45; numpy's exp (at most 4 units) and two roundings add less than 2**-50 of a
# number that is at most 1; the uniform number is known to within 2**-39 and rounded by 2**-53. The remaining
# factor of 64 is there so that the proof does not hang on the quality of one platform's exp.
_MARGIN = 2.0**-32


@dataclass(frozen=True)
class _Table:
    """The proposal: which block of integers, by an alias table with exact integer weights.

    Block j, for j in -last..last, holds the 2**width_bits integers around j * 2**width_bits and has index
    j + last; one more index stands for both tails. An x of a block is kept with probability
    scale / weight * exp(-x**2 / (2 stddev**2)), so every x is drawn with probability
    scale * exp(-x**2 / (2 stddev**2)) / 2**(64 + width_bits) a proposal.
    """

    stddev: Fraction
    width_bits: int
    last: int
    tail_width_bits: int
    scale: int
    weights: tuple[int, ...]  # of the blocks and the tails; they add up to 2**64
    column_bits: int
    thresholds: NDArray[np.uint64]
    aliases: NDArray[np.int64]
    acceptance: NDArray[np.float64]  # scale / weight; NaN for the tails, which compares as undecided

    def exponent(self, x: int) -> Fraction:
        return x * x / (2 * self.stddev * self.stddev)


def sample(stddev: float, count: int, source: EntropySource) -> NDArray[np.int64]:
    """Independent draws of the discrete Gaussian, int64 of shape (count,).

    SettingError unless MIN_STDDEV <= stddev <= MAX_STDDEV and count >= 0.

    Privacy: added to one integer that moves by 1 between neighbours, a draw costs mu_per_unit_shift(stddev);
    it protects only if source.private. How many words are used is independent of the values drawn, outside
    events of probability below 2**-30 a draw.

    Source: the law is that of Canonne, Kamath & Steinke 2020 (arXiv 2004.00010); the sampler is rejection
    from a step function (Devroye 1986, section VIII.2) with a lazily refined comparison.

    >>> from dpsynth.privacy.randomness import OsEntropy
    >>> sample(2.5, 4, OsEntropy()).shape
    (4,)
    """
    _check_stddev(stddev)
    if count < 0:
        raise SettingError(f"count ({count}) must not be negative; try 0 for no draws")
    table = _table(float(stddev))
    draws = np.empty(count, dtype=np.int64)
    filled = 0
    while filled < count:
        missing = count - filled
        kept = _kept(table, min(_CHUNK, missing + missing // 32 + 4), source)[:missing]
        draws[filled : filled + len(kept)] = kept
        filled += len(kept)
    return draws


def _kept(table: _Table, proposals: int, source: EntropySource) -> NDArray[np.int64]:
    """Make that many proposals and return the kept ones, in order."""
    words = source.words(2 * proposals)
    which, where = words[:proposals], words[proposals:]
    height_bits = WORD_BITS - table.column_bits
    column = (which >> np.uint64(height_bits)).astype(np.int64)
    height = which & np.uint64((1 << height_bits) - 1)
    to_alias = height >= table.thresholds[column]
    index = column + to_alias * (table.aliases[column] - column)  # np.where would branch: time would follow the data

    width = 1 << table.width_bits
    offset = (where & np.uint64(width - 1)).astype(np.int64)
    x = (index - table.last) * width + (offset - width // 2)
    uniform_bits = WORD_BITS - table.width_bits
    uniform = (where >> np.uint64(table.width_bits)) * 2.0**-uniform_bits
    steepness = -1.0 / (2.0 * float(table.stddev) ** 2)
    gap = table.acceptance[index] * np.exp(x.astype(np.float64) ** 2 * steepness) - uniform

    keep = gap > 0
    for i in np.flatnonzero(~(np.abs(gap) > _MARGIN)):
        if index[i] == len(table.weights) - 1:
            x[i], keep[i] = _tail_proposal(table, source)
        else:
            acceptance = Fraction(table.scale, table.weights[index[i]])
            uniform_prefix = int(where[i]) >> table.width_bits
            keep[i] = exp_coin(acceptance, table.exponent(int(x[i])), source, uniform_prefix, uniform_bits)
    return x[keep]


def _tail_proposal(table: _Table, source: EntropySource) -> tuple[int, bool]:
    """One proposal beyond the blocks, and whether it is kept.

    The tails are cut into steps so wide that the density at least halves from one to the next; step t is
    proposed with probability 2**-(t + 1), as the number of zero bits before the first one.
    """
    step, word = 0, next_word(source)
    while word == 0:
        step, word = step + WORD_BITS, next_word(source)
    step += WORD_BITS - word.bit_length()
    sign_and_offset = next_word(source)
    offset = (step << table.tail_width_bits) + (sign_and_offset >> 1) % (1 << table.tail_width_bits)
    if sign_and_offset & 1:
        x = _first_outside(table.last, table.width_bits) + offset
    else:  # blocks of an even width reach one integer further down than up
        x = -_first_outside(table.last, table.width_bits) - (table.width_bits > 0) - offset
    widths = Fraction(2) ** (table.tail_width_bits - table.width_bits)
    acceptance = widths * 2 ** (step + 2) * Fraction(table.scale, table.weights[-1])
    return x, exp_coin(acceptance, table.exponent(x), source)


def _first_outside(last: int, width_bits: int) -> int:
    """The smallest positive integer that lies in no block."""
    return (last << width_bits) + ((1 << width_bits) + 1) // 2


@lru_cache(maxsize=256)
def _table(stddev: float) -> _Table:
    """Build the proposal of a stddev: a few milliseconds, at most 640 weights."""
    exact = Fraction(stddev)
    two_variances = 2 * exact * exact
    # 16 to 32 blocks a stddev: the steps then lie at most 2.5 % above the curve, which is what is rejected.
    width_bits = max(0, math.frexp(stddev)[1] - 5)
    width = 1 << width_bits
    last = int(stddev * math.sqrt(2 * _TAIL_BITS * math.log(2)) + width // 2) // width
    outside = _first_outside(last, width_bits)
    # From d to d + w the density falls by more than exp(-d w / stddev**2), and that is below 1/2 from here on.
    tail_width_bits = (math.ceil(7 * two_variances / (20 * outside)) - 1).bit_length()

    # Upper bounds of the density times 2**128: of each block at its point nearest to zero, and of the tails.
    nearest = [max(0, j * width - width // 2) for j in range(last + 1)]
    half = [exp_bounds(x * x / two_variances, _MASS_BITS)[1] for x in nearest]
    edge = exp_bounds(outside * outside / two_variances, _MASS_BITS)[1]
    tails = -(-(edge << (tail_width_bits + 2)) // width)
    masses = [*half[:0:-1], *half, tails]

    # Rounding all weights up must not carry the sum past 2**64. What is left over goes to the centre, where
    # the acceptance takes it back.
    total = 1 << WORD_BITS
    scale = ((total - len(masses)) << _MASS_BITS) // sum(masses)
    weights = [-(-scale * mass >> _MASS_BITS) for mass in masses]
    weights[last] += total - sum(weights)

    column_bits = (len(weights) - 1).bit_length()
    thresholds, aliases = _alias_table(weights, column_bits)
    return _Table(
        stddev=exact,
        width_bits=width_bits,
        last=last,
        tail_width_bits=tail_width_bits,
        scale=scale,
        weights=tuple(weights),
        column_bits=column_bits,
        thresholds=thresholds,
        aliases=aliases,
        acceptance=np.array([*(scale / weight for weight in weights[:-1]), math.nan]),
    )


def _alias_table(weights: Sequence[int], column_bits: int) -> tuple[NDArray[np.uint64], NDArray[np.int64]]:
    """Walker's alias table in integers (Vose 1991): columns of one height, each holding at most two indices.

    Below thresholds[c] column c holds index c, above it aliases[c].
    """
    columns = 1 << column_bits
    height = (1 << WORD_BITS) // columns
    thresholds = [*weights, *(0 for _ in range(columns - len(weights)))]
    aliases = list(range(columns))
    low = [c for c in range(columns) if thresholds[c] < height]
    high = [c for c in range(columns) if thresholds[c] > height]
    while low:
        column, donor = low.pop(), high[-1]
        aliases[column] = donor
        thresholds[donor] -= height - thresholds[column]
        if thresholds[donor] <= height:
            high.pop()
            if thresholds[donor] < height:
                low.append(donor)
    return np.array(thresholds, dtype=np.uint64), np.array(aliases, dtype=np.int64)


def mu_per_unit_shift(stddev: float) -> float:
    """The Gaussian-DP parameter mu of this noise on a number that moves by 1, rounded up by at most 4e-12 of itself.

    mu = 2 Phi^-1((1 + P(0)) / 2), and delta0 = 0: the exact trade-off of the law and its shift by one lies nowhere
    below that of N(0, 1) and N(mu, 1). Proof: docs/explanation/privacy-currency.md. SettingError for a stddev
    that `sample` refuses.

    >>> [round(stddev * mu_per_unit_shift(stddev), 7) for stddev in (0.5, 1, 5)]
    [1.244191, 1.0457601, 1.0016725]
    """
    from scipy.special import erfcinv, erfinv

    _check_stddev(stddev)
    # One of erfinv(P(0)) and erfcinv(1 - P(0)) loses no digits.
    if stddev < 1:
        others = 2 * sum(math.exp(-(k * k) / (2 * stddev * stddev)) for k in range(1, 10))
        quantile = erfcinv(others / (1 + others))
    else:  # Poisson summation; the next term is 2 exp(-8 pi**2), 1e-34
        sum_of_density = stddev * math.sqrt(2 * math.pi) * (1 + 2 * math.exp(-2 * (math.pi * stddev) ** 2))
        quantile = erfinv(1 / sum_of_density)
    return float(2 * math.sqrt(2) * quantile) * (1 + 2e-12)


def stddev_for(mu: float) -> float:
    """The smallest stddev, to 1e-9 of itself and on the safe side, with mu_per_unit_shift(stddev) <= mu.

    MIN_STDDEV for any larger mu. SettingError unless mu is finite and at least mu_per_unit_shift(MAX_STDDEV), 1e-9.

    >>> mu_per_unit_shift(stddev_for(0.25)) <= 0.25
    True
    """
    smallest = mu_per_unit_shift(MAX_STDDEV)
    if not smallest <= mu < math.inf:
        raise SettingError(f"mu ({mu}) must be finite and at least {smallest:.4g}; try a larger budget")
    # 1 <= stddev * mu < 2 for every stddev, so the answer lies between 1 / mu and 2 / mu.
    low, high = (min(max(bound / mu, MIN_STDDEV), MAX_STDDEV) for bound in (1, 2))
    if mu_per_unit_shift(low) <= mu:
        return low
    while high - low > 1e-10 * high:
        middle = (low + high) / 2
        if mu_per_unit_shift(middle) <= mu:
            high = middle
        else:
            low = middle
    return high


def _check_stddev(stddev: float) -> None:
    if not MIN_STDDEV <= stddev <= MAX_STDDEV:  # also refuses NaN
        raise SettingError(f"stddev ({stddev}) must lie between {MIN_STDDEV} and {MAX_STDDEV:g}; try 1.0")
