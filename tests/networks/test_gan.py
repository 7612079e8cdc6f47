"""The GAN: only its critic sees rows, conditions come from shares, and a restored pair goes on as before."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="the extra deep is not installed")

from dpsynth.networks.gan import GanTrainee, GanTraining, decode, pretrained  # noqa: E402
from dpsynth.networks.gradients import ClippedGradients, set_gradient  # noqa: E402

SETTINGS = GanTraining(
    sizes=(3, 2, 4),
    hidden=16,
    latent=4,
    label=1,
    label_shares=(0.75, 0.25),
    loss="logistic",
    critic_rate=2e-3,
    generator_rate=2e-3,
    critic_steps=2,
    weight_limit=0.1,
    fakes=64,
)


def rows(count: int) -> np.ndarray:
    rng = np.random.default_rng(0)
    first = rng.integers(0, 3, count)
    return np.stack([first, (first == 0).astype(int), first + (rng.random(count) < 0.2)], axis=1)


def step(network: GanTrainee, number: int) -> None:
    with ClippedGradients(network, 1.0) as gradients:
        set_gradient(network.module, gradients.sum(rows(20), torch.Generator(), 100) / 20)
    network.update(number)


def test_made_up_rows_are_codes_and_labels_follow_their_shares() -> None:
    network = GanTrainee(SETTINGS, "cpu")
    made = network.made_up(4000).detach().numpy()
    for first, last in ((0, 3), (3, 5), (5, 9)):
        block = made[:, first:last]
        assert np.allclose(block.sum(axis=1), 1, atol=1e-5)
        assert np.allclose(block.max(axis=1), 1, atol=1e-5)  # one code each, as in rows
    assert made[:, 3].mean() == pytest.approx(0.75, abs=0.03)


def test_the_generator_learns_from_the_critic_alone() -> None:
    """Its parameters never have a gradient by rows: those of the module are the critic's."""
    network = GanTrainee(SETTINGS, "cpu")
    assert sum(p.numel() for p in network.module.parameters()) == SETTINGS.coordinates
    before = [p.detach().clone() for p in network.generator.parameters()]
    network.losses(torch.as_tensor(rows(5)), torch.Generator()).sum().backward()
    assert all(p.grad is None for p in network.generator.parameters())
    network.update(0)  # the first of two steps of the critic
    assert all(torch.equal(a, b) for a, b in zip(before, network.generator.parameters(), strict=True))
    for parameter in network.module.parameters():
        parameter.grad = torch.zeros_like(parameter)
    network.update(1)
    assert not all(torch.equal(a, b) for a, b in zip(before, network.generator.parameters(), strict=True))


def test_weights_stay_within_their_limit() -> None:
    network = GanTrainee(replace(SETTINGS, loss="wasserstein", critic_rate=0.5), "cpu")
    for number in range(4):
        step(network, number)
    assert max(float(p.detach().abs().max()) for p in network.module.parameters()) <= 0.1 + 1e-6


def test_a_restored_pair_goes_on_as_before() -> None:
    one, other = GanTrainee(SETTINGS, "cpu"), GanTrainee(SETTINGS, "cpu")
    for number in range(3):
        step(one, number)
    other.restore(one.state())
    for network in (one, other):
        for number in range(3, 8):
            step(network, number)
    first, second = one.result(), other.result()
    assert all(np.array_equal(first[name], second[name]) for name in first)


def test_training_finds_what_hangs_together() -> None:
    network = pretrained(SETTINGS, rows(3000), 128, 100, 900)
    latents = np.random.default_rng(1).standard_normal((2000, 4)).astype(np.float32)
    tables = decode(SETTINGS, network.result(), latents)
    assert [table.shape for table in tables] == [(2000, 3), (2000, 2), (2000, 4)]
    assert tables[1].mean(axis=0) == pytest.approx([0.75, 0.25], abs=1e-3)  # told, exactly by its shares
    joint = tables[0].T @ tables[1] / 2000
    assert joint[0, 1] > 3 * joint[1:, 1].max()  # the label is 1 where the first column is 0
