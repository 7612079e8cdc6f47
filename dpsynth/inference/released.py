"""The parts of a release that error bars are computed from; all of them public."""

from __future__ import annotations

from typing import Protocol

from dpsynth.codec.codec import Codec
from dpsynth.marginal import NoisyMarginal
from dpsynth.models.model import Model


class Released(Protocol):
    """What a `Release` gives: everything else in it, and every private row, is out of sight here."""

    @property
    def codec(self) -> Codec:
        """How columns became codes."""
        ...

    @property
    def model(self) -> Model:
        """Fitted to the measurements."""
        ...

    @property
    def measurements(self) -> tuple[NoisyMarginal, ...]:
        """The noisy marginals."""
        ...

    @property
    def rows(self) -> int:
        """Synthetic rows in the released table."""
        ...

    @property
    def looked_before_measuring(self) -> bool:
        """Whether the data had a say in which marginals were measured."""
        ...
