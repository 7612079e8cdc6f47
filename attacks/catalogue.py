"""The attacks by name: an explicit list. Adding an attack means adding one line here."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from types import MappingProxyType

import dpsynth
from attacks.attack import Attack
from attacks.attribute.inference import AttributeInference
from attacks.copying import Copies
from attacks.linkability import Linkability
from attacks.membership.calibrated_distance import CalibratedDistance
from attacks.membership.classifier import Classifier
from attacks.membership.density_ratio import DensityRatio
from attacks.membership.local_likelihood import LocalLikelihood
from attacks.membership.marginals import PublishedMarginals, ShadowMarginals
from attacks.membership.measurements import NoisyMeasurements
from attacks.membership.neighbourhood_share import NeighbourhoodShare
from attacks.membership.shadow import QueryShadow
from attacks.reconstruction.candidates import CandidateReconstruction
from attacks.reconstruction.linear import LinearReconstruction
from attacks.reconstruction.rows import RowReconstruction
from attacks.singling_out import SinglingOut

CATALOGUE: Mapping[str, Attack] = MappingProxyType(
    {
        "copies": Copies(),
        "calibrated-distance": CalibratedDistance(),
        "neighbourhood-share": NeighbourhoodShare(),
        "density-ratio": DensityRatio(),
        "classifier": Classifier(),
        "local-likelihood": LocalLikelihood(),
        "marginals": PublishedMarginals(),
        "noisy-measurements": NoisyMeasurements(),
        "attribute-inference": AttributeInference(),
        "singling-out": SinglingOut(),
        "linkability": Linkability(),
        "linear-reconstruction": LinearReconstruction(),
        "row-reconstruction": RowReconstruction(),
        "candidate-reconstruction": CandidateReconstruction(),
        "shadow-marginals": ShadowMarginals(),
        "query-shadow": QueryShadow(),
    }
)
"""Every attack, with its default settings, in the order of reports."""

# What is run against every release; the others take longer, or need the program that made it.
RELEASE: tuple[str, ...] = (
    "copies",
    "calibrated-distance",
    "neighbourhood-share",
    "density-ratio",
    "classifier",
    "local-likelihood",
    "marginals",
    "noisy-measurements",
    "attribute-inference",
    "singling-out",
    "linkability",
)


def catalogue() -> dict[str, str]:
    """Every attack by name, with the question it answers, in one sentence.

    >>> "copies" in catalogue()
    True
    """
    return {name: attack.about for name, attack in CATALOGUE.items()}


def chosen(asked: str | Sequence[str] | Mapping[str, Attack]) -> dict[str, Attack]:
    """The attacks that were asked for: "release", "all", names, or attacks with settings of their own by name.

    Raises dpsynth.SettingError for a name that there is not.
    """
    if isinstance(asked, Mapping):
        return dict(asked)
    names = RELEASE if asked == "release" else tuple(CATALOGUE) if asked == "all" else asked
    names = (names,) if isinstance(names, str) else tuple(names)
    unknown = [name for name in names if name not in CATALOGUE]
    if unknown or not names:
        raise dpsynth.SettingError(
            f"attacks ({', '.join(map(str, unknown)) or 'none'}) must be 'release', 'all', or among"
            f" {', '.join(CATALOGUE)}"
        )
    return {name: CATALOGUE[name] for name in names}
