from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

import dpsynth
from dpsynth.errors import SchemaError, SettingError
from dpsynth.schema.interview import KINDS, TABLE, Answers, Interview, answered, without_faults

REPLIES = {
    "age": ["number", "yes", "0", "120", "18, 65", "0", "no", "form 3"],
    "pay": ["num", "n", "0", "99.5", "", "", "y", "form 4"],
    "sex": ["category", "F, M", "other", "no", "form 5"],
    "grade": ["category", "1 to 5", "refuse", "no", "form 5"],
    "smoker": ["yes-no", "no, yes", "yes", "form 5"],
    "seen": ["date", "hour", "2015-01-01", "2015-12-31", "no", "protocol"],
    "town": ["text", "Oslo", "yes", "form 6"],
    "id": ["id", "form 7"],
    "note": ["skip"],
    TABLE: ["?, NA", "id"],
}
EXPECTED = [
    dpsynth.Numeric("age", lower=0, upper=120, integer=True, edges=[18, 65], atoms=[0], source="form 3"),
    dpsynth.Numeric("pay", lower=0, upper=99.5, nullable=True, source="form 4"),
    dpsynth.Categorical("sex", values=["F", "M"], unknown="other", source="form 5"),
    dpsynth.Categorical("grade", values=range(1, 6), source="form 5"),
    dpsynth.Boolean("smoker", labels=["no", "yes"], nullable=True, source="form 5"),
    dpsynth.Datetime("seen", lower="2015-01-01", upper="2015-12-31", resolution="hour", source="protocol"),
    dpsynth.OpenCategorical("town", known=["Oslo"], nullable=True, source="form 6"),
    dpsynth.Identifier("id", source="form 7"),
]


def replied(interview: Interview, replies: dict[str, list[str]], answers: Answers | None = None) -> Answers:
    answers = answers or {}
    left = {name: list(texts) for name, texts in replies.items()}
    while (following := interview.following(answers)) is not None:
        name, question = following
        answers = answered(interview, answers, name, question, left[name].pop(0))
    assert not any(left.values())
    return answers


def test_answers_make_a_schema_that_somebody_answers_for() -> None:
    interview = Interview(tuple(name for name in REPLIES if name != TABLE))
    answers = replied(interview, REPLIES)
    schema = interview.schema(answers)
    assert list(schema) == EXPECTED
    assert schema.missing_values == ("?", "NA")
    schema.require_reviewed()
    for stop in range(1, 5):  # stopped anywhere, it goes on with the very question
        some = {name: dict(list(given.items())[:stop]) for name, given in answers.items()}
        name, question = interview.following(some) or ("", None)
        assert question is None or question.key not in some.get(name, {})


def test_a_draft_is_asked_only_for_what_is_open() -> None:
    fields = [
        {"name": "age", "type": "integer", "constraints": {"minimum": 0}},
        {"name": "sex", "type": "string", "constraints": {"enum": ["F", "M"]}},
        {"name": "thing", "type": "any"},
    ]
    draft = dpsynth.import_schema({"fields": fields}, by="codebook 2019")
    interview = Interview(draft.names, draft)
    answers = replied(interview, {"age": ["120", "form 3"], "thing": ["category", "A, B", "refuse", "no", "form 9"]})
    schema = interview.schema(answers)
    schema.require_reviewed()
    assert schema["age"].upper == 120
    assert ("age", "upper", "form 3") in schema.provenance()
    assert ("age", "lower", "codebook 2019") in schema.provenance()
    assert schema["sex"] == draft["sex"]
    assert schema["thing"] == dpsynth.Categorical("thing", values=["A", "B"], source="form 9")


@pytest.mark.parametrize(
    ("before", "reply", "words"),
    [
        ([], "nonsense", "one of number"),
        (["number"], "perhaps", "yes or no"),
        (["number", "yes"], "old", "a number"),
        (["category"], ", ,", "at least one"),
        (["yes-no"], "ja", "two values"),
        (["date", "day"], "1.2.2020", "a date"),
        (["id"], "unreviewed", "a public source"),
    ],
)
def test_an_answer_that_cannot_be_read_says_what_it_must_be(before: list[str], reply: str, words: str) -> None:
    interview = Interview(("x",))
    answers: Answers = {}
    for text in before:
        name, question = interview.following(answers) or ("", None)
        assert question is not None
        answers = answered(interview, answers, name, question, text)
    name, question = interview.following(answers) or ("", None)
    assert question is not None
    with pytest.raises(SettingError, match=words):
        answered(interview, answers, name, question, reply)


def test_answers_that_do_not_fit_are_asked_again() -> None:
    interview = Interview(("x",))
    answers: Answers = {
        "x": {
            "kind": "number",
            "integer": "yes",
            "lower": "9",
            "upper": "1",
            "edges": "",
            "atoms": "",
            "nullable": "no",
        }
    }
    name, question = interview.following(answers) or ("", None)
    assert question is not None
    with pytest.raises(SchemaError) as caught:
        answered(interview, answers, name, question, "law")
    left = without_faults(answers, name, caught.value)
    assert left["x"].keys() == {"kind", "integer", "edges", "atoms", "nullable"}
    whole = replied(interview, {"x": ["id", "law"], TABLE: ["", ""]})
    _, unit = interview.following({**whole, TABLE: {"missing_values": ""}}) or ("", None)
    assert unit is not None
    with pytest.raises(SettingError, match="column or empty"):
        answered(interview, whole, TABLE, unit, "nobody")


@given(
    st.lists(st.text(max_size=8) | st.sampled_from([*KINDS, "yes", "no", "0", "9", "A, B", "2020-01-01"]), max_size=30)
)
def test_no_reply_breaks_the_interview(replies: list[str]) -> None:
    interview, answers = Interview(("a", "b")), {}
    for text in replies:
        following = interview.following(answers)
        if following is None:
            break
        name, question = following
        assert re.search(r"\?", question.words)
        assert question.reason
        try:
            answers = answered(interview, answers, name, question, text)
        except SchemaError as error:
            answers = without_faults(answers, name, error)
        except SettingError:
            continue
    columns = [each for name, each in answers.items() if name != TABLE]
    if interview.following(answers) is None and any(each["kind"] != "skip" for each in columns):
        interview.schema({**answers, TABLE: {}}).require_reviewed()
