"""Whom the promise is about: the neighbouring relation, and how many rows one protected unit may have."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum

from dpsynth.errors import SettingError


class Relation(str, Enum):
    """When two tables are neighbours.

    ADD_REMOVE: one table is the other with all rows of one unit left out; the number of rows is private.
    REPLACE_ONE: the rows of one unit are exchanged for the rows of another.
    """

    ADD_REMOVE = "add-remove"
    REPLACE_ONE = "replace-one"


@dataclass(frozen=True)
class PrivacyUnit:
    """The unit that one promise protects: a row, or all rows that share a value of one column.

    relation: what it means for two tables to be neighbours.
    column: name of the column that identifies the unit; None means that each row is its own unit.
    max_rows: the most rows of one unit that any mechanism sees; ingest enforces it.

    >>> PrivacyUnit(column="patient_id", max_rows=3).squared_l2_count_sensitivity
    9
    """

    relation: Relation = Relation.ADD_REMOVE
    column: str | None = None
    max_rows: int = 1

    def __post_init__(self) -> None:
        try:
            object.__setattr__(self, "relation", Relation(self.relation))
        except ValueError:
            choices = " or ".join(repr(choice.value) for choice in Relation)
            raise SettingError(f"relation ({self.relation!r}) must be {choices}") from None
        column: object = self.column  # what a caller without a type checker may pass
        max_rows: object = self.max_rows
        if column is not None and (not isinstance(column, str) or not column):
            raise SettingError(f"column ({column!r}) must be the name of a column, or None for one row per unit")
        if isinstance(max_rows, bool) or not isinstance(max_rows, int):
            raise SettingError(f"max_rows must be a whole number; got {type(max_rows).__name__}; try 1")
        if self.max_rows < 1:
            raise SettingError(f"max_rows ({self.max_rows}) must be at least 1; got less; try 1")
        if self.column is None and self.max_rows != 1:
            raise SettingError(
                f"max_rows ({self.max_rows}) must be 1 when no unit column is named; "
                "try naming the column that identifies a unit, or max_rows=1"
            )

    @classmethod
    def asked(cls, relation: str | Relation, column: str | None, max_rows: int | None) -> PrivacyUnit:
        """The unit of a request; SettingError where a unit comes without its bound, or a bound without its unit."""
        try:
            kind = Relation(relation)
        except ValueError:
            names = [one.value for one in Relation]
            raise SettingError(f"relation ({relation!r}) must be one of {names}") from None
        if column is None:
            if max_rows not in (None, 1):
                raise SettingError(f"max_rows_per_unit ({max_rows}) must come with a unit; try unit='patient_id'")
            return cls(kind)
        if max_rows is None:
            raise SettingError(
                f"max_rows_per_unit must be given with the unit {column!r}: how many rows of one of them are kept at"
                " most"
            )
        return cls(kind, column, max_rows)

    @property
    def l1_count_sensitivity(self) -> int:
        """L1 distance, in rows, that the cell counts of one marginal can move: k, or 2k when a unit is replaced."""
        return self.max_rows * (2 if self.relation is Relation.REPLACE_ONE else 1)

    @property
    def squared_l2_count_sensitivity(self) -> int:
        """Squared L2 distance, in rows^2, that the cell counts of one marginal can move: k^2, or 2k^2 when replaced.

        The worst case is all k rows of the unit in one cell (and, when replaced, all in one other cell).
        """
        return self.max_rows**2 * (2 if self.relation is Relation.REPLACE_ONE else 1)

    def describe(self) -> str:
        """The unit in plain words, for certificates and reports."""
        verb = "replacing" if self.relation is Relation.REPLACE_ONE else "adding or removing"
        if self.column is None:
            return f"{verb} one row (record-level: a person with several rows is NOT protected as a whole)"
        rows = "1 row" if self.max_rows == 1 else f"{self.max_rows} rows"
        return f"{verb} all rows of one value of {self.column!r} (at most {rows})"
