"""The shape of a schema document: its keys, and the kind of value of each; the rules between items are the columns'."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from functools import cache
from typing import TYPE_CHECKING, Any

from dpsynth.errors import Problem
from dpsynth.schema.columns import COLUMN_TYPES, Column
from dpsynth.schema.text import DocumentPath, Lines, line_of
from dpsynth.schema.wording import close_to, kind_of

if TYPE_CHECKING:
    from pydantic import BaseModel

VERSION = 1
_Shape = tuple[Any, str]


def faults(
    model: type[BaseModel], given: object, here: DocumentPath, column: str | None, lines: Lines
) -> list[Problem]:
    """What is wrong with the shape of the mapping at the path `here`, one problem for each of its keys."""
    from pydantic import ValidationError

    if not isinstance(given, Mapping):
        return [Problem(f"a schema must be a mapping; got {kind_of(given)}", column, None, line_of(lines, here))]
    try:
        model.model_validate(given)
    except ValidationError as error:
        wrong = dict.fromkeys(str(one["loc"][0]) for one in error.errors(include_url=False, include_input=False))
    else:
        return []
    known = model.model_fields
    problems = []
    for key in wrong:
        if key not in known:
            message = f"key ({key!r:.60}) must be one of {', '.join(known)}{close_to(key, known)}"
        elif key not in given:
            message = f"{key} must be given: {known[key].description}"
        else:
            message = f"{key} must be {known[key].description}; got {kind_of(given[key])}"
        problems.append(Problem(message, column, key, line_of(lines, (*here, key))))
    return problems


@cache
def models() -> tuple[type[BaseModel], dict[str, type[BaseModel]]]:
    """The shape of a whole document, and of an entry of `columns` by its type."""
    from pydantic import BaseModel, ConfigDict, Field, create_model

    class Strict(BaseModel):
        model_config = ConfigDict(strict=True, extra="forbid")

    class Range(Strict):
        first: int = Field(alias="from")
        last: int = Field(alias="to")

    class File(Strict):
        version: int = Field(ge=VERSION, le=VERSION, description="1, the only version there is")
        columns: list[Any] = Field(description="a list of columns")
        public_rows: int | None = Field(None, ge=0, description="a whole number, not negative")
        missing_values: list[Any] = Field([], description="a list of texts")
        constraints: list[Any] = Field([], description="a list of constraints")

    label: _Shape = (str | int | float | bool, "text, a number or true/false")
    number: _Shape = (int | float, "a number")
    moment: _Shape = (str, "a date or time as text, such as 2024-12-31")
    flag: _Shape = (bool, "true or false")
    word: _Shape = (str, "text")
    whole: _Shape = (int, "a whole number")
    entries: _Shape = (list[Any], "a list")
    shapes: dict[str, _Shape] = {
        **dict.fromkeys(("name", "unknown", "out_of_bounds", "resolution", "format", "prefix"), word),
        **dict.fromkeys(("nullable", "ordered", "integer"), flag),
        **dict.fromkeys(("decimals", "bins", "max_values"), whole),
        **dict.fromkeys(("known", "edges", "atoms", "labels"), entries),
        **dict.fromkeys(("lower", "upper"), number),
        **dict.fromkeys(("other", "missing"), label),
        "values": (list[Any] | Range, "a list, or a range such as {from: 0, to: 84}"),
        "source": (str | dict[str, str], "text, or a mapping from items to text"),
    }
    moments = {**shapes, "lower": moment, "upper": moment, "missing": moment}

    def model(kind: str, column_type: type[Column]) -> type[BaseModel]:
        keys: dict[str, Any] = {}
        for one in dataclasses.fields(column_type):
            shape, words = (moments if kind == "datetime" else shapes)[one.name]
            default = ... if one.default is dataclasses.MISSING else one.default
            keys[one.name] = (shape | None if default is None else shape, Field(default, description=words))
        return create_model(kind, __base__=Strict, type=(str, Field(description="text")), **keys)

    return File, {kind: model(kind, column_type) for kind, column_type in COLUMN_TYPES.items()}
