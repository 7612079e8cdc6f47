"""Rows under conditions, with other shares, and with known columns, from a stored release."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

import dpsynth
from dpsynth.errors import SettingError
from dpsynth.release.release import Release

CUTS = ["2020-05-01", "2020-09-01"]
RANKS = {"nurse": "high", "clerk": "low", "smith": "low", "tailor": "low", "monk": "high"}
SCHEMA = dpsynth.Schema(
    [
        dpsynth.Categorical("sex", values=["F", "M"]),
        dpsynth.Categorical("job", values=["nurse", "clerk", "smith", "tailor", "monk"], nullable=True),
        dpsynth.OpenCategorical("town", known=["Oslo", "Bergen"]),
        dpsynth.Numeric("age", lower=0, upper=99, integer=True, edges=[20, 40, 60, 80]),
        dpsynth.Datetime("start", lower="2020-01-01", upper="2020-12-31", edges=["2020-05-01", "2020-09-01"]),
        dpsynth.Datetime(
            "end", lower="2020-01-01", upper="2020-12-31", edges=["2020-05-01", "2020-09-01"], nullable=True
        ),
        dpsynth.Numeric("share", lower=0, upper=1, edges=[0.5]),
        dpsynth.Categorical("rank", values=["low", "high"], nullable=True),
        dpsynth.Categorical("country", values=["FR", "DE"]),
        dpsynth.Identifier("id"),
    ],
    constraints=[
        dpsynth.Order(["start", "end"]),
        dpsynth.Forbidden({"sex": "M", "job": "nurse"}),
        dpsynth.Dependency(
            "rank", by="job", values={"nurse": "high", "clerk": "low", "smith": "low", "tailor": "low", "monk": "high"}
        ),
        dpsynth.Fixed("country", value="FR"),
    ],
)


def private():
    rng = np.random.default_rng(0)
    n = 2000
    sex = rng.choice(["F", "M"], n)
    job = np.where(
        (sex == "F") & (rng.random(n) < 0.5), "nurse", rng.choice(["clerk", "smith", "tailor"], n, p=[0.9, 0.05, 0.05])
    )
    first = rng.integers(0, 300, n)
    start = np.datetime64("2020-01-01") + first.astype("timedelta64[D]")
    table = pd.DataFrame({"sex": sex, "job": job, "town": rng.choice(["Oslo", "Bergen", "Moss"], n), "start": start})
    table["end"] = start + rng.integers(0, 60, n).astype("timedelta64[D]")
    table["age"] = np.where(sex == "F", rng.integers(20, 60, n), rng.integers(40, 99, n))
    table["share"], table["rank"], table["country"], table["id"] = rng.random(n), "low", "FR", np.arange(n)
    return table


def released(name: str) -> Release:
    settings = {"stages": 4, "components": 40} if name == "mixture" else {}
    return dpsynth.synthesize(private(), SCHEMA, epsilon=5, delta=1e-6, synthesizer=name, settings=settings, seed=1)


RELEASES = dict.fromkeys(("mst", "mosaic", "mixture"))


@pytest.fixture(scope="module", params=RELEASES)
def release(request, tmp_path_factory) -> Release:
    found = released(request.param).save(tmp_path_factory.mktemp(request.param) / "r")
    return dpsynth.load(found)


def sound(table: pd.DataFrame) -> None:
    assert not (table.start > table.end).any()
    assert not ((table.sex == "M") & (table.job == "nurse")).any()
    assert (table["rank"].fillna("-") == table.job.map(RANKS).fillna("-")).all()


def test_given_values_hold_in_every_row(release):
    table = release.sample(3000, seed=1, given={"sex": "M", "age": (45, 52), "start": (None, "2020-03-05")})
    sound(table)
    assert set(table.sex) == {"M"}
    assert table.age.min() == 45
    assert table.age.max() == 52
    assert table.start.max() <= pd.Timestamp("2020-03-05")
    assert len(set(table.age)) == 8
    again = release.sample(3000, seed=1, given={"sex": "M", "age": (45, 52), "start": (None, "2020-03-05")})
    assert again.equals(table)


def test_lists_missing_values_and_derived_columns_are_conditions_too(release):
    assert set(release.sample(500, seed=1, given={"town": ["Oslo", "(other)"]}).town) <= {"Oslo", "(other)"}
    table = release.sample(500, seed=1, given={"rank": "low", "country": "FR", "job": ["clerk", "nurse", "monk"]})
    assert set(table.job) == {"clerk"}
    sound(table)


def test_conditions_move_the_other_columns_as_the_data_say(release):
    women, men = (release.sample(3000, seed=1, given={"sex": sex}) for sex in "FM")
    assert women.age.mean() < 45 < 60 < men.age.mean()


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"sex": "M", "job": "nurse"}, "sex is M and job is nurse.*got none"),
        ({"start": "2020-12-30", "end": (None, "2020-02-01")}, "got none"),
        ({"country": "DE"}, "country is FR in every row"),
        ({"rank": "high", "job": "clerk"}, "got none"),
        ({"id": "1"}, "identifier"),
        ({"agee": 3}, "did you mean 'age'"),
        ({"age": 200}, "be a value of the column"),
        ({"town": "Paris"}, "one of the column's labels"),
    ],
)
def test_impossible_conditions_are_refused(release, given, message):
    with pytest.raises(SettingError, match=message):
        release.sample(10, given=given)


def test_shares_are_what_is_asked_for(release):
    table = release.sample(20_000, seed=1, weights={"sex": {"F": 0.9}, "job": {"clerk": 0.2, "smith": 0.3}})
    sound(table)
    assert (table.sex == "F").mean() == pytest.approx(0.9, abs=0.005)
    assert (table.job == "smith").mean() == pytest.approx(0.3, abs=0.005)
    assert (table.job == "clerk").mean() == pytest.approx(0.2, abs=0.005)
    even = release.sample(20_000, seed=1, given={"sex": "F"}, weights={"town": {"Oslo": 0.5, "Bergen": 0.5}})
    assert set(even.town) == {"Oslo", "Bergen"}
    assert (even.town == "Oslo").mean() == pytest.approx(0.5, abs=0.005)


@pytest.mark.parametrize(
    ("weights", "message"),
    [
        ({"sex": {"F": 2}}, "shares from 0 to 1"),
        ({"sex": {"F": 0.3, "M": 0.3}}, "sum to 1"),
        ({"sex": {"F": 0.7, "M": 0.7}}, "sum to 1"),
        ({"age": {30: 0.5}}, "labelled columns"),
        ({"sex": {"F": 0.0}, "job": {"nurse": 0.5}}, "only for labels|hold together"),
    ],
)
def test_shares_that_cannot_be_are_refused(release, weights, message):
    with pytest.raises(SettingError, match=message):
        release.sample(10, weights=weights)


def test_known_columns_are_kept_row_by_row(release):
    known = pd.DataFrame(
        {
            "age": [33, 77, 20, 59],
            "start": pd.to_datetime(["2020-08-31", "2020-12-31", "2020-01-01", "2020-04-30"]),
            "rank": ["low", "low", "high", "low"],
            "share": [0.123456789, 0.5, 1.0, 0.0],
            "id": ["x", "y", "z", "w"],
        }
    )
    known = pd.concat([known] * 20, ignore_index=True)
    known["id"] = [f"{text}{place}" for place, text in enumerate(known.id)]
    table = release.sample(seed=1, known=known)
    sound(table)
    for name in known:
        assert table[name].tolist() == known[name].tolist(), name
    assert release.sample(seed=1, known=known).equals(table)


def test_known_values_that_the_model_has_never_seen_get_the_nearest_records(release):
    known = pd.DataFrame({"job": ["monk", None] * 3, "sex": ["M"] * 6, "end": [pd.NaT] * 6})
    table = release.sample(seed=1, known=known)
    sound(table)
    assert table.job.fillna("-").tolist() == ["monk", "-"] * 3
    assert table.end.isna().all()


@pytest.mark.parametrize(
    ("known", "message"),
    [
        ({"sex": ["F", "Q"]}, "row 2 of 'sex' in known must be a value of the column"),
        ({"sex": ["F", None]}, "row 2 of 'sex' in known must not be missing"),
        ({"sex": ["F", "M"], "job": ["nurse", "nurse"]}, "row 2 of known must be possible"),
        ({"start": ["2020-05-01"], "end": ["2020-04-30"]}, "row 1 of 'end' in known must come after start"),
        ({"country": ["DE"]}, "country is FR"),
        ({"id": [1, 1]}, "row 2 of 'id' in known must be different"),
        ({"sexx": ["F"]}, "did you mean 'sex'"),
    ],
)
def test_known_columns_that_break_the_schema_are_refused(release, known, message):
    with pytest.raises(SettingError, match=message):
        release.sample(known=pd.DataFrame(known))


def test_known_rows_say_how_many_there_are(release):
    known = pd.DataFrame({"sex": ["F", "M"]})
    with pytest.raises(SettingError, match="rows other than its own"):
        release.sample(3, known=known)
    with pytest.raises(SettingError, match="DataFrame"):
        list(release.sample_parts(2, known=["F", "M"]))
    assert len(release.sample(2, known=known, given={"town": "Oslo"})) == 2


def test_progress_counts_the_rows_of_every_kind(release):
    heard = []
    known = pd.DataFrame({"sex": ["F", "M", "F", "F"], "town": ["Oslo"] * 4})
    release.sample(seed=1, known=known, progress=lambda stage, done: heard.append((stage, done)))
    assert [stage for stage, _ in heard] == ["draw rows"] * len(heard)
    assert sorted(done for _, done in heard)[-1] == 1.0
    assert len(heard) == 2  # one for each sex
