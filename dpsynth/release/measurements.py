"""Noisy marginals to and from files: one JSON document that names them, one array file that holds them."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from dpsynth.domain import Domain
from dpsynth.errors import ReleaseError, SettingError
from dpsynth.marginal import Basis, NoisyMarginal
from dpsynth.release.arrays import from_npz

FORMAT = "dpsynth-measurements"
VERSION = 1
_HEADER_BYTES = 4096


def to_files(
    domain: Domain, measurements: Sequence[NoisyMarginal]
) -> tuple[dict[str, Any], dict[str, npt.NDArray[Any]]]:
    """The document and the arrays of noisy marginals over `domain`; `from_files` is the inverse."""
    document = {
        "format": FORMAT,
        "version": VERSION,
        "domain": dict(zip(domain.columns, domain.sizes, strict=True)),
        "measurements": [
            {
                "array": f"measurement_{index}",
                "clique": list(each.clique),
                "stddev": each.stddev,
                "basis": each.basis.value,
            }
            for index, each in enumerate(measurements)
        ],
    }
    return document, {f"measurement_{index}": each.values for index, each in enumerate(measurements)}


def from_files(document: Mapping[str, Any], content: bytes) -> tuple[NoisyMarginal, ...]:
    """The noisy marginals of a document and the bytes of its array file.

    Raises ReleaseError when the two do not agree: an array that is missing, left over, of another
    shape than its clique, or not finite.
    """
    if (document.get("format"), document.get("version")) != (FORMAT, VERSION):
        raise ReleaseError(f"measurements.json must say format {FORMAT!r} and version {VERSION}; got something else")
    try:
        domain = Domain.of({str(column): int(size) for column, size in document["domain"].items()})
        headers = [
            (str(entry["array"]), tuple(map(str, entry["clique"])), float(entry["stddev"]), Basis(entry["basis"]))
            for entry in document["measurements"]
        ]
        shapes = {name: domain.shape(clique) for name, clique, _, _ in headers}
    except (SettingError, KeyError, TypeError, ValueError, AttributeError, OverflowError) as error:
        raise ReleaseError(f"measurements.json must describe marginals; got {type(error).__name__}") from None
    expected = sum(8 * math.prod(shape) + _HEADER_BYTES for shape in shapes.values())
    arrays = from_npz(content, file="measurements.npz", max_bytes=expected)
    if set(arrays) != set(shapes) or any(arrays[name].shape != shape for name, shape in shapes.items()):
        raise ReleaseError("measurements.npz must hold the arrays that measurements.json describes; got others")
    if not all(np.isfinite(array).all() for array in arrays.values()):
        raise ReleaseError("measurements.npz must hold finite numbers; got NaN or infinity")
    try:
        return tuple(
            NoisyMarginal(clique, arrays[name].astype(np.float64), stddev, basis)
            for name, clique, stddev, basis in headers
        )
    except SettingError as error:
        raise ReleaseError(f"measurements.json must describe marginals; got {error}") from None
