"""Ingest: the rules of every column, all problems at once, a map of single rows, and no cell in any message."""

from __future__ import annotations

import datetime as dt
import traceback
import warnings
import zoneinfo
from decimal import Decimal
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from hypothesis import given, reject, settings
from hypothesis import strategies as st

from dpsynth.errors import DataError, SchemaError, SettingError
from dpsynth.privacy.randomness import InsecureTestEntropy, OsEntropy
from dpsynth.privacy.unit import PrivacyUnit
from dpsynth.private.columns import cells_of
from dpsynth.private.ingest import check, ingest
from dpsynth.private.table import PrivateTable
from dpsynth.private.ticks import marked_ticks
from dpsynth.private.units import unit_codes
from dpsynth.schema.columns import Boolean, Categorical, Column, Datetime, Identifier, Numeric, OpenCategorical
from dpsynth.schema.schema import Schema

CANARY = "SECRET-4711"
ROW = PrivacyUnit()


def taken_in(data: Any, *columns: Column, unit: PrivacyUnit = ROW) -> PrivateTable:
    return ingest(data, Schema(columns), unit, OsEntropy())


def ticks(column: Column, cells: Any) -> list[int]:
    """Ticks of one column, given as a list of Python objects or an array."""
    return taken_in({column.name: cells}, column).rows().ticks[column.name].tolist()


def broken(column: Column, cells: Any) -> list[str]:
    """The rules that the cells break."""
    return [str(problem.rule) for problem in check({column.name: cells}, Schema([column]))]


# ------------------------------------------------------------------------------------------- categories


@pytest.mark.parametrize(
    "cells",
    [
        np.array([2, 0, 1], dtype=np.uint8),
        np.array([2, 0, 1], dtype=np.int64),
        np.array([2.0, 0.0, 1.0]),
        ["2", "0", "1"],
        [2, "0", 1.0],
        [np.int8(2), False, True],
        [b"2", b"0", b"1"],
        ["2.0", "0", "01"],
        pd.Series([2, 0, 1], dtype="Int64"),
        pd.Series(["2", "0", "1"], dtype="category"),
        pa.array(["2", "0", "1"]).dictionary_encode(),
        pa.array([2, 0, 1], pa.int16()),
    ],
)
def test_declared_numbers_match_however_they_are_stored(cells: Any) -> None:
    assert ticks(Categorical("c", values=range(3)), cells) == [2, 0, 1]
    assert ticks(Categorical("c", values=[1, 0, 2]), cells) == [2, 1, 0]


def test_declared_text_matches_exactly() -> None:
    column = Categorical("c", values=["a", "01", "NA", "?"])
    assert ticks(column, ["?", "NA", "01", "a"]) == [3, 2, 1, 0]
    for cell in ("A", " a", "1", 1):
        assert broken(column, [cell]) == ["unknown"]


def test_the_empty_text_is_missing_unless_it_is_declared() -> None:
    assert ticks(Categorical("c", values=["a"], nullable=True), ["", "a", None]) == [-1, 0, -1]
    assert ticks(Categorical("c", values=["a", ""], nullable=True), ["", "a", None]) in ([1, 0, -1], [1, 0, 1])
    assert ticks(Numeric("c", lower=0, upper=1, integer=True, nullable=True), ["", " ", "1"]) == [-1, -1, 1]
    assert ticks(Datetime("c", lower="2020-01-01", upper="2020-01-09", nullable=True), ["", "2020-01-02"]) == [-1, 1]


def test_unknown_values_follow_their_rule() -> None:
    cells = ["a", "zz", "b", 7]
    assert broken(Categorical("c", values=["a", "b"]), cells) == ["unknown"]
    assert ticks(Categorical("c", values=["a", "b"], unknown="other"), cells) == [0, 2, 1, 2]
    assert ticks(Categorical("c", values=["a", "b"], unknown="null", nullable=True), cells) == [0, -1, 1, -1]
    assert broken(Categorical("c", values=range(3)), np.array([0, 3])) == ["unknown"]
    assert broken(Categorical("c", values=range(3)), np.array([0, -1])) == ["unknown"]
    assert ticks(Categorical("c", values=range(3), unknown="other"), np.array([-5, 2, 3, 10**9])) == [3, 2, 3, 3]


def test_missing_values_follow_their_rule() -> None:
    for cells in (["a", None], ["a", float("nan")], ["a", pd.NA], ["a", pd.NaT]):
        assert broken(Categorical("c", values=["a", "b"]), cells) == ["missing"]
        assert ticks(Categorical("c", values=["a", "b"], missing="b"), cells) == [0, 1]
        assert ticks(Categorical("c", values=["a", "b"], nullable=True), cells) == [0, -1]
    assert ticks(Numeric("c", lower=0, upper=9, integer=True, missing=4), [1.0, float("nan")]) == [1, 4]
    assert ticks(Boolean("c", missing=True), [False, None]) == [0, 1]
    moment = Datetime("c", lower="2020-01-01", upper="2020-01-09", missing="2020-01-03")
    assert ticks(moment, ["2020-01-02", None]) == [1, 2]


@pytest.mark.parametrize(
    "cells", [pd.Series([1, None], dtype="Int64"), pa.array([1, None]), np.ma.masked_array([1, 0], [False, True])]
)
def test_a_masked_number_is_missing_whatever_stands_below_the_mask(cells: Any) -> None:
    assert ticks(Categorical("c", values=range(3), nullable=True), cells) == [1, -1]
    assert ticks(Boolean("c", nullable=True), cells) == [1, -1]
    assert ticks(Numeric("c", lower=0, upper=9, integer=True, nullable=True), cells) == [1, -1]
    assert broken(Numeric("c", lower=0, upper=9, integer=True), cells) == ["missing"]


def test_a_masked_moment_is_missing() -> None:
    cells = pa.array([dt.date(2020, 1, 2), None])
    assert ticks(Datetime("c", lower="2020-01-01", upper="2020-12-31", nullable=True), cells) == [1, -1]


MARKS = ("?", "N", "9")
HOLDERS = [
    list,
    lambda cells: np.array(cells, dtype=object),
    lambda cells: pd.Series(cells, dtype="string"),
    lambda cells: pd.Series(cells, dtype="category"),
    lambda cells: [cell.encode() for cell in cells],
    pa.array,
    lambda cells: pa.array(cells).dictionary_encode(),
]


@pytest.mark.parametrize("holder", HOLDERS)
@pytest.mark.parametrize(
    ("column", "cells", "expected"),
    [
        (Numeric("c", lower=0, upper=9, integer=True, nullable=True), ["?", "4", "N", "9", "9.0"], [-1, 4, -1, -1, 9]),
        (Numeric("c", lower=0, upper=9, integer=True, missing=3), ["?", "4"], [3, 4]),
        (Datetime("c", lower="2020-01-01", upper="2020-01-09", nullable=True), ["N", "2020-01-02"], [-1, 1]),
        (Boolean("c", nullable=True), ["N", "n", "y", "?"], [-1, 0, 1, -1]),
        (Boolean("c", nullable=True, labels=["N", "Y"]), ["N", "Y", "?"], [0, 1, -1]),
        (Categorical("c", values=["a", "b"], nullable=True), ["N", "b", "?"], [-1, 1, -1]),
        (Categorical("c", values=["a", ""], nullable=True), ["N", "", "a"], [-1, 1, 0]),
        (Categorical("c", values=["a", "?"], nullable=True), ["N", "?", "a"], [-1, 1, 0]),
        (Categorical("c", values=[9, 8], nullable=True), ["9", "N", "8"], [0, -1, 1]),
        (Categorical("c", values=["a"], unknown="other", nullable=True), ["N", "zz"], [-1, 1]),
        (Categorical("c", values=["a"], unknown="other", other="?", nullable=True), ["N", "?", "zz"], [-1, 1, 1]),
        (Categorical("c", values=["a"], missing="a"), ["N", "a"], [0, 0]),
        (OpenCategorical("c", nullable=True), ["N", "a", "?", "b"], [-1, 0, -1, 1]),
        (OpenCategorical("c", nullable=True, known=["N"]), ["N", "?"], [0, -1]),
    ],
)
def test_a_declared_text_is_missing_in_every_column_that_has_no_such_label(
    column: Column, cells: list[str], expected: list[int], holder: Any
) -> None:
    table = ingest({"c": holder(cells)}, Schema([column], missing_values=MARKS), ROW, OsEntropy())
    assert table.rows().ticks["c"].tolist() == expected
    assert not set(table.rows().labels.get("c", ())) & (set(MARKS) - {"N"})


def test_missing_values_leave_numbers_and_other_spellings_alone() -> None:
    column = Numeric("c", lower=0, upper=9, integer=True, nullable=True)
    for cells in ([9, 4], np.array([9, 4]), [9.0, "4"], [np.int8(9), 4], [" 9", "4"]):
        table = ingest({"c": cells}, Schema([column], missing_values=["9"]), ROW, OsEntropy())
        assert table.rows().ticks["c"].tolist() == [9, 4]
    cells = ["9", 9, b"9", None]
    table = ingest({"c": cells}, Schema([column], missing_values=["9"]), ROW, OsEntropy())
    assert table.rows().ticks["c"].tolist() == [-1, 9, -1, -1]


def test_a_missing_value_follows_the_rules_and_the_check_sees_it() -> None:
    column = Numeric("c", lower=0, upper=9, integer=True)
    assert [problem.rule for problem in check({"c": ["?", "4"]}, Schema([column]))] == ["type"]
    assert [problem.rule for problem in check({"c": ["?", "4"]}, Schema([column], missing_values=["?"]))] == ["missing"]


def test_a_missing_value_names_no_unit() -> None:
    data = {"person": ["p", "?", "q"], "a": [True, False, True]}
    for columns in ([Boolean("a")], [Boolean("a"), Identifier("person")]):
        assert check(data, Schema(columns), unit="person") == ()
        (problem,) = check(data, Schema(columns, missing_values=["?"]), unit="person")
        assert (problem.column, problem.rule) == ("person", "unit")
    assert check({**data, "person": [1, 9, 2]}, Schema([Boolean("a")], missing_values=["9"]), unit="person") == ()


def test_every_cell_of_a_csv_file_is_text(tmp_path: Path) -> None:
    (tmp_path / "t.csv").write_text("c,d\n9,x\n4,?\n")
    columns = [Numeric("c", lower=0, upper=9, integer=True, nullable=True), OpenCategorical("d", nullable=True)]
    table = ingest(tmp_path / "t.csv", Schema(columns, missing_values=["9", "?"]), ROW, OsEntropy())
    assert table.rows().ticks["c"].tolist() == [-1, 4]
    assert table.rows().ticks["d"].tolist() == [0, -1]


def test_a_refused_unknown_value_is_not_also_called_missing() -> None:
    assert broken(Categorical("c", values=["a"]), ["b"]) == ["unknown"]
    assert broken(Categorical("c", values=["a"]), ["b", None]) == ["unknown", "missing"]


@pytest.mark.parametrize(
    ("labels", "cells"),
    [
        ((False, True), [False, True]),
        ((False, True), ["false", "TRUE"]),
        ((False, True), ["no", "Yes"]),
        ((False, True), ["0", "1"]),
        ((False, True), [0, 1]),
        ((False, True), [0.0, 1.0]),
        ((False, True), np.array([False, True])),
        ((False, True), pd.Series([False, True], dtype="boolean")),
        ((False, True), pa.array([False, True])),
        (("healthy", "ill"), ["healthy", "ill"]),
        (("healthy", "ill"), [False, True]),
        (("healthy", "ill"), [0, 1]),
        (("yes", "no"), ["yes", "no"]),
        ((1, 2), [1, 2]),
        ((1, 2), ["1", "2"]),
    ],
)
def test_boolean_cells(labels: tuple[Any, Any], cells: Any) -> None:
    assert ticks(Boolean("c", labels=labels), cells) == [0, 1]


def test_boolean_words_do_not_override_text_labels() -> None:
    assert broken(Boolean("c", labels=("yes", "no")), ["YES"]) == ["unknown"]
    assert broken(Boolean("c", labels=(1, 2)), [0]) == ["unknown"]


def test_open_column_keeps_private_labels() -> None:
    table = taken_in({"c": ["b", "a", None, "", "b", 1, 1.0, "1"]}, OpenCategorical("c", nullable=True))
    rows = table.rows()
    labels = rows.labels["c"]
    assert [None if tick < 0 else labels[tick] for tick in rows.ticks["c"]] == [
        "b",
        "a",
        None,
        None,
        "b",
        "1",
        "1",
        "1",
    ]
    assert broken(OpenCategorical("c"), ["a", None]) == ["missing"]
    assert broken(OpenCategorical("c"), ["a", ["list"]]) == ["type"]
    assert broken(OpenCategorical("c"), ["a", "\ud800"]) == ["type"]


# ---------------------------------------------------------------------------------------------- numbers


@pytest.mark.parametrize(
    "cells",
    [
        [18, 90, 0],
        ["18", " 90 ", "0"],
        [18.0, "9e1", b"0"],
        np.array([18, 90, 0], dtype=np.uint8),
        np.array([18, 90, 0], dtype=np.float32),
        np.array([18.4, 89.6, -0.0]),
        pd.Series([18, 90, 0], dtype="Int8"),
        pd.Series([18, 90, 0], dtype="string"),
        pa.array([18, 90, 0]).cast(pa.decimal128(25, 2)),
        pa.array(["18", "90", "0"]).dictionary_encode(),
    ],
)
def test_numbers_are_read_and_rounded_to_the_grid(cells: Any) -> None:
    assert ticks(Numeric("x", lower=0, upper=120, integer=True), cells) == [18, 90, 0]


def test_numbers_out_of_bounds_follow_their_rule() -> None:
    cells = np.array([-1.0, 0.0, 10.0, 11.0, np.inf, -np.inf, 1e300])
    bounds = {"lower": 0, "upper": 10, "integer": True}
    assert ticks(Numeric("x", **bounds), cells) == [0, 0, 10, 10, 10, 0, 10]
    assert ticks(Numeric("x", out_of_bounds="null", nullable=True, **bounds), cells) == [-1, 0, 10, -1, -1, -1, -1]
    assert broken(Numeric("x", out_of_bounds="refuse", **bounds), cells) == ["out_of_bounds"]
    assert broken(Numeric("x", out_of_bounds="refuse", **bounds), [0, "10", 10.2]) == []
    assert ticks(Numeric("x", **bounds), ["inf", 10**400, -(10**400), 2**70]) == [10, 10, 0, 10]


def test_what_is_not_a_number_breaks_the_type_rule() -> None:
    column = Numeric("x", lower=0, upper=10)
    for cell in ("abc", "1,5", "1_0", "NA", [1], "0x1", b"\xff", np.timedelta64(1, "s"), dt.timedelta(1)):
        assert broken(column, [1, cell]) == ["type"]
    assert broken(column, pd.Series(pd.to_datetime(["2020-01-01"]))) == ["type"]
    assert ticks(Numeric("x", lower=0, upper=1, integer=True, nullable=True), ["nan", float("nan"), 1]) == [-1, -1, 1]
    assert ticks(Numeric("x", lower=0, upper=1, integer=True), np.array([True, False])) == [1, 0]


@pytest.mark.parametrize("lower", [2**60 + 1, -(2**63), 2**63 - 11])
def test_whole_numbers_are_exact_up_to_64_bits(lower: int) -> None:
    column = Numeric("x", lower=lower, upper=lower + 10, integer=True, nullable=True)
    cells = [lower + 3, lower, lower + 10]
    whole: list[Any] = [
        cells,
        [*map(str, cells)],
        [*map(Decimal, cells)],
        np.array(cells),
        [*cells, None],
        [*cells, "a"],
    ]
    for stored in whole:
        assert marked_ticks(column, cells_of(stored), {}).tolist()[:3] == [3, 0, 10]


@given(st.integers(-50, 50), st.integers(0, 4), st.lists(st.integers(0, 200), min_size=1))
def test_decimals_are_exact_from_text_and_from_floats(low: int, decimals: int, steps: list[int]) -> None:
    lower = low / 10**decimals
    column = Numeric("x", lower=lower, upper=(low + 200) / 10**decimals, decimals=decimals)
    values = [(low + step) / 10**decimals for step in steps]
    assert ticks(column, np.array(values)) == steps
    assert ticks(column, [f"{value:.{decimals}f}" for value in values]) == steps
    assert column.value_of(np.array(steps)).tolist() == values


# ---------------------------------------------------------------------------------------------- moments

DAY = Datetime("t", lower="2020-01-01", upper="2020-12-31")
HOUR = Datetime("t", lower="2020-01-01", upper="2020-12-31", resolution="hour")


def test_moments_are_read_from_many_kinds() -> None:
    stamps = pd.to_datetime(["2020-01-02 13:00", "2020-01-01 00:30"])
    kinds = [
        ["2020-01-02 13:00", "2020-01-01T00:30:00"],
        ["2020-01-02T14:00:00+01:00", "2019-12-31T19:30-05:00"],
        list(stamps),
        list(stamps.tz_localize("UTC").tz_convert("Asia/Tokyo")),
        pd.Series(stamps),
        pd.Series(stamps).dt.as_unit("ns"),
        pd.Series(stamps.tz_localize("UTC").tz_convert("Asia/Tokyo")),
        stamps.to_numpy(),
        pa.array(stamps),
        pa.array(stamps.tz_localize("UTC").tz_convert("Asia/Tokyo")),
        pd.Series(stamps).astype("category"),
    ]
    for cells in kinds:
        assert ticks(DAY, cells) == [1, 0]
        assert ticks(HOUR, cells) == [37, 0]
    assert ticks(DAY, pa.array(stamps).cast(pa.date32())) == [1, 0]
    assert ticks(DAY, [stamps[0].date(), np.datetime64("2020-01-01")]) == [1, 0]
    assert ticks(DAY, np.array(["2020-01", "2020-02"], dtype="M8[M]")) == [0, 31]
    for unit in ("ps", "as"):
        early = Datetime("t", lower="1970-01-01", upper="1970-01-01", resolution="second")
        assert ticks(early, np.array([1, 0], dtype=f"M8[{unit}]")) == [0, 0]


def test_a_null_inside_a_dictionary_is_missing() -> None:
    cells = pa.DictionaryArray.from_arrays(pa.array([0, 1, None]), pa.array(["2020-01-02", None]))
    assert ticks(Datetime("t", lower="2020-01-01", upper="2020-12-31", nullable=True), cells) == [1, -1, -1]
    assert ticks(Categorical("t", values=["2020-01-02"], nullable=True), cells) == [0, -1, -1]
    assert ticks(Numeric("t", lower=0, upper=1, nullable=True), pa.array([None, 0]).dictionary_encode()) == [-1, 0]


def test_moments_out_of_bounds_follow_their_rule() -> None:
    cells = ["1850-01-01", "2019-12-31T23:59", "2020-12-31T23:59", "2021-01-01", "9999-12-31"]
    assert ticks(DAY, cells) == [0, 0, 365, 365, 365]
    null = Datetime("t", lower="2020-01-01", upper="2020-12-31", out_of_bounds="null", nullable=True)
    assert ticks(null, cells) == [-1, -1, 365, -1, -1]
    refuse = Datetime("t", lower="2020-01-01", upper="2020-12-31", out_of_bounds="refuse")
    assert broken(refuse, cells) == ["out_of_bounds"]
    far = np.array([2**62, -(2**62), 0], dtype="M8[D]")
    assert ticks(HOUR, far) == [366 * 24 - 1, 0, 0]
    assert broken(refuse, far) == ["out_of_bounds"]
    assert ticks(HOUR, list(far)) == [366 * 24 - 1, 0, 0]
    assert ticks(HOUR, np.array([2**62, -(2**62)], dtype="M8[25s]")) == [366 * 24 - 1, 0]


def test_what_is_not_a_moment_breaks_the_type_rule() -> None:
    for cells in (["31.12.2020"], ["soon"], [20200101], np.array([1.5]), ["2020-02-30"], [b"\xff"]):
        assert broken(DAY, cells) == ["type"]
    spelled = Datetime("t", lower="2020-01-01", upper="2020-12-31", format="%d.%m.%Y")
    assert ticks(spelled, ["31.12.2020", "01.02.2020"]) == [365, 31]
    assert broken(spelled, ["2020-12-31"]) == ["type"]


# ------------------------------------------------------------------------------------------ whole tables

SCHEMA = Schema(
    [
        Identifier("id"),
        Categorical("c", values=["a", "b", 1], unknown="other", nullable=True),
        Numeric("x", lower=-5, upper=5, decimals=1, nullable=True, out_of_bounds="null"),
        Datetime("t", lower="2020-01-01", upper="2020-12-31", nullable=True),
        Boolean("b", nullable=True),
        OpenCategorical("o", nullable=True),
    ],
    missing_values=["zz", "q", "3"],
)
CELLS: dict[str, st.SearchStrategy[Any]] = {
    "c": st.sampled_from(["a", "b", "1", 1, 1.0, True, "zz", 2, "", None, float("nan"), b"a"]),
    "x": st.sampled_from([0, 1.25, "3.3", "", None, float("nan"), float("inf"), -7, True, 4, np.float32(2.5)]),
    "t": st.sampled_from(
        ["2020-03-01", "1999-01-01", None, "", np.datetime64("2020-05-05"), pd.Timestamp("2020-06-01", tz="UTC")]
    ),
    "b": st.sampled_from([True, False, "yes", "no", 0, 1.0, None, ""]),
    "o": st.sampled_from(["p", "q", "", None, 3, 3.0, "3", True]),
}
TABLES = st.lists(st.fixed_dictionaries(CELLS), max_size=8)


def as_frame(rows: list[dict[str, Any]], inferred: bool) -> pd.DataFrame:
    """A frame whose dtypes are objects, or whatever pandas infers from these rows."""
    table = {name: pd.Series([row[name] for row in rows], dtype=object) for name in CELLS}
    return pd.DataFrame({name: column.infer_objects() if inferred else column for name, column in table.items()})


def plain(table: PrivateTable) -> dict[str, list[object]]:
    """Ticks row by row, with the labels of open columns in place of their private numbers."""
    rows = table.rows()
    out: dict[str, list[object]] = {name: found.tolist() for name, found in rows.ticks.items()}
    out["o"] = [None if tick < 0 else rows.labels["o"][tick] for tick in rows.ticks["o"]]
    return out


@given(TABLES, TABLES, st.booleans(), st.booleans())
def test_ingest_is_a_map_of_single_rows(
    first: list[dict[str, Any]], second: list[dict[str, Any]], inferred_parts: bool, inferred_whole: bool
) -> None:
    parts = [plain(ingest(as_frame(part, inferred_parts), SCHEMA, ROW, OsEntropy())) for part in (first, second)]
    whole = plain(ingest(as_frame(first + second, inferred_whole), SCHEMA, ROW, OsEntropy()))
    assert whole == {name: parts[0][name] + parts[1][name] for name in whole}


# Cells that pandas, numpy and Arrow hold in different ways, some of which equal each other without being the same.
NEW_YORK = zoneinfo.ZoneInfo("America/New_York")
HALF_PAST_ONE = dt.datetime(2023, 11, 5, 1, 30, tzinfo=NEW_YORK)
FAMILIES: dict[str, list[Any]] = {
    "decimals": [
        None, *map(Decimal, ("1", "1.0", "1.00", "10", "1E+1", "2.50", "2.5", "0", "-0.0", "0E-9")),
    ],
    "moments": [
        HALF_PAST_ONE, HALF_PAST_ONE.replace(fold=1), HALF_PAST_ONE.astimezone(dt.UTC), pd.Timestamp(HALF_PAST_ONE),
        HALF_PAST_ONE.replace(tzinfo=dt.timezone(dt.timedelta(hours=1))), None,
    ],
    "naive moments": [
        dt.datetime(2023, 11, 5, 7), pd.Timestamp("2023-11-05 07:00"), np.datetime64("2023-11-05T02", "us"), None,
    ],
    "integers": [0, 1, 2, 10, None],
    "booleans": [True, False, None],
    "floats": [0.1, float(np.float32(0.1)), 1.0, -0.0, 2.5, 1e-7, float("inf"), float("nan"), None],
    "numpy": [
        np.float32(0.1), float(np.float32(0.1)), 0.1, np.float64(1), np.int8(1), np.uint8(2), np.float32(2.5), None,
    ],
    "mixed": [
        1, 1.0, Decimal("1.0"), Decimal.from_float(0.1), 0.1, True, np.bool_(False), Decimal("NaN"), np.int64(1),
        "1", "1.0", "True", b"1", 2**53 + 1, None,
    ],
    "text": ["1", "1.0", "True", "false", "a", "", "01", None],
}  # fmt: skip
PLAIN_FAMILIES = ("decimals", "moments", "naive moments", "integers", "booleans", "floats", "text")


def as_list(cells: list[Any]) -> Any:
    return cells


def as_objects(cells: list[Any]) -> Any:
    return pd.Series(cells, dtype=object)


def as_inferred(cells: list[Any]) -> Any:
    return pd.Series(cells)


def as_numpy(cells: list[Any]) -> Any:
    return np.array(cells)


def as_nullable(cells: list[Any]) -> Any:
    return pd.Series(cells, dtype=object).convert_dtypes()


def as_category(cells: list[Any]) -> Any:
    return pd.Series(cells, dtype=object).astype("category")


def as_arrow(cells: list[Any]) -> Any:
    return pa.array(cells)


def as_dictionary(cells: list[Any]) -> Any:
    return pa.array(cells).dictionary_encode()


def containers(family: str) -> list[Any]:
    """What holds the cells of a family without changing their values."""
    unchanged = [as_list, as_objects]
    # As categories, pandas takes two moments for one when only their fold differs, and numbers beside a float
    # become floats.
    if family not in ("moments", "mixed"):
        unchanged.append(as_category)
    if family != "mixed":  # numbers beyond 2^53 beside a float become floats
        unchanged += [as_inferred, as_nullable]
    if family in PLAIN_FAMILIES:
        unchanged += [as_arrow, as_dictionary]
    if family in ("decimals", "floats", "numpy", "booleans", "integers"):
        unchanged.append(as_numpy)
    return unchanged


READ_AS: list[Column] = [
    OpenCategorical("x", nullable=True),
    Categorical("x", values=["1.0", "True", "False", "2.5", "a"], unknown="other", nullable=True),
    Categorical("x", values=[0, 1, 2.5, 0.1], unknown="other", nullable=True),
    Categorical("x", values=[False, True], unknown="null", nullable=True),
    Numeric("x", lower=0, upper=10, decimals=1, out_of_bounds="null", nullable=True),
    Numeric("x", lower=2**53 - 5, upper=2**53 + 5, integer=True, nullable=True),
    Datetime("x", lower="2023-11-05", upper="2023-11-05", resolution="hour", out_of_bounds="null", nullable=True),
]


def read_as(column: Column, cells: Any) -> list[object]:
    """What ingest makes of each cell before any rule refuses it; labels in place of an open column's ticks."""
    labels: dict[str, int] = {}
    found = marked_ticks(column, cells_of(cells), labels)
    names = list(labels)
    return [names[tick] if names and tick >= 0 else int(tick) for tick in found]


@pytest.mark.parametrize("column", READ_AS, ids=repr)
@pytest.mark.parametrize("family", FAMILIES)
@settings(max_examples=40)
@given(st.data())
def test_a_cell_is_read_alike_beside_any_others_and_in_any_container(
    family: str, column: Column, data: st.DataObject
) -> None:
    some = st.lists(st.sampled_from(FAMILIES[family]), max_size=4)
    first, second = data.draw(some), data.draw(some)
    parts = read_as(column, first) + read_as(column, second)
    assert parts == [read_as(column, [cell])[0] for cell in (*first, *second)]
    store = data.draw(st.sampled_from(containers(family)))
    try:
        stored = store(first + second)
    except (ValueError, NotImplementedError):  # pandas and Arrow hold no such mixture
        reject()
    assert read_as(column, stored) == parts


@pytest.mark.parametrize("labels", [["1.0", "0.0"], ["True", "False"], [True, False], [1.0, 0.0], ["1", "0"]], ids=str)
@pytest.mark.parametrize("cells", [[1, 0], [True, False], [1.0, 0.0]], ids=str)
def test_a_null_that_changes_the_dtype_changes_no_other_row(labels: list[Any], cells: list[Any]) -> None:
    column = Categorical("x", values=labels, unknown="other", nullable=True)
    for store in containers("integers"):
        assert read_as(column, store(cells)) == [0, 1]
        assert read_as(column, store([*cells, None])) == [0, 1, -1]


UNITS_ALIKE: list[list[Any]] = [
    [5, 5.0, Decimal("5"), Decimal("5.00"), np.int8(5), np.float32(5), "5", b"5"],
    ["5.0", np.str_("5.0"), b"5.0"],
    [Decimal("0.1"), 0.1, Decimal.from_float(0.1), np.float64(0.1), "0.1"],
    [2**70, float(2**70), Decimal(2**70), str(2**70)],
    [True, 1, 1.0, np.bool_(True)],
    [0, -0.0, Decimal("-0.00"), False],
    ["p", b"p"],
    [HALF_PAST_ONE, HALF_PAST_ONE.astimezone(dt.UTC), np.datetime64("2023-11-05T05:30"), pd.Timestamp(HALF_PAST_ONE)],
    [HALF_PAST_ONE.replace(fold=1), dt.datetime(2023, 11, 5, 6, 30)],
    [dt.date(2023, 11, 5), dt.datetime(2023, 11, 5), np.datetime64("2023-11-05", "ns"), "2023-11-05"],
]


@given(st.permutations([(unit, cell) for unit, cells in enumerate(UNITS_ALIKE) for cell in cells]), st.booleans())
def test_cells_of_one_unit_are_one_unit_beside_any_others(rows: list[tuple[int, Any]], objects: bool) -> None:
    cells = [cell for _, cell in rows]
    codes = unit_codes(cells_of(as_objects(cells) if objects else cells))
    pairs = {(unit, code) for (unit, _), code in zip(rows, codes.tolist(), strict=True)}
    assert len(pairs) == len({unit for unit, _ in pairs}) == len({code for _, code in pairs}) == len(UNITS_ALIKE)


def test_all_problems_come_at_once() -> None:
    schema = Schema(
        [
            Categorical("c", values=["a"]),
            Numeric("x", lower=0, upper=1, out_of_bounds="refuse"),
            Datetime("t", lower="2020-01-01", upper="2020-12-31"),
            Boolean("b"),
            Numeric("absent", lower=0, upper=1),
        ]
    )
    data = {"c": ["z", None], "x": [5, "u"], "t": ["x", "2020-01-01"], "b": [True, None]}
    problems = {(problem.column, problem.rule) for problem in check(data, schema)}
    assert problems == {
        ("c", "unknown"), ("c", "missing"), ("x", "type"), ("x", "out_of_bounds"), ("t", "type"), ("b", "missing"),
        ("absent", "present"),
    }  # fmt: skip
    with pytest.raises(DataError) as caught:
        ingest(data, schema, ROW, OsEntropy())
    assert {(problem.column, problem.rule) for problem in caught.value.problems} == problems


def test_messages_do_not_depend_on_how_many_rows_break_a_rule() -> None:
    few, many = (check({"c": ["a"] + ["z"] * bad}, Schema([Categorical("c", values=["a"])])) for bad in (1, 50))
    assert few == many


@pytest.mark.parametrize("rows", [0, 1])
def test_empty_tables_and_single_rows(rows: int) -> None:
    data = pd.DataFrame({"c": ["a"], "x": [1.5], "t": ["2020-01-01"], "b": [True], "o": ["p"]})[:rows]
    assert ingest(data, SCHEMA, ROW, OsEntropy()).rows().count == rows
    arrays = {name: np.array([], dtype=np.int64) for name in CELLS}
    assert ingest(arrays, Schema([Categorical("c", values=range(3))]), ROW, OsEntropy()).rows().count == 0


def test_columns_without_any_value() -> None:
    for column in (pd.Series([None, None], dtype=object), pd.Series([np.nan, np.nan]), pa.array([None, None])):
        data = dict.fromkeys(CELLS, column)
        assert all(
            found == [-1, -1]
            for found in plain(ingest(data, SCHEMA, ROW, OsEntropy())).values()
            if found != [None, None]
        )
        problems = check(
            data, Schema([Categorical("c", values=["a"]), Numeric("x", lower=0, upper=1), OpenCategorical("o")])
        )
        assert [problem.rule for problem in problems] == ["missing"] * 3


def test_a_column_of_one_label() -> None:
    assert ticks(Categorical("c", values=["a"]), ["a", "a"]) == [0, 0]
    assert ticks(Categorical("c", values=[0]), np.zeros(3, dtype=np.int64)) == [0, 0, 0]


def test_ticks_are_narrow() -> None:
    table = taken_in({"c": np.array([1], dtype=np.int64)}, Categorical("c", values=range(100)))
    assert table.rows().ticks["c"].dtype == np.int8
    table = taken_in({"c": np.array([200], dtype=np.uint8)}, Categorical("c", values=range(256)))
    assert (table.rows().ticks["c"].dtype, table.rows().ticks["c"].tolist()) == (np.int16, [200])


def test_later_changes_of_the_data_do_not_reach_the_table() -> None:
    cells = np.array([0, 1, 2], dtype=np.int8)
    table = taken_in({"c": cells}, Categorical("c", values=range(3)))
    cells[:] = 0
    assert table.rows().ticks["c"].tolist() == [0, 1, 2]


def test_unreviewed_schemas_are_refused() -> None:
    with pytest.raises(SchemaError, match="unreviewed"):
        taken_in({"c": ["a"]}, Categorical("c", values=["a"], source="unreviewed"))


# ----------------------------------------------------------------------------------------------- units


def test_units_are_bounded_and_their_column_dropped() -> None:
    unit = PrivacyUnit(column="person", max_rows=2)
    data = pd.DataFrame({"person": ["p"] * 5 + ["q"] * 2 + ["r"], "x": range(8)})
    table = taken_in(data, Numeric("x", lower=0, upper=9, integer=True), unit=unit)
    rows = table.rows()
    assert rows.count == 5
    assert set(rows.ticks) == {"x"}
    kept = rows.ticks["x"].tolist()
    assert kept[2:] == [5, 6, 7]
    assert set(kept[:2]) < set(range(5))


@pytest.mark.parametrize(
    "cells",
    [
        [7, 7, 8],
        ["7", "7", "8"],
        [7, "7", 8],
        [7.0, 7, "8"],
        np.array([7.0, 7.0, 8.0]),
        pd.Series(["7", "7", "8"], dtype="category"),
        pd.Series(pd.to_datetime(["2020-01-01", "2020-01-01", "2020-01-02"])),
    ],
)
def test_units_spelled_alike_are_one_unit(cells: Any) -> None:
    unit = PrivacyUnit(column="person")
    table = taken_in({"person": cells, "x": [0, 0, 1]}, Numeric("x", lower=0, upper=1, integer=True), unit=unit)
    assert table.rows().ticks["x"].tolist() == [0, 1]


@pytest.mark.parametrize("cells", [["p", None], ["p", ""], [1.0, np.nan], ["p", ["list"]]])
def test_rows_without_a_unit_are_refused(cells: list[object]) -> None:
    schema = Schema([Numeric("x", lower=0, upper=1), Identifier("person")])
    problems = check({"person": cells, "x": [0, 1]}, schema, "person")
    assert [(problem.column, problem.rule) for problem in problems] == [("person", "unit")]


def test_the_unit_column_must_be_an_identifier() -> None:
    data = {"person": ["p"], "x": [0]}
    with pytest.raises(SettingError, match="identifier"):
        taken_in(data, Categorical("person", values=["p"]), unit=PrivacyUnit(column="person"))
    (problem,) = check({"x": [0]}, Schema([Numeric("x", lower=0, upper=1)]), "person")
    assert (problem.column, problem.rule) == ("person", "present")


def test_bounding_uses_the_given_source() -> None:
    data = {"person": np.zeros(50, dtype=int), "x": np.arange(50)}
    schema = Schema([Numeric("x", lower=0, upper=49, integer=True)])
    kept = [
        ingest(data, schema, PrivacyUnit(column="person", max_rows=5), InsecureTestEntropy(seed))
        .rows()
        .ticks["x"]
        .tolist()
        for seed in (1, 1, 2)
    ]
    assert kept[0] == kept[1] != kept[2]


# ---------------------------------------------------------------------------------------------- canaries


@pytest.mark.parametrize(
    "cell",
    [
        CANARY, CANARY.encode(), [CANARY], (CANARY,), {CANARY: 1}, pd.Timestamp("4711-04-07"), 4711.4711, 47114711,
        f"2020-01-01 {CANARY}", CANARY + "\ud800", pd.Interval(4711, 4712), pd.Period("4711-01"), 4711 + 1j,
    ],
    ids=str,
)  # fmt: skip
@pytest.mark.parametrize("stored", [list, lambda cells: pd.Series(cells, dtype=object), "frame"])
def test_no_cell_reaches_a_message_a_warning_or_a_repr(
    cell: object, stored: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    schema = Schema(
        [
            Categorical("c", values=["a"]),
            Categorical("i", values=range(3)),
            Numeric("x", lower=0, upper=1, out_of_bounds="refuse"),
            Datetime("t", lower="2020-01-01", upper="2020-12-31", out_of_bounds="refuse"),
            Boolean("b"),
            OpenCategorical("o"),
        ]
    )
    make = stored if stored != "frame" else lambda cells: pd.Series(cells, dtype=object).infer_objects()
    try:
        data: Any = {name: make([cell, None]) for name in schema.names}
    except UnicodeEncodeError:
        pytest.skip("pandas itself refuses such text")
    data = pd.DataFrame(data) if stored == "frame" else data
    with warnings.catch_warnings(record=True) as caught_warnings:
        warnings.simplefilter("always")
        with pytest.raises(DataError) as caught:
            ingest(data, schema, PrivacyUnit(), OsEntropy())
    error = caught.value
    shown = [str(error), repr(error), *map(str, error.problems), *(str(warning.message) for warning in caught_warnings)]
    shown += ["".join(traceback.format_exception_only(error)), *capsys.readouterr()]
    assert error.__cause__ is None
    assert not [text for text in shown if "4711" in text or "SECRET" in text]


def test_an_accepted_table_shows_no_cell() -> None:
    data = {"c": [CANARY], "person": [CANARY]}
    table = taken_in(data, OpenCategorical("c"), unit=PrivacyUnit(column="person"))
    rows = table.rows()
    assert not [text for text in (repr(table), str(table), f"{table}", repr(rows), str(rows)) if CANARY in text]
