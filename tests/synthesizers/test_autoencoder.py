from __future__ import annotations

import numpy as np
import pytest

pytest.importorskip("torch", reason="the extra deep is not installed")

import dpsynth
from dpsynth.errors import SettingError
from dpsynth.synthesizers.autoencoder import Autoencoder
from tests.synthesizers.test_kde import fit, hidden_codes, pair_errors

QUICK = {"hidden": 24, "latent": 4, "training_steps": 30, "warm_rows": 4000, "epochs": 15, "gaussians": 12}


@pytest.mark.parametrize("label", ["", "c0"])
def test_relations_of_codes_are_found(label: str) -> None:
    table = hidden_codes(8_000, 4)
    error, independent = pair_errors(table, fit("autoencoder", table, 4, **QUICK, label=label))
    assert error < 0.4 * independent


def test_the_same_answers_give_the_same_model() -> None:
    table = hidden_codes(1_000, 3)
    one, other = (fit("autoencoder", table, 4, **{**QUICK, "epochs": 2}).model.to_arrays() for _ in range(2))
    assert all(np.array_equal(array, other[name]) for name, array in one.items())


def test_one_column_gets_its_one_ways() -> None:
    fitted = fit("autoencoder", {"a": np.arange(300) % 3}, 3)
    assert [one.clique for one in fitted.measurements] == [("a",)]


@pytest.mark.parametrize(
    "settings", [{"warm_share": 0.5, "mixture_share": 0.5}, {"reach": 0.0}, {"gaussians": 0}, {"beta": -1.0}]
)
def test_settings_out_of_range_are_refused(settings: dict[str, float]) -> None:
    with pytest.raises(SettingError, match=list(settings)[-1]):
        Autoencoder(**settings)


def test_a_label_that_is_not_counted_is_refused_before_any_data() -> None:
    columns = [dpsynth.Categorical(name, values=range(2)) for name in "ab"]
    with pytest.raises(SettingError, match="nothing"):
        dpsynth.plan(
            dpsynth.Schema(columns),
            epsilon=1.0,
            delta=1e-6,
            synthesizer="autoencoder",
            settings={"label": "nothing"},
        )
