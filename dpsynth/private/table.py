"""The private table: the bounded rows as integers, in memory or in a private file, closed when done."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, NoReturn

import numpy as np
from numpy.typing import NDArray

from dpsynth.errors import SessionClosedError, SettingError
from dpsynth.privacy.unit import PrivacyUnit
from dpsynth.private.spool import Spool, SpooledColumn
from dpsynth.schema.columns import OpenCategorical
from dpsynth.schema.schema import Schema

Ticks = NDArray[np.signedinteger[Any]]
Spoolable = Ticks | SpooledColumn


@dataclass(frozen=True, eq=False, repr=False)
class Rows:
    """What is secret: ticks of each column, the labels that open columns' ticks index, and the row count.

    spool: the private file that the ticks lie in; None when they are in memory.
    """

    count: int
    ticks: Mapping[str, Spoolable]
    labels: Mapping[str, tuple[str, ...]]
    spool: Spool | None = None

    @classmethod
    def of(
        cls,
        count: int,
        ticks: Mapping[str, Spoolable],
        labels: Mapping[str, Mapping[str, int]],
        schema: Schema,
        spool: Spool | None = None,
    ) -> Rows:
        """Rows as they come from conversion. labels: for each column from label to tick; those of open ones stay."""
        open_columns = [name for name in ticks if isinstance(schema[name], OpenCategorical)]
        return cls(count, ticks, {name: tuple(labels[name]) for name in open_columns}, spool)

    def in_memory(self) -> Mapping[str, Ticks]:
        """The ticks as arrays; SettingError when they lie in a file."""
        arrays = {name: ticks for name, ticks in self.ticks.items() if isinstance(ticks, np.ndarray)}
        if len(arrays) < len(self.ticks):
            raise SettingError("rows must be in memory to be looked at one by one; got rows on disk")
        return arrays

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
        """Let go of the rows, for good, and delete the file that they lie in; closing twice is harmless."""
        for rows in self.held:
            if rows.spool is not None:
                rows.spool.close()
        self.held.clear()

    def __repr__(self) -> str:
        return f"PrivateTable({'open' if self.held else 'closed'}, unit: {self.unit.describe()})"

    def __reduce_ex__(self, protocol: object) -> NoReturn:
        _refuse_copy()


def _refuse_copy() -> NoReturn:
    raise SettingError("a private table must not be copied, pickled or sent elsewhere; try ingesting again there")
