"""Checking a table against its constraints: each broken one is named once, and no cell is."""

from __future__ import annotations

import pandas as pd
import pytest

import dpsynth
from dpsynth import Allowed, Dependency, Fixed, Forbidden, Order, Sum, Unique
from dpsynth.private import ingest

COLUMNS = [
    dpsynth.Categorical("sex", values=["F", "M"]),
    dpsynth.Categorical("kin", values=["wife", "husband", "child"], nullable=True),
    dpsynth.Numeric("kin_code", lower=1, upper=3, integer=True, nullable=True),
    dpsynth.OpenCategorical("town", max_values=5, known=["Oslo"]),
    dpsynth.Datetime("start", lower="2020-01-01", upper="2021-12-31", nullable=True),
    dpsynth.Datetime("middle", lower="2020-01-01", upper="2021-12-31", nullable=True),
    dpsynth.Datetime("end", lower="2019-01-01", upper="2022-12-31", nullable=True),
    dpsynth.Numeric("net", lower=0, upper=100, decimals=2),
    dpsynth.Numeric("tax", lower=0, upper=100, decimals=1, nullable=True),
    dpsynth.Numeric("total", lower=0, upper=200, decimals=2, nullable=True),
    dpsynth.Categorical("land", values=["NO", "SE"]),
    dpsynth.Numeric("key", lower=0, upper=999, integer=True),
]
CONSTRAINTS = {
    "forbidden": Forbidden({"sex": "F", "kin": "husband"}),
    "allowed": Allowed([{"town": "Oslo"}, {"town": "(other)", "net": (0, 50)}]),
    "dependency": Dependency("kin_code", by="kin", values={"wife": 1, "husband": 2, "child": 3}),
    "order": Order(["start", "middle", "end"], strict=True),
    "sum": Sum("total", parts=["net", "tax"]),
    "fixed": Fixed("land", value="NO"),
    "unique": Unique(["sex", "key"]),
}
SCHEMA = dpsynth.Schema(COLUMNS, constraints=list(CONSTRAINTS.values()))
ROWS = {
    "sex": ["F", "M", "M"],
    "kin": ["wife", "husband", None],
    "kin_code": pd.array([1, 2, None], dtype="Int64"),
    "town": ["Oslo", "Bergen", "Oslo"],
    "start": pd.to_datetime(["2020-01-01", "2020-01-01", None]),
    "middle": pd.to_datetime(["2020-01-02", None, "2020-01-02"]),
    "end": pd.to_datetime(["2020-01-03", "2020-01-02", None]),
    "net": [0.1, 50.0, 99.99],
    "tax": [0.2, 0.0, None],
    "total": [0.3, 50.0, None],
    "land": ["NO", "NO", "NO"],
    "key": [5, 6, 7],
}
BROKEN = {
    "forbidden": ("sex", 1, "F"),
    "allowed": ("net", 1, 50.01),
    "dependency": ("kin", 1, "child"),
    "order": ("end", 1, pd.Timestamp("2020-01-01")),
    "sum": ("total", 1, 50.01),
    "fixed": ("land", 0, "SE"),
    "unique": ("key", 2, 6),
}


def table(**changes: tuple[int, object]) -> pd.DataFrame:
    frame = pd.DataFrame(ROWS)
    for name, (row, value) in changes.items():
        frame.loc[row, name] = value
    return frame


def test_rows_that_keep_all_of_them_fit() -> None:
    assert dpsynth.check(table(), SCHEMA) == ()


@pytest.mark.parametrize("kind", CONSTRAINTS)
@pytest.mark.parametrize("on_disk", [False, True])
def test_each_broken_one_is_named(kind: str, on_disk: bool, monkeypatch: pytest.MonkeyPatch, tmp_path) -> None:  # type: ignore[no-untyped-def]
    column, row, value = BROKEN[kind]
    alone = dpsynth.Schema(COLUMNS, constraints=[CONSTRAINTS[kind]])
    data = table(**{column: (row, value)})
    if on_disk:
        monkeypatch.setattr(ingest, "MEMORY_BYTES", 0)
        data.to_parquet(tmp_path / "rows.parquet")
        data = tmp_path / "rows.parquet"  # type: ignore[assignment]
    found = dpsynth.check(data, alone)
    if on_disk and kind == "unique":
        assert found == ()  # batch by batch, said in the docstring
        return
    (problem,) = found
    assert problem.rule == "constraint"
    assert CONSTRAINTS[kind].words in problem.message


@pytest.mark.parametrize("missing", [("middle", 0), ("start", 0)])
def test_a_missing_value_is_passed_over(missing: tuple[str, int]) -> None:
    name, row = missing
    kept, broken = (
        table(**{name: (row, pd.NaT)}),
        table(**{name: (row, pd.NaT), "end": (row, pd.Timestamp("2020-01-01"))}),
    )
    alone = dpsynth.Schema(COLUMNS, constraints=[CONSTRAINTS["order"]])
    assert dpsynth.check(kept, alone) == ()
    assert len(dpsynth.check(broken, alone)) == 1


def test_a_total_without_a_part_must_be_missing() -> None:
    assert len(dpsynth.check(table(total=(2, 99.99)), SCHEMA)) == 1


def test_other_rules_come_first_and_a_run_takes_such_rows_in() -> None:
    broken = table(land=(0, "SE"))
    assert [problem.rule for problem in dpsynth.check(broken.drop(columns="sex"), SCHEMA)] != ["constraint"]
    made = dpsynth.synthesize(broken, SCHEMA, epsilon=1, delta=1e-6, synthesizer="independent", rows=20, seed=0)
    assert set(made.table["land"]) == {"NO"}
