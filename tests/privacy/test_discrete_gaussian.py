"""The sampler's law is the discrete Gaussian exactly, and its cost is the true Gaussian-DP parameter.

Two kinds of evidence. Exact: the integer table and scripted words at the edge of acceptance, against an
independent evaluation with 80 digits. Statistical, with false alarms at 1e-6: a million draws, each test shown to
reject planted bugs.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator
from fractions import Fraction
from functools import lru_cache

import mpmath
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from scipy import stats

from dpsynth.errors import SettingError
from dpsynth.privacy import discrete_gaussian
from dpsynth.privacy.discrete_gaussian import (
    MAX_STDDEV,
    MIN_STDDEV,
    mu_per_unit_shift,
    sample,
    stddev_for,
)
from dpsynth.privacy.randomness import EntropySource, InsecureTestEntropy, OsEntropy

FALSE_ALARM = 1e-6
STDDEVS = (0.05, 0.1, 0.3, 0.5, 1.0, 2.5, 10.0, 31.9, 32.0, 100.0, 1e3, 12_345.678, 1e6, 1e9)


@pytest.fixture(autouse=True, scope="module")
def eighty_digits() -> Iterator[None]:
    with mpmath.workdps(80):
        yield


class Script:
    """Plays back given words, and fails when asked for more."""

    private = False

    def __init__(self, *words: int) -> None:
        self.left = list(words)

    def words(self, count: int) -> NDArray[np.uint64]:
        assert count <= len(self.left), "more words were drawn than scripted"
        taken, self.left = self.left[:count], self.left[count:]
        return np.array(taken, dtype=np.uint64)


@pytest.fixture
def fresh_tables() -> Iterator[None]:
    discrete_gaussian._table.cache_clear()
    yield
    discrete_gaussian._table.cache_clear()


def density(stddev: float, x: int) -> mpmath.mpf:
    """exp(-x**2 / (2 stddev**2)) with 80 digits."""
    return mpmath.exp(-(mpmath.mpf(x) ** 2) / (2 * mpmath.mpf(stddev) ** 2))


def others_sum(stddev: float) -> mpmath.mpf:
    """The density summed over all integers but zero, for a stddev below 1."""
    return 2 * mpmath.fsum(density(stddev, k) for k in range(1, 30))


def density_sum(stddev: float) -> mpmath.mpf:
    """The density summed over all integers, directly or by Poisson summation, whichever is shorter."""
    variance = mpmath.mpf(stddev) ** 2
    if stddev < 1:
        return 1 + others_sum(stddev)
    waves = mpmath.fsum(mpmath.exp(-2 * mpmath.pi**2 * variance * k * k) for k in range(1, 8))
    return mpmath.sqrt(2 * mpmath.pi * variance) * (1 + 2 * waves)


# --- the exact law ---------------------------------------------------------------------------------------


def weight_by_columns(table: discrete_gaussian._Table, index: int) -> int:
    """How many of the 2**64 words pick an index, counted from the alias table's arrays."""
    height = 1 << (64 - table.column_bits)
    thresholds = [int(threshold) for threshold in table.thresholds]
    below = thresholds[index] if index < len(thresholds) else 0
    return below + sum(height - thresholds[int(c)] for c in np.flatnonzero(table.aliases == index))


def word_for(table: discrete_gaussian._Table, index: int) -> int:
    """Some word that picks an index."""
    height_bits = 64 - table.column_bits
    if table.thresholds[index]:
        return index << height_bits
    column = int(np.flatnonzero((table.aliases == index) & (table.thresholds < 2**height_bits))[0])
    return column << height_bits | int(table.thresholds[column])


@pytest.mark.parametrize("stddev", STDDEVS)
def test_the_proposal_covers_every_integer_once_and_lies_above_the_density(stddev: float) -> None:
    table = discrete_gaussian._table(stddev)
    width, count = 1 << table.width_bits, len(table.weights)
    assert sum(table.weights) == 2**64
    assert [weight_by_columns(table, index) for index in range(count)] == list(table.weights)
    assert not table.thresholds[count:].any()
    assert not (table.aliases[table.thresholds < 2 ** (64 - table.column_bits)] >= count).any()

    edges = [(index - table.last) * width - width // 2 for index in range(count)]
    for index in range(count - 1):
        ends = (edges[index], edges[index + 1] - 1)
        peak = max(density(stddev, x) for x in (*ends, *([0] if ends[0] <= 0 <= ends[1] else [])))
        assert table.weights[index] >= table.scale * peak
        assert table.acceptance[index] == table.scale / table.weights[index]
    assert math.isnan(table.acceptance[-1])

    assert table.exponent(edges[0]) <= 46, "the error bound of the float comparison assumes this"

    outside = discrete_gaussian._first_outside(table.last, table.width_bits)
    assert outside == edges[-1]
    assert -outside - (width > 1) == edges[0] - 1
    step = 1 << table.tail_width_bits
    assert table.weights[-1] * width >= table.scale * 4 * step * density(stddev, outside)
    for t in range(8):
        assert 2 * density(stddev, outside + (t + 1) * step) <= density(stddev, outside + t * step)


@pytest.mark.parametrize("stddev", [0.3, 1.0, 10.0, 1e4])
def test_a_column_turns_to_its_alias_exactly_at_its_threshold(stddev: float) -> None:
    table = discrete_gaussian._table(stddev)
    height_bits, tails = 64 - table.column_bits, len(table.weights) - 1
    turns = 0
    for column, (threshold, alias) in enumerate(zip(table.thresholds.tolist(), table.aliases.tolist(), strict=True)):
        for height, index in ((threshold - 1, column), (threshold, alias)):
            if index != tails and 0 <= height < 2**height_bits:
                word = column << height_bits | height
                script = Script(word, 0, *[0] * 8)  # a uniform number of zeros alone is below any probability
                (x,) = discrete_gaussian._kept(table, 1, script).tolist()
                assert (x + (1 << table.width_bits) // 2) >> table.width_bits == index - table.last
                turns += 1
    assert turns > len(table.weights)


PAIRS = [
    (stddev, x)
    for stddev in STDDEVS
    for x in sorted({0, -1, *(round(part * stddev) for part in (-7.5, -2.2, -0.9, 0.4, 1.3, 3.1, 6.0))})
    if abs(x) < 9.4 * stddev
]


def outcome(stddev: float, first: int, second: int, *further: int) -> tuple[list[int], int]:
    """What one proposal yields from scripted words, and how many scripted words were left."""
    script = Script(first, second, *further)
    kept = discrete_gaussian._kept(discrete_gaussian._table(stddev), 1, script)
    return kept.tolist(), len(script.left)


@pytest.mark.parametrize(("stddev", "x"), PAIRS)
def test_acceptance_turns_at_the_true_probability_to_100_bits(stddev: float, x: int) -> None:
    """With the weights exact, this is the whole pmf: weight / 2**64 * 1 / width * acceptance."""
    table = discrete_gaussian._table(stddev)
    width = 1 << table.width_bits
    index, offset = divmod(x + width // 2 + table.last * width, width)
    first = word_for(table, index)
    bits = 64 - table.width_bits
    pmf = density(stddev, x) / density_sum(stddev)
    acceptance_a_proposal = table.scale * density_sum(stddev) / (mpmath.mpf(2) ** 64 * width)
    acceptance = pmf * acceptance_a_proposal * width * mpmath.mpf(2) ** 64 / weight_by_columns(table, index)
    assert 0 < acceptance <= 1
    threshold = int(mpmath.floor(acceptance * mpmath.mpf(2) ** (bits + 64)))
    prefix, rest = divmod(threshold, 2**64)
    if prefix == 2**bits:  # acceptance 1: every word is accepted, and none further is drawn
        assert outcome(stddev, first, 2**64 - 2**table.width_bits + offset) == ([x], 0)
        return
    second = prefix << table.width_bits | offset
    assert 0 < rest < 2**64 - 1
    assert outcome(stddev, first, second, rest - 1) == ([x], 0)
    assert outcome(stddev, first, second, rest + 1) == ([], 0)

    far = 2 ** (bits - 31)  # beyond the margin the float decides, and says the same
    if prefix >= far:
        assert outcome(stddev, first, (prefix - far) << table.width_bits | offset, 1) == ([x], 1)
    if prefix + far < 2**bits:
        assert outcome(stddev, first, (prefix + far) << table.width_bits | offset, 1) == ([], 1)


def test_there_are_at_least_fifty_known_answers() -> None:
    assert len(PAIRS) >= 50


@pytest.mark.parametrize("stddev", [0.3, 1.0, 7.7, 32.0, 1e4, 1e9])
@pytest.mark.parametrize("sign", [1, -1])
@pytest.mark.parametrize("step", [0, 3, 70])
def test_the_tails_have_the_true_law_to_100_bits(stddev: float, sign: int, step: int) -> None:
    table = discrete_gaussian._table(stddev)
    width, tail_width = 1 << table.width_bits, 1 << table.tail_width_bits
    offset = tail_width // 3
    outside = discrete_gaussian._first_outside(table.last, table.width_bits)
    x = outside + step * tail_width + offset
    if sign < 0:
        x = -x - (width > 1)
    words = (
        word_for(table, len(table.weights) - 1),
        0,
        *(0 for _ in range(step // 64)),  # 64 zero bits each
        1 << (63 - step % 64),
        offset << 1 | (sign > 0),
    )
    proposal = mpmath.mpf(table.weights[-1]) / 2**64 / 2 / mpmath.mpf(2) ** (step + 1) / tail_width
    acceptance = table.scale * density(stddev, x) / (mpmath.mpf(2) ** 64 * width) / proposal
    assert 0 < acceptance <= 1
    leading, following = divmod(int(mpmath.floor(acceptance * mpmath.mpf(2) ** 128)), 2**64)
    if leading:
        assert outcome(stddev, *words, leading - 1) == ([x], 0)
    assert outcome(stddev, *words, leading + 1) == ([], 0)
    if following:
        assert outcome(stddev, *words, leading, following - 1) == ([x], 0)
    assert outcome(stddev, *words, leading, following + 1) == ([], 0)


@pytest.mark.parametrize("stddev", [0.1, 0.7, 3.0, 200.0, 1e6])
def test_deciding_everything_exactly_changes_no_draw(stddev: float, monkeypatch: pytest.MonkeyPatch) -> None:
    fast = sample(stddev, 4_000, InsecureTestEntropy(11))
    monkeypatch.setattr(discrete_gaussian, "_MARGIN", 2.0)
    assert np.array_equal(fast, sample(stddev, 4_000, InsecureTestEntropy(11)))


# --- a million draws ---------------------------------------------------------------------------------------


@lru_cache(maxsize=64)
def cells(stddev: float) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    """About 200 cells of integers: the first integer of each but the first, and their probabilities."""
    reach = math.ceil(6 * stddev) + 2
    first = np.unique(np.linspace(-reach, reach, min(2 * reach + 1, 200)).round().astype(np.int64))
    if stddev > 1e4:  # midpoint rule: its error is of the order of stddev**-2
        ends = stats.norm.cdf(np.array([-np.inf, *(first - 0.5), np.inf]) / stddev)
        return first, np.diff(ends)
    x = np.arange(-12 * reach, 12 * reach + 1)
    weights = np.exp(-(x**2) / (2 * stddev**2))
    return first, np.bincount(np.searchsorted(first, x, side="right"), weights) / weights.sum()


def p_value(draws: NDArray[np.int64], stddev: float) -> float:
    """Chi-square of the draws against the discrete Gaussian; cells that expect less than 5 are merged."""
    first, probabilities = cells(stddev)
    observed = np.bincount(np.searchsorted(first, draws, side="right"), minlength=len(probabilities))
    expected = probabilities * len(draws)
    rare = expected < 5
    observed = np.append(observed[~rare], observed[rare].sum())
    expected = np.append(expected[~rare], expected[rare].sum())
    if expected[-1] < 1e-12:
        assert observed[-1] == 0
        observed, expected = observed[:-1], expected[:-1]
    if len(expected) == 1:
        return 1.0
    return float(stats.chi2.sf(((observed - expected) ** 2 / expected).sum(), len(expected) - 1))


@pytest.mark.parametrize("stddev", [stddev for stddev in STDDEVS if stddev > 0.2])
def test_a_million_draws_have_the_law_and_wrong_scales_are_rejected(stddev: float) -> None:
    source = InsecureTestEntropy(round(1000 * stddev))
    draws = sample(stddev, 1_000_000, source)
    assert draws.dtype == np.int64
    assert p_value(draws, stddev) > FALSE_ALARM
    for wrong in (2 / 3, 3 / 2, 0.99, 1.01):
        if wrong * stddev <= MAX_STDDEV:
            assert p_value(sample(wrong * stddev, 1_000_000, source), stddev) < FALSE_ALARM


def test_draws_from_the_operating_system_have_the_law() -> None:
    assert p_value(sample(4.2, 1_000_000, OsEntropy()), 4.2) > FALSE_ALARM


@pytest.mark.parametrize("stddev", [0.05, 0.1])
def test_almost_all_noise_of_a_tiny_stddev_is_zero(stddev: float) -> None:
    assert not sample(stddev, 100_000, InsecureTestEntropy(0)).any()


@pytest.mark.parametrize("stddev", [0.3, 1.0, 10.0])
def test_planted_bugs_of_sign_and_zero_are_rejected(stddev: float) -> None:
    good = sample(stddev, 1_000_000, InsecureTestEntropy(5))
    coins = np.random.default_rng(0).random(1_000_000)
    zeros = int((good == 0).sum())
    doubled_zero = np.append(good, np.zeros(zeros, dtype=np.int64))  # a sign for each magnitude, zero included
    assert p_value(doubled_zero, stddev) < FALSE_ALARM
    assert p_value(np.where(good < 0, good + 1, good), stddev) < FALSE_ALARM  # truncation towards zero
    assert p_value(np.where(good < 0, -1 - good, good), stddev) < FALSE_ALARM  # a lost sign
    assert p_value(np.where(coins < 0.5, good, -1 - good), stddev) < FALSE_ALARM  # off by one after the sign
    assert p_value(good + 1, stddev) < FALSE_ALARM


@pytest.mark.parametrize("stddev", [1e3, 12_345.678, 1e6, 1e9])
def test_low_bits_of_wide_noise_are_uniform(stddev: float) -> None:
    draws = sample(stddev, 1_000_000, InsecureTestEntropy(8))
    for shift in range(0, max(1, int(math.log2(stddev)) - 5), 4):
        observed = np.bincount(draws >> shift & 15, minlength=16)
        assert stats.chisquare(observed).pvalue > FALSE_ALARM
    assert stats.chisquare(np.bincount((draws & ~np.int64(1)) & 15, minlength=16)).pvalue < FALSE_ALARM


@pytest.mark.usefixtures("fresh_tables")
@pytest.mark.parametrize("stddev", [0.3, 5.0, 300.0])
def test_the_law_holds_when_many_draws_come_from_the_tails(stddev: float, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(discrete_gaussian, "_TAIL_BITS", 0.2)
    table = discrete_gaussian._table(stddev)
    assert table.weights[-1] > 2**57
    assert p_value(sample(stddev, 30_000, InsecureTestEntropy(2)), stddev) > FALSE_ALARM

    honest = discrete_gaussian._tail_proposal

    def careless(table: discrete_gaussian._Table, source: EntropySource) -> tuple[int, bool]:
        return honest(table, source)[0], True

    monkeypatch.setattr(discrete_gaussian, "_tail_proposal", careless)
    assert p_value(sample(stddev, 30_000, InsecureTestEntropy(2)), stddev) < FALSE_ALARM


@pytest.mark.parametrize("stddev", [0.8, 20.0])
def test_agrees_with_opendp(stddev: float) -> None:
    dp = pytest.importorskip("opendp.prelude")
    dp.enable_features("contrib")
    count = 20_000
    space = dp.vector_domain(dp.atom_domain(T=int)), dp.l2_distance(T=float)
    theirs = np.array((space >> dp.m.then_gaussian(stddev))([0] * count))

    def two_sample_p_value(ours: NDArray[np.int64]) -> float:
        edges = np.unique(np.quantile(theirs, np.linspace(0, 1, 41)[1:-1]).round())
        table = [np.bincount(np.searchsorted(edges, side), minlength=len(edges) + 1) for side in (ours, theirs)]
        occupied = np.array(table)[:, np.sum(table, axis=0) > 0]
        return float(stats.chi2_contingency(occupied).pvalue)

    source = InsecureTestEntropy(21)
    assert two_sample_p_value(sample(stddev, 1_000_000, source)) > FALSE_ALARM
    for wrong in (2 / 3, 3 / 2):
        assert two_sample_p_value(sample(wrong * stddev, 1_000_000, source)) < FALSE_ALARM


# --- settings ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("stddev", [0.0, -1.0, 0.049, 1.01e9, math.inf, -math.inf, math.nan])
def test_a_stddev_outside_the_range_is_refused(stddev: float) -> None:
    with pytest.raises(SettingError, match="stddev"):
        sample(stddev, 1, OsEntropy())
    with pytest.raises(SettingError, match="stddev"):
        mu_per_unit_shift(stddev)


def test_counts_from_zero_to_several_chunks() -> None:
    for count in (0, 1, 7, 16_384, 50_001):
        assert sample(3.0, count, OsEntropy()).shape == (count,)
    with pytest.raises(SettingError, match="count"):
        sample(3.0, -1, OsEntropy())


def test_noise_takes_no_seed() -> None:
    assert not np.array_equal(sample(100.0, 50, OsEntropy()), sample(100.0, 50, OsEntropy()))
    assert list(sample.__annotations__) == ["stddev", "count", "source", "return"]


# --- the cost ----------------------------------------------------------------------------------------------


def exact_mu(stddev: float) -> mpmath.mpf:
    """2 Phi^-1((1 + P(0)) / 2) with 80 digits."""
    if stddev > 0.3:
        return 2 * mpmath.sqrt(2) * mpmath.erfinv(1 / density_sum(stddev))
    upper_tail = others_sum(stddev) / density_sum(stddev) / 2
    start = -mpmath.sqrt(-2 * mpmath.log(upper_tail)) * mpmath.mpf("0.95")
    return -2 * mpmath.findroot(lambda z: mpmath.log(mpmath.ncdf(z)) - mpmath.log(upper_tail), start)


@pytest.mark.parametrize("stddev", [*STDDEVS, 0.0501, 0.2, 0.999, 1.001, 5.0, 17.3])
def test_mu_is_the_exact_parameter_rounded_up(stddev: float) -> None:
    excess = mu_per_unit_shift(stddev) / exact_mu(stddev) - 1
    assert 0 < excess < 4e-12


@pytest.mark.parametrize(
    ("stddev", "product"), [(0.1, 1.93496497), (0.5, 1.244191), (1, 1.0457601), (2, 1.0106509), (5, 1.0016725)]
)
def test_mu_known_answers(stddev: float, product: float) -> None:
    assert stddev * mu_per_unit_shift(stddev) == pytest.approx(product, abs=1e-7)


@pytest.mark.parametrize("stddev", [0.4, 1.0, 2.5, 6.0])
def test_no_vertex_of_the_trade_off_lies_below_that_of_mu(stddev: float) -> None:
    """The shift test {X <= k} has errors P(X <= k) and P(X >= k); no pair may beat G_mu."""
    reach = int(5 * stddev) + 1
    weights = [density(stddev, x) / density_sum(stddev) for x in range(-8 * reach, reach + 1)]
    below = np.cumsum(weights)[-2 * reach - 1 :]  # P(X <= k) for k = -reach..reach
    z = [mpmath.sqrt(2) * mpmath.erfinv(2 * p - 1) for p in below]
    gaps = [after - before for before, after in itertools.pairwise(z)]
    assert max(gaps) <= mu_per_unit_shift(stddev)
    assert max(gaps) > mu_per_unit_shift(stddev) * (1 - 1e-11), "a smaller mu would not hold"


@given(st.floats(math.log(1.1e-9), math.log(35.0)))
@settings(max_examples=100, deadline=None)
def test_stddev_for_is_safe_and_not_wasteful(log_mu: float) -> None:
    mu = math.exp(log_mu)
    stddev = stddev_for(mu)
    assert mu_per_unit_shift(stddev) <= mu
    assert mu_per_unit_shift(stddev * (1 - 1e-9)) > mu


def test_stddev_for_at_the_ends_of_the_range() -> None:
    assert stddev_for(1e6) == stddev_for(39.8) == MIN_STDDEV
    smallest = mu_per_unit_shift(MAX_STDDEV)
    assert stddev_for(smallest) == MAX_STDDEV
    for mu in (smallest / 2, 0.0, -1.0, math.inf, math.nan):
        with pytest.raises(SettingError, match="mu"):
            stddev_for(mu)


def test_the_stddev_is_taken_as_an_exact_rational() -> None:
    table = discrete_gaussian._table(0.1)
    assert table.stddev == Fraction(3602879701896397, 2**55)
    assert table.exponent(-3) == Fraction(9) / (2 * table.stddev**2)
