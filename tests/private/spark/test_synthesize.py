"""A release of a table in Spark, what a failure costs, and what a restart goes on with."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

import dpsynth
from dpsynth.ledger.book import State
from dpsynth.private.spark.counter import SparkCounter
from dpsynth.private.spark.kept import SparkBlocks
from tests.private.spark.failing import dying
from tests.private.spark.spark_session import absent, in_spark

pytestmark = [
    pytest.mark.skipif(absent() is not None, reason=str(absent())),
    pytest.mark.filterwarnings("ignore:PySpark does not yet fully support pandas"),
]
SCHEMA = dpsynth.Schema(
    [dpsynth.Identifier("person"), dpsynth.Categorical("c", values=["a", "b"]), dpsynth.OpenCategorical("city")]
)
TABLE = pa.table(
    {
        "person": [row // 2 for row in range(600)],
        "c": ["a", "b", "b"] * 200,
        "city": ["Oslo"] * 400 + ["Bergen"] * 199 + ["Moss"],
    }
)
ASKED: dict[str, Any] = {
    "epsilon": 20.0, "delta": 1e-6, "synthesizer": "independent", "unit": "person", "max_rows_per_unit": 1,
    "request_id": "first",
}  # fmt: skip


@pytest.fixture
def address(tmp_path: Path) -> str:
    dpsynth.Ledger.init(tmp_path / "ledger.db", (60.0, 1e-5, 1e-6)).close()
    return str(tmp_path / "ledger.db")


def state(address: str) -> State | None:
    with dpsynth.open_ledger(address) as ledger:
        return ledger.state("first")


def test_a_release_of_a_table_in_spark(address: str) -> None:
    release = dpsynth.synthesize(in_spark(TABLE), SCHEMA, ledger=address, **ASKED)
    assert abs(release.rows - 300) < 20
    assert set(release.table["city"]) <= {"Oslo", "Bergen", "(other)"}
    assert state(address) is State.RELEASED


def test_what_needs_rows_is_refused() -> None:
    for refused in ({"audit_pool": 10}, {"settings": {"rows_in": "memory"}}):
        with pytest.raises(dpsynth.SettingError, match="stay in Spark"):
            dpsynth.synthesize(in_spark(TABLE), SCHEMA, **ASKED, **refused)


def test_a_table_that_cannot_be_taken_in_costs_nothing(address: str, tmp_path: Path) -> None:
    """Every process that reads it is killed, until Spark gives up; then the same request is free to run."""
    frame = dying(in_spark(TABLE), tmp_path / "marker", for_good=True)
    with pytest.raises(dpsynth.DataError, match="the Spark session must compute"):
        dpsynth.synthesize(frame, SCHEMA, ledger=address, **ASKED)
    with dpsynth.open_ledger(address) as ledger:
        assert ledger.explain("population") == ()
        before = ledger.remaining("population")
    dpsynth.synthesize(in_spark(TABLE), SCHEMA, ledger=address, **{**ASKED, "request_id": "second"})
    with dpsynth.open_ledger(address) as ledger:
        assert ledger.remaining("population").mu_squared < before.mu_squared


def test_a_count_that_fails_is_on_record_and_a_restart_completes(
    address: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Killed for good in the second count: the charge stands, and a restart goes on from the checkpoint with it."""
    whole, asks = SparkCounter.marginals, []

    def killed(self: SparkCounter, codec: Any, cliques: Any) -> Any:
        asks.append(cliques)
        (held,) = self._held
        assert isinstance(held, SparkBlocks)
        self._held[0] = SparkBlocks(dying(held.frame, tmp_path / "marker", for_good=True))
        return whole(self, codec, cliques)

    monkeypatch.setattr(SparkCounter, "marginals", killed)
    options = {**ASKED, "ledger": address, "checkpoint": tmp_path / "run"}
    with pytest.raises(dpsynth.DataError, match="the Spark session must compute"):
        dpsynth.synthesize(in_spark(TABLE), SCHEMA, **options)
    assert asks
    with dpsynth.open_ledger(address) as ledger:
        charged = ledger.remaining("population")
        assert [one.request_id for one in ledger.explain("population")] == ["first"]
    monkeypatch.setattr(SparkCounter, "marginals", whole)
    release = dpsynth.synthesize(in_spark(TABLE), SCHEMA, **options)
    assert np.isclose(release.model.total, 300, atol=20)
    with dpsynth.open_ledger(address) as ledger:
        assert ledger.remaining("population") == charged
        assert ledger.state("first") is State.RELEASED
