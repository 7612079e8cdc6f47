"""DP-SGD: gradients clipped row by row, batches drawn by coins, exact noise, steps that are never forgotten."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from scipy import stats

torch = pytest.importorskip("torch", reason="the extra deep is not installed")

from attacks.statistics.one_run import p_value  # noqa: E402
from attacks.statistics.trade_off import Gaussian  # noqa: E402
from dpsynth.errors import SettingError  # noqa: E402
from dpsynth.mechanisms.dp_sgd import CELLS, DPSGD, coin_rate, noise_within, poisson_sample, step_mu  # noqa: E402
from dpsynth.networks.checkpoints import Checkpoint  # noqa: E402
from dpsynth.networks.gradients import DRAW_WORDS, ClippedGradients, secret_draws  # noqa: E402
from dpsynth.networks.layers import one_hot, perceptron, public_draws  # noqa: E402
from dpsynth.networks.vae import VaeTrainee, VaeTraining  # noqa: E402
from dpsynth.privacy.cost import Cost  # noqa: E402
from dpsynth.privacy.randomness import InsecureTestEntropy, OsEntropy  # noqa: E402
from dpsynth.privacy.sampled_gaussian import SampledGaussian  # noqa: E402
from dpsynth.privacy.unit import PrivacyUnit, Relation  # noqa: E402
from dpsynth.private.coded_rows import CodedRows  # noqa: E402

UNIT = PrivacyUnit()


@dataclass(frozen=True)
class Directions:
    """One weight a code; the gradient of a row is `length` along its code: what comes out is a noisy count of each."""

    codes: int
    length: float = 1.0

    @property
    def coordinates(self) -> int:
        return self.codes

    def describe(self) -> dict[str, Any]:
        return {"codes": self.codes, "length": self.length}

    def start(self, device: str) -> Walk:
        return Walk(self)


class Walk:
    """Adds the noisy gradients up."""

    def __init__(self, settings: Directions) -> None:
        self.settings = settings
        self.module = torch.nn.Linear(settings.codes, 1, bias=False)
        self.module.weight.data.zero_()
        self.seen: list[int] = []

    def losses(self, codes: torch.Tensor, draws: torch.Generator) -> torch.Tensor:
        return -self.settings.length * self.module(one_hot(codes, (self.settings.codes,)))[:, 0]

    def update(self, step: int) -> None:
        self.seen.append(step)
        self.module.weight.data -= self.module.weight.grad

    def state(self) -> dict[str, np.ndarray]:
        return {"weight": self.module.weight.detach().numpy().copy(), "seen": np.array(self.seen, dtype=np.int64)}

    def restore(self, state: Mapping[str, np.ndarray]) -> None:
        self.module.weight.data = torch.as_tensor(state["weight"])
        self.seen = state["seen"].tolist()

    def result(self) -> dict[str, np.ndarray]:
        return self.state()


def walk(codes: int = 40, **changes: Any) -> DPSGD:
    settings = {"steps": 20, "rate": coin_rate(0.25), "clip": 1.0, "noise": 2.0, "batch": 1.0, "delta0": 1e-8}
    return DPSGD(None, Directions(codes), **{**settings, **changes})  # type: ignore[arg-type]  # no codec is read


def rows(*codes: int) -> CodedRows:
    return CodedRows(np.array(codes, dtype=np.uint32).reshape(-1, 1))


@pytest.mark.parametrize("clip", [0.05, 1.0, 1e6])
def test_sums_are_those_of_rows_clipped_one_by_one(clip: float) -> None:
    settings = VaeTraining((3, 4, 2), hidden=8, latent=2, beta=0.5, learning_rate=1e-3, steps=10)
    network, twin = VaeTrainee(settings, "cpu"), VaeTrainee(settings, "cpu")
    codes = np.random.default_rng(0).integers(0, (3, 4, 2), (50, 3))
    with ClippedGradients(network, clip) as gradients:
        found = gradients.sum(codes, torch.Generator().manual_seed(7), 1000)
    draws = torch.Generator().manual_seed(7)
    losses = twin.losses(torch.as_tensor(codes), draws)
    expected = np.zeros(settings.coordinates)
    for loss in losses:
        parts = torch.autograd.grad(loss, list(twin.module.parameters()), retain_graph=True)
        vector = torch.cat([part.reshape(-1) for part in parts]).double().numpy()
        expected += vector * min(1.0, clip / np.linalg.norm(vector))
    assert found == pytest.approx(expected, rel=1e-4, abs=1e-5 * min(clip, 1.0))


def test_draws_of_rows_are_made_of_all_their_words() -> None:
    """All of the twister's state is set by random words: were the seed alone, 32 bits would tell all draws."""
    words = InsecureTestEntropy(3).words(DRAW_WORDS)
    plain = torch.Generator().manual_seed(5).get_state().numpy()[24 : 24 + 8 * 624].view(np.uint64)
    assert plain[0] == 5  # the layout of torch's state: a twister starts with its seed,
    assert plain[1] == (1812433253 * (5 ^ (5 >> 30)) + 1) % 2**32  # and goes on by its rule
    first = torch.rand(5, generator=secret_draws(words, "cpu"))
    assert torch.equal(first, torch.rand(5, generator=secret_draws(words, "cpu")))
    other = words.copy()
    other[200] ^= np.uint64(1 << 40)  # one word far from the first: the same seed, other draws
    drawn = [torch.rand(1000, generator=secret_draws(each, "cpu")) for each in (words, other)]
    assert not torch.equal(*drawn)
    assert stats.kstest(drawn[0].numpy(), "uniform").pvalue > 1e-6


def test_blocks_make_no_difference_where_rows_draw_nothing() -> None:
    network = Walk(Directions(5, 3.0))
    codes = np.array([[0], [1], [1], [4], [4], [4]])
    with ClippedGradients(network, 1.0) as gradients:
        assert gradients.sum(codes, torch.Generator(), 2) == pytest.approx([-1, -2, 0, 0, -3])
        assert gradients.sum(codes[:0], torch.Generator(), 2) == pytest.approx(np.zeros(5))


def test_a_row_whose_gradient_breaks_down_counts_as_zero() -> None:
    network = Walk(Directions(3))

    def losses(codes: torch.Tensor, draws: torch.Generator) -> torch.Tensor:
        plain = Walk.losses(network, codes, draws)
        return plain * torch.where(codes[:, 0] == 2, float("inf"), 1.0)

    network.losses = losses  # type: ignore[method-assign]
    with ClippedGradients(network, 1.0) as gradients:
        assert gradients.sum(np.array([[0], [2], [1], [2]]), torch.Generator(), 10) == pytest.approx([-1, -1, 0])


def test_networks_that_mix_rows_are_refused() -> None:
    network = Walk(Directions(4))
    network.module = torch.nn.Sequential(torch.nn.Linear(4, 4), torch.nn.BatchNorm1d(4))
    with pytest.raises(SettingError, match="keep rows apart"):
        ClippedGradients(network, 1.0)


def test_the_loss_of_a_row_is_its_own() -> None:
    """Whatever other rows are in the batch; with the same draws."""
    settings = VaeTraining((3, 4), hidden=8, latent=2, beta=0.5, learning_rate=1e-3, steps=10)
    network, codes = VaeTrainee(settings, "cpu"), torch.tensor([[0, 1], [2, 3], [1, 0]])
    other = torch.tensor([[0, 1], [1, 1], [2, 2]])
    first, second = (network.losses(each, torch.Generator().manual_seed(3)) for each in (codes, other))
    assert first[0].item() == second[0].item()
    assert first[1].item() != second[1].item()


@pytest.mark.parametrize("rate", [0.003, 0.1, 0.7])
def test_batches_are_poisson(rate: float) -> None:
    """Sizes are binomial (chi-square), each row is in as often, and neighbours are in independently."""
    source, chance, count, draws = InsecureTestEntropy(1), coin_rate(rate), 400, 4000
    taken = np.zeros((draws, count), dtype=bool)
    for row in taken:
        row[poisson_sample(count, chance, source)] = True
    sizes = taken.sum(axis=1)
    low, high = (int(x) for x in stats.binom.ppf([0.02, 0.98], count, rate))
    edges = np.arange(low, high + 1)
    seen = np.array([(sizes <= low).sum(), *((sizes == k).sum() for k in edges[1:-1]), (sizes >= high).sum()])
    law = np.array([stats.binom.cdf(low, count, rate), *stats.binom.pmf(edges[1:-1], count, rate),
                    stats.binom.sf(high - 1, count, rate)])  # fmt: skip
    assert stats.chisquare(seen, law * draws).pvalue > 1e-6
    assert stats.chisquare(taken.sum(axis=0)).pvalue > 1e-6
    wrong = np.full(draws, count * rate).round()  # batches of one size, as a shuffling loader makes them
    seen = np.array([(wrong <= low).sum(), *((wrong == k).sum() for k in edges[1:-1]), (wrong >= high).sum()])
    assert stats.chisquare(seen, law * draws).pvalue < 1e-6
    both = (taken[:, :-1] & taken[:, 1:]).mean()
    assert abs(both - rate**2) < 6 * math.sqrt(rate**2 / draws / count) + 1e-4


def test_the_rate_of_a_coin_is_exact() -> None:
    assert coin_rate(1.0) == 1
    assert coin_rate(1e-12) == Fraction(1, 2**32)
    assert list(poisson_sample(3, Fraction(1), OsEntropy())) == [0, 1, 2]
    assert poisson_sample(0, coin_rate(0.5), OsEntropy()).size == 0
    with pytest.raises(SettingError, match="multiple"):
        walk(rate=Fraction(1, 3))
    for rate in (0.0, -0.1, 1.5):
        with pytest.raises(SettingError, match="rate"):
            coin_rate(rate)


def test_empty_batches_take_their_step() -> None:
    made = walk().randomise(rows(), InsecureTestEntropy(2))
    assert made["seen"].tolist() == list(range(20))
    assert np.abs(made["weight"]).min() > 0


@pytest.mark.parametrize("scale", [2 / 3, 1.0, 3 / 2])
def test_the_noise_has_its_law(scale: float) -> None:
    """Of 4,000 coordinates without rows: 20 steps of stddev 2; two thirds and three halves of it are told apart."""
    made = walk(4000, noise=2.0 * scale).randomise(rows(), InsecureTestEntropy(3))["weight"].reshape(-1)
    found = stats.kstest(made / (2.0 * math.sqrt(20)), "norm").pvalue
    assert (found > 1e-6) == (scale == 1.0)


def test_counts_come_out() -> None:
    table = rows(*([0] * 3000 + [1] * 1000))
    made = walk(3, noise=0.5).randomise(table, InsecureTestEntropy(4))["weight"][0]
    assert made == pytest.approx([20 * 750, 20 * 250, 0], abs=500)


def test_the_price_is_that_of_its_events() -> None:
    for unit in (UNIT, PrivacyUnit(Relation.REPLACE_ONE), PrivacyUnit(column="who", max_rows=3)):
        mechanism = walk()
        events = SampledGaussian(20, Fraction(1, 4), step_mu(2.0, 40), unit.max_rows, unit.relation)
        assert mechanism.cost(unit) == Cost.of_mu(events.dominating_mu(1e-8), 1e-8)
    assert step_mu(2.0, 40) > 1 / 2.0  # rounding is paid for
    assert step_mu(2.0, 10**6) == pytest.approx((1 + 2.0**-8 + 1000 / CELLS) / 2, rel=1e-5)


def test_movement_is_the_price_of_the_rows_that_differ() -> None:
    mechanism, table = walk(), rows(0, 1, 1, 2)
    assert mechanism.movement(table, rows(1, 0, 2, 1)).mu_squared == 0
    assert mechanism.movement(table, rows(0, 1, 2)) == mechanism.cost(UNIT)
    assert mechanism.movement(table, rows(0, 1, 1, 5)) == mechanism.cost(PrivacyUnit(Relation.REPLACE_ONE))
    assert mechanism.movement(table, rows(0, 2)) == mechanism.cost(PrivacyUnit(column="who", max_rows=2))
    assert not mechanism.movement(table, rows(2)) <= mechanism.cost(PrivacyUnit(column="who", max_rows=2))


@pytest.mark.parametrize("unit", [UNIT, PrivacyUnit(Relation.REPLACE_ONE), PrivacyUnit(column="who", max_rows=2)])
def test_noise_fills_its_budget_and_not_more(unit: PrivacyUnit) -> None:
    for mu in (0.1, 1.0):
        budget = Cost(Fraction(mu) ** 2, Fraction(1e-8))
        noise = noise_within(budget, unit, 60, coin_rate(0.1), 1000, 1e-8)
        price = walk(1000, steps=60, rate=coin_rate(0.1), noise=noise).cost(unit)
        assert price <= budget
        assert float(price.mu_squared) > 0.998 * float(budget.mu_squared)
    with pytest.raises(SettingError, match="delta0"):
        noise_within(Cost(Fraction(1)), unit, 60, coin_rate(0.1), 1000, 1e-8)


class Killed(Exception):
    pass


@pytest.mark.parametrize("at", [0, 1, 6, 7, 13, 19])
def test_a_run_that_was_killed_takes_no_step_twice(tmp_path: Path, at: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """Steps that may have met the rows are gone; those that are left are taken, and the price is that of the plan."""
    met: list[int] = []
    mechanism = walk(checkpoint=Checkpoint(tmp_path / "run", every=7))
    plain = ClippedGradients.sum

    def counted(self: ClippedGradients, *arguments: Any) -> Any:
        met.append(len(met))
        return plain(self, *arguments)

    def killing(self: Walk, step: int) -> None:
        if step == at:
            raise Killed
        Walk_update(self, step)

    Walk_update = Walk.update
    monkeypatch.setattr(ClippedGradients, "sum", counted)
    with monkeypatch.context() as patched:
        patched.setattr(Walk, "update", killing)
        with pytest.raises(Killed):
            mechanism.randomise(rows(1, 2), InsecureTestEntropy(5))
    seen = mechanism.randomise(rows(1, 2), InsecureTestEntropy(6))["seen"].tolist()
    lost = range(at // 7 * 7, min(at // 7 * 7 + 7, 20))
    assert seen == [step for step in range(20) if step not in lost]
    assert len(met) <= 20
    assert mechanism.cost(UNIT) == walk().cost(UNIT)
    # Once it is done there is nothing left to take: the same answer, and no row is read.
    before = len(met)
    again = mechanism.randomise(rows(3), InsecureTestEntropy(7))
    assert again["seen"].tolist() == seen
    assert len(met) == before


def test_a_checkpoint_of_another_run_is_refused(tmp_path: Path) -> None:
    walk(checkpoint=Checkpoint(tmp_path / "run")).randomise(rows(1), InsecureTestEntropy(0))
    assert (tmp_path / "run").stat().st_mode & 0o077 == 0
    with pytest.raises(SettingError, match="this very run"):
        walk(noise=3.0, checkpoint=Checkpoint(tmp_path / "run")).randomise(rows(1), InsecureTestEntropy(0))


def test_an_autoencoder_goes_on_as_if_it_had_never_stopped() -> None:
    settings = VaeTraining((3, 4), hidden=6, latent=2, beta=0.5, learning_rate=1e-2, steps=6)
    one, codes = VaeTrainee(settings, "cpu"), torch.tensor([[0, 1], [2, 3]])

    def step(network: VaeTrainee, number: int) -> None:
        network.module.zero_grad()
        network.losses(codes, torch.Generator().manual_seed(number)).sum().backward()
        network.update(number)

    for number in range(3):
        step(one, number)
    other = VaeTrainee(settings, "cpu")
    other.restore(one.state())
    for network in (one, other):
        for number in range(3, 6):
            step(network, number)
    first, second = one.result(), other.result()
    assert all(np.array_equal(first[name], second[name]) for name in first)


def chance_of_canaries(noise: float, claimed: float, seed: int) -> float:
    """How likely what 3,000 canaries of one run show would be, if the price were that of the noise that is claimed.

    White box: each canary has a direction of its own, is in by a fair coin, and is guessed by the noisy sum along it.
    """
    canaries, rng = 3_000, np.random.default_rng(seed)
    within = rng.random(canaries) < 0.5
    mechanism = walk(canaries, steps=60, rate=coin_rate(0.5), noise=noise)
    scores = mechanism.randomise(rows(*np.flatnonzero(within)), InsecureTestEntropy(seed))["weight"][0]
    order = np.argsort(scores)
    guessed = np.concatenate([order[:300], order[-300:]])
    right = int((within[guessed] == (np.arange(600) >= 300)).sum())
    mu = replace(mechanism, noise=claimed).cost(UNIT).mu
    return p_value(Gaussian(mu), canaries, 600, right)


def test_half_the_noise_is_caught_by_canaries_of_one_run() -> None:
    assert all(chance_of_canaries(3.8, 3.8, seed) > 0.2 for seed in range(2))
    assert all(chance_of_canaries(1.9, 3.8, seed) < 0.02 for seed in range(2))


def test_a_forgotten_clip_is_caught_by_canaries_of_one_run(monkeypatch: pytest.MonkeyPatch) -> None:
    plain = ClippedGradients.sum
    monkeypatch.setattr(ClippedGradients, "sum", lambda self, *rest: 2 * plain(self, *rest))
    assert chance_of_canaries(3.8, 3.8, 0) < 0.02


def test_settings() -> None:
    for change in ({"clip": 0.0}, {"noise": math.inf}, {"batch": -1.0}):
        with pytest.raises(SettingError):
            walk(**change)
    described = replace(walk(), training=Directions(3)).describe()
    assert (described["kind"], described["steps"], described["coordinates"]) == ("DP-SGD", 20, 3)
    assert perceptron((2, 3), public_draws(1))[0].weight.equal(perceptron((2, 3), public_draws(1))[0].weight)
