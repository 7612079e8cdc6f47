"""Codes in SQL: a codec as a search among whole numbers, so that every codec works in every engine."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from dpsynth.codec.binned import BinnedCodec
from dpsynth.codec.categorical import OpenCodec
from dpsynth.codec.codec import ColumnCodec
from dpsynth.private.warehouse.dialect import Dialect, lookup, text_bytes
from dpsynth.private.warehouse.ticks_sql import Marked
from dpsynth.schema.columns import Column


def coded(codec: ColumnCodec, column: Column, cell: str, dialect: Dialect, place: int) -> Marked:
    """The expression for the code of a settled tick, or of an open column's bytes. place: of the column, a number.

    The codec itself is asked for the code of every tick, or of the first tick of each of its bins: it is constant
    from there to the next. Privacy: a map of single rows that reads nothing but public facts.
    """
    innermost = codec
    while hasattr(innermost, "inner"):
        innermost = innermost.inner
    if isinstance(innermost, OpenCodec):
        return _open(codec, innermost, cell, dialect, f"values{place}")
    if isinstance(innermost, BinnedCodec):
        atoms = [tick for atom in innermost.atoms for tick in (atom, atom + 1)]
        starts = sorted({*innermost.edges[:-1], *atoms} - {innermost.column.ticks})
    else:
        starts = list(range(getattr(column, "ticks", 0)))
    if getattr(column, "nullable", False):
        starts = [-1, *starts]
    codes = codec.encode(np.array(starts, dtype=np.int64)).astype(np.int64).tolist()
    if codes == starts and not isinstance(innermost, BinnedCodec):
        return Marked(cell)  # each tick is its own code
    changes = [place for place, code in enumerate(codes) if place == 0 or code != codes[place - 1]]
    return Marked(_search(cell, [starts[place] for place in changes], [codes[place] for place in changes]))


def _open(codec: ColumnCodec, innermost: OpenCodec, cell: str, dialect: Dialect, name: str) -> Marked:
    values = innermost.values
    unlisted = "x" * (1 + max(map(len, values), default=0))
    nulls = [-1] if innermost.column.nullable else []
    ticks = np.array([*range(len(values) + 1), *nulls], dtype=np.int64)
    codes = codec.encode(ticks, [*values, unlisted]).astype(np.int64).tolist()
    other = codes[len(values)]
    found = f"COALESCE({name}.number, {other})" if values else str(other)
    if nulls:
        found = f"CASE WHEN {cell} IS NULL THEN {codes[-1]} ELSE {found} END"
    pairs = [(text_bytes(dialect, value), code) for value, code in zip(values, codes, strict=False)]
    return Marked(found, f"LEFT JOIN {lookup(pairs, name)} ON {name}.value = {cell}" if pairs else "")


def _search(cell: str, starts: Sequence[int], codes: Sequence[int]) -> str:
    """A binary search for the last start that is not above the cell, as nested cases."""
    if len(starts) == 1:
        return str(codes[0])
    half = len(starts) // 2
    below, above = _search(cell, starts[:half], codes[:half]), _search(cell, starts[half:], codes[half:])
    return f"CASE WHEN {cell} < {starts[half]} THEN {below} ELSE {above} END"


def bucketed(cell: str, edges: Sequence[int]) -> str:
    """The number of the interval [edges[i], edges[i+1]) that holds a cell, which lies between the ends."""
    return _search(cell, edges[:-1], range(len(edges) - 1))
