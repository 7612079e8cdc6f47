"""Forecasts of error: known noise is forecast as it is, few rows stand for many, and epsilons are found back."""

from __future__ import annotations

import json
import math
import sys

import numpy as np
import pytest

import dpsynth
from dpsynth.errors import PlanTooLargeError, SettingError
from dpsynth.forecast.error import ErrorAt, ErrorForecast, Expected, default_delta
from dpsynth.privacy.calibration import budget_from
from dpsynth.selftest import mixed_schema

COINS = dpsynth.Schema([dpsynth.Boolean("a")])
LABELS = dpsynth.Schema([dpsynth.Categorical(name, values=range(5)) for name in "abc"])


def one_way(rows: int, **options: object) -> float:
    made = dpsynth.forecast_error(
        COINS, rows=rows, epsilons=[0.2], delta=1e-6, synthesizer="independent", draws=20, **options
    )
    return made.at[0].one_way.mean


def test_the_noise_of_one_count_is_forecast_as_it_is(monkeypatch: pytest.MonkeyPatch) -> None:
    """With noise z of stddev s on both counts of a coin, shares are off by |z1 p2 - z2 p1| / n, s / n or a bit less."""
    rows, stddev = 4_000, 1 / budget_from(0.2, 1e-6).mu
    low, high = (math.sqrt(2 / math.pi) * stddev * part / rows for part in (math.sqrt(0.5), 1.0))
    assert 0.6 * low < one_way(rows) < 1.4 * high
    monkeypatch.setattr(sys.modules["dpsynth.forecast.standing"], "MOST_ROWS", 400)
    # What a dozen draws of one count say of chance is chance itself: it is tested by itself below.
    monkeypatch.setattr(sys.modules["dpsynth.forecast.standing"], "shrinkage", lambda *_, **__: 1.0)
    by_replacing = one_way(rows, relation="replace-one")  # a tenth of the rows, a tenth of the noise
    assert 0.6 * low * math.sqrt(2) < by_replacing < 1.4 * high * math.sqrt(2)


def test_more_epsilon_is_less_error_and_more_rows_too() -> None:
    options = {"epsilons": [4.0, 0.2], "synthesizer": "independent", "draws": 3}
    few, many = (dpsynth.forecast_error(LABELS, rows=rows, **options) for rows in (300, 30_000))  # type: ignore[arg-type]
    assert [each.epsilon for each in few.at] == [0.2, 4.0]
    assert few.at[0].one_way.mean > few.at[1].one_way.mean
    assert few.at[0].total.mean > many.at[0].total.mean
    assert few.at[0].total.least <= few.at[0].total.mean <= few.at[0].total.greatest
    assert (few.delta, many.delta) == (default_delta(300), default_delta(30_000)) == (1e-6, 1e-8)
    assert few.at[0].likely[0] < few.at[0].total.mean < few.at[0].likely[1]
    assert few.to_pandas().loc[0.2, "total"] == few.at[0].total.mean
    document = json.loads(json.dumps(few.to_json()))
    assert document["at"][0]["total"]["mean"] == few.at[0].total.mean


def test_every_kind_of_column_and_a_unit_are_forecast_the_same_each_time() -> None:
    told = []
    options = {"unit": "person", "max_rows_per_unit": 2, "synthesizer": "independent"}
    seen: list[float] = []
    for _ in range(2):
        made = dpsynth.forecast_error(
            mixed_schema(), rows=400, epsilons=[2], delta=1e-6, draws=1, seed=3,
            progress=lambda stage, done: seen.append(done), **options,
        )  # fmt: skip
        told.append(made)
    assert told[0] == told[1]
    assert 0 < told[0].at[0].total.mean < 1
    assert seen[-1] == 1.0


def test_what_is_known_of_a_column_changes_what_is_expected() -> None:
    labels = dpsynth.Schema([dpsynth.Categorical("a", values=range(60))])
    few, many = (
        dpsynth.forecast_error(
            labels, rows=1000, epsilons=[1], synthesizer="independent", draws=2, common_values={"a": common}
        )
        for common in (1.5, 50)
    )
    assert few.at[0].one_way.mean < 0.7 * many.at[0].one_way.mean
    with pytest.raises(SettingError, match="common_values"):
        dpsynth.forecast_error(labels, rows=1000, common_values={"a": 61})


def forecast_of(*totals: tuple[float, float]) -> ErrorForecast:
    flat = Expected(0.1, 0.1, 0.1)
    at = [
        ErrorAt(epsilon, "mst", flat, flat, flat, Expected(total, total, total), (total, total), (flat, flat, flat))
        for epsilon, total in totals
    ]
    return ErrorForecast(1000, 1e-6, 1000, 1, tuple(at))


def test_the_epsilon_for_an_error_lies_on_the_line_between() -> None:
    made = forecast_of((0.5, 0.2), (2.0, 0.05))
    assert made.epsilon_for(0.1) == pytest.approx(1.0)
    assert made.epsilon_for(0.05) == pytest.approx(2.0)
    assert made.epsilon_for(0.3) == 0.5
    assert made.epsilon_for(0.01) is None
    assert np.diff([made.epsilon_for(total) or 0 for total in (0.19, 0.12, 0.07)]).min() > 0
    for wrong in (0.0, 1.0, -1.0):
        with pytest.raises(SettingError, match="total"):
            made.epsilon_for(wrong)


@pytest.mark.parametrize(
    ("wrong", "named"),
    [({"rows": 0}, "rows"), ({"draws": 0}, "draws"), ({"epsilons": []}, "epsilons"), ({"epsilons": [-1]}, "epsilon")],
)
def test_what_cannot_be_forecast_is_refused(wrong: dict[str, object], named: str) -> None:
    with pytest.raises(SettingError, match=named):
        dpsynth.forecast_error(COINS, **{"rows": 100, **wrong})  # type: ignore[arg-type]


def test_a_plan_that_is_too_large_is_refused_before_anything_is_made_up() -> None:
    wide = dpsynth.Schema([dpsynth.Categorical(name, values=range(300_000)) for name in "ab"])
    with pytest.raises(PlanTooLargeError):
        dpsynth.forecast_error(wide, rows=10**9, synthesizer="mst", settings={"memory_limit_bytes": 10**9})
