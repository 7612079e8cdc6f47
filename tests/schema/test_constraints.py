"""Constraints of a schema: what they may say, and how files hold them."""

from __future__ import annotations

import re

import pytest

from dpsynth.errors import SchemaError, SettingError
from dpsynth.schema import (
    Allowed,
    Categorical,
    Datetime,
    Dependency,
    Fixed,
    Forbidden,
    Identifier,
    Numeric,
    OpenCategorical,
    Order,
    Schema,
    Sum,
    Unique,
)

COLUMNS = [
    Categorical("school", values=["primary", "secondary"], nullable=True),
    Numeric("grade", lower=1, upper=9, integer=True, nullable=True),
    Categorical("sex", values=["F", "M"]),
    Numeric("age", lower=0, upper=99, integer=True),
    Datetime("start", lower="2020-01-01", upper="2020-12-31"),
    Datetime("end", lower="2020-01-01", upper="2021-12-31", nullable=True),
    Numeric("net", lower=0, upper=10, decimals=1),
    Numeric("tax", lower=0, upper=5, decimals=2),
    Numeric("total", lower=0, upper=20, decimals=2),
    Numeric("number", lower=1, upper=10**6, integer=True),
    Numeric("loose", lower=0, upper=1),
    OpenCategorical("town", known=["Oslo"]),
    Categorical("country", values=["FR", "DE"]),
    Identifier("id"),
]
RULES = [
    Forbidden({"sex": "F", "age": (None, 15)}, source="civil code"),
    Allowed([{"sex": "F", "town": ["Oslo"]}, {"sex": "M"}]),
    Dependency("grade", by="school", values={"primary": 1, "secondary": 2}),
    Order(["start", "end"], strict=True),
    Sum("total", parts=["net", "tax"]),
    Fixed("country", value="FR"),
    Unique(["sex", "number"]),
]


def test_constraints_go_to_a_file_and_back(tmp_path):
    schema = Schema(COLUMNS, constraints=RULES)
    for name in ("s.yaml", "s.json"):
        schema.save(tmp_path / name)
        assert Schema.load(tmp_path / name) == schema
    assert Schema.from_json(schema.to_json()) == schema
    assert (
        "constraints:\n- type: forbidden\n  cells:\n    sex: F\n    age: {to: 15}\n"
        in (tmp_path / "s.yaml").read_text()
    )


def test_derived_columns_leave_the_model():
    schema = Schema(COLUMNS, constraints=RULES)
    assert set(schema.derived) == {"grade", "total", "country", "number"}
    assert [column.name for column in schema.modelled] == [
        "school",
        "sex",
        "age",
        "start",
        "end",
        "net",
        "tax",
        "loose",
        "town",
    ]
    assert ("sex, age", "constraint: sex is F and age is at most 15 never occurs", "civil code") in schema.provenance()


def test_unreviewed_constraints_wait_for_somebody():
    schema = Schema(COLUMNS, constraints=[Order(["start", "end"], source="unreviewed")])
    with pytest.raises(SchemaError, match="start <= end"):
        schema.require_reviewed()
    schema.confirmed(by="form 7").require_reviewed()


@pytest.mark.parametrize(
    ("rule", "message"),
    [
        (Forbidden({"sexx": "F"}), "must be in the schema; did you mean 'sex'"),
        (Forbidden({"sex": "Q"}), "one of the column's labels"),
        (Forbidden({"id": "1"}), "must not be an identifier"),
        (Forbidden({"town": "Bergen"}), "declaring it as known"),
        (Order(["start"]), "two or more"),
        (Order(["start", "age"]), "all numbers or all dates"),
        (Order(["age", "age"]), "each once"),
        (Dependency("grade", by="school", values={"primary": 1}), "every label of school; got none for 'secondary'"),
        (Dependency("grade", by="school", values=[["primary", 1], ["primary", 2], ["secondary", 2]]), "each label"),
        (Dependency("age", by="school", values={"primary": 1, "secondary": 2}), "what follows from a missing school"),
        (Dependency("grade", by="age", values={"1": 1}), "categorical or boolean"),
        (Dependency("town", by="sex", values={"F": "Oslo", "M": "Oslo"}), "declared values"),
        (Sum("total", parts=["net"]), "two or more numbers"),
        (Sum("total", parts=["net", "loose"]), "declare integer or decimals"),
        (Sum("net", parts=["age", "number"]), "bounds of net must hold every sum"),
        (Sum("net", parts=["tax", "age"]), "decimals of net"),
        (Sum("total", parts=["net", "grade"]), "must be nullable"),
        (Fixed("country", value="ES"), "one of the column's labels"),
        (Unique(["town"]), "declared values or bounds"),
        (Order(["start", "end"], source=" "), "source must be text"),
    ],
)
def test_constraints_that_do_not_fit_are_refused(rule, message):
    with pytest.raises(SchemaError, match=re.escape(message)):
        Schema(COLUMNS, constraints=[rule])


def test_one_column_is_derived_once_and_named_by_no_other():
    with pytest.raises(SchemaError, match="derived by one constraint"):
        Schema(COLUMNS, constraints=[Fixed("country", value="FR"), Fixed("country", value="DE")])
    with pytest.raises(SchemaError, match="must not be derived by another"):
        Schema(COLUMNS, constraints=[Fixed("country", value="FR"), Forbidden({"country": "DE", "sex": "F"})])


def test_a_circle_of_orders_is_refused():
    rules = [Order(["age", "net"]), Order(["net", "tax"]), Order(["tax", "age"])]
    with pytest.raises(SchemaError, match="circle"):
        Schema(COLUMNS, constraints=rules)


def test_a_constraint_must_be_one():
    with pytest.raises(SchemaError, match="must be a constraint such as Forbidden; got text"):
        Schema(COLUMNS, constraints=["start <= end"])
    for make in (
        lambda: Forbidden("x"),
        lambda: Forbidden([{}]),
        lambda: Order("ab"),
        lambda: Dependency("a", by="b", values=3),
    ):
        with pytest.raises(SettingError):
            make()


@pytest.mark.parametrize(
    ("entry", "message"),
    [
        ("- start <= end", "must be a mapping; got text"),
        ("- {type: ordr, columns: [start, end]}", "did you mean 'order'"),
        ("- {type: order}", "columns must be given"),
        ("- {type: order, columns: start}", "list of column names"),
        ("- {type: order, columns: [start, end], strikt: true}", "did you mean 'strict'"),
        ("- {type: order, columns: [start, end], strict: 1}", "true or false"),
        ("- {type: order, columns: [start, edn]}", "did you mean 'end'"),
        ("- {type: sum, column: 3, parts: [start, end]}", "column must be text"),
    ],
)
def test_a_broken_entry_of_a_file_is_named_with_its_line(tmp_path, entry, message):
    path = tmp_path / "s.yaml"
    columns = [f"- {{name: {name}, type: numeric, lower: 0, upper: 9}}\n" for name in ("start", "end")]
    head = "version: 1\ncolumns:\n" + "".join(columns)
    path.write_text(head + "constraints:\n" + entry + "\n")
    with pytest.raises(SchemaError, match=re.escape(message)) as caught:
        Schema.load(path)
    assert "line 6" in str(caught.value)
