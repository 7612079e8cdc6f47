from __future__ import annotations

import json
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dpsynth.schema.text import from_json_text, from_yaml_text, line_of, to_yaml_text


def one_column(*lines: str) -> str:
    return "\n".join(["version: 1", "columns:", "- name: a", *(f"  {line}" for line in lines), ""])


HOSTILE = [
    ("python object", "version: !!python/object/apply:os.system ['touch pwned']\ncolumns: []\n", "a tag", 1),
    ("python name", one_column("type: !!python/name:os.system ''"), "a tag", 4),
    ("own tag", one_column("type: !mine boolean"), "a tag", 4),
    ("binary tag", one_column("type: !!binary aGk="), "a tag", 4),
    ("wrong tag", one_column("type: numeric", "lower: !!int x", "upper: 3"), "tagged int", 5),
    ("bomb", "a: &a [x, x]\nb: &b [*a, *a]\nc: [*b, *b]\n", "an alias", 2),
    ("endless alias", "version: 1\ncolumns: &a [*a]\n", "an alias", 2),
    ("merge", "base: &b {name: a}\ncolumns:\n- <<: *b\n", "an alias", 3),
    ("repeated key", one_column("type: boolean", "nullable: true", "nullable: false"), "on line 5 already", 6),
    ("repeated top key", "version: 1\nversion: 1\ncolumns: [{name: a, type: boolean}]\n", "given once", 2),
    ("deep nesting", "version: 1\ncolumns: " + "[" * 20_000, "8 levels of nesting", 2),
    ("deep mapping", "version: 1\ncolumns: " + "{a: " * 3_000, "8 levels of nesting", 2),
    ("list as key", "version: 1\n? [a]\n: 3\ncolumns: [{name: a, type: boolean}]\n", "a key must be text", 2),
    ("number as key", "version: 1\n3: 4\ncolumns: [{name: a, type: boolean}]\n", "a key must be text", 2),
    ("two documents", "version: 1\n---\nversion: 1\n", "must be YAML", 2),
    ("open bracket", "version: 1\ncolumns: [\n", "must be YAML", 3),
    ("control character", "version: 1\ncolumns:\n- name: '\x07'\n", "character that is not allowed", 3),
    ("giant number", one_column("type: numeric", f"lower: {'9' * 5000}", "upper: 3"), "tagged int", 5),
    ("tag on a key", "version: 1\n!mine:str a: 3\n", "a key must be text", 2),
]


@pytest.mark.parametrize(("text", "words", "line"), [case[1:] for case in HOSTILE], ids=[case[0] for case in HOSTILE])
def test_hostile_yaml_is_refused_with_its_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, text: str, words: str, line: int
) -> None:
    monkeypatch.chdir(tmp_path)
    _, _, problems = from_yaml_text(text)
    assert any(words in problem.message and problem.line == line for problem in problems), problems
    assert not (tmp_path / "pwned").exists()


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("", "line 1: file must be JSON"),
        ('{"version": 1,\n "columns": [}', "line 2: file must be JSON"),
        ("[" * 100_000, "file must be JSON with little nesting"),
        ("9" * 5000, "file must be JSON with little nesting and numbers of usual length"),
        ('{"a": 1, "b": {"a": 2, "a": 3}}', "rule a: key ('a') must be given once"),
    ],
)
def test_broken_json_is_refused(text: str, problem: str) -> None:
    (found,) = from_json_text(text)[2]
    assert str(found).startswith(problem)


def test_scalars_follow_the_core_schema_of_yaml_1_2() -> None:
    texts = ["no", "on", "Yes", "2020-01-01", "0123", "1_0", "0x1F", "1:30", "1e", "."]
    assert from_yaml_text(f"[{', '.join(texts)}]")[0] == texts
    value, _, problems = from_yaml_text("[1, -2, +3, 3.5, 1e3, -.5, .inf, true, False, null, ~, '1', \"no\"]")
    assert repr(value) == "[1, -2, 3, 3.5, 1000.0, -0.5, inf, True, False, None, None, '1', 'no']"
    assert problems == []
    assert from_yaml_text("# nothing\n") == (None, {}, [])


def test_every_part_has_a_line_and_a_missing_part_that_of_its_parent() -> None:
    value, lines, problems = from_yaml_text("a: 1\nb:\n- x\n- c: [1,\n    2]\n")
    assert (value, problems) == ({"a": 1, "b": ["x", {"c": [1, 2]}]}, [])
    assert [lines[path] for path in [("a",), ("b",), ("b", 0), ("b", 1, "c"), ("b", 1, "c", 1)]] == [1, 2, 3, 4, 5]
    assert line_of(lines, ("b", 1, "d", "e")) == lines["b", 1] == 4
    assert line_of({}, ("b",)) is None


texts = st.text(st.characters(exclude_categories=["Cs"]), max_size=8) | st.text(
    "-+.:0123456789eEx_~nulltrue ", max_size=6
)
scalars = texts | st.integers() | st.floats(allow_nan=False) | st.booleans() | st.none()


@given(st.dictionaries(texts, scalars | st.lists(scalars) | st.dictionaries(texts, scalars)))
@settings(deadline=None)
def test_written_yaml_is_read_back_as_it_was(document: dict[str, object]) -> None:
    value, _, problems = from_yaml_text(to_yaml_text(document))
    assert repr(value) == repr(document)
    assert problems == []


finite = texts | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.booleans() | st.none()


@given(st.dictionaries(texts, finite | st.lists(finite) | st.dictionaries(texts, finite)))
@settings(deadline=None)
def test_json_is_read_as_it_is(document: dict[str, object]) -> None:
    assert repr(from_json_text(json.dumps(document))[0]) == repr(document)


@given(st.text(max_size=60) | st.text("-:[]{}&*!'\"\n ,a1", max_size=60))
@settings(deadline=None)
def test_any_text_gives_a_value_or_problems(text: str) -> None:
    for read in (from_yaml_text, from_json_text):
        value, lines, problems = read(text)
        assert value is not None or problems or set(lines) <= {()}
