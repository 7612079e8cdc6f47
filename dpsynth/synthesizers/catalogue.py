"""The catalogue: every synthesizer by name. To add one, write its file and one line here."""

from __future__ import annotations

import dataclasses
import difflib
from collections.abc import Iterable, Mapping
from typing import Any

from dpsynth.domain import Domain
from dpsynth.errors import SettingError
from dpsynth.synthesizers.aim import AIM
from dpsynth.synthesizers.auto import AUTO, SUMMARY
from dpsynth.synthesizers.autoencoder import Autoencoder
from dpsynth.synthesizers.copula import Copula
from dpsynth.synthesizers.diffusion import Diffusion
from dpsynth.synthesizers.direct import Direct
from dpsynth.synthesizers.dp_merf import DPMERF
from dpsynth.synthesizers.gan import GAN
from dpsynth.synthesizers.independent import Independent
from dpsynth.synthesizers.kde import KDE
from dpsynth.synthesizers.kmeans_mixture import KMeansMixture
from dpsynth.synthesizers.mixture import Mixture
from dpsynth.synthesizers.mosaic import Mosaic
from dpsynth.synthesizers.mst import MST
from dpsynth.synthesizers.mwem import MWEM
from dpsynth.synthesizers.pategan import PATEGAN
from dpsynth.synthesizers.privbayes import PrivBayes
from dpsynth.synthesizers.priview import PriView
from dpsynth.synthesizers.privmrf import PrivMRF
from dpsynth.synthesizers.privsyn import PrivSyn
from dpsynth.synthesizers.synthesizer import Synthesizer
from dpsynth.synthesizers.vae import VAE

CATALOGUE: dict[str, type[Any]] = {
    "mosaic": Mosaic,
    "mst": MST,
    "aim": AIM,
    "mwem": MWEM,
    "privbayes": PrivBayes,
    "privmrf": PrivMRF,
    "privsyn": PrivSyn,
    "priview": PriView,
    "mixture": Mixture,
    "copula": Copula,
    "kde": KDE,
    "kmeans_mixture": KMeansMixture,
    "dp_merf": DPMERF,
    "vae": VAE,
    "diffusion": Diffusion,
    "autoencoder": Autoencoder,
    "gan": GAN,
    "pategan": PATEGAN,
    "direct": Direct,
    "independent": Independent,
}


DELTA_SHARES: dict[str, float] = {"vae": 0.01, "diffusion": 0.01, "autoencoder": 0.01, "gan": 0.01}
"""The part of delta that the mechanisms of a synthesizer leave uncovered; 0 for all others."""

NEEDS_ROWS = frozenset({"vae", "diffusion", "autoencoder", "gan", "pategan"})
"""Synthesizers whose mechanisms look at rows one by one, so that the rows must be in memory."""

SUMS_FEATURES = frozenset({"copula", "kde", "kmeans_mixture", "dp_merf"})
"""Synthesizers whose mechanisms sum feature vectors of all columns of a row: within limits where rows are not here."""


def summed_cells(name: str, domain: Domain) -> int:
    """Cells of the columns whose feature vectors a synthesizer sums; 0 when it sums none."""
    return domain.cells(domain.columns) if name in SUMS_FEATURES else 0


def delta_share(name: str) -> float:
    """The part of delta that a synthesizer needs as delta0."""
    return DELTA_SHARES.get(name, 0.0)


def synthesizers() -> dict[str, str]:
    """Every name that `synthesize` understands -> what it stands for, in one line."""
    return {AUTO: SUMMARY, **{name: (kind.__doc__ or "").splitlines()[0] for name, kind in CATALOGUE.items()}}


def fields_of(name: str) -> dict[str, dataclasses.Field[Any]]:
    """The settings of a synthesizer by name. Raises SettingError for an unknown one."""
    if name not in CATALOGUE:
        known = [AUTO, *CATALOGUE]
        raise SettingError(f"synthesizer ({name!r}) must be one of {known}{_meant(name, known)}")
    return {field.name: field for field in dataclasses.fields(CATALOGUE[name])}


def make_synthesizer(name: str, settings: Mapping[str, Any], also: Iterable[str] = ()) -> Synthesizer:
    """The synthesizer of that name with these settings; `also` names settings that others understand.

    Raises SettingError for an unknown name or setting, and for a value that cannot be read as the
    setting's type (command lines give text).
    """
    fields = fields_of(name)
    values = {}
    for key, value in settings.items():
        if key not in fields:
            known = [*fields, *also]
            advice = _meant(key, known) or _owners(key)
            raise SettingError(f"setting ({key!r}) must be one of {known} for synthesizer {name!r}{advice}")
        values[key] = _as_type_of(fields[key].default, key, value)
    made: Synthesizer = CATALOGUE[name](**values)
    return made


def _as_type_of(default: Any, key: str, value: Any) -> Any:
    if isinstance(default, float):
        try:
            return float(value)
        except (TypeError, ValueError):
            raise SettingError(f"{key} ({value!r}) must be a number") from None
    return value


def _owners(key: str) -> str:
    owners = [name for name in CATALOGUE if key in fields_of(name)]
    return f"; it is a setting of {owners}" if owners else ""


def _meant(word: str, words: Iterable[str]) -> str:
    close = difflib.get_close_matches(word, list(words), n=1)
    return f"; did you mean {close[0]!r}?" if close else ""
