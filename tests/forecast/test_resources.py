"""A forecast grows with what it is about, and says where the rows will lie."""

from __future__ import annotations

import json
import sys

import pytest

import dpsynth
from dpsynth.errors import SettingError
from dpsynth.forecast.resources import machine_slowness

SCHEMA = dpsynth.Schema([dpsynth.Categorical(name, values=range(5)) for name in "abcde"])


@pytest.fixture(scope="module")
def plan() -> dpsynth.Plan:
    return dpsynth.plan(SCHEMA, epsilon=1, delta=1e-9, synthesizer="mst")


def test_everything_grows_with_the_rows_and_the_rows_go_to_disk(plan: dpsynth.Plan) -> None:
    few, many = (dpsynth.forecast_resources(plan, len(SCHEMA), rows) for rows in (10**6, 10**8))
    assert (few.place, many.place) == ("memory", "disk")
    assert many.read_seconds == pytest.approx(100 * few.read_seconds)
    assert many.count_seconds == pytest.approx(100 * few.count_seconds)
    assert many.write_seconds == pytest.approx(100 * few.write_seconds)
    assert many.fit_seconds == few.fit_seconds
    assert many.seconds > few.seconds
    assert few.disk_bytes == 0 < many.disk_bytes
    assert many.memory_bytes <= few.memory_bytes  # a stream's memory does not grow


def test_it_is_the_machine_s_own(plan: dpsynth.Plan, monkeypatch: pytest.MonkeyPatch) -> None:
    assert 0.05 < machine_slowness() < 100
    monkeypatch.setattr(sys.modules["dpsynth.forecast.resources"], "machine_slowness", lambda: 1.0)
    fast = dpsynth.forecast_resources(plan, 5, 10**7)
    monkeypatch.setattr(sys.modules["dpsynth.forecast.resources"], "machine_slowness", lambda: 3.0)
    assert dpsynth.forecast_resources(plan, 5, 10**7).seconds == pytest.approx(3 * fast.seconds)
    assert json.loads(json.dumps(fast.to_json()))["seconds"] == round(fast.seconds, 1)


@pytest.mark.parametrize(("columns", "rows", "named"), [(0, 10, "columns"), (3, 0, "rows"), (3, True, "rows")])
def test_nothing_to_forecast_is_refused(plan: dpsynth.Plan, columns: int, rows: int, named: str) -> None:
    with pytest.raises(SettingError, match=named):
        dpsynth.forecast_resources(plan, columns, rows)
