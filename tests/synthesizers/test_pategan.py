from __future__ import annotations

import numpy as np
import pytest

pytest.importorskip("torch", reason="the extra deep is not installed")

from dpsynth.errors import SettingError
from dpsynth.synthesizers.pategan import PATEGAN
from tests.synthesizers.test_kde import fit, hidden_codes, pair_errors

QUICK = {"hidden": 16, "latent": 4, "teachers": 10, "rounds": 3, "lessons": 2, "warm_rows": 2000, "components": 500}


def test_relations_that_the_start_has_are_kept() -> None:
    table = hidden_codes(5_000, 4)
    error, independent = pair_errors(
        table, fit("pategan", table, 4, **{**QUICK, "hidden": 24, "warm_rows": 4000, "epochs": 40})
    )
    assert error < 0.5 * independent


def test_the_same_answers_give_the_same_model() -> None:
    table = hidden_codes(1_000, 3)
    one, other = (fit("pategan", table, 4, **QUICK).model.to_arrays() for _ in range(2))
    assert all(np.array_equal(array, other[name]) for name, array in one.items())


def test_one_column_gets_its_one_ways() -> None:
    fitted = fit("pategan", {"a": np.arange(300) % 3}, 3)
    assert [one.clique for one in fitted.measurements] == [("a",)]


@pytest.mark.parametrize("settings", [{"warm_share": 1.0}, {"teachers": 0}, {"trust": -1.0}, {"rounds": float("nan")}])
def test_settings_out_of_range_are_refused(settings: dict[str, float]) -> None:
    with pytest.raises(SettingError, match=next(iter(settings))):
        PATEGAN(**settings)
