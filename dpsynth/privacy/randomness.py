"""Random words, and the one exact coin that every noise sampler of dpsynth is built on.

A sampler proposes from integer weights, which needs whole random words only, and then keeps the
proposal with a probability that is a real number, scale * exp(-exponent). `exp_coin` decides that last
step without rounding: it draws as many bits of a uniform number, and computes as many bits of the
probability, as it takes to see which of the two is larger.
"""

from __future__ import annotations

import hashlib
import os
from fractions import Fraction
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from dpsynth.errors import SettingError

WORD_BITS = 64


class EntropySource(Protocol):
    """Where random words come from; `private` says whether noise made from them protects anybody."""

    @property
    def private(self) -> bool:
        """True only if nobody can predict or reproduce the words."""
        ...

    def words(self, count: int) -> NDArray[np.uint64]:
        """Independent uniform 64-bit words, shape (count,)."""
        ...


class OsEntropy:
    """Words from the operating system's cryptographic generator.

    Nothing is kept between calls, so a forked process never repeats the words of its parent.

    >>> OsEntropy().words(3).shape
    (3,)
    """

    @property
    def private(self) -> bool:
        """True: the words cannot be reproduced."""
        return True

    def words(self, count: int) -> NDArray[np.uint64]:
        """Fresh words from os.urandom, shape (count,); SettingError if count is negative."""
        return np.frombuffer(os.urandom(8 * _checked(count)), dtype=np.uint64)


class ExpandedEntropy:
    """Words that a secret decides, by SHAKE-256: for a choice that has to come out the same when it is made again.

    secret: at least 32 random bytes; place: of the choice among those that are made with one secret.
    Without the secret the words cannot be told from random ones, unless SHAKE-256 can be told from a random function.

    >>> bool((ExpandedEntropy(b"s" * 32, 7).words(4) == ExpandedEntropy(b"s" * 32, 7).words(4)).all())
    True
    """

    def __init__(self, secret: bytes, place: int) -> None:
        if len(secret) < 32:
            raise SettingError(f"secret must be at least 32 random bytes; got {len(secret)}; try 4 words of a source")
        self._secret = secret + place.to_bytes(8, "big")
        self._calls = 0

    @property
    def private(self) -> bool:
        """False: whoever has the secret can reproduce the words, so no noise is made of them."""
        return False

    def words(self, count: int) -> NDArray[np.uint64]:
        """The words of the next call, shape (count,); SettingError if count is negative."""
        call, self._calls = self._calls.to_bytes(8, "big"), self._calls + 1
        return np.frombuffer(hashlib.shake_256(self._secret + call).digest(8 * _checked(count)), dtype=np.uint64)


class InsecureTestEntropy:
    """Reproducible words for tests; NOT PRIVATE, since whoever knows the seed can subtract the noise.

    >>> bool((InsecureTestEntropy(7).words(4) == InsecureTestEntropy(7).words(4)).all())
    True
    """

    def __init__(self, seed: int) -> None:
        self._generator = np.random.Philox(seed)

    @property
    def private(self) -> bool:
        """False: the seed reproduces every word."""
        return False

    def words(self, count: int) -> NDArray[np.uint64]:
        """The next words of the Philox stream, shape (count,); SettingError if count is negative."""
        return np.asarray(self._generator.random_raw(_checked(count)), dtype=np.uint64)


def _checked(count: int) -> int:
    if count < 0:
        raise SettingError(f"count ({count}) must not be negative; try 0 for no words")
    return count


def next_word(source: EntropySource) -> int:
    """One random word as a Python integer in [0, 2**64)."""
    return int(source.words(1)[0])


def exp_bounds(exponent: Fraction, bits: int) -> tuple[int, int]:
    """Integers (low, high) with low <= 2**bits * exp(-exponent) <= high and high - low <= 3; exponent >= 0.

    >>> exp_bounds(Fraction(0), 8)
    (256, 256)
    >>> low, high = exp_bounds(Fraction(1), 20)
    >>> low <= 2**20 / 2.718281828459045 <= high
    True
    """
    from mpmath.libmp import from_rational, mpf_exp, to_fixed

    if exponent == 0:
        return 1 << bits, 1 << bits
    if exponent > bits:  # exp(-exponent) < 2**-bits
        return 0, 1
    # Let y be the exponent, 0 < y <= bits. Rounding y to `precision` bits and evaluating exp there
    # moves the result by at most (y exp(-y) + exp(-y)) 2**(1-precision), below 2**(2-precision), which
    # is 2**-62 after scaling by 2**bits. An exp that is wrong by 2**60 units in the last place would
    # still stay within the unit that is given away on each side; to_fixed rounds down by less than one.
    precision = bits + 64
    nearby = from_rational(-exponent.numerator, exponent.denominator, precision, "n")
    floor = int(to_fixed(mpf_exp(nearby, precision, "n"), bits))
    return max(floor - 1, 0), floor + 2


def exp_coin(scale: Fraction, exponent: Fraction, source: EntropySource, prefix: int = 0, prefix_bits: int = 0) -> bool:
    """True with probability exactly scale * exp(-exponent), which must lie in [0, 1]; exponent >= 0.

    The coin compares that number with a uniform real number in [0, 1) whose first `prefix_bits` bits,
    read as an integer, are `prefix`; further bits come from the source, 64 at a time, until the two
    differ. After b bits they do not with probability about 2**-b, whatever the number is.

    >>> exp_coin(Fraction(1), Fraction(0), OsEntropy())
    True
    """
    while True:
        # `bits` carries the scale too, so that the bounds are sharper than one unit of the prefix.
        bits = prefix_bits + WORD_BITS + (scale.numerator // scale.denominator).bit_length()
        low, high = exp_bounds(exponent, bits)
        unit = scale.denominator << (bits - prefix_bits)
        if (prefix + 1) * unit <= low * scale.numerator:
            return True  # the whole interval [prefix, prefix + 1) lies below
        if prefix * unit >= high * scale.numerator:
            return False
        prefix = prefix << WORD_BITS | next_word(source)
        prefix_bits += WORD_BITS
