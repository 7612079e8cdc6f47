"""Noisy marginals on disk."""

from __future__ import annotations

import json
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


GROUPED = (
    NoisyMarginal(("b", "a"), np.array([[1.0, -2.0], [3.5, 0.0]]), 1.5, groups=((0, 1, 1), None)),
    NoisyMarginal(("a",), np.array([1.0, 2.0]), 1.0, groups=((1, 0),)),
    NoisyMarginal(("a", "b"), np.ones((1, 3)), 2.0, groups=((0, 0), (2, 0, 1))),
    *MEASURED,
)


def test_groups_come_back_equal() -> None:
    document, arrays = to_files(DOMAIN, GROUPED)
    written = json.loads(json.dumps(document))
    assert [entry.get("groups") for entry in written["measurements"]][:2] == [[[0, 1, 1], None], [[1, 0]]]
    for back, original in zip(from_files(written, to_npz(arrays)), GROUPED, strict=True):
        assert (back.clique, back.groups) == (original.clique, original.groups)
        np.testing.assert_array_equal(back.values, original.values)


@pytest.mark.parametrize(
    "groups",
    [
        [[0, 1, 1]],
        [[0, 1, 1], None, None],
        [[0, 1], None],
        [[0, 1, 1, 1], None],
        [[0, 1, 2**62], None],
        [[0, 2, 2], None],
        [[-1, 0, 1], None],
        [[0.0, 1.0, 1.0], None],
        [["0", "1", "1"], None],
        [[0, [1], 1], None],
        ["abc", None],
        [7, None],
        "ab",
        7,
        None,
    ],
    ids=str,
)
def test_groups_that_do_not_fit_are_refused(groups: Any) -> None:
    document, arrays = to_files(DOMAIN, GROUPED)
    document["measurements"][0]["groups"] = groups
    with pytest.raises(ReleaseError, match=r"measurements\.json must describe marginals"):
        from_files(document, to_npz(arrays))


@pytest.mark.parametrize("groups", [[], [None, None], [[0, 1, 2], None], [[0, 1, 1], [0, 0]]], ids=str)
def test_arrays_must_have_the_shape_that_the_groups_say(groups: Any) -> None:
    document, arrays = to_files(DOMAIN, GROUPED)
    document["measurements"][0]["groups"] = groups
    with pytest.raises(ReleaseError, match=r"measurements\.npz must hold the arrays"):
        from_files(document, to_npz(arrays))


def test_groups_limit_what_is_unpacked() -> None:
    domain = Domain.of({"a": 2, "b": 10_000})
    small = NoisyMarginal(("a", "b"), np.zeros((2, 2)), 1.0, groups=(None, (0,) * 9_999 + (1,)))
    document, _ = to_files(domain, [small])
    with pytest.raises(ReleaseError, match="unpack to at most"):
        from_files(document, to_npz({"measurement_0": np.zeros((2, 10_000))}))
