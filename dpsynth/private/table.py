"""The private table: the bounded rows as integers, in memory, shown to nobody and closed when done."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, NoReturn

import numpy as np
from numpy.typing import NDArray

from dpsynth.errors import SessionClosedError, SettingError
from dpsynth.privacy.unit import PrivacyUnit
from dpsynth.schema.schema import Schema

Ticks = NDArray[np.signedinteger[Any]]


@dataclass(frozen=True, eq=False, repr=False)
class Rows:
    """What is secret: ticks of each column, the labels that open columns' ticks index, and the row count."""

    count: int
    ticks: Mapping[str, Ticks]
    labels: Mapping[str, tuple[str, ...]]

    def __reduce_ex__(self, protocol: object) -> NoReturn:
        _refuse_copy()


@dataclass(frozen=True, eq=False, repr=False)
class PrivateTable:
    """The private rows after ingest and bounding; only `dpsynth.private` may look inside.

    schema, unit: public. held: the rows, or nothing once closed.

    It has no length, shows no data when printed, and refuses to be copied or pickled, since rows that
    leave this object are no longer counted by anybody. After `close` every access raises
    SessionClosedError.
    """

    schema: Schema
    unit: PrivacyUnit
    held: list[Rows] = field(default_factory=list)

    def rows(self) -> Rows:
        """The secret rows; SessionClosedError after `close`."""
        if not self.held:
            raise SessionClosedError("private rows must be read before the table is closed; try a new session")
        return self.held[0]

    def close(self) -> None:
        """Let go of the rows, for good; closing twice is harmless."""
        self.held.clear()

    def __repr__(self) -> str:
        return f"PrivateTable({'open' if self.held else 'closed'}, unit: {self.unit.describe()})"

    def __reduce_ex__(self, protocol: object) -> NoReturn:
        _refuse_copy()


def _refuse_copy() -> NoReturn:
    raise SettingError("a private table must not be copied, pickled or sent elsewhere; try ingesting again there")
