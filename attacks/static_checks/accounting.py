"""Checks of a certificate: its sums, its prices, and the epsilon that follows from them, all computed anew.

Formulas are written apart from dpsynth's, so that a slip in one of the two shows.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

import dpsynth
from attacks.claim import Claim
from attacks.mechanism_audit.verdict import epsilon_at
from attacks.report.records import Check

# Certificates round single prices up, and floats add up with a rounding of their own.
SLACK = 1e-9
# The judge discretises privacy losses, and errs upwards.
JUDGE_SLACK = 0.01


def accounting_checks(
    release: dpsynth.Release | None, claim: Claim | None, others: Sequence[dpsynth.Release] = ()
) -> tuple[Check, ...]:
    """Checks of the certificate against itself, against the claim, and together with other releases."""
    if release is None:
        questions = (SUMS, PRICES, EPSILON, JUDGE, CLAIM, TOGETHER)
        return tuple(Check(*one, "not applicable", "no certificate of dpsynth was given") for one in questions)
    certificate = release.certificate
    return (
        _sums(certificate),
        _prices(certificate, dict(zip(release.model.domain.columns, release.model.domain.sizes, strict=True))),
        _epsilon(certificate),
        _judge(certificate),
        _claim(certificate, claim),
        _together(certificate, others),
    )


SUMS = ("sums", "Do the costs of all steps add up to what was spent, and fit what is promised?")
PRICES = ("prices", "Was every step charged at least what its noise costs?")
EPSILON = ("epsilon", "Does the promised epsilon follow from mu and delta0?")
JUDGE = ("judge", "Does an independent accountant (dp-accounting) come to the promised epsilon?")
CLAIM = ("claim", "Does the certificate promise at least what is claimed?")
TOGETHER = ("releases together", "What do all given releases of the same table promise together?")


def _sums(certificate: Any) -> Check:
    steps, spending, promise = certificate.mechanisms, certificate.spending, certificate.promise
    pairs = (
        ("mu^2 of the steps", math.fsum(step.mu_squared for step in steps), spending.spent_mu_squared),
        ("delta of the steps", math.fsum(step.delta for step in steps), spending.spent_delta),
        ("mu^2 spent", spending.spent_mu_squared, min(spending.granted_mu_squared, promise.mu**2)),
        ("delta spent", spending.spent_delta, min(spending.granted_delta, promise.delta0)),
    )
    faults = [f"{name} is {value:.6g}, above {bound:.6g}" for name, value, bound in pairs if _above(value, bound)]
    if not steps:
        return Check(*SUMS, "fail", "the certificate lists no step at all")
    return _verdict(SUMS, faults, f"{len(steps)} steps spent mu^2 {spending.spent_mu_squared:.6g}")


def _prices(certificate: Any, sizes: Mapping[str, int]) -> Check:
    rows, replaced = certificate.unit.max_rows, certificate.unit.relation == "replace-one"
    faults, unpriced = [], []
    for step in certificate.mechanisms:
        least = least_price(step.kind, step.parameters, rows, replaced, sizes)
        if least is None:
            unpriced.append(step.kind)
        elif _above(least, step.mu_squared):
            faults.append(f"{step.label} ({step.kind}) was charged mu^2 {step.mu_squared:.6g}, and costs {least:.6g}")
    if not faults and unpriced:
        kinds = ", ".join(sorted(set(unpriced)))
        priced = len(certificate.mechanisms) - len(unpriced)
        return Check(
            *PRICES, "unknown", f"{priced} steps were priced anew; the certificate does not say enough of: {kinds}"
        )
    return _verdict(PRICES, faults, f"all {len(certificate.mechanisms)} steps were priced anew from their noise")


def least_price(
    kind: str, parameters: Mapping[str, Any], rows: int, replaced: bool, sizes: Mapping[str, int] | None = None
) -> float | None:
    """A mu^2 that a step costs at least, from its public parameters; None where they do not say.

    rows: of a unit, at most. sizes: codes of each column, merged or not. Counts of one marginal move by squared L2
    rows^2, twice that when a unit is replaced, under noise of a stddev: rows^2 / stddev^2. Sums of features move by
    the bound on a row's vector that the step declares, counts of votes by one a row that differs. A choice of rate r
    moves by a range 2 r rows (twice that when replaced), and costs what randomised responses of half that range show.
    """
    moved, squared = rows * (2 if replaced else 1), rows**2 * (2 if replaced else 1)
    try:
        match kind:
            case "count":
                return float(rows**2 / parameters["stddev"] ** 2)
            case "marginals":
                return math.fsum(squared / stddev**2 for stddev in parameters["stddev"])
            case "feature sums":
                largest = parameters["squared_distance" if replaced else "squared_norm"]
                return float(rows**2 * largest / parameters["stddev"] ** 2)
            case "teacher votes":
                return float(parameters["cells"] * rows**2 / parameters["stddev"] ** 2)
            case "partition selection":
                return float(squared / parameters["stddev"] ** 2)
            case "residual marginals":
                pairs = zip(parameters["cliques"], parameters["stddev"], strict=True)
                shapes = [([(sizes or {})[column] for column in clique], stddev) for clique, stddev in pairs]
                return math.fsum(rows**2 * residual_shift(shape, replaced) / stddev**2 for shape, stddev in shapes)
            case "dependence":
                return float(parameters["candidates"] * moved**2 / parameters["stddev"] ** 2)
            case "selection" | "selection of parents":
                rate = parameters["rate"] * parameters.get("largest_weight", 1)
                return mu_of_responses(rate * moved, parameters["picks"]) ** 2
            case "quantiles":
                return mu_of_responses(parameters["rate"] * moved, parameters["depth"]) ** 2
            case "quartiles":
                return mu_of_responses(3 * parameters["rate"] * moved, 2) ** 2
            case "DP-SGD":
                return _price_of_training(parameters, rows, replaced)
            case "privtree":
                return mu_of_responses(tree_range(parameters["rate"], parameters["decay"]) * moved / 2, 1) ** 2
    except (KeyError, TypeError, ValueError, ZeroDivisionError):
        return None
    return None


def _price_of_training(parameters: Mapping[str, Any], rows: int, replaced: bool) -> float:
    """The mu^2 that Poisson-sampled steps show at two deltas, less 2 % for the rounding of this computation.

    Each of a unit's rows is in by a coin of its own. The attacker looks at the noisy sum along one line: with a unit
    against without, or with one whose rows all pull one way against one whose rows all pull the other.
    """
    from scipy.stats import binom, norm

    noise, counts = float(parameters["noise_multiplier"]), np.arange(rows + 1)
    weights = binom.pmf(counts, rows, parameters["rate"])
    edges = np.linspace(-rows - 9 * noise, rows + 9 * noise, 20_001)
    with_unit, other = (
        np.diff(norm.cdf((edges[:, None] - sign * counts) / noise) @ weights) for sign in (1, -1 if replaced else 0)
    )
    seen = (with_unit > 1e-20) & (other > 1e-20)
    first, second = with_unit[seen], other[seen]
    found = 0.0
    for law, against in ((first, second), (second, first)):
        values, mass = _summed_losses(law, np.log(law / against), int(parameters["steps"]))
        for delta in (1e-2, 1e-4):
            found = max(found, _least_mu(_epsilon_of(values, mass, delta), delta, parameters["delta0"]))
    return 0.98 * found**2


def _summed_losses(
    law: npt.NDArray[np.float64], losses: npt.NDArray[np.float64], steps: int
) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]:
    """Values and chances of the sum of `steps` independent losses, each split between two neighbours of a grid."""
    mean = float(law @ losses)
    spread = float(law @ (losses - mean) ** 2) ** 0.5
    width = max(spread / 20, float(np.ptp(losses)) / 2**18)
    first = math.floor(float(losses.min()) / width)
    place = losses / width - first
    lower = np.floor(place).astype(np.int64)
    one = np.bincount(lower, law * (lower + 1 - place), lower.max() + 2) + np.bincount(
        lower + 1, law * (place - lower), lower.max() + 2
    )
    reach = 14 * spread * steps**0.5 + float(np.ptp(losses))
    size = 1 << math.ceil(math.log2(max(2 * reach / width, one.size)))
    whole = np.fft.irfft(np.fft.rfft(one, size) ** steps, size)
    start = math.floor((steps * mean - reach) / width)
    grid = np.arange(start, start + size)
    return grid * width, np.maximum(whole[(grid - steps * first) % size], 0.0)


def _epsilon_of(values: npt.NDArray[np.float64], mass: npt.NDArray[np.float64], delta: float) -> float:
    """The epsilon at which such a loss leaves delta."""
    low, high = 0.0, max(float(values[-1]), 1e-9)
    while high - low > 1e-6 * high:
        middle = (low + high) / 2
        left = float(mass @ np.maximum(-np.expm1(middle - np.maximum(values, middle)), 0.0))
        low, high = (middle, high) if left > delta else (low, middle)
    return low


def _least_mu(epsilon: float, delta: float, delta0: float) -> float:
    """The smallest mu, to a millionth and from below, whose promise at this delta reaches epsilon."""
    low, high = 0.0, 1.0
    while epsilon_at(delta, high, delta0) < epsilon:
        high *= 2
    while high - low > 1e-6 * high:
        middle = (low + high) / 2
        low, high = (middle, high) if epsilon_at(delta, middle, delta0) < epsilon else (low, middle)
    return low


def residual_shift(shape: Sequence[int], replaced: bool) -> float:
    """Squared L2 distance by which one row moves what a marginal holds beyond its smaller marginals, in rows^2.

    Adding a row moves it by prod (1 - 1 / n). Two rows pull hardest apart where they differ in one column, of the
    fewest codes.
    """
    added = math.prod(1 - 1 / size for size in shape)
    return 2 * added * (1 + 1 / (min(shape) - 1)) if replaced else added


def tree_range(rate: float, decay: int) -> float:
    """The length of the interval that holds the log-ratios of a tree of splits when one row is added.

    A leaf's chance falls by at most `rate`. The splits above it grow likelier, each at a count that is lower by
    at least `decay` than that of its parent.
    """

    def log_split(x: int) -> float:
        far = -rate * (x if x > 0 else 1 - x) - math.log1p(math.exp(-rate))
        return math.log1p(-math.exp(far)) if x > 0 else far

    levels = range(-1, 1 + math.ceil(40 / (rate * decay)))
    return rate + math.fsum(log_split(level * decay + 1) - log_split(level * decay) for level in levels)


def mu_of_responses(epsilon: float, times: int) -> float:
    """The mu that an attacker proves on `times` randomised responses of this epsilon, at the best threshold."""
    from scipy.special import ndtri
    from scipy.stats import binom

    right = 1 / (1 + math.exp(-epsilon))
    at_least = [(binom.sf(k, times, right), binom.sf(k, times, 1 - right)) for k in range(times)]
    return max(
        (float(ndtri(found) - ndtri(alarm)) for found, alarm in at_least if found < 1 and alarm > 0), default=0.0
    )


def _epsilon(certificate: Any) -> Check:
    promise = certificate.promise
    pairs = [(promise.delta, promise.epsilon), *promise.profile]
    faults = [
        f"at delta {delta:g} the promise is {held:.6g}, and {follows:.6g} follows"
        for delta, held in pairs
        if _above((follows := epsilon_at(delta, promise.mu, promise.delta0)) * (1 - 1e-6), held)
    ]
    return _verdict(EPSILON, faults, f"{len(pairs)} pairs of epsilon and delta follow from mu {promise.mu:.6g}")


def _judge(certificate: Any) -> Check:
    try:
        from dp_accounting.pld import privacy_loss_distribution
    except ImportError:
        return Check(*JUDGE, "not applicable", "dp-accounting is not installed; try the extra 'judge'")
    promise = certificate.promise
    left = (promise.delta - promise.delta0) / (1 - promise.delta0)
    if promise.mu <= 0 or left <= 0:
        return Check(*JUDGE, "unknown", "the certificate's mu or delta0 leaves nothing to compute")
    # A grid of at most about a million losses: a huge epsilon would ask for more memory than there is.
    interval = max(min(1e-3, promise.epsilon / 1e3), (promise.mu**2 + 40 * promise.mu) / 1e6)
    losses = privacy_loss_distribution.from_gaussian_mechanism(1 / promise.mu, value_discretization_interval=interval)
    found = float(losses.get_epsilon_for_delta(left))
    faults = [f"it comes to epsilon {found:.4f}, above {promise.epsilon:.4f}"] * (
        found > promise.epsilon * (1 + JUDGE_SLACK)
    )
    return _verdict(
        JUDGE, faults, f"it comes to epsilon {found:.4f} of {promise.epsilon:.4f} at delta {promise.delta:g}"
    )


def _claim(certificate: Any, claim: Claim | None) -> Check:
    if claim is None:
        return Check(*CLAIM, "not applicable", "nothing was claimed beside the certificate")
    promise, unit = certificate.promise, certificate.unit
    relation = str(getattr(claim.relation, "value", claim.relation))
    faults = []
    if epsilon_at(claim.delta, promise.mu, promise.delta0) > claim.epsilon * (1 + 1e-6):
        faults.append(f"epsilon {claim.epsilon:g} at delta {claim.delta:g} is claimed, and more was spent")
    if claim.mu is not None and (_above(promise.mu, claim.mu) or _above(promise.delta0, claim.delta0)):
        faults.append(f"mu {claim.mu:g} with delta0 {claim.delta0:g} is claimed, and more was spent")
    if relation != unit.relation:
        faults.append(f"{relation} is claimed, and the certificate is about {unit.relation}")
    return _verdict(CLAIM, faults, "the claim follows from the certificate")


def _together(certificate: Any, others: Sequence[dpsynth.Release]) -> Check:
    if not others:
        return Check(*TOGETHER, "not applicable", "no other release was given")
    promises = [certificate.promise, *(other.certificate.promise for other in others)]
    mu = math.sqrt(math.fsum(one.mu**2 for one in promises))
    delta0 = min(math.fsum(one.delta0 for one in promises), 1.0)
    if delta0 >= certificate.promise.delta:
        return Check(
            *TOGETHER, "unknown", f"{len(promises)} releases together keep no delta {certificate.promise.delta:g}"
        )
    epsilon = epsilon_at(certificate.promise.delta, mu, delta0)
    said = (
        f"{len(promises)} releases together: epsilon {epsilon:.4g} at delta {certificate.promise.delta:g}, mu {mu:.4g}"
    )
    return Check(*TOGETHER, "pass", said)


def _above(value: float, bound: float) -> bool:
    return not value <= bound * (1 + SLACK)


def _verdict(question: tuple[str, str], faults: Sequence[str], good: str) -> Check:
    return Check(*question, "fail" if faults else "pass", "; ".join(faults) or good)
