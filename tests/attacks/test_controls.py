from __future__ import annotations

import numpy as np

from attacks.controls import worlds
from attacks.trial import Trial
from tests.attacks.worlds import world

WORLD = world("independent", 3, rows=400, targets=100)


def cells(table):
    return {tuple(row) for row in table.ticks.tolist()}


def test_the_leaky_twin_holds_every_member_and_the_other_none_of_their_rows() -> None:
    leaky, fresh = worlds(WORLD.evidence, WORLD.targets, WORLD.trial, np.random.default_rng(0))
    assert (leaky.leaks, fresh.leaks) == (True, False)
    assert cells(WORLD.members) <= cells(leaky.evidence.synthetic)
    assert len(leaky.evidence.synthetic) == len(fresh.evidence.synthetic) + len(WORLD.members)
    assert len(cells(WORLD.targets) & cells(fresh.evidence.synthetic)) <= 2


def test_neither_holds_what_is_published_nor_shares_rows_with_the_attacker() -> None:
    made = worlds(WORLD.evidence, WORLD.targets, WORLD.trial, np.random.default_rng(0))
    for each in made:
        assert each.evidence.published is None
        assert each.evidence.generate is None
        assert each.evidence.reference is not None
    assert len(made[1].evidence.synthetic) + len(made[1].evidence.reference) == 400


def test_units_with_several_rows_are_in_with_all_of_them() -> None:
    trial = Trial(np.arange(50) % 2 == 0, units=np.repeat(np.arange(50), 2))
    leaky = worlds(WORLD.evidence, WORLD.targets, trial, np.random.default_rng(0))[0]
    assert cells(WORLD.targets.take(np.repeat(trial.coins, 2))) <= cells(leaky.evidence.synthetic)


def test_without_reference_rows_there_is_no_control() -> None:
    from dataclasses import replace

    alone = replace(WORLD.evidence, reference=None)
    assert worlds(alone, WORLD.targets, WORLD.trial, np.random.default_rng(0)) == ()
