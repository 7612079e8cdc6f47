"""The promised epsilon, computed again by dp-accounting from the events in the certificate, for every generator.

Counts are Gaussian mechanisms of their shift and noise; a training is its Poisson-sampled Gaussian steps; a choice of
range eta is the two-point law with log-ratios t and t - eta, of which the worst t of a grid is taken for all choices
together. Privacy loss distributions of all events are composed, rounded down (with a training among them by connected
dots, which are above by less than .1 %), so that the promise must never be below; how far above it is what one
currency costs.

    python benchmarks/recompute.py [--epsilon 1] [--delta 1e-6]
"""

from __future__ import annotations

import argparse
import math
from typing import Any

import numpy as np
from dp_accounting.pld import privacy_loss_distribution as pld

import dpsynth
from attacks.static_checks.accounting import least_price

SETTINGS = {"direct": {"marginals": "a,b;b,c;c,d"}}
COLUMNS = "abcdef"
CHOICES = {"selection", "selection of parents"}
SHARES = (0.5, 0.4, 0.3, 0.2, 0.1)


def release(name: str, epsilon: float, delta: float, **settings: Any) -> dpsynth.Release:
    """A release of a small closed table by one generator, with its usual settings or others."""
    rng = np.random.default_rng(0)
    base = rng.integers(0, 4, 4000)
    table = {column: (base + rng.integers(0, 2, 4000)) % 4 for column in COLUMNS}
    schema = dpsynth.Schema([dpsynth.Categorical(column, values=range(4)) for column in COLUMNS])
    return dpsynth.synthesize(
        table, schema, epsilon=epsilon, delta=delta, synthesizer=name, settings=SETTINGS.get(name, settings)
    )


def two_points(eta: float, share: float, picks: int, interval: float, upwards: bool) -> Any:
    """The loss distribution of `picks` choices of range eta, with t = share * eta."""
    t = share * eta
    q = (math.exp(-t) - math.exp(-eta)) / -math.expm1(-eta)
    laws = ({"t": math.log(x), "t - eta": math.log1p(-x)} for x in (q, q * math.exp(t)))
    losses = pld.from_two_probability_mass_functions(
        *laws, pessimistic_estimate=upwards, value_discretization_interval=interval
    )
    return losses.self_compose(picks)


def sampled(parameters: dict[str, Any], interval: float) -> Any:
    """The loss distribution of all steps of a training, by connected dots (error below .1 %)."""
    one = pld.from_gaussian_mechanism(
        parameters["noise_multiplier"],
        sampling_prob=parameters["rate"],
        value_discretization_interval=interval,
    )
    return one.self_compose(int(parameters["steps"]))


def recomputed(made: dpsynth.Release, interval: float = 1e-4) -> tuple[float, float]:
    """Epsilon at the promised delta from the events alone, and the share of mu^2 that choices were charged."""
    certificate = made.certificate
    sizes = {name: made.codec.domain[name] for name in made.codec.domain.columns}
    counted, choices, trained, charged = 0.0, [], [], 0.0
    for step in certificate.mechanisms:
        if step.kind in CHOICES:
            rate = step.parameters["rate"] * step.parameters.get("largest_weight", 1)
            choices.append((2 * rate, int(step.parameters["picks"])))
            charged += step.mu_squared
        elif step.kind == "DP-SGD":
            trained.append(sampled(step.parameters, interval))
        else:
            counted += least_price(step.kind, step.parameters, 1, False, sizes) or math.nan
    worst = 0.0
    upwards = bool(trained)  # a sampled step has no estimate downwards that stays close over thousands of steps
    for share in SHARES if choices else SHARES[:1]:
        losses = pld.from_gaussian_mechanism(
            1 / math.sqrt(counted),
            pessimistic_estimate=upwards,
            value_discretization_interval=interval,
            use_connect_dots=upwards,
        )
        for each in trained:
            losses = losses.compose(each)
        for eta, picks in choices:
            losses = losses.compose(two_points(eta, share, picks, interval, upwards))
        worst = max(worst, float(losses.get_epsilon_for_delta(certificate.promise.delta)))
    return worst, charged / certificate.spending.spent_mu_squared


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--epsilon", type=float, default=1.0)
    parser.add_argument("--delta", type=float, default=1e-6)
    asked = parser.parse_args()
    print(f"{'generator':14} promised  from the events  promised/computed  mu^2 spent on choices")
    for name in dpsynth.synthesizers():
        if name == "auto":
            continue
        epsilon, share = recomputed(release(name, asked.epsilon, asked.delta))
        print(
            f"{name:14} {asked.epsilon:8g}  {epsilon:15.4f}  {asked.epsilon / epsilon:17.4f}  {share:21.1%}", flush=True
        )


if __name__ == "__main__":
    main()
