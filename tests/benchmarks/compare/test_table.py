from __future__ import annotations

from benchmarks.compare.runs import Result
from benchmarks.compare.table import rows_of, table_text


def result(label: str, seed: int, status: str = "ok", **values: float) -> Result:
    return Result(label, "tiny", 1.0, seed, status, **values)  # type: ignore[arg-type]


def test_a_row_has_the_median_and_the_spread() -> None:
    (row,) = rows_of(result("ours:mst", seed, error3=error) for seed, error in enumerate([0.3, 0.1, 0.2]))
    assert row.values == {"error3": (0.1, 0.2, 0.3)}
    assert row.status == "ok (3)"


def test_runs_that_did_not_finish_count_in_the_status_alone() -> None:
    over = "over 900 CPU s in fit"
    runs = [result("a:b", 0, error3=0.5), result("a:b", 1, over), result("a:c", 0, over), result("a:c", 1, over)]
    some, none = rows_of(runs)
    assert some.values["error3"] == (0.5, 0.5, 0.5)
    assert some.status == f"ok 1 of 2; {over}"
    assert (none.values, none.status) == ({}, over)


def test_the_table_is_aligned_and_leaves_out_what_nobody_has() -> None:
    runs = [
        result("not private: resampled", 0, error3=0.04),
        result("ours:mst", 0, error3=0.1171, seconds=0.84, megabytes=276.0),
        result("ours:mst", 1, error3=0.1209, seconds=0.91, megabytes=276.0),
        result("dpmm:aim", 0, "failed in fit: ValueError: no"),
    ]
    assert table_text(rows_of(runs)) == "\n".join(
        [
            "                                    3-way     CPU s   MB  status",
            "not private: resampled             0.0400                 ok",
            "ours:mst                           0.1190       0.9  276  ok (2)",
            "  least..most              0.1171..0.1209  0.8..0.9",
            "dpmm:aim                                                  failed in fit: ValueError: no",
        ]
    )
