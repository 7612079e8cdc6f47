"""The private table shows nothing, cannot be copied, and is gone once closed."""

from __future__ import annotations

import copy
import dataclasses
import pickle

import numpy as np
import pytest

from dpsynth.errors import SessionClosedError, SettingError
from dpsynth.privacy.unit import PrivacyUnit
from dpsynth.private.table import PrivateTable, Rows
from dpsynth.schema.columns import Categorical
from dpsynth.schema.schema import Schema


@pytest.fixture
def table() -> PrivateTable:
    schema = Schema([Categorical("c", values=["x", "y"])])
    return PrivateTable(schema, PrivacyUnit(), [Rows(4711, {"c": np.zeros(4711, dtype=np.int8)}, {"o": ("SECRET",)})])


def test_it_shows_neither_rows_nor_their_number(table: PrivateTable) -> None:
    for shown in (repr(table), str(table), repr(table.rows()), str(vars(table))):
        assert "4711" not in shown
        assert "SECRET" not in shown
    with pytest.raises(TypeError):
        len(table)  # type: ignore[arg-type]


def test_it_cannot_be_copied_or_pickled(table: PrivateTable) -> None:
    for attempt in (copy.copy, copy.deepcopy, pickle.dumps):
        for secret in (table, table.rows()):
            with pytest.raises(SettingError, match="must not be copied"):
                attempt(secret)


def test_it_is_frozen(table: PrivateTable) -> None:
    with pytest.raises(dataclasses.FrozenInstanceError):
        table.unit = PrivacyUnit()  # type: ignore[misc]


def test_rows_are_gone_once_closed(table: PrivateTable) -> None:
    assert table.rows().count == 4711
    table.close()
    table.close()
    with pytest.raises(SessionClosedError, match="closed"):
        table.rows()
    assert "closed" in repr(table)
