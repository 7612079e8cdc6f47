"""Spools: what is written is read, slice by slice, by any thread; nothing has a name, and nothing is left."""

from __future__ import annotations

import copy
import gc
import os
import pickle
import stat
import tempfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dpsynth.errors import SettingError
from dpsynth.private import spool as spools
from dpsynth.private.spool import Spool, SpooledColumn, compacted, slices


@given(st.lists(st.lists(st.integers(-128, 127), max_size=9), max_size=6), st.integers(-3, 60), st.integers(-3, 60))
def test_any_slice_is_that_of_an_array(pieces: list[list[int]], start: int, stop: int) -> None:
    spool = Spool()
    first, second = (SpooledColumn(spool, np.dtype(kind)) for kind in (np.int8, np.int32))
    for piece in pieces:  # two columns take turns in one file
        first.append(np.array(piece, dtype=np.int64))
        second.append(1000 * np.array(piece, dtype=np.int64))
    whole = np.array([number for piece in pieces for number in piece], dtype=np.int64)
    assert len(first) == len(whole)
    assert first[start:stop].tolist() == whole[start:stop].tolist()
    assert second[start:stop].tolist() == (1000 * whole[start:stop]).tolist()
    assert (first[:].dtype, second[:].dtype) == (np.int8, np.int32)
    spool.close()


def test_threads_read_and_write_at_a_time() -> None:
    spool = Spool()
    columns = [SpooledColumn(spool, np.dtype(np.int32)) for _ in range(8)]

    def filled(place: int) -> bool:
        for piece in range(50):
            columns[place].append(np.arange(1000) + 1000 * piece + place)
        return bool((columns[place][:] == np.arange(50_000) + place).all())

    with ThreadPoolExecutor(8) as pool:
        assert all(pool.map(filled, range(8)))
    spool.close()


def test_unsigned_view() -> None:
    column = SpooledColumn(Spool(), np.dtype(np.int8))
    column.append(np.array([0, 127]))
    assert column.as_unsigned()[:].dtype == np.uint8
    assert column.as_unsigned()[:].tolist() == [0, 127]


@pytest.mark.skipif(os.name == "nt", reason="files are unlinked at once where the system allows it")
def test_the_file_has_no_name_and_only_its_owner_may_open_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    spool = Spool()
    spool.write(np.arange(9))
    assert list(tmp_path.iterdir()) == []
    assert stat.S_IMODE(os.fstat(spool._file.fileno()).st_mode) == 0o600


def test_it_is_closed_when_nobody_holds_it_any_more() -> None:
    spool = Spool()
    file = spool._file
    column = SpooledColumn(spool, np.dtype(np.int8))
    del spool
    gc.collect()
    assert not file.closed, "the column holds it"
    del column
    gc.collect()
    assert file.closed


def test_it_shows_nothing_and_refuses_to_be_copied() -> None:
    spool = Spool()
    for send in (pickle.dumps, copy.copy, copy.deepcopy):
        with pytest.raises(SettingError, match="copied"):
            send(spool)
    assert (repr(spool), spool.close(), repr(spool)) == ("Spool(open)", None, "Spool(closed)")
    spool.close()


def test_a_full_disk_is_a_typed_error(monkeypatch: pytest.MonkeyPatch) -> None:
    class Full:
        def seek(self, place: int) -> None: ...

        def write(self, data: Any) -> int:
            raise OSError(28, "No space left on device")

    spool = Spool()
    monkeypatch.setattr(spool, "_file", Full())
    with pytest.raises(SettingError, match="No space left on device; try TMPDIR"):
        spool.write(np.arange(3))
    monkeypatch.setattr(tempfile, "TemporaryFile", lambda **_: (_ for _ in ()).throw(OSError(13, "Permission denied")))
    with pytest.raises(SettingError, match="Permission denied"):
        Spool()


@given(st.lists(st.booleans(), max_size=70))
def test_compacted_columns_have_the_other_rows(gone: list[bool]) -> None:
    values = np.arange(len(gone))
    column = SpooledColumn(Spool(), np.dtype(np.int16))
    column.append(values)
    kept = compacted({"a": column}, np.packbits(np.array(gone, dtype=bool)), len(gone), Spool())["a"]
    assert kept[:].tolist() == values[~np.array(gone, dtype=bool)].tolist()


def test_slices_begin_at_whole_bytes_of_bits() -> None:
    assert spools.SLICE_ROWS % 8 == 0
    assert [(each.start, each.stop) for each in slices(5, 2)] == [(0, 2), (2, 4), (4, 5)]
    assert slices(0) == []
