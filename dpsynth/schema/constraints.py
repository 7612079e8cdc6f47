"""Constraints: what public knowledge says about columns together; every decoded row satisfies them.

Constraints are public, like all of a schema: they are declared, never read from the private table. A column that others
determine (`Dependency`, `Sum`, `Fixed`, the last column of `Unique`) leaves the model: it is never counted, costs
nothing, and is derived when rows are decoded.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import KW_ONLY, dataclass
from typing import Any, ClassVar

from dpsynth.errors import SettingError
from dpsynth.schema.provenance import DECLARED
from dpsynth.schema.selection import Values, in_words, values_of

Box = tuple[tuple[str, Values], ...]
"""One set of combinations: for each column it names, the values that it takes."""


@dataclass(frozen=True)
class Forbidden:
    """Combinations that cannot occur: a row lies in none of the `cells`.

    cells: a mapping from columns to a value, a list of values, a range (low, high) or None (missing); or a list of
    such mappings. Columns that a mapping does not name may take any value.

    >>> Forbidden({"sex": "F", "relationship": ["Husband"]}).words
    'sex is F and relationship is Husband never occurs'
    """

    type: ClassVar[str] = "forbidden"

    cells: Sequence[Any]
    _: KW_ONLY
    source: str = DECLARED

    def __post_init__(self) -> None:
        object.__setattr__(self, "cells", _boxes(self.cells))

    @property
    def columns(self) -> tuple[str, ...]:
        """Every column that is named, in order."""
        return _named(self.cells)

    @property
    def words(self) -> str:
        """The constraint in plain words."""
        return f"{_in_words(self.cells)} never occurs"


@dataclass(frozen=True)
class Allowed:
    """The only combinations that occur: a row lies in at least one of the `cells`, which are as those of `Forbidden`.

    >>> Allowed([{"pregnant": "no"}, {"pregnant": "yes", "sex": "F"}]).columns
    ('pregnant', 'sex')
    """

    type: ClassVar[str] = "allowed"

    cells: Sequence[Any]
    _: KW_ONLY
    source: str = DECLARED

    def __post_init__(self) -> None:
        object.__setattr__(self, "cells", _boxes(self.cells))

    @property
    def columns(self) -> tuple[str, ...]:
        """Every column that is named, in order."""
        return _named(self.cells)

    @property
    def words(self) -> str:
        """The constraint in plain words."""
        return f"always {_in_words(self.cells)}"


@dataclass(frozen=True)
class Dependency:
    """A functional dependency: the value of `by` decides that of `column`, by a public mapping.

    values: for every label of `by`, the value of `column`, as a mapping or a list of pairs; None stands for missing,
    and a missing `by` gives a missing `column` unless the mapping says otherwise.

    >>> Dependency("grade", by="school", values={"primary": 1, "secondary": 2}).columns
    ('grade', 'school')
    """

    type: ClassVar[str] = "dependency"

    column: str
    _: KW_ONLY
    by: str
    values: Any
    source: str = DECLARED

    def __post_init__(self) -> None:
        given = self.values.items() if isinstance(self.values, Mapping) else self.values
        try:
            pairs = tuple((key, value) for key, value in given)
        except (TypeError, ValueError):
            raise SettingError("values of a dependency must be a mapping or a list of pairs") from None
        object.__setattr__(self, "values", pairs)

    @property
    def columns(self) -> tuple[str, ...]:
        """The column that is decided, and the one that decides."""
        return self.column, self.by

    @property
    def words(self) -> str:
        """The constraint in plain words."""
        return f"{self.column} follows from {self.by}"


@dataclass(frozen=True)
class Order:
    """Columns in ascending order in every row, such as start <= end; equal values only when not `strict`.

    All are numbers, or all are dates. A missing value breaks nothing and is passed over.

    >>> Order(["admitted", "discharged"]).words
    'admitted <= discharged'
    """

    type: ClassVar[str] = "order"

    columns: Sequence[str]
    _: KW_ONLY
    strict: bool = False
    source: str = DECLARED

    def __post_init__(self) -> None:
        object.__setattr__(self, "columns", _names(self.columns))

    @property
    def words(self) -> str:
        """The constraint in plain words."""
        return (" < " if self.strict else " <= ").join(self.columns)


@dataclass(frozen=True)
class Sum:
    """A total: `column` is the sum of `parts` in every row, to the last decimal; missing where a part is missing.

    >>> Sum("total", parts=["net", "tax"]).words
    'total = net + tax'
    """

    type: ClassVar[str] = "sum"

    column: str
    _: KW_ONLY
    parts: Sequence[str]
    source: str = DECLARED

    def __post_init__(self) -> None:
        object.__setattr__(self, "parts", _names(self.parts))

    @property
    def columns(self) -> tuple[str, ...]:
        """The total and its parts."""
        return self.column, *self.parts

    @property
    def words(self) -> str:
        """The constraint in plain words."""
        return f"{self.column} = {' + '.join(self.parts)}"


@dataclass(frozen=True)
class Fixed:
    """A column with the same public value in every row; None stands for missing.

    >>> Fixed("country", value="FR").words
    'country is FR in every row'
    """

    type: ClassVar[str] = "fixed"

    column: str
    _: KW_ONLY
    value: Any
    source: str = DECLARED

    @property
    def columns(self) -> tuple[str, ...]:
        """The column."""
        return (self.column,)

    @property
    def words(self) -> str:
        """The constraint in plain words."""
        return f"{in_words(self.column, (self.value,))} in every row"


@dataclass(frozen=True)
class Unique:
    """A key: no two rows have the same values in all `columns`.

    The last column is made anew from all values of its grid, or of its labels, none of them twice; so it tells nothing
    about anybody, and it needs at least as many values as there are rows. An Identifier is unique without this.

    >>> Unique(["order_number"]).words
    'order_number is different in every row'
    """

    type: ClassVar[str] = "unique"

    columns: Sequence[str]
    _: KW_ONLY
    source: str = DECLARED

    def __post_init__(self) -> None:
        object.__setattr__(self, "columns", _names(self.columns))

    @property
    def column(self) -> str:
        """The column that is made anew."""
        return self.columns[-1]

    @property
    def words(self) -> str:
        """The constraint in plain words."""
        return f"{' with '.join(self.columns)} is different in every row"


Constraint = Forbidden | Allowed | Dependency | Order | Sum | Fixed | Unique
Derivation = Dependency | Sum | Fixed | Unique

CONSTRAINT_TYPES: Mapping[str, type[Constraint]] = {
    kind.type: kind for kind in (Forbidden, Allowed, Dependency, Order, Sum, Fixed, Unique)
}


def derivations(constraints: Iterable[Constraint]) -> dict[str, Derivation]:
    """Column -> the constraint that derives it, for every column that leaves the model."""
    return {one.column: one for one in constraints if isinstance(one, Derivation)}


def _boxes(cells: Any) -> tuple[Box, ...]:
    boxes = [cells] if isinstance(cells, Mapping) else cells
    if isinstance(boxes, str) or not isinstance(boxes, Sequence) or not boxes:
        raise SettingError("cells must be a mapping from columns to values, or a list of such mappings")
    found = []
    for box in boxes:
        pairs = tuple(box.items()) if isinstance(box, Mapping) else tuple(box)
        if not pairs:
            raise SettingError("cells must name at least one column in each mapping")
        found.append(tuple((name, values_of(wanted)) for name, wanted in pairs))
    return tuple(found)


def _named(boxes: Sequence[Box]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(name for box in boxes for name, _ in box))


def _in_words(boxes: Sequence[Box]) -> str:
    parts = [" and ".join(in_words(name, values) for name, values in box) for box in boxes[:3]]
    left = len(boxes) - 3
    more = f", or one of {left} more combinations" if left > 1 else ", or one more combination" if left == 1 else ""
    return ", or ".join(parts) + more


def _names(given: Any) -> tuple[str, ...]:
    if isinstance(given, str) or not isinstance(given, Iterable):
        raise SettingError("columns of a constraint must be a list of names")
    return tuple(given)
