"""Settings under which every synthesizer is quick: what costs time and spends nothing."""

from __future__ import annotations

import dataclasses
from typing import Any

from dpsynth.synthesizers.catalogue import CATALOGUE

# How well a model is fitted, into how many rounds a budget is cut, how wide a network is and how long it learns.
_QUICK = {"gap": 1.0, "stages": 1, "stage_steps": 3, "components": 8, "sweeps": 1, "rounds": 2, "rounds_per_column": 1}
_QUICK |= {"features": 20, "fit_steps": 2}
_QUICK |= {"hidden": 4, "latent": 2, "warm_rows": 20, "warm_steps": 1, "epochs": 1, "training_steps": 2, "gaussians": 2}
_QUICK |= {"decoder_steps": 1, "levels": 2, "teachers": 3, "batch": 2, "lessons": 1, "lesson": 2}

NETWORKS = {"vae", "diffusion", "gan", "autoencoder", "pategan", "dp_merf"}


def quick_settings(name: str, *kept: str) -> dict[str, Any]:
    """Those that the synthesizer has, without the ones to be `kept` at their defaults."""
    fields = {field.name for field in dataclasses.fields(CATALOGUE[name])}
    return {key: value for key, value in _QUICK.items() if key in fields and key not in kept}
