"""Contribution bounding beyond memory: rows put aside by unit in a private file, then bounded part by part.

Every row of a unit has the same key, and a key decides the part, so no unit is in two parts. `bounded_rows` chooses in
each part by itself, with random words of its own. What it promises it promises for each unit: the kept rows are a
uniformly random subset of the unit's rows, independent of all other units, whatever else is in the table. So the law
of all kept rows together is the product over the units, be they bounded in one call or in PARTS calls, and it is the
same law as in memory.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from dpsynth.privacy.randomness import EntropySource
from dpsynth.private.bounding import bounded_rows
from dpsynth.private.spool import Spool

PARTS = 256
SPREAD = np.uint64(0x9E3779B97F4A7C15)  # 2^64 over the golden ratio, odd: neighbouring numbers go to different parts
RECORD = np.dtype([("row", np.uint64), ("first", np.uint64), ("second", np.uint64)])


class SpooledUnits:
    """The units of a table's rows, in a spool: 24 bytes a row on disk.

    `dropped` holds one part in memory at a time, about 100 bytes for each of its rows: a 256th of the rows of
    units with few rows each, and all rows of a unit that has very many. What it answers has one bit for each row.
    """

    def __init__(self, spool: Spool) -> None:
        self._spool = spool
        self._rows = 0
        self._batches: list[tuple[int, NDArray[np.int64]]] = []  # where each begins, and where its parts end

    def append(self, keys: NDArray[np.uint64]) -> None:
        """Put rows at the end. keys: see `unit_keys`."""
        part = part_of(keys)
        order = np.argsort(part, kind="stable")
        records = np.empty(len(keys), dtype=RECORD)
        records["row"] = self._rows + order
        records["first"], records["second"] = keys[order, 0], keys[order, 1]
        ends = np.concatenate([[0], np.cumsum(np.bincount(part, minlength=PARTS))])
        self._batches.append((self._spool.write(records), ends))
        self._rows += len(keys)

    def dropped(self, max_rows: int, source: EntropySource) -> tuple[NDArray[np.uint8], int]:
        """Bits, packed as numpy.packbits does, of the rows that go so that at most `max_rows` of a unit stay; how many.

        Privacy: see the head of this file and `bounded_rows`.
        """
        bits = np.zeros(-(-self._rows // 8), dtype=np.uint8)
        going = 0
        for part in range(PARTS):
            records = self._part(part)
            if not len(records):
                continue
            stays = bounded_rows(dense_units(records["first"], records["second"]), max_rows, source)
            rows = np.delete(records["row"], stays)
            np.bitwise_or.at(bits, rows >> np.uint64(3), (np.uint8(128) >> (rows & np.uint64(7)).astype(np.uint8)))
            going += len(rows)
        return bits, going

    def _part(self, part: int) -> NDArray[np.void]:
        """The records of one part, in the order of the rows."""
        sizes = [int(ends[part + 1] - ends[part]) for _, ends in self._batches]
        records = np.empty(sum(sizes), dtype=RECORD)
        done = 0
        for size, (place, ends) in zip(sizes, self._batches, strict=True):
            if size:
                self._spool.read_into(records[done : done + size], place + int(ends[part]) * RECORD.itemsize)
                done += size
        return records


def part_of(keys: NDArray[np.uint64]) -> NDArray[np.uint8]:
    """The part, of PARTS, that each row goes to, by its unit's key alone. keys: see `unit_keys`."""
    return ((keys[:, 0] * SPREAD) >> np.uint64(56)).astype(np.uint8)


def dense_units(first: NDArray[np.uint64], second: NDArray[np.uint64]) -> NDArray[np.int64]:
    """Dense codes of units by the two words of their keys."""
    import pandas as pd

    codes, _ = pd.factorize(first)
    second_of = np.zeros(int(codes.max(initial=-1)) + 1, dtype=np.uint64)
    second_of[codes] = second
    if (second_of[codes] != second).any():  # the first words agree and the second do not: once in a very long while
        codes = np.unique(np.stack([first, second], axis=1), axis=0, return_inverse=True)[1].ravel()
    return codes.astype(np.int64)
