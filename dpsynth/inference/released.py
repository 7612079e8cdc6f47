"""The parts of a release that error bars are computed from; all of them public."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from dpsynth.codec.codec import Codec
from dpsynth.marginal import NoisyMarginal
from dpsynth.models.model import Model


@dataclass(frozen=True)
class Design:
    """How a release was made, as far as error bars care.

    chosen: whether the data had a say in which marginals were measured. rows_of_a_unit: how many rows of the table one
    person, or other unit, may have at most.
    """

    chosen: bool = False
    rows_of_a_unit: int = 1


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
    def design(self) -> Design:
        """How it was made, as far as error bars care."""
        ...
