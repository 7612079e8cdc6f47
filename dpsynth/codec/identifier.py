"""The codec of identifiers: it holds no code, and makes new distinct values."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from dpsynth.codec.categorical import Codes, Ticks, text_dtype
from dpsynth.errors import SettingError
from dpsynth.schema.columns import Identifier

if TYPE_CHECKING:
    import pandas as pd


@dataclass(frozen=True)
class IdentifierCodec:
    """Distinct values prefix + number for a column that is never counted; nothing of the private one survives.

    >>> IdentifierCodec(Identifier("id", prefix="P")).decode(np.arange(2), np.random.default_rng(0)).tolist()
    ['P1', 'P2']
    """

    column: Identifier

    @property
    def name(self) -> str:
        """Name of the column."""
        return self.column.name

    @property
    def source(self) -> str:
        """The column of the schema whose values are read."""
        return self.name

    @property
    def size(self) -> int:
        """Zero: an identifier has no codes and is no part of the domain."""
        return 0

    def encode(self, ticks: Ticks, labels: Sequence[str] | None = None) -> Codes:
        """Always SettingError: identifiers are dropped at ingest."""
        raise SettingError(f"column {self.name!r} must not be counted; it is an identifier")

    def decode(self, codes: NDArray[Any], rng: np.random.Generator) -> pd.Series[Any]:
        """New identifiers; codes: the places of their rows in the table, from 0."""
        import pandas as pd

        values = [f"{self.column.prefix}{place + 1}" for place in codes.tolist()]
        return pd.Series(values, name=self.name, dtype=text_dtype())

    def code_labels(self) -> tuple[str, ...]:
        """None: an identifier has no codes."""
        return ()
