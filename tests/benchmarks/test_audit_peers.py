from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from benchmarks.audit_peers import __main__ as peers
from benchmarks.audit_peers import worker


def test_cases_hold_what_they_say() -> None:
    for case in peers.CASES:
        tables = case.make(np.random.default_rng(0))
        assert {*tables} == {"train", "holdout", "synthetic"}
        assert {*tables["train"]} == {column.name for column in case.schema.columns}
        frames = [pd.DataFrame(tables[name]).sort_values([*tables["train"]]) for name in ("train", "synthetic")]
        same = frames[0].shape == frames[1].shape and np.array_equal(frames[0], frames[1])
        assert same == case.risk


def test_a_worker_reads_the_tables_measures_and_survives_a_peer_that_fails(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    np.savez(tmp_path / "0.npz", **{"train/a": [1.0, np.nan], "train/b": [0.0, np.nan]})
    request = {"cases": 1, "numbers": ["a"], "measures": ["seen", "broken"]}
    (tmp_path / "request.json").write_text(json.dumps(request))

    def seen(tables: dict, request: dict, seed: int) -> dict[str, float]:
        table = tables["train"]
        assert table["a"].isna().tolist() == [False, True]
        assert table["b"].isna().tolist() == [False, True]
        assert table["b"][0] == "v0"
        return {"score": 0.5}

    def broken(tables: dict, request: dict, seed: int) -> dict[str, float]:
        raise RuntimeError("no such thing")

    monkeypatch.setattr(worker, "MEASURES", {"seen": seen, "broken": broken})
    worker.main(tmp_path)
    (found,) = json.loads((tmp_path / "report.json").read_text())
    assert found["seen"]["score"] == 0.5
    assert found["broken"]["error"] == "RuntimeError: no such thing"


@pytest.mark.parametrize(
    ("measure", "found", "risk"),
    [
        ("ours", {"score": 0.04}, True),
        ("ours", {"score": 0.9}, False),
        ("singling out", {"score": 0.2, "low": 0.1}, True),
        ("singling out", {"score": 0.2, "low": 0.0}, False),
        ("DCR overfitting", {"score": 0.5}, True),
        ("DCR overfitting", {"score": 1.0}, False),
    ],
)
def test_what_counts_as_a_risk_seen(measure: str, found: dict[str, float], risk: bool) -> None:
    assert peers.sees(measure, found) == risk


def test_rows_of_the_table_count_wrong_answers_and_errors() -> None:
    case = peers.CASES[0]
    results = [("ours", {"score": 0.01, "seconds": 1.0}), ("ours", {"error": "broke", "seconds": 1.0})]
    (line,) = peers.lines(case, results)
    assert "1 of   1 1 wrong" in line
    assert line.endswith("1 errors")
