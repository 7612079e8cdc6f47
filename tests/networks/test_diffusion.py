"""Diffusion over codes: what is shown at a level, the law of a step, and what is learnt."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="the extra deep is not installed")

from dpsynth.networks.diffusion import DiffusionTrainee, DiffusionTraining, _raised, decode  # noqa: E402
from dpsynth.networks.learner import learn_freely  # noqa: E402

SHARES = ((0.5, 0.3, 0.2), (0.75, 0.25), (0.25, 0.25, 0.25, 0.25))
SETTINGS = DiffusionTraining(SHARES, hidden=32, learning_rate=5e-3, steps=600)


def rows(count: int) -> np.ndarray:
    rng = np.random.default_rng(0)
    first = rng.choice(3, count, p=SHARES[0])
    return np.stack([first, (first == 1).astype(int), first + (rng.random(count) < 0.2)], axis=1)


def test_coordinates_are_the_networks_parameters() -> None:
    network = DiffusionTrainee(SETTINGS, "cpu")
    assert sum(p.numel() for p in network.module.parameters()) == SETTINGS.coordinates


def test_rows_at_level_0_follow_the_shares_alone() -> None:
    drawn = DiffusionTrainee(SETTINGS, "cpu").drawn(20_000, torch.Generator().manual_seed(1)).numpy()
    for place, share in enumerate(SHARES):
        found = np.bincount(drawn[:, place], minlength=len(share)) / len(drawn)
        assert found == pytest.approx(share, abs=0.015)


@pytest.mark.parametrize("right", [True, False])
def test_a_step_leads_from_one_level_to_the_next(right: bool) -> None:
    """With perfect answers, rows at one level become rows at the next: kept with its chance. Wrong answers do not."""
    count, clean, draws = 40_000, 2, torch.Generator().manual_seed(2)
    share, now, later = torch.tensor(SHARES[0], dtype=torch.float64), 0.3, 0.6
    kept = torch.rand(count, generator=draws) < now
    drawn = torch.multinomial(share, count, replacement=True, generator=draws)
    shown = torch.where(kept, clean, drawn)[:, None]
    answer = torch.nn.functional.one_hot(torch.full((count,), clean if right else 0), 3).double()
    raised = _raised(shown, [answer], [share], now, later, draws)[:, 0].numpy()
    expected = later * np.eye(3)[clean] + (1 - later) * np.array(SHARES[0])
    assert (np.abs(np.bincount(raised, minlength=3) / count - expected).max() < 0.01) == right


def test_a_row_has_no_part_in_anothers_loss() -> None:
    network, table = DiffusionTrainee(SETTINGS, "cpu"), torch.as_tensor(rows(6))
    other = table.clone()
    other[5] = (table[5] + 1) % torch.tensor([3, 2, 4])
    one, changed = (network.losses(each, torch.Generator().manual_seed(3)) for each in (table, other))
    assert torch.equal(one[:5], changed[:5])
    assert one[5] != changed[5]


def test_training_finds_what_hangs_together() -> None:
    learnt = learn_freely(SETTINGS.start("cpu"), rows(4000), 64, 10)
    tables = decode(SETTINGS, learnt, 3000, 20)
    assert [table.shape for table in tables] == [(3000, 3), (3000, 2), (3000, 4)]
    assert all(table.sum(axis=1) == pytest.approx(1.0) for table in tables)
    joint = tables[0].T @ tables[1] / 3000
    assert joint[1, 1] == pytest.approx(0.3, abs=0.05)
    assert joint[0, 1] + joint[2, 1] < 0.06  # 0.21 if the columns were independent
    again = decode(SETTINGS, learnt, 3000, 20)
    assert all(np.array_equal(a, b) for a, b in zip(tables, again, strict=True))


def test_a_restored_network_goes_on_as_before() -> None:
    one, other = (DiffusionTrainee(replace(SETTINGS, steps=8), "cpu") for _ in range(2))
    for step in range(8):
        if step == 3:
            other.restore(one.state())
        for network in (one, other) if step >= 3 else (one,):
            network.optimizer.zero_grad()
            network.losses(torch.as_tensor(rows(30)), torch.Generator().manual_seed(step)).mean().backward()
            network.update(step)
    assert all(np.array_equal(one.result()[name], other.result()[name]) for name in one.result())
