"""How an estimate is shown."""

from __future__ import annotations

import json

import numpy as np
import pandas as pd

import dpsynth
from dpsynth.codec.codec import Codec, closed_codec
from dpsynth.inference.coverage import coverage
from dpsynth.inference.estimate import COLUMNS, Estimate
from dpsynth.inference.intervals import estimate
from dpsynth.marginal import NoisyMarginal
from dpsynth.models.random_field import RandomField
from tests.inference.worlds import ALL, World, measure, sample


def make(text: str, rows: int = 500, stddev: float = 4.0) -> Estimate:
    return estimate(measure(sample(rows, np.random.default_rng(0)), [ALL], stddev, np.random.default_rng(1)), text)


def test_a_frame_has_a_row_for_each_name() -> None:
    found = make("share(income) by smoker")
    frame = found.to_frame()
    assert tuple(frame.columns) == COLUMNS
    assert frame.loc["smoker = True, income = high", "estimate"] == found.estimates[3]
    assert ((frame["low"] <= frame["estimate"]) & (frame["estimate"] <= frame["high"])).all()


def test_json_is_plain_and_whole() -> None:
    found = make("income ~ age + smoker")
    document = json.loads(json.dumps(found.to_json(), allow_nan=False))
    assert document["validity"] == "valid"
    assert document["scale"] == "log-odds of income = high"
    assert [row["name"] for row in document["rows"]] == ["intercept", "age", "smoker[True]"]


def test_text_has_no_more_digits_than_the_error_allows() -> None:
    (row,) = make("mean(age)").cells()
    assert row[:3] == ("all rows", f"{make('mean(age)').estimates[0]:.2f}", f"{make('mean(age)').stderrs[0]:.2f}")
    assert "95% of such intervals hold the truth" in repr(make("mean(age)"))


def test_means_of_dates_are_dates() -> None:
    days = dpsynth.Datetime("day", lower="2020-01-01", upper="2020-01-10", edges=["2020-01-06"])
    codec = Codec((closed_codec(days),))
    counts = NoisyMarginal(("day",), np.array([60.0, 40.0]), 1.0)
    model = RandomField.independent(codec.domain, {}, 100.0)
    found = estimate(World(codec, model, (counts,), 100), "mean(day)")
    frame = found.to_frame()
    # A date is the start of its day: 60 days of about January 3, 40 of about January 8.
    assert frame.loc["all rows", "estimate"] == pd.Timestamp("2020-01-05")
    assert frame["low"].iloc[0] < frame["estimate"].iloc[0] < frame["high"].iloc[0]
    assert found.cells()[0][1:3] == ("2020-01-05 00:00", f"{found.stderrs[0]:.2f} days")
    (row,) = json.loads(json.dumps(found.to_json(), allow_nan=False))["rows"]
    assert row["estimate"] == "2020-01-05T00:00:00"
    assert row["stderr"] == found.stderrs[0]
    assert "known to within bins (about 1.41 days either way)" in found.words


def test_unknown_numbers_say_so() -> None:
    shown = make("mean(smoker) by age", rows=20, stddev=30.0)
    assert "not known" in repr(shown)
    assert "not valid" in shown.words
    assert any(row["low"] is None for row in shown.to_json()["rows"])


def test_html_escapes_names() -> None:
    html = make("share(income)")._repr_html_()
    assert "<table>" in html
    found = make("share(income)")
    hostile = Estimate(**{**vars(found), "names": ("<script>", "b"), "request": "<b>"})
    assert "<script>" not in hostile._repr_html_()
    assert "<b>" not in hostile._repr_html_()


def test_a_self_test_is_shown_as_a_table() -> None:
    released = measure(sample(300, np.random.default_rng(0)), [ALL], 4.0, np.random.default_rng(1))
    found = coverage(released, "mean(smoker)", repetitions=3)
    assert json.loads(json.dumps(found.to_json()))["rows"][0]["name"] == "all rows"
    assert "3 tables drawn from the model" in repr(found)
