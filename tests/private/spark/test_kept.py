"""Files of blocks beside the executors: read instead of the table where they are, and missed where they are not."""

from __future__ import annotations

import stat
from collections.abc import Iterator
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet
import pytest

from dpsynth.errors import DataError
from dpsynth.private.parquet_files import open_parquet
from dpsynth.private.spark.kept import KeptFiles
from dpsynth.private.spark.sources import Shares

BLOCKS = [pa.RecordBatch.from_pydict({"rows": [number], "ticks0": [b"ab"], "ticks1": [b"c"]}) for number in (3, 4)]


class Reader:
    """Makes the blocks anew; `times` it was asked to."""

    def __init__(self, blocks: list[pa.RecordBatch], breaks: bool = False) -> None:
        self.blocks, self.breaks, self.times = blocks, breaks, 0

    def __call__(self) -> Iterator[pa.RecordBatch]:
        self.times += 1
        yield from self.blocks
        if self.breaks:
            raise DataError("files of the data must not change")


@pytest.fixture
def disks(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> list[Path]:
    folders = [tmp_path / "one", tmp_path / "two"]
    for folder in folders:
        folder.mkdir()
    monkeypatch.setenv("SPARK_LOCAL_DIRS", ",".join(map(str, folders)))
    return folders


def test_a_share_is_read_once_and_then_mapped(disks: list[Path]) -> None:
    kept, read = KeptFiles("dpsynth-name"), Reader(BLOCKS)
    for fields in (["rows", "ticks1"], ["ticks0"]):
        found = pa.Table.from_batches(list(kept.blocks(1, fields, read)))
        assert found.equals(pa.Table.from_batches(BLOCKS).select(fields))
    assert read.times == 1
    (file,) = disks[1].rglob("*.*")
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert stat.S_IMODE(file.parent.stat().st_mode) == 0o700
    kept.delete()
    assert not [*disks[0].iterdir(), *disks[1].iterdir()]
    list(kept.blocks(1, ["rows"], read))
    assert read.times == 2


def test_shares_lie_on_all_disks_and_each_has_its_own_blocks(disks: list[Path]) -> None:
    kept = KeptFiles("dpsynth-name")
    for _ in range(2):
        found = [list(kept.blocks(share, ["rows"], Reader([BLOCKS[share]]))) for share in range(2)]
        assert found == [[block.select(["rows"])] for block in BLOCKS]
    assert [len(list(disk.rglob("*.arrow"))) for disk in disks] == [1, 1]


def test_without_room_blocks_come_from_the_table(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "no folder").touch()
    monkeypatch.setenv("SPARK_LOCAL_DIRS", str(tmp_path / "no folder"))
    kept = KeptFiles("dpsynth-name")
    for _ in range(2):
        assert list(kept.blocks(0, ["rows"], Reader(BLOCKS))) == [block.select(["rows"]) for block in BLOCKS]
    kept.delete()


def test_an_unfinished_file_is_never_taken_for_the_share(disks: list[Path]) -> None:
    kept = KeptFiles("dpsynth-name")
    with pytest.raises(DataError):
        list(kept.blocks(0, ["rows"], Reader(BLOCKS, breaks=True)))
    assert not [file for disk in disks for file in disk.rglob("*.*")]
    assert len(list(kept.blocks(0, ["rows"], Reader(BLOCKS)))) == 2


def test_a_share_without_blocks_stays_empty(disks: list[Path]) -> None:
    for _ in range(2):
        assert not list(KeptFiles("dpsynth-name").blocks(0, ["rows"], Reader([])))
    assert not list(disks[0].rglob("*.arrow"))


@pytest.mark.parametrize("count", [1, 2, 3, 7])
def test_shares_hold_all_rows_once_and_no_others_than_were_found(tmp_path: Path, count: int) -> None:
    path = tmp_path / "rows.parquet"
    pa.parquet.write_table(pa.table({"a": range(70)}), path, row_group_size=10)
    shares = Shares(open_parquet(path).pieces(["a"]), count)
    found = [batch.column(0).to_pylist() for share in range(count) for batch in shares.batches(share)]
    assert [value for values in found for value in values] == list(range(70))
    pa.parquet.write_table(pa.table({"a": range(80)}), path, row_group_size=10)
    with pytest.raises(DataError, match="must not change while they are read"):
        list(shares.batches(0))
