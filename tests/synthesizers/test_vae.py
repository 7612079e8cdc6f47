"""`vae`, `diffusion` and `gan`: what they plan, what they need, and what rows of theirs are like."""

from __future__ import annotations

import sys
from typing import Any

import numpy as np
import pytest

import dpsynth
from dpsynth.engine import plan_request, settle
from dpsynth.errors import MissingExtraError, SettingError
from dpsynth.synthesizers.diffusion import Diffusion
from dpsynth.synthesizers.gan import GAN
from dpsynth.synthesizers.vae import VAE
from tests.synthesizers.test_kde import fit, hidden_codes, pair_errors

SMALL = {"hidden": 16, "latent": 4, "training_steps": 30, "rate": 0.1, "warm_rows": 2000, "components": 500}
OF = {"vae": {**SMALL, "epochs": 4}, "gan": {**SMALL, "decoder_steps": 200, "warm_steps": 50}}
OF["diffusion"] = {**{key: value for key, value in SMALL.items() if key != "latent"}, "epochs": 4}
LONGER = {"hidden": 32, "warm_rows": 8000, "components": 2000}
SCHEMA = dpsynth.Schema(
    [
        dpsynth.Categorical("ill", values=["no", "yes"]),
        dpsynth.OpenCategorical("town", nullable=True),
        dpsynth.Numeric("age", lower=0, upper=99, integer=True),
    ]
)


def table(rows: int = 3000) -> dict[str, Any]:
    rng = np.random.default_rng(0)
    ill = rng.random(rows) < 0.06
    age = np.clip(rng.normal(40 + 25 * ill, 12, rows).round(), 0, 99)
    return {"ill": np.where(ill, "yes", "no"), "town": rng.choice(["York", "Ely"], rows), "age": age}


@pytest.mark.parametrize("name", sorted(OF))
def test_a_minority_keeps_its_share_and_types_their_kind(name: str) -> None:
    pytest.importorskip("torch", reason="the extra deep is not installed")
    release = dpsynth.synthesize(
        table(), SCHEMA, epsilon=3, delta=1e-6, synthesizer=name, settings=OF[name], seed=1, rows=5000
    )
    assert (release.table["ill"] == "yes").mean() == pytest.approx(0.06, rel=0.35)
    assert release.table["age"].between(0, 99).all()
    certificate = release.certificate
    training = certificate.mechanisms[-1]
    assert (training.kind, training.parameters["steps"]) == ("DP-SGD", 30)
    # delta0: a hundredth of delta for the training, a tenth for open columns.
    assert training.delta == pytest.approx(1e-8, rel=1e-6)
    assert certificate.promise.delta0 == pytest.approx(1.1e-7, rel=1e-6)
    assert certificate.spending.spent_mu_squared > 0.98 * certificate.spending.granted_mu_squared


@pytest.mark.parametrize(("name", "worst"), [("vae", 0.5), ("diffusion", 0.5), ("gan", 0.6)])
def test_relations_beyond_a_tree_are_kept(name: str, worst: float) -> None:
    """A hidden code behind all columns: a tree holds four of ten pairs at full strength."""
    pytest.importorskip("torch", reason="the extra deep is not installed")
    columns = hidden_codes(10_000, 5)
    longer = {"decoder_steps": 500} if name == "gan" else {"epochs": 15}
    error, independent = pair_errors(columns, fit(name, columns, 4, **{**OF[name], **LONGER, **longer}))
    assert error < worst * independent


@pytest.mark.parametrize("name", sorted(OF))
def test_without_torch_it_is_refused_before_any_data(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "torch", None)
    request = settle(SCHEMA, epsilon=1, delta=1e-6, synthesizer=name, settings=OF[name])
    with pytest.raises(MissingExtraError, match="deep"):
        plan_request(request)


def test_a_single_column_is_measured_and_not_learnt() -> None:
    pytest.importorskip("torch", reason="the extra deep is not installed")
    schema = dpsynth.Schema([dpsynth.Categorical("a", values=range(3))])
    for name in OF:
        release = dpsynth.synthesize({"a": [0, 1, 1, 2] * 100}, schema, epsilon=1, delta=1e-6, synthesizer=name)
        assert {step.kind for step in release.certificate.mechanisms} == {"marginals"}


@pytest.mark.parametrize(
    "settings",
    [{"rate": 0.0}, {"warm_share": 1.0}, {"hidden": 0}, {"training_steps": 0.5}, {"components": 0}],
)
def test_settings(settings: dict[str, Any]) -> None:
    for kind in (VAE, Diffusion, GAN):
        with pytest.raises(SettingError, match=next(iter(settings))):
            kind(**settings)


def test_settings_of_the_gan() -> None:
    pytest.importorskip("torch", reason="the extra deep is not installed")
    with pytest.raises(SettingError, match="loss"):
        GAN(loss="hinge")
    with pytest.raises(SettingError, match="label"):
        plan_request(settle(SCHEMA, epsilon=1, delta=1e-6, synthesizer="gan", settings={"label": "city"}))
    with pytest.raises(SettingError, match="device"):
        plan_request(settle(SCHEMA, epsilon=1, delta=1e-6, synthesizer="vae", settings={"device": "tpu"}))
