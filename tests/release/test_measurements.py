"""Noisy marginals on disk."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from dpsynth.domain import Domain
from dpsynth.errors import ReleaseError
from dpsynth.marginal import Basis, NoisyMarginal
from dpsynth.release.arrays import to_npz
from dpsynth.release.measurements import from_files, to_files

DOMAIN = Domain.of({"a": 2, "b": 3})
MEASURED = (
    NoisyMarginal(("b", "a"), np.arange(6.0).reshape(3, 2) - 2, 1.5),
    NoisyMarginal(("a",), np.array([0.25, -0.25]), 2.0, Basis.RESIDUAL),
    NoisyMarginal((), np.array(7.0), 1.0),
)


def test_they_come_back_equal() -> None:
    document, arrays = to_files(DOMAIN, MEASURED)
    for back, original in zip(from_files(document, to_npz(arrays)), MEASURED, strict=True):
        assert (back.clique, back.stddev, back.basis) == (original.clique, original.stddev, original.basis)
        np.testing.assert_array_equal(back.values, original.values)


@pytest.mark.parametrize(
    "changes",
    [
        {"measurement_0": np.zeros((2, 3))},
        {"measurement_0": np.full((3, 2), np.nan)},
        {"measurement_0": np.full((3, 2), np.inf)},
        {"extra": np.zeros(1)},
    ],
    ids=["shape", "nan", "infinity", "extra"],
)
def test_arrays_that_do_not_fit_are_refused(changes: dict[str, Any]) -> None:
    document, arrays = to_files(DOMAIN, MEASURED)
    with pytest.raises(ReleaseError, match=r"measurements\.npz"):
        from_files(document, to_npz({**arrays, **changes}))


def test_a_missing_array_is_refused() -> None:
    document, arrays = to_files(DOMAIN, MEASURED)
    del arrays["measurement_1"]
    with pytest.raises(ReleaseError, match=r"measurements\.npz"):
        from_files(document, to_npz(arrays))


def test_the_document_limits_what_is_unpacked() -> None:
    document, arrays = to_files(DOMAIN, MEASURED)
    bomb = to_npz({**arrays, "measurement_0": np.zeros((1000, 1000))})
    with pytest.raises(ReleaseError, match="unpack to at most"):
        from_files(document, bomb)
