"""The codec of a column that others determine: it holds no code, and its values follow when rows are decoded."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from dpsynth.codec.categorical import Codes, Ticks, spelled
from dpsynth.codec.valued import NULL, values_of_ticks
from dpsynth.errors import SettingError
from dpsynth.schema.columns import Boolean, Categorical, Datetime, Numeric, OpenCategorical
from dpsynth.schema.constraints import Dependency, Derivation, Fixed, Sum, Unique
from dpsynth.schema.selection import labels_of, select, values_of

if TYPE_CHECKING:
    import pandas as pd

IntArray = NDArray[np.int64]


@dataclass(frozen=True)
class DerivedCodec:
    """A column that leaves the model, and the constraint that says what its values are.

    >>> from dpsynth.schema.constraints import Fixed
    >>> rule = Fixed("country", value="FR")
    >>> codec = DerivedCodec(Categorical("country", values=["DE", "FR"]), rule)
    >>> codec.derive({}, np.arange(2)).tolist()
    ['FR', 'FR']
    """

    column: Categorical | Boolean | Numeric | Datetime | OpenCategorical
    rule: Derivation

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
        """Zero: the column is no part of the domain."""
        return 0

    @property
    def most_rows(self) -> int | None:
        """How many rows a table can have at most; None without a limit."""
        return self._ticks if isinstance(self.rule, Unique) else None

    def encode(self, ticks: Ticks, labels: Sequence[str] | None = None) -> Codes:
        """Always SettingError: the column is never counted."""
        raise SettingError(f"column {self.name!r} must not be counted; it follows from others: {self.rule.words}")

    def decode(self, codes: NDArray[Any], rng: np.random.Generator) -> pd.Series[Any]:
        """Always SettingError: see `derive`."""
        raise SettingError(f"column {self.name!r} must be derived; it follows from others: {self.rule.words}")

    def code_labels(self) -> tuple[str, ...]:
        """None: the column has no codes."""
        return ()

    def derive(self, table: Mapping[str, pd.Series[Any]], places: IntArray) -> pd.Series[Any]:
        """The column's values, in the dtype of its schema.

        table: decoded columns, all that the rule names among them. places: of the rows in the whole table, from 0.
        Raises SettingError for a key with fewer values than there are rows.
        """
        match self.rule:
            case Fixed():
                return values_of_ticks(self.column, np.full(len(places), self._tick(self.rule.value)))
            case Dependency():
                return values_of_ticks(self.column, self._looked_up(table[self.rule.by], self.rule))
            case Sum():
                return values_of_ticks(self.column, self._summed([table[part] for part in self.rule.parts]))
            case Unique():
                if len(places) and int(places[-1]) >= self._ticks:
                    raise SettingError(
                        f"rows ({int(places[-1]) + 1}) must be at most {self._ticks}, the values of {self.name}, which "
                        "is different in every row; try fewer rows or wider bounds"
                    )
                return values_of_ticks(self.column, places * self._stride % self._ticks)

    @property
    def _ticks(self) -> int:
        return len(labels_of(self.column)) or int(self.column.ticks)  # type: ignore[union-attr]

    @property
    def _stride(self) -> int:
        """A step that meets every value once before it comes back, about 0.618 of the way round."""
        step = max(1, round(self._ticks * (math.sqrt(5) - 1) / 2)) if self._ticks < 2**31 else 2**31 - 1
        while math.gcd(step, self._ticks) > 1:
            step += 1
        return step

    def _tick(self, value: Any) -> int:
        if value is None:
            return NULL
        chosen = select(self.column, values_of(value))
        return chosen.spans[0][0] if chosen.spans else labels_of(self.column).index(chosen.labels[0])

    def _looked_up(self, source: pd.Series[Any], rule: Dependency) -> IntArray:
        import pandas as pd

        ticks = {spelled(key): self._tick(value) for key, value in rule.values if key is not None}
        missing = next((self._tick(value) for key, value in rule.values if key is None), NULL)
        places, found = pd.factorize(source)
        palette = np.array([*(ticks[spelled(label)] for label in found.tolist()), missing], dtype=np.int64)
        return palette[places]

    def _summed(self, parts: Sequence[pd.Series[Any]]) -> IntArray:
        scale = 10 ** (self.column.decimals or 0)  # type: ignore[union-attr]
        total = np.zeros(len(parts[0]), dtype=np.int64)
        null = np.zeros(len(parts[0]), dtype=bool)
        for part in parts:
            gone = part.isna().to_numpy()
            numbers = part.fillna(0).to_numpy()
            whole = numbers.astype(np.int64) * scale if numbers.dtype.kind in "iu" else np.rint(numbers * scale)
            total += whole.astype(np.int64)
            null |= gone
        first = round(self.column.lower * scale)  # type: ignore[union-attr]
        return np.where(null, NULL, total - first)
