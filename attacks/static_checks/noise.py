"""Checks of the noise of a release: where it came from, whether it is there, and whether it was used before."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

import dpsynth
from attacks.report.records import Check

FALSE_ALARM = 1e-6
# Below, discrete noise is often exactly 0, and has less variance than its stddev says.
LEAST_STDDEV = 1.0

ENTROPY = ("entropy", "Did the noise come from the operating system, so that nobody can make it again?")
LATTICE = ("whole numbers", "Are noisy counts whole numbers, as exact discrete noise makes them?")
SIZE = ("noise is there", "Do marginals differ among themselves as much as the declared noise makes them?")
AGAIN = ("fresh noise", "Does no other release hold the same noisy numbers?")


def noise_checks(release: dpsynth.Release | None, others: Sequence[dpsynth.Release] = ()) -> tuple[Check, ...]:
    """Checks that need the noisy marginals of a release; of a foreign table nobody can tell."""
    if release is None:
        questions = (ENTROPY, LATTICE, SIZE, AGAIN)
        return tuple(Check(*one, "not applicable", "no noisy numbers were published") for one in questions)
    return _entropy(release), _lattice(release), _size(release), _again(release, others)


def _entropy(release: dpsynth.Release) -> Check:
    noise = release.certificate.noise
    if noise.private:
        return Check(*ENTROPY, "pass", f"{noise.law}, from: {noise.entropy}")
    return Check(
        *ENTROPY, "fail", f"the certificate says {noise.entropy!r}: whoever knows the seed subtracts the noise"
    )


def _lattice(release: dpsynth.Release) -> Check:
    """Measurements as they were released; several of one marginal are combined later, with a stddev of its own."""
    own = released_stddevs(release)
    raw = [one for one in _plain(release) if one.stddev in own]
    if not raw:
        return Check(*LATTICE, "not applicable", "no measurement is kept as it was released")
    broken = [one.clique for one in raw if (one.values != np.rint(one.values)).any()]
    if broken:
        return Check(
            *LATTICE, "fail", f"{len(broken)} of {len(raw)} marginals hold fractions, such as that of {broken[0]}"
        )
    return Check(*LATTICE, "pass", f"all cells of {len(raw)} marginals are whole numbers")


def released_stddevs(release: dpsynth.Release) -> set[float]:
    """Every stddev that the certificate lists for noisy marginals."""
    listed = [step.parameters.get("stddev") for step in release.certificate.mechanisms if step.kind == "marginals"]
    return {float(stddev) for each in listed for stddev in (each if isinstance(each, list) else [each]) if stddev}


def _size(release: dpsynth.Release) -> Check:
    """Each column's counts follow from every marginal that holds it; they must differ as their noise does.

    The weighted squares of the differences are at least chi-squared (codes that were merged carry more noise than
    declared), so only too small a sum is a finding: the lower tail, shared out among the columns.
    """
    from scipy.stats import chi2

    views: dict[tuple[str, int], list[tuple[npt.NDArray[np.float64], float]]] = defaultdict(list)
    for one in (each for each in _plain(release) if each.stddev >= LEAST_STDDEV):
        for axis, column in enumerate(one.clique):
            others = tuple(place for place in range(one.values.ndim) if place != axis)
            cells = one.values.size / one.values.shape[axis]
            views[column, one.values.shape[axis]].append((one.values.sum(axis=others), one.stddev**2 * cells))
    tails = {}
    for (column, cells), seen in views.items():
        if len(seen) > 1:
            weights = np.array([1 / variance for _, variance in seen])
            counts = np.array([values for values, _ in seen])
            mean = weights @ counts / weights.sum()
            tails[column] = float(chi2.cdf((weights[:, None] * (counts - mean) ** 2).sum(), (len(seen) - 1) * cells))
    if not tails:
        return Check(*SIZE, "unknown", "no column was measured twice")
    column = min(tails, key=lambda name: tails[name])
    if tails[column] < FALSE_ALARM / len(tails):
        return Check(*SIZE, "fail", f"marginals agree on {column!r} more closely than their noise allows")
    return Check(*SIZE, "pass", f"on {len(tails)} columns marginals differ as their noise makes them")


def _again(release: dpsynth.Release, others: Sequence[dpsynth.Release]) -> Check:
    if not others:
        return Check(*AGAIN, "not applicable", "no other release was given")
    for one in _plain(release):
        # Noisy counts of one table agree in a cell with a chance of about 1 / (2 sqrt(pi) stddev), at most.
        chance = -one.values.size * math.log(max(2 * math.sqrt(math.pi) * one.stddev, 1.0))
        for twin in (each for other in others for each in _plain(other)):
            same = twin.clique == one.clique and twin.values.shape == one.values.shape
            if same and chance < math.log(FALSE_ALARM) and np.array_equal(twin.values, one.values):
                return Check(
                    *AGAIN, "fail", f"the marginal of {one.clique} holds the same noisy numbers in another release"
                )
    return Check(*AGAIN, "pass", f"no marginal is repeated in {len(others)} other releases")


def _plain(release: dpsynth.Release) -> list[Any]:
    """Measurements of whole cells, one for each code."""
    return [one for one in release.measurements if one.basis.value == "identity" and not one.groups]
