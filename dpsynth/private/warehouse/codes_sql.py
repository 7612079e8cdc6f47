"""Codes in SQL: a codec as a search among whole numbers, so that every codec works in every engine."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from dpsynth.codec.binned import BinnedCodec
from dpsynth.codec.categorical import OpenCodec
from dpsynth.codec.codec import ColumnCodec
from dpsynth.private.warehouse.dialect import Dialect, lookup, text_bytes
from dpsynth.private.warehouse.ticks_sql import Marked
from dpsynth.schema.columns import Column

# Up to so many pieces are told apart by nested cases, which engines take long to plan.
MOST_CASES = 32


def coded(codec: ColumnCodec, column: Column, cell: str, dialect: Dialect, place: int) -> Marked:
    """The expression for the code of a settled tick, or of an open column's bytes. place: of the column, a number.

    The codec itself is asked for the code of every tick, or of the first tick of each of its bins: it is constant
    from there to the next. Codes that are ticks, shifted, are written as such where that is shorter. Privacy: a map of
    single rows that reads nothing but public facts.
    """
    innermost = codec
    while hasattr(innermost, "inner"):
        innermost = innermost.inner
    if isinstance(innermost, OpenCodec):
        return _open(codec, innermost, cell, dialect, f"values{place}")
    binned = isinstance(innermost, BinnedCodec)
    if isinstance(innermost, BinnedCodec):
        atoms = [tick for atom in innermost.atoms for tick in (atom, atom + 1)]
        starts = sorted({*innermost.edges[:-1], *atoms} - {innermost.column.ticks})
    else:
        starts = list(range(getattr(column, "ticks", 0)))
    if getattr(column, "nullable", False):
        starts = [-1, *starts]
    codes = codec.encode(np.array(starts, dtype=np.int64)).astype(np.int64).tolist()
    constant = _pieces(starts, codes)
    shifted = _pieces(starts, [code - start for start, code in zip(starts, codes, strict=True)])
    if binned or len(constant) <= len(shifted):
        return search(cell, constant, dialect, f"pieces{place}")
    found = search(cell, shifted, dialect, f"pieces{place}")
    return replace(found, expression=f"{cell} + {found.expression}")


def search(cell: str, pieces: Sequence[tuple[int, int]], dialect: Dialect, name: str) -> Marked:
    """The number of the last piece whose start is not above the cell, which is not below the first start.

    pieces: start and number of each, the starts ascending.
    """
    if len(pieces) <= MOST_CASES:
        return Marked(_cases(cell, pieces))
    expression, join = dialect.located(cell, name)
    starts, numbers = map(list, zip(*pieces, strict=True))
    return Marked(expression, join, {f"{name}_starts": starts, f"{name}_numbers": numbers})


def _pieces(starts: Sequence[int], values: Sequence[int]) -> list[tuple[int, int]]:
    """The starts at which the value changes, each with its value."""
    pairs = list(zip(starts, values, strict=True))
    return [pair for place, pair in enumerate(pairs) if place == 0 or pair[1] != values[place - 1]]


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


def _cases(cell: str, pieces: Sequence[tuple[int, int]]) -> str:
    """A binary search as nested cases."""
    if len(pieces) == 1:
        return f"({pieces[0][1]})"
    half = len(pieces) // 2
    below, above = _cases(cell, pieces[:half]), _cases(cell, pieces[half:])
    return f"CASE WHEN {cell} < {pieces[half][0]} THEN {below} ELSE {above} END"
