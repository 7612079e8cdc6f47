"""A draft of a file: refused without any cell, also not on what the error came from."""

from __future__ import annotations

import datetime as dt
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from dpsynth.errors import DataError
from dpsynth.private.draft import draft
from dpsynth.private.ingest import check


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


CELLS = {
    "number": st.integers(0, 99).map(str) | st.sampled_from(["?", "N"]),
    "date": st.dates(dt.date(1900, 1, 1), dt.date(2099, 12, 31)).map(str) | st.just("?"),
    "mark": st.sampled_from(["N", "Y", "?"]),
    "text": st.text("abcN?", max_size=2),
    "zip": st.sampled_from(["01", "02", "N", "?"]),
}


@settings(deadline=None, max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(st.fixed_dictionaries(CELLS), min_size=1, max_size=40))
def test_a_drafted_schema_fits_its_own_file(tmp_path: Path, rows: list[dict[str, str]]) -> None:
    path = tmp_path / "t.csv"
    path.write_text("\n".join(",".join(row) for row in [list(CELLS), *(list(row.values()) for row in rows)]) + "\n")
    assert check(path, draft(path).confirmed(by="nobody, this is a test")) == ()


def test_a_word_for_missing_cells_is_found_in_a_file(tmp_path: Path) -> None:
    (tmp_path / "t.csv").write_text("age\n" + "".join(f"{age}\n" for age in [*range(17, 90), "N", "N"]))
    schema = draft(tmp_path / "t.csv")
    assert schema.missing_values == ("N",)
    assert (schema["age"].type, schema["age"].nullable) == ("numeric", True)  # type: ignore[union-attr]
    assert schema.unreviewed()


@pytest.mark.parametrize(
    ("content", "words"), [(b"a;b\n1;2\n", "';'"), (b"", "empty"), (b"a,b\n1,\xe9\n", "line 2 is not UTF-8")]
)
def test_what_is_no_table_is_told_with_its_reason(tmp_path: Path, content: bytes, words: str) -> None:
    (tmp_path / "t.csv").write_bytes(content)
    with pytest.raises(DataError, match=words):
        draft(tmp_path / "t.csv")
