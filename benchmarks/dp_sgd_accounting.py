"""What a training costs: our epsilon beside dp-accounting's and Opacus', on settings drawn at random.

The first ratio must be at least the one of dp-accounting's lower estimate and at most 1.01 of its upper one. `price`
is the epsilon that the ledger's mu promises, over the training's own: what it costs to say it in one currency.

Other accountants than ours take most of the time; `price` and Opacus' epsilon are found for every tenth setting. What
is known so far is printed after every hundred settings.

    python benchmarks/dp_sgd_accounting.py [--settings 1000]
"""

from __future__ import annotations

import argparse
import time
from dataclasses import dataclass, field
from fractions import Fraction
from statistics import median

import numpy as np
from dp_accounting.pld import privacy_loss_distribution as pld

from dpsynth.privacy.gaussian_profile import epsilon_of
from dpsynth.privacy.sampled_gaussian import SampledGaussian

# A difference of epsilons below this is within what either program rounds.
ROUNDING = 1e-4


def drawn(rng: np.random.Generator) -> tuple[SampledGaussian, float]:
    """Steps from 1 to 3,000, rates from .001 to 1, noise that makes an epsilon of about .1 to 20; and a delta."""
    steps = int(10 ** rng.uniform(0, 3.5))
    rate = float(10 ** rng.uniform(-3, 0))
    mu = min(10 ** rng.uniform(-1, 0.5) / (rate * steps**0.5 + 0.05), 2.0)
    return SampledGaussian(steps, Fraction(rate), mu), float(10 ** rng.uniform(-9, -4))


def by_dp_accounting(events: SampledGaussian, delta: float, *, upper: bool) -> float:
    """Epsilon by connected dots from above; from below by rounding every loss down."""
    one = pld.from_gaussian_mechanism(
        1 / events.mu,
        sampling_prob=float(events.rate),
        pessimistic_estimate=upper,
        value_discretization_interval=2e-4,
        use_connect_dots=upper,
    )
    return float((one if events.steps == 1 else one.self_compose(events.steps)).get_epsilon_for_delta(delta))


def by_opacus(events: SampledGaussian, delta: float) -> float:
    """Epsilon by Opacus' own accountant (Renyi)."""
    from opacus.accountants import RDPAccountant

    accountant = RDPAccountant()
    accountant.history = [(1 / events.mu, float(events.rate), events.steps)]
    return float(accountant.get_epsilon(delta))


@dataclass
class Found:
    """What was found for the settings so far; seconds are of a processor: ours, and dp-accounting's."""

    settings: int = 0
    below: int = 0
    ratios: list[float] = field(default_factory=list)
    prices: list[float] = field(default_factory=list)
    others: list[float] = field(default_factory=list)
    seconds: list[float] = field(default_factory=lambda: [0.0, 0.0])

    def compare(self, events: SampledGaussian, delta: float) -> None:
        """One more setting."""
        start = time.process_time()
        ours = events.epsilon(delta)
        between = time.process_time()
        theirs = by_dp_accounting(events, delta, upper=True)
        self.seconds[0] += between - start
        self.seconds[1] += time.process_time() - between
        self.below += ours < by_dp_accounting(events, delta, upper=False) * (1 - 1e-9)
        if theirs > 10 * ROUNDING:
            self.ratios.append((ours - ROUNDING) / theirs)
            if self.settings % 10 == 0:
                share = 0.01 * delta
                self.others.append(by_opacus(events, delta) / theirs)
                self.prices.append(epsilon_of((delta - share) / (1 - share), events.dominating_mu(share)) / ours)
        self.settings += 1

    def show(self) -> None:
        """A table."""
        print(f"{self.settings} settings; ours below dp-accounting's lower estimate: {self.below}")
        rows = {"ours": self.ratios, "Opacus (RDP)": self.others}
        named = {f"{name} / dp-accounting": values for name, values in rows.items()} | {"price": self.prices}
        for name, values in named.items():
            least, most, largest = np.quantile(values, [0.0, 0.9, 1.0])
            print(f"{name:30} median {median(values):7.4f}   least {least:7.4f}   90 % {most:7.4f}   "
                  f"largest {largest:7.4f}")  # fmt: skip
        ours, theirs = (seconds / self.settings for seconds in self.seconds)
        print(f"CPU seconds a setting: ours {ours:.2f}, dp-accounting {theirs:.2f}", flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--settings", type=int, default=200)
    asked = parser.parse_args()
    rng, found = np.random.default_rng(0), Found()
    for _ in range(asked.settings):
        found.compare(*drawn(rng))
        if found.settings % 100 == 0 or found.settings == asked.settings:
            found.show()


if __name__ == "__main__":
    main()
