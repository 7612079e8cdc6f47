"""Spools: integers of a private table in a temporary file that only this process can reach, read slice by slice.

The file has no name: it is made readable and writable by its owner alone (mode 0600) and unlinked at once, so that
nothing of it is left however the process ends, killed or not. (Where files cannot be unlinked while they are open,
the system deletes it when it is closed.) It lies in the folder for temporary files, TMPDIR; whoever would not have
private data on that disk in the clear must encrypt it, or point TMPDIR at memory.
"""

from __future__ import annotations

import os
import tempfile
import threading
import weakref
from bisect import bisect_right
from collections.abc import Mapping
from typing import Any, NoReturn

import numpy as np
from numpy.typing import NDArray

from dpsynth.errors import SettingError

# Small enough for a processor's cache and large enough that asking the system for it costs little.
SLICE_ROWS = 1 << 17


class Spool:
    """One private temporary file that holds any number of columns and records; closing it deletes it.

    Writing raises SettingError when the disk is full. Any number of threads may write and read at a time.
    It shows nothing when printed, and refuses to be copied or pickled.
    """

    def __init__(self) -> None:
        try:
            self._file = tempfile.TemporaryFile(prefix="dpsynth-", buffering=0)  # noqa: SIM115 - closed by `close`
        except OSError as error:
            raise _no_room(error) from None
        self._end = 0
        self._lock = threading.Lock()
        # Also when nobody calls `close`: collected or at exit.
        self._close = weakref.finalize(self, self._file.close)

    def write(self, values: NDArray[Any]) -> int:
        """Put the bytes of an array at the end; the place where they begin."""
        data = memoryview(np.ascontiguousarray(values).view(np.uint8).data) if values.size else memoryview(b"")
        with self._lock:
            place = self._end
            try:
                self._file.seek(place)
                while data:
                    data = data[self._file.write(data) :]
            except OSError as error:
                raise _no_room(error) from None
            self._end = self._file.tell()
        return place

    def read_into(self, target: NDArray[Any], place: int) -> None:
        """Fill a contiguous array with the bytes from `place` on."""
        left = memoryview(target.view(np.uint8).data)
        while left:
            if hasattr(os, "preadv"):
                got = os.preadv(self._file.fileno(), [left], place)
            else:
                with self._lock:
                    self._file.seek(place)
                    got = self._file.readinto(left) or 0
            if got <= 0:
                raise SettingError("temporary files must not be changed while they are used; try again")
            left, place = left[got:], place + got

    def close(self) -> None:
        """Delete the file; closing twice is harmless."""
        self._close()

    def __repr__(self) -> str:
        return f"Spool({'open' if self._close.alive else 'closed'})"

    def __reduce_ex__(self, protocol: object) -> NoReturn:
        raise SettingError("a private temporary file must not be copied, pickled or sent elsewhere")


class SpooledColumn:
    """A column of integers in a spool: it grows at its end, and a slice of it is read as a new array.

    It stands in for a one-dimensional array where only `dtype`, `ndim`, `len` and slices of step 1 are asked for.
    It keeps its spool open; nothing of the column is in memory but where its pieces begin, 16 bytes a piece.
    """

    ndim = 1

    def __init__(self, spool: Spool, dtype: np.dtype[Any]) -> None:
        self._spool = spool
        self.dtype = np.dtype(dtype)
        self._starts = [0]  # the row with which each piece begins, and one past the last
        self._places: list[int] = []

    def append(self, values: NDArray[Any]) -> None:
        """Put rows at the end, in the column's type, which must hold them."""
        if len(values):
            self._places.append(self._spool.write(values.astype(self.dtype, copy=False)))
            self._starts.append(self._starts[-1] + len(values))

    def __len__(self) -> int:
        return self._starts[-1]

    def __getitem__(self, rows: slice) -> NDArray[Any]:
        start, stop, _ = rows.indices(len(self))
        found = np.empty(max(stop - start, 0), dtype=self.dtype)
        piece, done = bisect_right(self._starts, start) - 1, 0
        while done < len(found):
            inside = start + done - self._starts[piece]
            taken = min(self._starts[piece + 1] - self._starts[piece] - inside, len(found) - done)
            self._spool.read_into(found[done : done + taken], self._places[piece] + inside * self.dtype.itemsize)
            done, piece = done + taken, piece + 1
        return found

    def as_unsigned(self) -> SpooledColumn:
        """The same rows, none of them negative, read as unsigned integers of the same width."""
        view = SpooledColumn(self._spool, np.dtype(f"u{self.dtype.itemsize}"))
        view._starts, view._places = self._starts, self._places
        return view

    def __repr__(self) -> str:
        return f"SpooledColumn({self.dtype})"


Column = NDArray[Any] | SpooledColumn
"""Integers of all rows, in memory or in a spool: what `column[start:stop]` gives is an array."""


def slices(rows: int, most: int = SLICE_ROWS) -> list[slice]:
    """Slices of at most `most` rows that cover all of them, in order."""
    return [slice(start, min(start + most, rows)) for start in range(0, rows, most)]


def compacted(
    columns: Mapping[str, Column], dropped: NDArray[np.uint8], rows: int, spool: Spool
) -> dict[str, SpooledColumn]:
    """The columns without the dropped rows, in another spool. dropped: a bit for each row, as numpy.packbits packs."""
    kept: dict[str, SpooledColumn] = {}
    for name, column in columns.items():
        shorter = SpooledColumn(spool, column.dtype)
        for part in slices(rows):
            # Slices begin at a multiple of 8 rows, so at a whole byte of bits.
            stays = np.unpackbits(dropped[part.start // 8 : -(-part.stop // 8)])[: part.stop - part.start] == 0
            shorter.append(column[part][stays])
        kept[name] = shorter
    return kept


def _no_room(error: OSError) -> SettingError:
    return SettingError(
        f"temporary files must find room; got: {error.strerror or type(error).__name__}; try TMPDIR on a larger "
        "disk, or the setting rows_in='memory' where memory is large"
    )
