"""Levels: coarser readings of a column, counted beside it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NoReturn

import numpy as np
from numpy.typing import NDArray

from dpsynth.codec.categorical import Codes, Ticks
from dpsynth.codec.merged import grouped_codes, grouped_labels, groups_of_codes
from dpsynth.errors import SettingError

if TYPE_CHECKING:
    from dpsynth.codec.codec import ColumnCodec


@dataclass(frozen=True)
class LevelCodec:
    """A further, coarser reading of a column: its codes are groups of the codes of the column's own codec.

    inner: the codec of the column that is read; name: of the level, as a column of its own; groups: for
    each inner code the level's code, 0..size-1, each used. Levels are counted and never decoded: the rows
    of a release have the column itself. Raises SettingError for groups that do not fit.

    Privacy: groups are public or have been paid for; encoding is a map of single rows.

    >>> from dpsynth.codec.codec import closed_codec
    >>> from dpsynth.schema.columns import Categorical
    >>> level = LevelCodec(closed_codec(Categorical("month", values=["Jan", "Feb", "Jul"])), "season", (0, 0, 1))
    >>> level.source, level.encode(np.array([0, 1, 2])).tolist(), level.code_labels()
    ('month', [0, 0, 1], ('one of: Jan, Feb', 'Jul'))
    """

    inner: ColumnCodec
    name: str
    groups: tuple[int, ...]

    def __post_init__(self) -> None:
        object.__setattr__(self, "groups", groups_of_codes(self.groups, self.inner.size, self.name))

    @property
    def source(self) -> str:
        """The column of the schema whose values are read."""
        return self.inner.source

    @property
    def size(self) -> int:
        """Number of the level's codes."""
        return max(self.groups) + 1

    def encode(self, ticks: Ticks, labels: Sequence[str] | None = None) -> Codes:
        """The level's code of each row, shape (rows,), in the narrowest unsigned integers."""
        return grouped_codes(self.inner.encode(ticks, labels), self.groups)

    def decode(self, codes: NDArray[Any], rng: np.random.Generator) -> NoReturn:
        """Always SettingError: the column itself is decoded."""
        raise SettingError(f"level ({self.name}) must not be decoded; try its column {self.source!r}")

    def code_labels(self) -> tuple[str, ...]:
        """For each of the level's codes the plain words of its members."""
        return grouped_labels(self.inner.code_labels(), self.groups)
