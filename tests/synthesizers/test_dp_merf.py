from __future__ import annotations

import numpy as np
import pytest

import dpsynth
from dpsynth.errors import SettingError
from dpsynth.synthesizers.dp_merf import DPMERF
from tests.synthesizers.test_kde import fit, hidden_codes, pair_errors

pytest.importorskip("torch")


@pytest.mark.parametrize(("settings", "least"), [({}, 0.35), ({"label": "c0"}, 0.5), ({"degree": 0}, 0.5)])
def test_relations_of_codes_without_order_are_found(settings: dict[str, object], least: float) -> None:
    table = hidden_codes(20_000, 4)
    error, independent = pair_errors(table, fit("dp_merf", table, 4, components=100, fit_steps=150, **settings))
    assert error < least * independent


def test_the_same_answers_give_the_same_model() -> None:
    table = hidden_codes(2_000, 3)
    one, other = (fit("dp_merf", table, 4, components=20, fit_steps=5).model for _ in range(2))
    arrays = other.to_arrays()
    assert all(np.array_equal(array, arrays[name]) for name, array in one.to_arrays().items())


def test_one_column_gets_its_one_ways() -> None:
    fitted = fit("dp_merf", {"a": np.arange(300) % 3}, 3)
    assert [one.clique for one in fitted.measurements] == [("a",)]


@pytest.mark.parametrize("settings", [{"lengthscale": 0.0}, {"degree": -1}, {"rate": 0.0}, {"one_way_share": 1.0}])
def test_settings_out_of_range_are_refused(settings: dict[str, float]) -> None:
    with pytest.raises(SettingError, match=next(iter(settings))):
        DPMERF(**settings)


def test_a_label_that_is_not_counted_is_refused_before_any_data() -> None:
    with pytest.raises(SettingError, match="nothing"):
        dpsynth.plan(
            dpsynth.Schema([dpsynth.Categorical("a", values=range(2)), dpsynth.Categorical("b", values=range(2))]),
            epsilon=1.0,
            delta=1e-6,
            synthesizer="dp_merf",
            settings={"label": "nothing"},
        )
