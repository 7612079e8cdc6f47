from __future__ import annotations

import gzip
from pathlib import Path

import pandas as pd
import pytest

import dpsynth
from dpsynth.errors import DataError

CANARY = "Zebulon"


def test_only_the_first_line_is_used(tmp_path: Path) -> None:
    # What follows the header would break every reader of tables.
    (tmp_path / "a.csv").write_bytes(b'age,"the, sex"\n"never closed')
    assert dpsynth.column_names(tmp_path / "a.csv") == ("age", "the, sex")
    with gzip.open(tmp_path / "a.tsv.gz", "wt") as file:
        file.write("age\tsex\n1\t2\n")
    assert dpsynth.column_names(tmp_path / "a.tsv.gz") == ("age", "sex")
    pd.DataFrame({"age": [1], "sex": ["F"]}).to_parquet(tmp_path / "a.parquet")
    assert dpsynth.column_names(tmp_path / "a.parquet") == ("age", "sex")


ROWS = [f"{CANARY},{value}\nx,1\n".encode() for value in ("12", "-1.5e3", "1,5", "2024-01-31", "31.01.2024", "12:30")]


@pytest.mark.parametrize(
    "content", [b"", b"\n", b'"' + CANARY.encode() + b"\n1\n", b"a;b\n", b"a,,b\n", b"\xff\xfe\n", *ROWS]
)
def test_what_is_no_header_is_refused_without_a_word_of_it(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "a.csv").write_bytes(content)
    with pytest.raises(DataError) as caught:
        dpsynth.column_names(tmp_path / "a.csv")
    assert CANARY not in str(caught.value)
    with pytest.raises(DataError):
        dpsynth.column_names(tmp_path / "absent.csv")
