from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from benchmarks.compare import convert
from benchmarks.compare.data import read_folder

SETS = ["adult-coded", *convert.CONVERTERS]


def write(folder: Path, codes: dict[str, list[int]], sizes: dict[str, int]) -> None:
    pd.DataFrame(codes).to_csv(folder / "rows.csv", index=False)
    (folder / "domain.json").write_text(json.dumps(sizes))


def test_a_folder_is_read_and_split_without_loss(tmp_path: Path) -> None:
    write(tmp_path, {"key": list(range(50)), "flag": [0, 1] * 25, "more": [9] * 50}, {"key": 50, "flag": 2})
    table = read_folder(tmp_path)
    assert (table.rows, table.target, list(table.domain)) == (40, "flag", ["key", "flag"])
    assert sorted([*table.train["key"], *table.test["key"]]) == list(range(50))
    assert all((part["key"] % 2 == part["flag"]).all() for part in (table.train, table.test))


def test_a_folder_that_breaks_its_domain_is_refused(tmp_path: Path) -> None:
    write(tmp_path, {"flag": [0, 1, 2, 1]}, {"flag": 2})
    with pytest.raises(ValueError, match=r"must hold codes 0\.\.1"):
        read_folder(tmp_path)
    write(tmp_path, {"flag": [0, 1]}, {"flag": 2, "gone": 3})
    with pytest.raises(ValueError, match="lacks"):
        read_folder(tmp_path)
    (tmp_path / "second.csv").write_text("flag\n0\n")
    with pytest.raises(ValueError, match="one CSV"):
        read_folder(tmp_path)


def test_a_target_must_have_two_codes(tmp_path: Path) -> None:
    write(tmp_path, {"key": [0, 1, 2, 0, 1]}, {"key": 3})
    assert read_folder(tmp_path).target is None
    with pytest.raises(ValueError, match="column of two codes"):
        read_folder(tmp_path, "key")


def test_a_value_outside_its_dictionary_is_named_by_its_column_alone() -> None:
    frame = pd.DataFrame({"answer": ["yes", "secret"]})
    with pytest.raises(ValueError, match="'answer'") as caught:
        convert.listed(frame, "answer", ("yes", "no"))
    assert "secret" not in str(caught.value)


def test_numbers_are_counted_into_bins_with_an_open_end() -> None:
    codes, size = convert.counted(pd.DataFrame({"x": ["0", "29", "30", "299", "900"]}), "x", last=300, width=30)
    assert (codes.tolist(), size) == ([0, 0, 1, 9, 10], 11)


def test_a_folder_that_is_not_there_is_no_table() -> None:
    assert convert.read("no-such-set") is None


@pytest.mark.parametrize("name", [name for name in SETS if name != "msnbc"])  # msnbc: a million rows, seconds
def test_shared_sets_fit_their_domains(name: str, shared_data: Path) -> None:
    if not (shared_data / name).is_dir():
        pytest.skip(f"the shared data sets have no {name}")
    table = convert.read(str(shared_data / name))
    assert table is not None
    assert table.target in table.domain
    assert len(np.unique(table.train[table.target])) == 2
