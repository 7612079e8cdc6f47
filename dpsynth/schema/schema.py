"""The schema of a private table: its columns in order, and the question who declared them public."""

from __future__ import annotations

import dataclasses
import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, cast

from dpsynth.errors import Problem, SchemaError, SettingError
from dpsynth.schema import files
from dpsynth.schema.card import schema_card
from dpsynth.schema.columns import Column, Identifier
from dpsynth.schema.constraint_rules import constraint_problems
from dpsynth.schema.constraints import Constraint, Derivation, derivations
from dpsynth.schema.provenance import OPEN, UNANSWERED, UNREVIEWED, provenance
from dpsynth.schema.questions import words_of
from dpsynth.schema.rules import missing_value_faults
from dpsynth.schema.wording import close_to, kind_of

_ANSWER = "answer what is unanswered: schema.answered('age', by='codebook 2019', upper=120)"


@dataclass(frozen=True, repr=False)
class Schema:
    """Columns of a private table in table order, all public; `public_rows` is a row count declared public, or None.

    A text cell that is exactly one of `missing_values`, such as "?" or "N", is a missing cell in every column, save
    where the column declares that text as a label of its own. `constraints` say what holds between columns in every
    row, such as Forbidden, Order or Dependency.
    Raises SchemaError when there is no column or two have one name, a missing value is not a text of its own, or a
    constraint does not fit its columns.

    Privacy: nothing in a schema is paid for, so nothing in it may be read from the private table. Items that
    `draft` guessed from data are marked "unreviewed", and no run starts before somebody has confirmed them.

    >>> from dpsynth.schema import Boolean, Numeric
    >>> schema = Schema([Numeric("age", lower=0, upper=120, integer=True), Boolean("smoker")])
    >>> schema.names, schema["age"].upper
    (('age', 'smoker'), 120)
    """

    columns: Sequence[Column]
    public_rows: int | None = None
    missing_values: Sequence[str] = ()
    constraints: Sequence[Constraint] = ()

    def __post_init__(self) -> None:
        columns = tuple(self.columns)
        object.__setattr__(self, "columns", columns)
        problems = []
        if not columns:
            problems.append(Problem("columns must hold at least one column", rule="columns"))
        for position, column in enumerate(cast("tuple[object, ...]", columns), 1):
            if not isinstance(column, Column):
                message = f"entry {position} of columns must be a column such as Numeric; got {kind_of(column)}"
                problems.append(Problem(message, rule="columns"))
        if not problems:
            problems += [
                Problem(
                    "name must be unique in the schema; try renaming one", column=columns[position].name, rule="name"
                )
                for position in files.repeated([column.name for column in columns])
            ]
        rows = self.public_rows
        if rows is not None and (type(rows) is not int or rows < 0):
            problems.append(Problem("public_rows must be a whole number of rows, or None", rule="public_rows"))
        problems += self._missing_value_problems()
        object.__setattr__(self, "constraints", tuple(self.constraints))
        if not problems:
            problems += [one for faults in constraint_problems(columns, self.constraints).values() for one in faults]
        if problems:
            raise SchemaError("the schema is not valid:", problems)

    def _missing_value_problems(self) -> list[Problem]:
        """Keeps `missing_values` as a tuple, and says what is wrong with it."""
        texts = self.missing_values
        if isinstance(texts, str | bytes) or not isinstance(texts, Sequence):
            message = f"missing_values must be a list of texts; got {kind_of(texts)}; try missing_values=['?']"
            return [Problem(message, rule="missing_values")]
        object.__setattr__(self, "missing_values", tuple(texts))
        return [Problem(fault, rule="missing_values") for fault in missing_value_faults(texts).values()]

    @cached_property
    def names(self) -> tuple[str, ...]:
        """Column names in table order."""
        return tuple(column.name for column in self.columns)

    @cached_property
    def derived(self) -> Mapping[str, Derivation]:
        """Column -> the constraint that derives it when rows are decoded, for every column that leaves the model."""
        return derivations(self.constraints)

    @cached_property
    def modelled(self) -> tuple[Column, ...]:
        """The columns that are counted and modelled: all but identifiers and those that are derived."""
        return tuple(c for c in self.columns if not isinstance(c, Identifier) and c.name not in self.derived)

    def __getitem__(self, name: str) -> Column:
        for column in self.columns:
            if column.name == name:
                return column
        raise SettingError(f"column ({name!r}) must be in the schema{close_to(name, self.names)}")

    def __contains__(self, name: object) -> bool:
        return name in self.names

    def __iter__(self) -> Iterator[Column]:
        return iter(self.columns)

    def __len__(self) -> int:
        return len(self.columns)

    def __repr__(self) -> str:
        rows = "" if self.public_rows is None else f", public_rows={self.public_rows}"
        texts = "<unreviewed>" if self.unreviewed() else repr(self.missing_values)
        missing = f", missing_values={texts}" if self.missing_values else ""
        rules = f", constraints={list(self.constraints)!r}" if self.constraints else ""
        return f"Schema([{', '.join(map(repr, self.columns))}]{rows}{missing}{rules})"

    def _repr_html_(self) -> str:
        """A card for notebooks; what nobody answers for stays out of it."""
        return schema_card(self)

    def provenance(self) -> tuple[tuple[str, str, str], ...]:
        """Every public item as (column, item, who declared it public); a constraint is an item of its columns."""
        return (
            *((column.name, item, origin) for column in self.columns for item, origin in provenance(column).items()),
            *((", ".join(one.columns), f"constraint: {one.words}", one.source) for one in self.constraints),
        )

    def unreviewed(self) -> tuple[tuple[str, str], ...]:
        """Items that nobody answers for, as (column, item): read from private data, or told by no source.

        >>> from dpsynth.schema import Numeric
        >>> Schema([Numeric("age", lower=0, upper=97, source={"upper": "unreviewed"})]).unreviewed()
        (('age', 'upper'),)
        """
        return tuple((column, item) for column, item, origin in self.provenance() if origin in OPEN)

    def questions(self) -> tuple[tuple[str, str, str], ...]:
        """Items that the source of an imported schema does not tell, as (column, item, question in plain words).

        Each holds a placeholder. `confirmed` leaves them open: only an answer closes them, see `answered`.

        >>> from dpsynth.schema import Numeric
        >>> draft = Schema([Numeric("age", lower=0, upper=1, source={"upper": "unanswered"})])
        >>> draft.questions()
        (('age', 'upper', 'What is the largest number that can be entered, whoever is in the table?'),)
        >>> draft.confirmed(by="codebook 2019").questions() == draft.questions()
        True
        """
        return tuple(
            (column, item, words_of(self[column].type, item))
            for column, item, origin in self.provenance()
            if origin == UNANSWERED
        )

    def answered(self, column: str, by: str, **items: Any) -> Schema:
        """A schema in which items of a column have these values, and `by` answers for them.

        Raises SettingError for an unknown column or a `by` that names nobody, SchemaError when an item breaks a rule.

        Privacy: this is a statement of the steward that each value stands in a public source.

        >>> from dpsynth.schema import Numeric
        >>> draft = Schema([Numeric("age", lower=0, upper=1, source={"upper": "unanswered"})])
        >>> draft.answered("age", by="codebook 2019", upper=120).unreviewed()
        ()
        """
        _check_by(by)
        before = self[column]
        unknown = [item for item in items if item in ("name", "source") or not hasattr(before, item)]
        if unknown:
            raise SettingError(f"items ({unknown[0]!r}) must be keys of a {before.type} column; try lower=0")
        source = {**provenance(before), **dict.fromkeys(items, by)}
        after = dataclasses.replace(before, **items, source=source)
        return dataclasses.replace(self, columns=[after if each is before else each for each in self.columns])

    def require_reviewed(self) -> None:
        """Raises SchemaError that names every unreviewed item and says how to confirm it."""
        asked = [Problem(f"{item}: {words}", column, UNANSWERED) for column, item, words in self.questions()]
        open_items: dict[str, list[str]] = {}
        for column, item, origin in self.provenance():
            if origin == UNREVIEWED:
                open_items.setdefault(column, []).append(item)
        if open_items or asked:
            raise SchemaError(
                "the schema must not hold items that were read from private data and confirmed by nobody; "
                "check each against a public source, mend it, and write who declared it in place of 'unreviewed' "
                "(source: codebook 2019), or try schema.confirmed(by='codebook 2019', columns=[...])"
                + (
                    "; answer what is unanswered: schema.answered('age', by='codebook 2019', upper=120):"
                    if asked
                    else ":"
                ),
                [
                    *(Problem(", ".join(items), column, UNREVIEWED) for column, items in open_items.items()),
                    *asked,
                ],
            )

    def confirmed(self, by: str, columns: Iterable[str] | None = None) -> Schema:
        """A schema in which `by` answers for the unreviewed items of `columns` (all columns when None).

        Raises SettingError for an unknown column, or a `by` that is empty or "unreviewed".

        Privacy: this is a statement of the steward that each value also stands in a public source.

        >>> from dpsynth.schema import Boolean
        >>> Schema([Boolean("smoker", source="unreviewed")]).confirmed(by="codebook 2019")["smoker"].source
        'codebook 2019'
        """
        _check_by(by)
        if isinstance(columns, str):
            raise SettingError("columns must be a list of column names; got text")
        chosen = set(self.names if columns is None else (self[name].name for name in columns))
        confirmed = [_confirmed(column, by) if column.name in chosen else column for column in self.columns]
        rules = [dataclasses.replace(one, source=by) if one.source == UNREVIEWED else one for one in self.constraints]
        return Schema(confirmed, self.public_rows, self.missing_values, rules)

    def to_json(self) -> dict[str, Any]:
        """The schema as plain dicts, lists and scalars: the format of a schema file."""
        return files.document(self.columns, self.public_rows, self.missing_values, self.constraints)

    @classmethod
    def from_json(cls, document: Mapping[str, Any]) -> Schema:
        """The schema of a document in the format of a schema file; raises SchemaError with every broken rule."""
        return cls(*files.parse(document))

    @classmethod
    def load(cls, path: str | os.PathLike[str]) -> Schema:
        """Reads a .yaml, .yml or .json file; raises SchemaError with column, rule and line of every problem."""
        return cls(*files.read(path))

    def save(self, path: str | os.PathLike[str]) -> None:
        """Writes a .yaml, .yml or .json file, whole or not at all; raises SchemaError when it cannot."""
        files.write(self.to_json(), path, unreviewed=bool(self.unreviewed()))


def _check_by(by: str) -> None:
    if not by.strip() or by in OPEN:
        raise SettingError(f"by ({by!r}) must name who declared the items public; try by='codebook 2019'")


def _confirmed(column: Column, by: str) -> Column:
    if isinstance(column.source, str):
        return dataclasses.replace(column, source=by) if column.source == UNREVIEWED else column
    confirmed = {item: by if origin == UNREVIEWED else origin for item, origin in column.source.items()}
    return dataclasses.replace(column, source=confirmed)
