"""Whose row it is: units named by the cells of a column, as dense codes in memory or as keys of a fixed width.

Units spelled alike are one: equal numbers of any type, the text of such a number as `spelled` writes it, and moments
that are equal in UTC to the microsecond. Text is taken as it stands: "5.0" is not the unit 5.
"""

from __future__ import annotations

import hashlib

import numpy as np
from numpy.typing import NDArray

from dpsynth.private.cells import unit_of
from dpsynth.private.columns import Cells, Plain, distinct

KEY_BYTES = 16
NO_UNIT = "must name a unit in every row; got missing ones"


def unit_codes(cells: Cells) -> NDArray[np.int64]:
    """Dense codes 0, 1, ... of the units, shape (rows,); -1 where a row names none."""
    found = distinct(cells)
    if isinstance(cells, Plain) and cells.values.dtype.kind in "biu":
        return found.codes.astype(np.int64)
    texts: dict[str, int] = {}
    codes = [texts.setdefault(name, len(texts)) if name else -1 for name in map(unit_of, found.values)]
    return np.asarray(np.array([*codes, -1], dtype=np.int64)[found.codes])


def unit_keys(cells: Cells, secret: bytes) -> tuple[NDArray[np.uint64], NDArray[np.bool_]]:
    """Two words for each row, shape (rows, 2), equal for rows of one unit, and which rows name a unit.

    cells: one batch of a column, all batches of one type. secret: random bytes, at least 16, the same for all batches
    of one table and drawn for it alone.

    A whole number of at most 64 bits is its own key. Any other name has the 128-bit keyed BLAKE2b hash of its text.
    Privacy: two units with one key would be bounded together, so that one of them could move rows of the other. As the
    secret is drawn without looking at the data, the chance that a unit of a table shares a key with any of n others is
    at most n / 2^128 (below 1e-28 at 1e10 units), unless the hash can be told from a random function: the same kind of
    assumption as for the system's generator, from which the noise comes, and far below what floating point leaves
    open in any promised delta.
    """
    if isinstance(cells, Plain) and cells.values.dtype.kind in "biu":
        values = cells.values.view(np.uint8) if cells.values.dtype.kind == "b" else cells.values
        words = values.astype(np.uint64 if values.dtype.kind == "u" else np.int64).view(np.uint64)
        named = np.ones(len(words), dtype=bool) if cells.missing is None else ~cells.missing
        return np.stack([words, np.zeros_like(words)], axis=1), named

    found = distinct(cells)
    names = [*map(unit_of, found.values), None]  # the last for cells that hold nothing, whose code is -1
    digests = [
        hashlib.blake2b(name.encode() if name else b"", digest_size=KEY_BYTES, key=secret).digest() for name in names
    ]
    keys = np.frombuffer(b"".join(digests), dtype=np.uint64).reshape(-1, 2)
    return keys[found.codes], np.array([bool(name) for name in names])[found.codes]
