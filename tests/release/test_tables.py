"""The synthetic table as CSV and Parquet."""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from dpsynth.errors import ReleaseError
from dpsynth.release.tables import FORMULA_STARTS, as_arrow, parquet_parts, read_parquet, write_csv, write_parquet


def _table() -> pd.DataFrame:
    return pd.DataFrame(
        {
            "=name": pd.Series(["=1+1", "-2", 'say "hi", twice\nor so', None, ""], dtype="str"),
            "count": pd.Series([-1, 2, None, 4, 5], dtype="Int64"),
            "wage": [0.1, -2.5, None, 1e300, 3.0],
            "when": np.array(
                ["2020-01-01", "NaT", "2020-02-29T23:59:59", "2021-01-01", "2022-01-01"], dtype="datetime64[s]"
            ),
            "group": pd.Series(["@a", "b", None, "b", "b"], dtype="category"),
        }
    )


def test_parquet_keeps_values_and_types(tmp_path: Path) -> None:
    table = _table()
    write_parquet([as_arrow(table)], tmp_path / "t.parquet")
    back = read_parquet((tmp_path / "t.parquet").read_bytes(), rows=5, columns=tuple(table.columns))
    pd.testing.assert_frame_equal(back, table)


def test_csv_tells_missing_from_empty_and_keeps_every_value(tmp_path: Path) -> None:
    write_csv([as_arrow(_table())], tmp_path / "t.csv")
    text = (tmp_path / "t.csv").read_text()
    assert text.splitlines()[0] == '"=name","count","wage","when","group"'
    back = pd.read_csv(tmp_path / "t.csv", keep_default_na=False, na_values=[""])
    assert back["=name"].tolist()[:3] == _table()["=name"].tolist()[:3]
    assert back["wage"].tolist()[:2] == [0.1, -2.5]
    assert "2020-01-01 00:00:00," in text
    assert text.splitlines()[-1] == '"",5,3,2022-01-01 00:00:00,"b"'


@pytest.mark.parametrize("start", FORMULA_STARTS)
def test_formulas_are_quoted_and_numbers_are_not(tmp_path: Path, start: str) -> None:
    table = pd.DataFrame({f"{start}x": [f"{start}1+1", f"a{start}b"], "number": [-1, -2]})
    write_csv([as_arrow(table)], tmp_path / "t.csv", quote_formulas=True)
    text = (tmp_path / "t.csv").read_bytes().decode()
    assert f'"\'{start}x"' in text
    assert f'"\'{start}1+1",-1' in text
    assert f'"a{start}b",-2' in text
    assert ",'-" not in text


@pytest.mark.parametrize("content", [b"", b"PAR1PAR1", b"x" * 100])
def test_anything_else_is_no_table(content: bytes) -> None:
    with pytest.raises(ReleaseError, match=r"synthetic\.parquet"):
        read_parquet(content, rows=0, columns=())


def test_parts_make_the_same_files_as_the_whole_whichever_way_they_are_read(tmp_path: Path) -> None:
    whole = as_arrow(_table())
    parts = [whole.slice(0, 2), whole.slice(2, 0), whole.slice(2)]
    write_parquet(parts, tmp_path / "parts.parquet")
    content = (tmp_path / "parts.parquet").read_bytes()
    columns = tuple(whole.column_names)
    pd.testing.assert_frame_equal(read_parquet(content, rows=5, columns=columns), _table())
    write_csv([whole], tmp_path / "whole.csv")
    write_csv(parts, tmp_path / "parts.csv")
    write_csv(parquet_parts(io.BytesIO(content), rows=5, columns=columns), tmp_path / "read.csv")
    assert len({(tmp_path / f"{name}.csv").read_bytes() for name in ("whole", "parts", "read")}) == 1


def test_a_table_without_rows_is_written_and_read(tmp_path: Path) -> None:
    write_parquet([as_arrow(_table().iloc[:0])], tmp_path / "t.parquet")
    with (tmp_path / "t.parquet").open("rb") as stream:
        write_csv(parquet_parts(stream, rows=0, columns=tuple(_table().columns)), tmp_path / "t.csv")
    assert (tmp_path / "t.csv").read_text() == '"=name","count","wage","when","group"\n'


def test_the_parts_of_a_changed_file_are_refused(tmp_path: Path) -> None:
    write_parquet([as_arrow(_table())], tmp_path / "t.parquet")
    content = bytearray((tmp_path / "t.parquet").read_bytes())
    content[10:200] = bytes(190)
    with pytest.raises(ReleaseError, match=r"synthetic\.parquet must be a readable"):
        list(parquet_parts(io.BytesIO(bytes(content)), rows=5, columns=tuple(_table().columns)))
    with pytest.raises(ReleaseError, match="rows and columns of the release"):
        list(parquet_parts(io.BytesIO(bytes(content)), rows=6, columns=tuple(_table().columns)))
