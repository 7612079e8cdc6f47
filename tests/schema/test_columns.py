from __future__ import annotations

import dataclasses
from typing import Any, cast, get_args

import pytest

from dpsynth.schema import columns
from dpsynth.schema.columns import COLUMN_TYPES, Column

MANDATORY: dict[str, dict[str, Any]] = {
    "categorical": {"values": ["F", "M"]},
    "numeric": {"lower": 0, "upper": 10},
    "datetime": {"lower": "2015-01-01", "upper": "2024-12-31"},
}


def test_columns_are_frozen_hashable_and_keyword_only() -> None:
    columns: list[Column] = [
        cast(Any, column_type)("x", **MANDATORY.get(kind, {})) for kind, column_type in COLUMN_TYPES.items()
    ]
    assert len(set(columns)) == len(columns)
    for column in columns:
        with pytest.raises(dataclasses.FrozenInstanceError):
            column.name = "y"  # type: ignore[misc]
        with pytest.raises(TypeError):
            cast(Any, type(column))("x", "y")


def test_every_column_type_is_in_the_union_and_exported() -> None:
    assert set(COLUMN_TYPES.values()) == set(get_args(Column))
    assert {column_type.__name__ for column_type in COLUMN_TYPES.values()} <= set(columns.__all__)
    assert all(hasattr(columns, name) for name in columns.__all__)
