"""The protocol of a model, and the reader of stored models of every kind."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Protocol

import numpy as np
import numpy.typing as npt

from dpsynth.domain import Clique, Domain
from dpsynth.errors import ReleaseError
from dpsynth.marginal import FloatArray
from dpsynth.models import bayes_net, mixture, random_field, record_table
from dpsynth.models.bayes_net import BayesNet
from dpsynth.models.mixture import Mixture
from dpsynth.models.random_field import RandomField
from dpsynth.models.record_table import RecordTable
from dpsynth.models.sampling import Codes

Arrays = Mapping[str, npt.NDArray[np.generic]]


class Model(Protocol):
    """A fitted distribution over the whole domain, scaled to a number of rows; a frozen value.

    Computed from released values alone, so everything done with it is post-processing. A model also has a
    class method `from_arrays(document, arrays)`, the inverse of `to_json` and `to_arrays`, which trusts
    neither of them and raises ReleaseError; its line in `READERS` makes stored releases readable.
    """

    @property
    def domain(self) -> Domain:
        """Columns and sizes."""
        ...

    @property
    def total(self) -> float:
        """Number of rows that the model stands for."""
        ...

    def project(self, clique: Clique, *, max_cells: int = 50_000_000) -> FloatArray:
        """Expected counts on any columns, float64, axes in the order asked for; they sum to `total`.

        Raises SettingError when a column is unknown or named twice, PlanTooLargeError beyond `max_cells`.
        """
        ...

    def sample(self, rows: int, rng: np.random.Generator, method: str = "rounded") -> Codes:
        """Exchangeable synthetic rows: column -> codes in the narrowest unsigned type, in table order.

        method: "rounded" (counts follow the model closer than independent rows would) or "independent".
        """
        ...

    def to_arrays(self) -> Mapping[str, npt.NDArray[np.generic]]:
        """All tables by name, of plain number types, ready for `numpy.savez`."""
        ...

    def to_json(self) -> Mapping[str, object]:
        """Everything but the tables, as plain JSON values; `format` names the kind of model."""
        ...


READERS: dict[str, Callable[[Mapping[str, object], Arrays], Model]] = {
    random_field.FORMAT: RandomField.from_arrays,
    mixture.FORMAT: Mixture.from_arrays,
    bayes_net.FORMAT: BayesNet.from_arrays,
    record_table.FORMAT: RecordTable.from_arrays,
}
"""How each format is read. To add a kind of model, write its file and one line here."""


def read_model(document: Mapping[str, object], arrays: Arrays) -> Model:
    """The model that its `to_json` and `to_arrays` wrote; nothing in either is trusted.

    Raises ReleaseError when the format is unknown, or the parts do not make a whole model of that format.
    """
    stored = document.get("format")
    if not isinstance(stored, str) or stored not in READERS:
        raise ReleaseError(f"model format must be one of {list(READERS)}")
    return READERS[stored](document, arrays)
