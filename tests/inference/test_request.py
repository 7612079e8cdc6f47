"""The language of requests."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dpsynth.errors import SettingError
from dpsynth.inference.request import Factor, Kind, parse

COLUMNS = ("income", "age", "sex", "hours-per-week", "a b")


def test_aggregates_are_read() -> None:
    mean = parse("mean(age) by sex, income", COLUMNS)
    assert (mean.kind, mean.columns, mean.by) == (Kind.MEAN, ("age",), ("sex", "income"))
    assert parse("share(hours-per-week)", COLUMNS).columns == ("hours-per-week",)
    assert parse(" count( sex , `a b` ) ", COLUMNS).clique == ("sex", "a b")
    assert parse("count(sex) by income", COLUMNS).columns == ("sex", "income")


def test_formulas_are_written_out() -> None:
    age, sex = Factor("age"), Factor("sex")
    assert parse("income ~ age*sex", COLUMNS).terms == ((age,), (sex,), (age, sex))
    assert parse("income ~ age:sex + age + age", COLUMNS).terms == ((age,), (age, sex))
    assert parse("income ~ C(age)", COLUMNS).terms == ((Factor("age", categorical=True),),)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "must not end here"),
        ("mean(agee)", "did you mean 'age'"),
        ("mean(age, sex)", "must be of one column"),
        ("mean(age) by", "must not end here"),
        ("mean(age) by age", "each column once"),
        ("mean age", "must be one that the release models"),
        ("income ~", "must not end here"),
        ("income ~ income", "both sides"),
        ("income ~ age age", "must end"),
        ("income ~ age:age", "each column once"),
        ("median(age)", "must be one of"),
        ("income + age", "must have '~' next"),
        ("mean(`age)", "close every backtick"),
    ],
)
def test_what_cannot_be_read_is_refused_with_advice(text: str, said: str) -> None:
    with pytest.raises(SettingError, match=said):
        parse(text, COLUMNS)


@given(st.text(alphabet="incomeagsx~+*:(),` C-", max_size=30))
def test_any_text_is_read_or_refused(text: str) -> None:
    try:
        request = parse(text, COLUMNS)
    except SettingError:
        return
    assert set(request.clique) <= set(COLUMNS)
