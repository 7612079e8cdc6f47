from __future__ import annotations

import dataclasses
import json
import string
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from dpsynth.errors import SchemaError, SettingError
from dpsynth.schema import (
    Boolean,
    Categorical,
    Column,
    Datetime,
    Identifier,
    Numeric,
    OpenCategorical,
    Schema,
    files,
)
from dpsynth.schema.columns import COLUMN_TYPES

# Texts that a careless reader or writer of YAML takes for something else.
TRAPS = ["no", "on", "null", "~", "", "true", "1", "1e5", "0123", "0x1F", "1_000", "12:30", "2020-01-01", ".inf", "- a"]
TRAPS += [
    "a: b",
    "#a",
    "*a",
    "&a",
    "!!int 3",
    "<<",
    "=",
    "'",
    '"',
    "a\nb",
    " a",
    "a ",
    "\x85",
    "\u2028",
    "\ufeff",
    "😀",
]


def written(schema: Schema) -> str:
    """A schema with the type of every value: 1, 1.0 and True differ here."""
    return repr([vars_of(column) for column in schema]) + repr((schema.public_rows, schema.missing_values))


def vars_of(column: Column) -> list[object]:
    return [column.type, *(getattr(column, one.name) for one in dataclasses.fields(column))]


texts = st.sampled_from(TRAPS) | st.text(st.characters(exclude_categories=["Cs"]), max_size=8)
numbers = st.integers(-(2**63), 2**63 - 1) | st.floats(allow_nan=False, allow_infinity=False)
labels = texts | numbers | st.booleans()
names = st.text(st.sampled_from(string.ascii_letters + " é-:#'\"{}[],&*!|>%@`"), min_size=1, max_size=9)
items_of_any = st.sampled_from(["type", "nullable"])
sources = st.text(string.ascii_letters, min_size=1, max_size=5) | st.dictionaries(items_of_any, st.just("law"))


@st.composite
def columns(draw: st.DrawFn, name: str) -> Column:
    kind = draw(st.sampled_from(sorted(COLUMN_TYPES)))
    common: dict[str, Any] = {} if kind == "identifier" else {"nullable": draw(st.booleans()), "source": draw(sources)}
    few = draw(st.lists(labels, min_size=2, max_size=6))
    edges = draw(st.none() | st.just([3, 4.5]))
    try:
        match kind:
            case "categorical":
                unknown = draw(st.sampled_from(["refuse", "other"]))
                values = draw(st.just(few) | st.just(range(draw(st.integers(-9, 9)), 12)))
                return Categorical(name, values=values, unknown=unknown, ordered=draw(st.booleans()), **common)
            case "open-categorical":
                return OpenCategorical(name, known=draw(st.lists(texts, max_size=4)), **common)
            case "numeric":
                decimals = draw(st.sampled_from([None, 0, 2]))
                return (
                    Numeric(name, lower=draw(st.sampled_from([0, -1.5, 1e-7])), upper=7, edges=edges, **common)
                    if (decimals is None)
                    else Numeric(name, lower=-2, upper=1e6, decimals=decimals, atoms=[0, 1.0], edges=edges, **common)
                )
            case "datetime":
                low, high = draw(st.dates()), draw(st.dates())
                unit: Any = draw(st.sampled_from(["day", "hour", "minute", "second"]))
                return Datetime(name, lower=low, upper=high, resolution=unit, **common)
            case "boolean":
                return Boolean(name, labels=few[:2], **common)
            case _:
                return Identifier(name, prefix=draw(texts))
    except SchemaError:
        assume(False)
        raise


@st.composite
def schemas(draw: st.DrawFn) -> Schema:
    chosen = draw(st.lists(names.filter(str.strip), min_size=1, max_size=4, unique=True))
    missing = draw(st.lists(texts.filter(bool), max_size=4, unique=True))
    rows = draw(st.none() | st.integers(0, 10**9))
    return Schema([draw(columns(name)) for name in chosen], public_rows=rows, missing_values=missing)


relaxed = settings(deadline=None, suppress_health_check=[HealthCheck.filter_too_much, HealthCheck.too_slow])


@relaxed
@given(schema=schemas(), suffix=st.sampled_from([".yaml", ".yml", ".json"]))
def test_a_saved_schema_loads_as_it_was(tmp_path_factory: pytest.TempPathFactory, schema: Schema, suffix: str) -> None:
    path = tmp_path_factory.mktemp("round") / f"schema{suffix}"
    schema.save(path)
    assert written(Schema.load(path)) == written(schema)


@relaxed
@given(schema=schemas())
def test_a_json_document_gives_the_schema_back(schema: Schema) -> None:
    document = schema.to_json()
    assert written(Schema.from_json(json.loads(json.dumps(document)))) == written(schema)
    assert Schema.from_json(document).to_json() == document


def test_the_file_is_plain_to_read(tmp_path: Path) -> None:
    schema = Schema([Categorical("sex", values=["F", "M"]), Categorical("age", values=range(85), ordered=True)])
    schema.save(tmp_path / "schema.yaml")
    assert (tmp_path / "schema.yaml").read_text().splitlines()[1:] == [
        "version: 1",
        "columns:",
        "- name: sex",
        "  type: categorical",
        "  values: [F, M]",
        "- name: age",
        "  type: categorical",
        "  values: {from: 0, to: 84}",
        "  ordered: true",
    ]


def test_a_draft_says_what_to_do(tmp_path: Path) -> None:
    Schema([Boolean("a", source="unreviewed")]).save(tmp_path / "draft.yaml")
    text = (tmp_path / "draft.yaml").read_text()
    assert "# A DRAFT" in text.splitlines()[0]
    assert "source: codebook 2019" in text
    (tmp_path / "draft.yaml").write_text(text.replace("source: unreviewed\n", "source: codebook 2019\n"))
    Schema.load(tmp_path / "draft.yaml").require_reviewed()


def test_long_ranges_stay_small(tmp_path: Path) -> None:
    schema = Schema([Categorical("c", values=range(1_000_000))])
    schema.save(tmp_path / "schema.yaml")
    assert (tmp_path / "schema.yaml").stat().st_size < 300
    assert Schema.load(tmp_path / "schema.yaml")["c"].ticks == 1_000_000  # type: ignore[union-attr]


def loaded(tmp_path: Path, text: str, name: str = "schema.yaml") -> Schema:
    (tmp_path / name).write_text(text, encoding="utf-8")
    return Schema.load(tmp_path / name)


def refused(tmp_path: Path, text: str, name: str = "schema.yaml") -> list[str]:
    with pytest.raises(SchemaError) as caught:
        loaded(tmp_path, text, name)
    return [str(problem) for problem in caught.value.problems]


def one_column(*lines: str) -> str:
    return "\n".join(["version: 1", "columns:", "- name: a", *(f"  {line}" for line in lines), ""])


NUMERIC = ("type: numeric", "lower: 0", "upper: 10")

# One mistake each: the lines of a column from line 4 on, and the whole problem that must be reported.
MISTAKES = [
    (("type: numeric", "lower: 5", "upper: 3"), "line 5, column 'a', rule lower: lower (5) must be below upper (3)"),
    (
        (*NUMERIC, "edges:", "  - 5", "  - 4"),
        "line 7, column 'a', rule edges: entry 2 of edges must be above the entry before it",
    ),
    (
        (*NUMERIC, "nullable: 1"),
        "line 7, column 'a', rule nullable: nullable must be true or false; got a whole number",
    ),
    ((*NUMERIC, "nullable: yes"), "line 7, column 'a', rule nullable: nullable must be true or false; got text"),
    ((*NUMERIC, "bins: 2.5"), "line 7, column 'a', rule bins: bins must be a whole number; got a number"),
    ((*NUMERIC, "edges: 5"), "line 7, column 'a', rule edges: edges must be a list; got a whole number"),
    (("type: numeric", "lower: 0"), "line 3, column 'a', rule upper: upper must be given: a number"),
    (
        ("type: numeric", "lower: 0", "upper: true"),
        "line 6, column 'a', rule upper: upper must be a number; got true/false",
    ),
    (
        ("type: datetime", "lower: 2015-01-01", "upper: 2024"),
        "line 6, column 'a', rule upper: upper must be a date or time as text, such as 2024-12-31; got a whole number",
    ),
    (
        ("type: categorical", "values: {from: 0, till: 3}"),
        "line 5, column 'a', rule values: values must be a list, or a range such as {from: 0, to: 84}; got a mapping",
    ),
    (
        ("type: categorical", "values: {from: 3, to: 0}"),
        "line 5, column 'a', rule values: values must hold at least 1 label; got 0",
    ),
    (
        ("type: categorical", "values: [a, null]"),
        (
            "line 5, column 'a', rule values: entry 2 of values must be text, a number or true/false; "
            "got a missing value; try nullable: true, a missing value is not a label"
        ),
    ),
    (
        ("type: categorical", "values: [a, [b]]"),
        "line 5, column 'a', rule values: entry 2 of values must be text, a number or true/false; got a list",
    ),
    (
        ("type: boolean", "source: [law]"),
        "line 5, column 'a', rule source: source must be text, or a mapping from items to text; got a list",
    ),
    (
        ("type: categoricl", "values: [a]"),
        (
            "line 4, column 'a', rule type: type ('categoricl') must be one of categorical, open-categorical, numeric, "
            "datetime, boolean, identifier; did you mean 'categorical'?"
        ),
    ),
    (
        ("values: [a]",),
        (
            "line 3, column 'a', rule type: type must be one of categorical, open-categorical, numeric, "
            "datetime, boolean, identifier; got a missing value"
        ),
    ),
]


@pytest.mark.parametrize(("lines", "problem"), MISTAKES)
def test_a_mistake_names_line_column_and_rule(tmp_path: Path, lines: tuple[str, ...], problem: str) -> None:
    assert refused(tmp_path, one_column(*lines)) == [problem]


@pytest.mark.parametrize(
    ("typo", "meant"), [("uper", "upper"), ("nulable", "nullable"), ("Integer", "integer"), ("edge", "edges")]
)
def test_a_mistyped_key_gets_a_suggestion(tmp_path: Path, typo: str, meant: str) -> None:
    (problem,) = refused(tmp_path, one_column(*NUMERIC, f"{typo}: 1"))
    assert problem.startswith(f"line 7, column 'a', rule {typo}: key ('{typo}') must be one of type, name, lower")
    assert problem.endswith(f"did you mean {meant!r}?")


def test_all_problems_of_a_file_come_at_once_in_order(tmp_path: Path) -> None:
    text = one_column("type: numeric", "lower: 9", "upper: 3", "colour: red") + (
        "- {name: a, type: boolean, labels: [x]}\n- 7\npublic_row: 3\n"
    )
    problems = refused(tmp_path, text)
    assert [problem.split(":")[0] for problem in problems] == [
        "line 5, column 'a', rule lower",
        "line 7, column 'a', rule colour",
        "line 8, column 'a', rule labels",
        "line 8, column 'a', rule name",
        "line 9, rule columns",
        "line 10, rule public_row",
    ]
    assert problems[-1].endswith("did you mean 'public_rows'?")


def test_missing_values_stand_beside_the_version(tmp_path: Path) -> None:
    schema = Schema([Boolean("a")], missing_values=["?", "N", "null"])
    schema.save(tmp_path / "schema.yaml")
    text = (tmp_path / "schema.yaml").read_text()
    assert text.splitlines()[1:3] == ["version: 1", "missing_values: ['?', N, 'null']"]
    assert loaded(tmp_path, text.replace("['?', N, 'null']", '["?", "N", "null"]')) == schema
    assert "missing_values" not in Schema([Boolean("a")]).to_json()


@pytest.mark.parametrize(
    ("texts", "problem"),
    [
        ("N", "line 2, rule missing_values: missing_values must be a list of texts; got text"),
        ("null", "line 2, rule missing_values: missing_values must be a list of texts; got a missing value"),
        ("{N: 1}", "line 2, rule missing_values: missing_values must be a list of texts; got a mapping"),
        ("[N, 9]", "line 2, rule missing_values: entry 2 of missing_values must be text; got a whole number"),
        ("[N, null]", "line 2, rule missing_values: entry 2 of missing_values must be text; got a missing value"),
        ("\n- N\n- ''", "line 4, rule missing_values: entry 2 of missing_values must not be the empty text"),
        ("\n- N\n- n\n- N", "line 5, rule missing_values: entry 3 of missing_values must be distinct"),
    ],
)
def test_a_mistake_in_missing_values_names_its_line(tmp_path: Path, texts: str, problem: str) -> None:
    (found,) = refused(tmp_path, f"version: 1\nmissing_values: {texts}\ncolumns: [{{name: a, type: boolean}}]\n")
    assert found.startswith(problem)


@pytest.mark.parametrize("version", ["2", "'1'", "1.5", "true", "null"])
def test_another_version_is_refused_alone(tmp_path: Path, version: str) -> None:
    (problem,) = refused(tmp_path, f"version: {version}\ncolumns: [{{name: a, type: boolean}}]\n")
    assert "rule version: version must be 1" in problem


def test_a_version_is_needed(tmp_path: Path) -> None:
    assert "rule version: version must be given" in refused(tmp_path, "columns: [{name: a, type: boolean}]\n")[0]


def test_unquoted_words_and_dates_are_text(tmp_path: Path) -> None:
    schema = loaded(tmp_path, one_column("type: categorical", "values: [no, on, 2020-01-01, 0123, 1, 3.5]"))
    assert repr(schema["a"].labels) == "('no', 'on', '2020-01-01', '0123', 1, 3.5)"  # type: ignore[union-attr]
    schema = loaded(tmp_path, one_column("type: datetime", "lower: 2020-01-01", "upper: 2020-12-31"))
    assert schema["a"].lower == "2020-01-01"  # type: ignore[union-attr]


def test_a_bare_null_means_the_word_where_only_the_word_makes_sense(tmp_path: Path) -> None:
    schema = loaded(tmp_path, one_column(*NUMERIC, "nullable: true", "out_of_bounds: null"))
    assert schema["a"].out_of_bounds == "null"  # type: ignore[union-attr]


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ('{"version": 1, "version": 1, "columns": [{"name": "a", "type": "boolean"}]}', "given once"),
        ("[1]", "a schema must be a mapping; got a list"),
        ('{"version": 1, "columns": [{"name": "a", "type": "numeric", "lower": NaN, "upper": 1}]}', "must be finite"),
    ],
)
def test_a_broken_json_file_is_refused(tmp_path: Path, text: str, words: str) -> None:
    assert any(words in problem for problem in refused(tmp_path, text, "schema.json"))


@pytest.mark.parametrize(
    ("lines", "problem"),
    [
        (("type: boolean", "nullable: true", "nullable: true"), "line 6, column 'a', rule nullable: key ('nullable')"),
        (("type: boolean", "labels: !mine [n, y]"), "line 5, column 'a': a tag ('!mine') must not be used"),
        (
            ("type: categorical", f"values: {{from: 0, to: 1{'0' * 30}}}"),
            "line 5, column 'a', rule values: values must",
        ),
    ],
)
def test_what_is_wrong_with_the_text_alone_refuses_a_file(tmp_path: Path, lines: tuple[str, ...], problem: str) -> None:
    assert refused(tmp_path, one_column(*lines))[0].startswith(problem)


@given(st.text(max_size=60) | st.text("-:[]{}&*!'\"\n ,a1", max_size=60))
@settings(deadline=None)
def test_any_text_gives_a_schema_or_a_schema_error(tmp_path_factory: pytest.TempPathFactory, text: str) -> None:
    assume("\ud800" not in text)
    path = tmp_path_factory.getbasetemp() / "any.yaml"
    path.write_bytes(("version: 1\ncolumns:\n" + text).encode("utf-8", "ignore"))
    with pytest.raises(SchemaError):
        Schema.load(path)


@pytest.mark.parametrize("document", [None, 3, [], {}, {"version": 1}, {"version": 1, "columns": {}}, {1: 2}])
def test_documents_of_another_shape_are_refused(document: Any) -> None:
    with pytest.raises(SchemaError):
        Schema.from_json(document)


def test_a_file_that_cannot_be_read_is_named(tmp_path: Path) -> None:
    with pytest.raises(SchemaError, match=r"schema file \(.*none.yaml\) must be a readable file"):
        Schema.load(tmp_path / "none.yaml")
    with pytest.raises(SettingError, match=r"must end in \.yaml, \.yml or \.json"):
        Schema.load(tmp_path / "schema.txt")
    (tmp_path / "latin.yaml").write_bytes(b"version: \xff")
    with pytest.raises(SchemaError, match="must be UTF-8"):
        Schema.load(tmp_path / "latin.yaml")
    (tmp_path / "empty.yaml").write_text("# nothing\n")
    with pytest.raises(SchemaError, match="got an empty file"):
        Schema.load(tmp_path / "empty.yaml")


def test_a_failed_write_leaves_the_old_file_and_no_litter(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "schema.yaml"
    old = Schema([Boolean("old")])
    old.save(path)

    def full(descriptor: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(files.os, "fsync", full)
    with pytest.raises(SchemaError, match="No space left"):
        Schema([Boolean("new")]).save(path)
    assert Schema.load(path) == old
    assert [entry.name for entry in tmp_path.iterdir()] == ["schema.yaml"]
    monkeypatch.undo()
    Schema([Boolean("new")]).save(path)
    assert Schema.load(path).names == ("new",)


def test_the_reference_page_shows_a_file_that_loads_and_names_every_key(tmp_path: Path) -> None:
    page = (Path(__file__).parents[2] / "docs" / "reference" / "schema.md").read_text(encoding="utf-8")
    schema = loaded(tmp_path, page.split("```yaml\n")[1].split("```")[0])
    assert {column.type for column in schema} == set(COLUMN_TYPES)
    for column_type in COLUMN_TYPES.values():
        assert all(f"`{one.name}`" in page for one in dataclasses.fields(column_type))
