from __future__ import annotations

import numpy as np
import pytest

from attacks.trial import Trial, paired


def test_pairs_hold_one_of_either_side_in_random_order() -> None:
    places, trial = paired(50, 30, 20, np.random.default_rng(0))
    assert len(places) == 40
    assert len(np.unique(places)) == 40
    assert (trial.coins == (places < 50)).all()
    assert (trial.coins[::2] != trial.coins[1::2]).all()
    firsts = np.mean([paired(5, 5, 5, np.random.default_rng(seed))[1].coins[::2].mean() for seed in range(400)])
    assert abs(firsts - 0.5) < 5 * 0.5 / np.sqrt(2000)


def test_units_are_judged_by_the_mean_of_their_rows() -> None:
    trial = Trial(np.array([True, False]), units=np.array([0, 1, 1]))
    assert trial.rows == 3
    assert trial.by_unit(np.array([1.0, 2.0, 4.0])).tolist() == [1.0, 3.0]
    part = trial.take(np.array([False, True]))
    assert part.coins.tolist() == [False]
    assert part.units is not None
    assert part.units.tolist() == [0, 0]
    assert trial.rows_of(np.array([False, True])).tolist() == [False, True, True]


@pytest.mark.parametrize(
    ("coins", "pairs", "units"),
    [([1, 1], True, None), ([1, 0, 1], True, None), ([1, 0], False, [0, 2]), ([1, 0], False, [0, 0])],
)
def test_what_does_not_fit_together_is_refused(coins: list[int], pairs: bool, units: list[int] | None) -> None:
    with pytest.raises(ValueError):
        Trial(np.array(coins, dtype=bool), pairs, None if units is None else np.array(units))
