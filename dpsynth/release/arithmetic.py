"""The arithmetic of a certificate, redone from its own numbers whenever one is made or read."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from dpsynth.privacy.calibration import Guarantee

if TYPE_CHECKING:
    from dpsynth.release.certificate import Certificate, Promise


def arithmetic_faults(certificate: Certificate) -> tuple[str, ...]:
    """What does not add up in a certificate, in words; empty when records, spending and promise agree.

    Redone from the stored numbers: the sums over mechanisms, what the grant and the promise cover, and
    that the promised epsilon, its profile and its attack odds follow from mu and delta0.
    """
    ran, spending, promise = certificate.mechanisms, certificate.spending, certificate.promise
    checks: list[tuple[str, float, float]] = [
        (
            "mu^2 of the mechanisms",
            math.fsum(each.mu_squared for each in ran),
            spending.spent_mu_squared,
        ),
        ("delta of the mechanisms", math.fsum(each.delta for each in ran), spending.spent_delta),
        ("spent mu^2", spending.spent_mu_squared, spending.granted_mu_squared),
        ("spent delta", spending.spent_delta, spending.granted_delta),
        ("spent mu^2", spending.spent_mu_squared, promise.mu**2),
        ("spent delta", spending.spent_delta, promise.delta0),
        *_promise_checks(promise),
    ]
    slack = 1 + 1e-9  # every float was rounded from an exact fraction
    return tuple(f"{name} ({value!r}) above {bound!r}" for name, value, bound in checks if not value <= bound * slack)


def _promise_checks(promise: Promise) -> list[tuple[str, float, float]]:
    """Triples (what, recomputed from mu and delta0, as promised); each promised number may only be larger."""
    guarantee = Guarantee(promise.mu, promise.delta0)
    checks = [(f"delta at epsilon {promise.epsilon:g}", guarantee.delta(promise.epsilon), promise.delta)]
    checks += [(f"epsilon at delta {delta:g}", guarantee.epsilon(delta), held) for delta, held in promise.profile]
    rates = tuple(rate for rate, _ in promise.attack_odds)
    recomputed = guarantee.attack_odds(rates)
    checks += [
        (f"finds at {rate:g} false alarms", odds, held)
        for (rate, odds), (_, held) in zip(recomputed, promise.attack_odds, strict=True)
    ]
    return checks
