"""A draft of a file: refused without any cell, also not on what the error came from."""

from __future__ import annotations

from pathlib import Path

import pytest

from dpsynth.errors import DataError
from dpsynth.private.draft import draft


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("t.csv", b"a,b\n1,2\nSECRET-4711,2,3\n"),
        ("t.csv", b"a,b\n\xff\xfeSECRET-4711,2\n"),
        ("t.csv.gz", b"SECRET-4711"),
        ("t.parquet", b"SECRET-4711"),
        ("t.parquet", b"PAR1" + b"SECRET-4711" * 10 + b"PAR1"),
    ],
)
def test_unreadable_files_are_refused_without_their_cells(name: str, content: bytes, tmp_path: Path) -> None:
    (tmp_path / name).write_bytes(content)
    with pytest.raises(DataError, match=name) as caught:
        draft(tmp_path / name)
    assert "SECRET" not in str(caught.value)
    assert caught.value.__cause__ is None
    assert caught.value.__context__ is None
