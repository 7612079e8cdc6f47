"""Reading: every source gives the same columns, and no error shows a cell."""

from __future__ import annotations

import gzip
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from dpsynth.errors import DataError
from dpsynth.private.columns import Cells, Distinct, Plain, distinct
from dpsynth.private.files import read

CANARY = "SECRET-4711"
FRAME = pd.DataFrame({"name": ["Ann", "", "Bo", "Ann"], "age": [3, 40, 5, 6], "extra": [1, 2, 3, 4]})


def listed(cells: Cells) -> list[object]:
    """Row by row, as text; None where a null was read."""
    found = distinct(cells)
    return [None if code < 0 or found.values[code] is None else str(found.values[code]) for code in found.codes]


def write_csv(folder: Path) -> Path:
    FRAME.to_csv(folder / "t.csv", index=False)
    return folder / "t.csv"


def write_gz(folder: Path) -> Path:
    FRAME.to_csv(folder / "t.csv.gz", index=False)
    return folder / "t.csv.gz"


def write_tsv_with_mark(folder: Path) -> Path:
    FRAME.to_csv(folder / "t.tsv", index=False, sep="\t", encoding="utf-8-sig")
    return folder / "t.tsv"


def write_parquet(folder: Path) -> Path:
    FRAME.to_parquet(folder / "t.parquet")
    return folder / "t.parquet"


def write_folder(folder: Path) -> Path:
    (folder / "parts").mkdir()
    for part in (0, 1):
        FRAME.iloc[2 * part : 2 * part + 2].to_parquet(folder / "parts" / f"{part}.parquet", index=False)
    return folder / "parts"


SOURCES: list[Callable[[Path], Any]] = [
    lambda folder: FRAME,
    lambda folder: FRAME.astype({"name": "category", "age": "Int64"}),
    lambda folder: FRAME.convert_dtypes(dtype_backend="pyarrow"),
    lambda folder: pa.Table.from_pandas(FRAME),
    lambda folder: {name: FRAME[name].to_numpy() for name in FRAME},
    lambda folder: {name: FRAME[name].tolist() for name in FRAME},
    write_csv,
    write_gz,
    write_tsv_with_mark,
    write_parquet,
    write_folder,
]


@pytest.mark.parametrize("source", SOURCES)
def test_every_source_reads_the_same_columns(source: Callable[[Path], Any], tmp_path: Path) -> None:
    columns, problems = read(source(tmp_path), ["age", "name"])
    assert problems == ()
    assert set(columns) == {"age", "name"}
    assert listed(columns["name"]) == ["Ann", "", "Bo", "Ann"]
    assert listed(columns["age"]) == ["3", "40", "5", "6"]


def test_path_as_text_is_a_path(tmp_path: Path) -> None:
    columns, _ = read(str(write_csv(tmp_path)), ["age"])
    assert listed(columns["age"]) == ["3", "40", "5", "6"]


def test_integer_arrays_are_not_copied() -> None:
    values = np.arange(10, dtype=np.uint8)
    columns, _ = read({"x": values}, ["x"])
    cells = columns["x"]
    assert isinstance(cells, Plain)
    assert cells.values is values


@pytest.mark.parametrize(
    ("column", "expected"),
    [
        (pd.Series([1, None, 3], dtype="Int64"), ["1", None, "3"]),
        (pd.Series([True, None], dtype="boolean"), ["True", None]),
        (pd.Series([1.5, None], dtype="Float64"), ["1.5", None]),
        (pd.Series(["a", None], dtype="string"), ["a", None]),
        (pd.Series(["a", None], dtype=object), ["a", None]),
        (pd.Series(["a", np.nan, "b"], dtype="category"), ["a", None, "b"]),
        (
            pd.Series([1, "1", 1.0, True, None, pd.NA, float("nan"), pd.NaT], dtype=object),
            ["1", "1", "1.0", "True"] + 4 * [None],
        ),
        (np.array([1.5, np.nan]), ["1.5", None]),
        (np.array(["a", "b"]), ["a", "b"]),
        (np.array([b"a"]), ["b'a'"]),
        (np.ma.masked_array([1, 2], mask=[False, True]), ["1", None]),
        (np.array([-100, 100], dtype=np.int8), ["-100", "100"]),
        (np.array([2**64 - 1, 2**63], dtype=np.uint64), [str(2**64 - 1), str(2**63)]),
        (np.array([2**63 - 1, 2**63 + 1], dtype=np.uint64), [str(2**63 - 1), str(2**63 + 1)]),
        (np.array([-(2**63), 2**63 - 1]), [str(-(2**63)), str(2**63 - 1)]),
        (pa.array(["a", None, "a"]).dictionary_encode(), ["a", None, "a"]),
        (pa.chunked_array([["a"], ["b", None]]), ["a", "b", None]),
        (pa.chunked_array([pa.array(["a"]).dictionary_encode(), pa.array(["b"]).dictionary_encode()]), ["a", "b"]),
        (pa.array([1, None]), ["1", None]),
        (pa.array([True, None]), ["True", None]),
        (pa.array([None, None]), [None, None]),
        (pa.array([], pa.string()), []),
        ([], []),
    ],
)
def test_columns_of_many_kinds(column: Any, expected: list[object]) -> None:
    columns, _ = read({"x": column}, ["x"])
    shown = [
        text if text is None else text.removesuffix(".0") if "1.0" not in expected else text
        for text in listed(columns["x"])
    ]
    booleans = {"0": "False", "1": "True"} if "True" in expected and "1.0" not in expected else {}
    assert [booleans.get(str(text), text) for text in shown] == expected


def moments(column: Any) -> list[str]:
    columns, _ = read({"x": column}, ["x"])
    cells = columns["x"]
    assert isinstance(cells, Plain)
    missing = cells.missing if cells.missing is not None else np.isnat(cells.values)
    return ["" if null else str(moment)[:16] for moment, null in zip(cells.values, missing, strict=True)]


def test_moments_are_read_in_utc() -> None:
    naive = pd.Series(pd.to_datetime(["2024-05-01 12:00", None]))
    berlin = pd.Series(pd.to_datetime(["2024-05-01 14:00", None]).tz_localize("Europe/Berlin"))
    for column in (naive, berlin, pa.array(naive), pa.array(berlin), naive.to_numpy()):
        assert moments(column) == ["2024-05-01T12:00", ""]
    assert moments(pa.array(naive).cast(pa.date32())) == ["2024-05-01", ""]
    assert moments(pa.array(naive).cast(pa.date64())) == ["2024-05-01T00:00", ""]


@pytest.mark.parametrize(
    "column",
    [
        pd.Series([[CANARY], {CANARY: 1}], dtype=object),
        pd.Series([(CANARY,), object()], dtype=object),
        pd.Series(pd.to_timedelta(["1 day", "2 days"])),
        pd.Series(pd.period_range("2020-01", periods=2, freq="M")),
        pa.array([[CANARY], ["b"]]),
        pa.array([{"a": CANARY}, {"a": "b"}]),
        np.array([1j, 2j]),
        np.zeros(2, dtype="V8"),
    ],
)
def test_what_has_no_reading_is_marked_and_does_not_fail(column: Any) -> None:
    columns, problems = read({"x": column}, ["x"])
    cells = columns["x"]
    assert isinstance(cells, Distinct)
    assert problems == ()
    assert len(cells.codes) == 2
    assert (cells.codes >= 0).all()


def test_missing_column_suggests_a_close_name() -> None:
    _, (problem,) = read(pd.DataFrame({"Age": [1], "sex": ["F"]}), ["age"])
    assert (problem.column, problem.rule) == ("age", "present")
    assert "did you mean 'Age'" in problem.message


@pytest.mark.parametrize(
    "source",
    [
        lambda folder: pd.DataFrame([[1, 2, 3]], columns=["a", "a", "b"]),
        lambda folder: pa.table([[1], [2], [3]], names=["a", "a", "b"]),
        lambda folder: write_text(folder, "a,a,b\n1,2,3\n"),
    ],
)
def test_a_repeated_name_is_a_problem_of_that_column_alone(source: Callable[[Path], Any], tmp_path: Path) -> None:
    columns, problems = read(source(tmp_path), ["a", "b"])
    assert [(problem.column, problem.rule) for problem in problems] == [("a", "unique")]
    assert set(columns) == {"b"}


def test_a_repeated_name_in_a_parquet_file_is_named(tmp_path: Path) -> None:
    table = pa.table([[1], [2], [3]], names=["a", "a", "b"])
    pq.write_table(table, tmp_path / "t.parquet")
    _, problems = read(tmp_path / "t.parquet", ["a", "b"])
    assert [(problem.column, problem.rule) for problem in problems] == [("a", "unique")]


def write_text(folder: Path, text: str | bytes, name: str = "t.csv") -> Path:
    (folder / name).write_bytes(text if isinstance(text, bytes) else text.encode())
    return folder / name


def test_text_files_keep_cells_as_they_are(tmp_path: Path) -> None:
    text = 'a,b\n"x, ""y""\nz",007\nNA,?\n"",nan\n'
    columns, _ = read(write_text(tmp_path, text), ["a", "b"])
    assert listed(columns["a"]) == ['x, "y"\nz', "NA", ""]
    assert listed(columns["b"]) == ["007", "?", "nan"]


def test_line_ends_inside_cells_do_not_depend_on_where_a_block_ends(tmp_path: Path) -> None:
    rows = 200_000
    columns, _ = read(write_text(tmp_path, "a,b\n" + '"x\ny\nz",1\n' * rows), ["a", "b"])
    for name, value in (("a", "x\ny\nz"), ("b", "1")):
        cells = columns[name]
        assert isinstance(cells, Distinct)
        assert (list(cells.values), len(cells.codes)) == ([value], rows)


def test_an_empty_line_in_a_file_of_one_column_is_a_row(tmp_path: Path) -> None:
    columns, _ = read(write_text(tmp_path, "a\nx\n\ny\n"), ["a"])
    assert listed(columns["a"]) == ["x", "", "y"]


def test_a_file_without_rows_or_wanted_columns(tmp_path: Path) -> None:
    columns, problems = read(write_text(tmp_path, "a,b\n"), ["a"])
    assert (listed(columns["a"]), problems) == ([], ())
    columns, problems = read(write_text(tmp_path, "a,b\n"), ["c"])
    assert (columns, [problem.rule for problem in problems]) == ({}, ["present"])


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("t.csv", f"a,b\n1,2,{CANARY}\n".encode()),
        ("t.csv", f"a,b\n{CANARY}\n".encode()),
        ("t.csv", b"a,b\n\xff\xfe" + CANARY.encode() + b",2\n"),
        ("t.csv", b"\xff\xfea,b\n1,2\n"),
        ("t.csv", f'a,b\n1,"{CANARY}\n2,3\n'.encode()),
        ("t.csv", f'a,"b\n{CANARY},2\n2,3\n'.encode()),
        ("t.csv.gz", CANARY.encode()),
        ("t.csv.gz", gzip.compress(f"a,b\n{CANARY},2\n".encode() * 1000, mtime=0)[:-30]),
        ("t.parquet", CANARY.encode()),
        ("t.parquet", b"PAR1" + CANARY.encode() * 10 + b"PAR1"),
        ("t.parquet", b""),
        ("t.xlsx", CANARY.encode()),
    ],
)
def test_unreadable_files_are_refused_without_their_cells(name: str, content: bytes, tmp_path: Path) -> None:
    with pytest.raises(DataError) as caught:
        read(write_text(tmp_path, content, name), ["a", "b"])
    assert CANARY not in str(caught.value)
    assert caught.value.__cause__ is None
    assert caught.value.__context__ is None
    assert name in str(caught.value)


@pytest.mark.parametrize(
    ("name", "content", "words"),
    [
        ("t.csv", b"a,b\nM\xfcller,2\n", "line 2 is not UTF-8; save the file as UTF-8"),
        ("t.csv", "a,b\n1,2\n".encode("utf-16"), "line 1 is not UTF-8"),
        ("t.csv", b"a,b\n" + 20_000 * b"1,2\n" + b"\xff,2\n", "line 20002 is not UTF-8"),
        ("t.csv", b"a,b\n" + 9 * b"1,2\n" + b"1,2,3,4,5\n", "line 11 has 5 fields, the header has 2"),
        ("t.csv", b'a,b\n"x\ny",2\n\n1\n', "line 5 has 1 field, the header has 2"),
        ("t.tsv.gz", gzip.compress(b"a\tb\n1\t2\t3\n", mtime=0), "line 2 has 3 fields, the header has 2"),
        ("t.csv", b'a,b\n1,2\n3,"4\n5,6\n', "a quote in line 3 is not closed"),
        ("t.csv", b'a,b\n1,2\n"3,4\n5,6', "a quote in line 3 is not closed"),
        ("t.csv", b'a,"b\n1,2\n', "a quote in line 1 is not closed"),
        ("t.csv", b'a,b\n"' + b"x" * 200_000 + b",1\n", "a quote in line 2 is not closed"),
        ("t.csv", b"", "is empty"),
        ("t.csv.gz", b"", "is empty"),
        ("t.csv.gz", gzip.compress(b"", mtime=0), "is empty"),
        ("t.parquet", b"", "is empty"),
        ("t.csv", b"\na,b\n1,2\n", "line 1 is blank"),
        (
            "t.csv",
            b"a;b\n1;2\n",
            "expected commas; got one field with ';' in it: save with commas, or name the file .tsv",
        ),
        ("t.csv", b"a\tb\n1\t2\n", "expected commas; got one field with a tab in it"),
        ("t.tsv", b"a,b\n1,2\n", "expected tabs; got one field with ',' in it"),
        ("t.csv.gz", b"a,b\n1,2\n", "is not gzip"),
        ("t.csv", gzip.compress(b"a,b\n1,2\n", mtime=0), "is gzip; try its name with .gz"),
        ("t.csv.gz", gzip.compress(b"a,b\n1,2\n" * 1000, mtime=0)[:-12], "cut off or damaged"),
    ],
)
def test_an_unreadable_file_is_told_what_is_wrong_and_where(
    name: str, content: bytes, words: str, tmp_path: Path
) -> None:
    with pytest.raises(DataError, match=re.escape(words)) as caught:
        read(write_text(tmp_path, content, name), ["a", "b"])
    assert caught.value.__cause__ is None
    assert caught.value.__context__ is None


@pytest.mark.parametrize(
    "text", ['a,b\n5" pipe,2\n3,4\n', 'a,b\n"x"y,2\n3,4\n', 'a,b\n1,"2"\n3,5"\n', 'a,b\n1,2\n3,4"']
)
def test_a_quote_inside_a_field_opens_nothing(text: str, tmp_path: Path) -> None:
    columns, problems = read(write_text(tmp_path, text), ["a", "b"])
    assert (len(listed(columns["a"])), problems) == (2, ())


def test_a_single_column_may_hold_any_mark_in_its_name(tmp_path: Path) -> None:
    columns, _ = read(write_text(tmp_path, "a;b\nx\n"), ["a;b"])
    assert listed(columns["a;b"]) == ["x"]


def test_folders_that_are_no_tables(tmp_path: Path) -> None:
    (tmp_path / "t.csv").mkdir()
    with pytest.raises(DataError, match="is a folder"):
        read(tmp_path / "t.csv", ["a"])
    (tmp_path / "parts").mkdir()
    (tmp_path / "parts" / "_temporary").mkdir()
    (tmp_path / "parts" / "_temporary" / "0.txt").write_text(CANARY)
    with pytest.raises(DataError, match="holds no Parquet files"):
        read(tmp_path / "parts", ["a"])
    FRAME.to_parquet(tmp_path / "parts" / "0.parquet")
    assert listed(read(tmp_path / "parts", ["age"])[0]["age"]) == ["3", "40", "5", "6"]
    (tmp_path / "parts" / "notes.txt").write_text(CANARY)
    with pytest.raises(DataError, match=r"'notes\.txt' in it is no Parquet file") as caught:
        read(tmp_path / "parts", ["a"])
    assert caught.value.__context__ is None


def test_an_empty_path() -> None:
    with pytest.raises(DataError, match="empty path"):
        read("", ["a"])


def test_a_file_that_is_not_there(tmp_path: Path) -> None:
    for name in ("none.csv", "none.csv.gz", "none.parquet"):
        with pytest.raises(DataError, match="existing file"):
            read(tmp_path / name, ["a"])


def test_other_objects_are_refused_by_type_only() -> None:
    for data in ([CANARY], 7, None):
        with pytest.raises(DataError, match="data must be") as caught:
            read(data, ["a"])
        assert CANARY not in str(caught.value)


def test_columns_of_different_lengths_are_refused() -> None:
    with pytest.raises(DataError, match="same number of rows"):
        read({"a": np.array([1]), "b": np.array([1, 2])}, ["a", "b"])


def test_a_first_row_that_is_no_header_is_not_quoted(tmp_path: Path) -> None:
    (tmp_path / "t.csv").write_text("agee,SECRET-4711\n5,6\n")
    _, problems = read(tmp_path / "t.csv", ["age", "SECRET-4712"])
    assert len(problems) == 2
    assert "agee" not in str(problems)
    assert CANARY not in str(problems)
    (tmp_path / "t.csv").write_text("agee,sex\n5,6\n")
    _, problems = read(tmp_path / "t.csv", ["age", "sex"])
    assert "agee" in str(problems)
