"""Read the parts of a stored model, trusting nothing: each is of the right kind, or ReleaseError says which is not."""

from __future__ import annotations

import sys
from collections.abc import Mapping

import numpy as np
import numpy.typing as npt

from dpsynth.domain import Clique
from dpsynth.errors import ReleaseError
from dpsynth.marginal import FloatArray


def read_list(document: Mapping[str, object], name: str) -> list[object]:
    """The list of that name in the document."""
    found = document.get(name)
    if not isinstance(found, list):
        raise ReleaseError(f"model {name} must be a list")
    return found


def read_texts(document: Mapping[str, object], name: str) -> tuple[str, ...]:
    """The list of texts of that name in the document."""
    found = read_list(document, name)
    if not all(isinstance(item, str) for item in found):
        raise ReleaseError(f"model {name} must be a list of texts")
    return tuple(str(item) for item in found)


def read_whole(document: Mapping[str, object], name: str) -> tuple[int, ...]:
    """The list of whole numbers of that name in the document."""
    numbers = [item for item in read_list(document, name) if isinstance(item, int) and not isinstance(item, bool)]
    if len(numbers) != len(read_list(document, name)):
        raise ReleaseError(f"model {name} must be a list of whole numbers")
    return tuple(numbers)


def read_cliques(document: Mapping[str, object], name: str) -> tuple[Clique, ...]:
    """The list of lists of texts of that name in the document."""
    return tuple(read_texts({name: item}, name) for item in read_list(document, name))


def read_number(document: Mapping[str, object], name: str) -> float:
    """The finite number of that name, zero or more, in the document."""
    found = document.get(name)
    if isinstance(found, bool) or not isinstance(found, (int, float)) or not 0 <= found <= sys.float_info.max:
        raise ReleaseError(f"model {name} must be a finite number, zero or more")
    return float(found)


def read_table(name: str, table: npt.NDArray[np.generic], shape: tuple[int, ...]) -> FloatArray:
    """The table itself when it is float64, of that shape and finite."""
    if table.dtype != np.float64 or table.shape != shape:
        raise ReleaseError(f"model table {name} must be float64 of shape {shape}")
    out: FloatArray = table.astype(np.float64)
    if not np.isfinite(out).all():
        raise ReleaseError(f"model table {name} must be finite")
    return out
