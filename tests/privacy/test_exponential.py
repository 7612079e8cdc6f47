"""select() draws from the exponential mechanism exactly, and its range costs the stated Gaussian-DP parameter."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from fractions import Fraction

import mpmath
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from scipy import stats

from dpsynth.errors import SettingError
from dpsynth.privacy import exponential
from dpsynth.privacy.exponential import mu_of_range, range_of_mu, select
from dpsynth.privacy.randomness import InsecureTestEntropy, OsEntropy

FALSE_ALARM = 1e-6
INT64 = np.iinfo(np.int64)


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


def scores_of(*scores: int) -> NDArray[np.int64]:
    return np.array(scores, dtype=np.int64)


# --- the exact law ---------------------------------------------------------------------------------------

rates = st.one_of(st.floats(0, 50), st.floats(0, 1e-6), st.sampled_from([0.0, 5e-324, 1e-300, 1e300]))
lags = st.one_of(st.integers(0, 60), st.integers(0, 10**12), st.integers(0, 2**64 - 1))


@given(lags, rates, st.integers(1, 50))
@settings(max_examples=400, deadline=None)
def test_integer_weights_are_never_below_the_true_ones_and_hardly_above(lag: int, rate: float, bits: int) -> None:
    weight = int(exponential._weights(np.array([lag], dtype=np.uint64), rate, 1 << bits)[0])
    true = mpmath.exp(-mpmath.mpf(rate) * lag) * 2**bits
    assert weight >= true
    assert weight <= true * (1 + mpmath.mpf(2) ** -31) + 1


def test_integer_weights_forgive_a_careless_exp(monkeypatch: pytest.MonkeyPatch) -> None:
    lags, rate, scale = np.arange(2_000, dtype=np.uint64), 0.01, 1 << 50
    exact = [mpmath.exp(-mpmath.mpf(rate) * lag) * scale for lag in lags.tolist()]
    careful = np.exp
    monkeypatch.setattr(np, "exp", lambda exponents: careful(exponents) * (1 - 2.0**-33))
    weights = exponential._weights(lags, rate, scale).tolist()
    assert all(weight >= true for weight, true in zip(weights, exact, strict=True))


SCORES = scores_of(12, 10, 10, 3, -40, 11)


@pytest.mark.parametrize("rate", [0.0, 0.1, 0.37, 1.5])
@pytest.mark.parametrize("index", range(len(SCORES)))
def test_acceptance_turns_at_the_true_probability_to_128_bits(rate: float, index: int) -> None:
    """With integer weights this is the whole law: weight / total * acceptance is proportional to exp(rate * score)."""
    behind = (SCORES.max() - SCORES).astype(np.uint64)
    scale = 1 << 50
    weights = [int(weight) for weight in exponential._weights(behind, rate, scale)]
    unused = 64 - sum(weights).bit_length()
    acceptance = scale * mpmath.exp(-mpmath.mpf(rate) * int(behind[index])) / weights[index]
    threshold = int(mpmath.floor(acceptance * mpmath.mpf(2) ** 128))
    first_point, last_point = sum(weights[:index]), sum(weights[: index + 1]) - 1
    for point in (first_point, last_point):
        picked = point << unused
        assert select(SCORES, rate, Script(picked, *divmod(threshold - 1, 2**64))) == index
        # One more, and the proposal is dropped for the next: index 0 with a word of zeros, always accepted.
        refused = Script(picked, *divmod(threshold + 1, 2**64), 0, 0)
        assert select(SCORES, rate, refused) == 0
        assert not refused.left
    beyond = Script(sum(weights) << unused, first_point << unused, 0)
    assert select(SCORES, rate, beyond) == index, "a point beyond the total must be drawn again"


# --- many draws --------------------------------------------------------------------------------------------


def tally(scores: NDArray[np.int64], rate: float, draws: int) -> NDArray[np.int64]:
    """How often each index is selected."""
    source = InsecureTestEntropy(len(scores))
    return np.bincount([select(scores, rate, source) for _ in range(draws)], minlength=len(scores))


def p_value(observed: NDArray[np.int64], scores: NDArray[np.int64], rate: float) -> float:
    """Chi-square of selections against the law at `rate`; cells that expect less than 5 are merged."""
    weights = np.exp(rate * (scores - scores.max()))
    expected = observed.sum() * weights / weights.sum()
    rare = expected < 5
    if rare.any():
        observed = np.append(observed[~rare], observed[rare].sum())
        expected = np.append(expected[~rare], expected[rare].sum())
    return float(stats.chi2.sf(((observed - expected) ** 2 / expected).sum(), len(expected) - 1))


@pytest.mark.parametrize(
    ("scores", "rate"),
    [
        (scores_of(0, 1, 2, 3, 4), 0.5),
        (scores_of(7, 7, 6, 7, 5, 5), 1.3),
        (np.arange(-50, 50, dtype=np.int64) * 10**10, 3e-12),
    ],
)
def test_selections_have_the_law_and_wrong_rates_are_rejected(scores: NDArray[np.int64], rate: float) -> None:
    observed = tally(scores, rate, 30_000)
    assert p_value(observed, scores, rate) > FALSE_ALARM
    for wrong in (1 / 2, 0.9, 1.1, 2):
        assert p_value(observed, scores, wrong * rate) < FALSE_ALARM


def test_equal_scores_are_drawn_uniformly_at_any_rate() -> None:
    scores = scores_of(5, 5, 5, 5)
    for rate in (0.0, 1.0, 1e300):
        assert p_value(tally(scores, rate, 8_000), scores, 0.0) > FALSE_ALARM
    assert p_value(tally(scores_of(5, 5, 5, 4), 1.0, 8_000), scores, 0.0) < FALSE_ALARM


def test_permute_and_flip_is_rejected() -> None:
    """The report-noisy-max with exponential noise keeps the better candidate more often."""
    scores, draws = scores_of(1, 0), 30_000
    observed = np.bincount([select(scores, 1.0, InsecureTestEntropy(i)) for i in range(draws)], minlength=2)
    exponential_mechanism = 1 / (1 + math.exp(-1))
    permute_and_flip = 1 - math.exp(-1) / 2
    assert stats.binomtest(int(observed[0]), draws, exponential_mechanism).pvalue > FALSE_ALARM
    assert stats.binomtest(int(observed[0]), draws, permute_and_flip).pvalue < FALSE_ALARM


# --- extremes and settings ---------------------------------------------------------------------------------


def test_extreme_scores_and_rates() -> None:
    ends = scores_of(INT64.min, INT64.max, 0)
    source = OsEntropy()
    assert select(scores_of(-3), 2.0, source) == 0
    assert select(ends, 1.0, source) == 1
    assert select(ends, 1e308, source) == 1
    assert select(scores_of(0, 10**12), 1e-9, source) == 1
    assert {select(ends, 5e-324, source) for _ in range(200)} == {0, 1, 2}
    assert {select(ends, 2.0**-64, source) for _ in range(200)} == {0, 1, 2}


def test_a_million_candidates() -> None:
    scores = np.zeros(1_000_000, dtype=np.int64)
    picks = [select(scores, 1.0, InsecureTestEntropy(seed)) for seed in range(40)]
    assert len(set(picks)) > 35
    assert stats.kstest(np.array(picks) / 1e6, "uniform").pvalue > FALSE_ALARM
    scores[123_456] = 100
    assert select(scores, 1.0, OsEntropy()) == 123_456


def test_a_small_advantage_among_many_candidates_is_weighed_right() -> None:
    scores = np.zeros(100_001, dtype=np.int64)
    scores[77] = 10  # exp(rate * 10) = 100_000 at this rate: half of all mass
    source = InsecureTestEntropy(9)
    hits = sum(select(scores, math.log(100_000) / 10, source) == 77 for _ in range(600))
    assert stats.binomtest(hits, 600, 0.5).pvalue > FALSE_ALARM


@pytest.mark.parametrize("rate", [-1.0, math.inf, math.nan])
def test_a_rate_outside_its_range_is_refused(rate: float) -> None:
    with pytest.raises(SettingError, match="rate"):
        select(scores_of(1, 2), rate, OsEntropy())


@pytest.mark.parametrize(
    "scores",
    [
        np.array([], dtype=np.int64),
        np.array([[987654]]),
        np.array([987654.5]),
        np.array([987654], dtype=np.int32),
    ],
)
def test_other_scores_are_refused_without_showing_them(scores: NDArray[np.int64]) -> None:
    with pytest.raises(SettingError, match="scores") as refusal:
        select(scores, 1.0, OsEntropy())
    assert "98765" not in str(refusal.value)


# --- the cost ----------------------------------------------------------------------------------------------


def exact_mu(eta: float) -> mpmath.mpf:
    """2 Phi^-1(1 / (1 + exp(-eta / 2))) with 80 digits."""
    if eta < 20:
        return 2 * mpmath.sqrt(2) * mpmath.erfinv(mpmath.tanh(mpmath.mpf(eta) / 4))
    log_tail = -mpmath.log(1 + mpmath.exp(mpmath.mpf(eta) / 2))
    start = -mpmath.sqrt(-2 * log_tail) * mpmath.mpf("0.95")
    return -2 * mpmath.findroot(lambda z: mpmath.log(mpmath.ncdf(z)) - log_tail, start)


@pytest.mark.parametrize("eta", [1e-8, 1e-4, 0.01, 0.5, 1.0, 1.999, 2.0, 2.001, 5.0, 12.0, 50.0, 1000.0])
def test_mu_of_range_is_the_exact_parameter_rounded_up(eta: float) -> None:
    excess = mu_of_range(eta) / exact_mu(eta) - 1
    assert 0 < excess < 4e-12


@given(st.floats(math.log(1e-9), math.log(1e4)))
@settings(max_examples=300, deadline=None)
def test_range_of_mu_is_safe_and_not_wasteful(log_mu: float) -> None:
    mu = math.exp(log_mu)
    eta = range_of_mu(mu)
    assert mu_of_range(eta) <= mu
    assert mu_of_range(eta * (1 + 4e-11)) > mu


@pytest.mark.parametrize("eta", [0.01, 0.3, 1.0, 4.0, 12.0])
def test_mu_of_range_dominates_every_two_outcome_pair_of_that_range(eta: float) -> None:
    """A pair with log-ratios t and t - eta has one vertex (alpha, beta); it must not lie below G_mu."""

    def vertex_mu(t: float) -> float:
        under_null = -math.expm1(t - eta) / (math.exp(t) - math.exp(t - eta))
        under_other = under_null * math.exp(t)
        return float(stats.norm.ppf(under_other) - stats.norm.ppf(under_null))

    found = [vertex_mu(t) for t in np.linspace(0, eta, 2_003)[1:-1]]
    assert max(found) <= mu_of_range(eta) * (1 + 1e-9)
    assert max(found) > mu_of_range(eta) * (1 - 1e-6), "a smaller mu would not hold"


def test_exponential_mechanism_with_two_sided_scores_has_the_range_of_its_docstring() -> None:
    before, after = scores_of(3, 0, 5, 2), scores_of(4, -1, 4, 2)  # each score moves by at most 1
    rate = 0.7

    def log_probabilities(scores: NDArray[np.int64]) -> NDArray[np.float64]:
        return np.asarray(rate * scores - np.log(np.exp(rate * scores).sum()))

    ratios = log_probabilities(after) - log_probabilities(before)
    assert np.ptp(ratios) == pytest.approx(2 * rate)


@pytest.mark.parametrize("conversion", [mu_of_range, range_of_mu])
@pytest.mark.parametrize("number", [0.0, -1.0, math.inf, math.nan])
def test_conversions_refuse_what_is_not_positive(conversion: Callable[[float], float], number: float) -> None:
    with pytest.raises(SettingError, match="finite and positive"):
        conversion(number)


def test_the_rate_is_taken_as_an_exact_rational(monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[Fraction] = []

    def coin(scale: Fraction, exponent: Fraction, source: object) -> bool:
        seen.append(exponent)
        return True

    monkeypatch.setattr(exponential, "exp_coin", coin)
    index = select(scores_of(0, 3), 0.1, InsecureTestEntropy(0))
    assert seen == [Fraction(3602879701896397, 2**55) * (3 if index == 0 else 0)]
