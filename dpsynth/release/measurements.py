"""Noisy marginals to and from files: one JSON document that names them, one array file that holds them."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from dpsynth.domain import Clique, Domain
from dpsynth.errors import ReleaseError, SettingError
from dpsynth.marginal import Basis, Groups, NoisyMarginal, grouped_cells
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
        "measurements": [_entry(f"measurement_{index}", each) for index, each in enumerate(measurements)],
    }
    return document, {f"measurement_{index}": each.values for index, each in enumerate(measurements)}


def from_files(document: Mapping[str, Any], content: bytes) -> tuple[NoisyMarginal, ...]:
    """The noisy marginals of a document and the bytes of its array file.

    Raises ReleaseError when the two do not agree: an array that is missing, left over, of another
    shape than its clique and groups, or not finite.
    """
    if (document.get("format"), document.get("version")) != (FORMAT, VERSION):
        raise ReleaseError(f"measurements.json must say format {FORMAT!r} and version {VERSION}; got something else")
    try:
        domain = Domain.of({str(column): int(size) for column, size in document["domain"].items()})
        headers = [
            (
                str(entry["array"]),
                tuple(map(str, entry["clique"])),
                float(entry["stddev"]),
                Basis(entry["basis"]),
                _groups(entry.get("groups", ())),
            )
            for entry in document["measurements"]
        ]
        shapes = {name: _shape(domain, clique, groups) for name, clique, _, _, groups in headers}
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
            NoisyMarginal(clique, arrays[name].astype(np.float64), stddev, basis, groups)
            for name, clique, stddev, basis, groups in headers
        )
    except SettingError as error:
        raise ReleaseError(f"measurements.json must describe marginals; got {error}") from None


def _entry(array: str, one: NoisyMarginal) -> dict[str, Any]:
    """What the document says about one marginal; whole ones have no groups."""
    groups = {"groups": [None if cells is None else list(cells) for cells in one.groups]} if one.groups else {}
    return {"array": array, "clique": list(one.clique), "stddev": one.stddev, "basis": one.basis.value, **groups}


def _groups(axes: Iterable[Iterable[int] | None]) -> Groups:
    return tuple(None if cells is None else tuple(cells) for cells in axes)


def _shape(domain: Domain, clique: Clique, groups: Groups) -> tuple[int, ...]:
    """What the domain and the groups say about the shape: never more cells than the whole marginal has."""
    shape = domain.shape(clique)
    if not groups:
        return shape
    if any(cells is not None and len(cells) != size for cells, size in zip(groups, shape, strict=True)):
        raise SettingError(f"groups of {clique} must have one entry for each code of a column")
    return tuple(
        size if cells is None else grouped_cells(cells, column)
        for column, cells, size in zip(clique, groups, shape, strict=True)
    )
