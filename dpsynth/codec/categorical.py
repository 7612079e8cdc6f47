"""Codecs of labelled columns: the code is the place of the label in a public or already paid-for list."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from dpsynth.errors import SettingError
from dpsynth.schema.columns import Boolean, Categorical, Label, OpenCategorical

if TYPE_CHECKING:
    import pandas as pd

Ticks = NDArray[np.signedinteger[Any]]
Codes = NDArray[np.unsignedinteger[Any]]

MISSING = "missing"
DIGITS_LIMIT = 4300  # the most digits to which Python writes out a whole number


@dataclass(frozen=True)
class CategoricalCodec:
    """Codes of a Categorical or Boolean column: its declared labels in order, then null when nullable.

    >>> codec = CategoricalCodec(Categorical("sex", values=["F", "M"], nullable=True))
    >>> codec.encode(np.array([1, 0, -1])).tolist(), codec.code_labels()
    ([1, 0, 2], ('F', 'M', 'missing'))
    """

    column: Categorical | Boolean

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
        """Number of codes."""
        return self.column.ticks + self.column.nullable

    def encode(self, ticks: Ticks, labels: Sequence[str] | None = None) -> Codes:
        """Code of each row, shape (rows,), in the narrowest unsigned integers; ticks as made by ingest."""
        codes: Codes = ticks.astype(np.min_scalar_type(self.size - 1))
        if self.column.nullable:
            codes[ticks < 0] = self.size - 1
        return codes

    def decode(self, codes: NDArray[Any], rng: np.random.Generator) -> pd.Series[Any]:
        """The label of each code, in the dtype that the schema's labels imply."""
        return labelled(self.name, self.column.labels, self.column.nullable, codes)

    def code_labels(self) -> tuple[str, ...]:
        """Plain words for every code."""
        return (*map(str, self.column.labels), *([MISSING] if self.column.nullable else []))


@dataclass(frozen=True)
class OpenCodec:
    """Codes of an OpenCategorical column: the values found under privacy, then `other`, then null when nullable.

    values: text, distinct, public by now (declared as known, or named by partition selection).

    >>> codec = OpenCodec(OpenCategorical("city"), ("Oslo", "Bergen"))
    >>> codec.encode(np.array([0, 1, 2]), ["Bergen", "Moss", "Oslo"]).tolist()
    [1, 2, 0]
    """

    column: OpenCategorical
    values: tuple[str, ...]

    def __post_init__(self) -> None:
        object.__setattr__(self, "values", tuple(self.values))
        if not all(isinstance(value, str) for value in self.values):
            raise SettingError(f"values of {self.name!r} must be text")
        if len(set(self.values)) != len(self.values):
            raise SettingError(f"values of {self.name!r} must be distinct")

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
        """Number of codes."""
        return len(self.values) + 1 + self.column.nullable

    def encode(self, ticks: Ticks, labels: Sequence[str] | None = None) -> Codes:
        """Code of each row, shape (rows,); `labels` is the private list that the ticks index."""
        if labels is None:
            raise SettingError(f"labels of {self.name!r} must be given to encode an open column")
        other = len(self.values)
        found = [self._code_of.get(label, other) for label in labels]
        # A missing value is tick -1, which picks the last entry.
        return np.array([*found, self.size - 1], dtype=np.min_scalar_type(self.size - 1))[ticks]

    def decode(self, codes: NDArray[Any], rng: np.random.Generator) -> pd.Series[Any]:
        """The value of each code, as text."""
        return labelled(self.name, self._labels, self.column.nullable, codes)

    def code_labels(self) -> tuple[str, ...]:
        """Plain words for every code."""
        return (*self._labels, *([MISSING] if self.column.nullable else []))

    @property
    def _labels(self) -> tuple[str, ...]:
        return (*self.values, spelled(self.column.other))

    @cached_property
    def _code_of(self) -> dict[str, int]:
        return {value: code for code, value in enumerate(self.values)}


def spelled(label: object) -> str:
    """The one spelling of a label: equal numbers are spelled alike, whatever type holds them; text is left alone.

    Numbers have no exponent and no trailing zeros, and true and false are 1 and 0. Raises ValueError for a number
    that needs more than 4300 digits.

    >>> spelled(1.0), spelled(True), spelled("1.0"), spelled(Decimal("2.50")), spelled(1e-7)
    ('1', '1', '1.0', '2.5', '0.0000001')
    """
    if isinstance(label, bool | np.bool_ | int | np.integer):
        return str(int(label))
    if isinstance(label, np.floating) or (isinstance(label, Decimal) and label == float(label)):
        label = float(label)
    if isinstance(label, float) and np.isfinite(label):
        # The shortest decimal that reads as this number; whole numbers have all their digits.
        label = int(label) if label == int(label) else Decimal(repr(label))
    if not isinstance(label, Decimal) or not label.is_finite():
        return str(label)
    if max(label.adjusted(), -int(label.as_tuple().exponent)) >= DIGITS_LIMIT:
        raise ValueError("a number of too many digits")
    text = format(label, "f")
    return text.rstrip("0").rstrip(".") if "." in text else text


def labelled(name: str, labels: Sequence[Label], nullable: bool, codes: NDArray[Any]) -> pd.Series[Any]:
    """A pandas Series of labels (null last when nullable); its dtype depends on the labels and `nullable` alone.

    Booleans become bool or boolean, whole numbers int64 or Int64, numbers float64, all else text.
    """
    import pandas as pd

    kinds = {type(label) for label in labels}
    entries: list[Any] = list(labels)
    dtype: str
    if kinds == {bool}:
        dtype = "boolean" if nullable else "bool"
    elif kinds == {int}:
        dtype = "Int64" if nullable else "int64"
    elif kinds <= {int, float}:
        dtype = "float64"
    else:
        dtype, entries = text_dtype(), [spelled(label) for label in labels]
    palette = pd.Series([*entries, *([None] if nullable else [])], dtype=dtype)
    return pd.Series(palette.array.take(np.asarray(codes, dtype=np.int64)), name=name)


def text_dtype() -> str:
    """The dtype of text: `str` where pandas has it (3.0 on), else object."""
    import pandas as pd

    return "object" if pd.__version__.startswith(("1.", "2.")) else "str"
