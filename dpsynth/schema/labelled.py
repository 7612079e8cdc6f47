"""Columns of labels: a declared list of values, an open one, and the two labels of a yes/no question.

Labels are numbered in the order in which they are declared.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import KW_ONLY, dataclass, field
from functools import cached_property
from typing import ClassVar, Literal

from dpsynth.schema.provenance import DECLARED, Source, call_of
from dpsynth.schema.rules import LABELS_LIMIT, Rules, encodable
from dpsynth.schema.wording import kind_of

Label = str | int | float | bool


@dataclass(frozen=True, repr=False)
class Categorical:
    """A column with a declared list of values, in the order of their codes.

    `values` are text, numbers or booleans (a range is kept as a tuple). A value outside the list follows
    `unknown`: "refuse" the table, count it as the label `other` (which gets a code of its own after `values`),
    or make it null. A missing value in a column that is not `nullable` follows `missing`: "refuse", or a label
    to fill in. Raises SchemaError with every broken rule.

    Privacy: the list, its order, `nullable` and the labels are taken as public; `source` says who declared them.

    >>> Categorical("sex", values=["F", "M"], unknown="other").labels
    ('F', 'M', '(other)')
    """

    type: ClassVar[str] = "categorical"

    name: str
    _: KW_ONLY
    values: Sequence[Label]
    nullable: bool = False
    ordered: bool = False
    unknown: Literal["refuse", "other", "null"] = "refuse"
    other: Label | None = None
    missing: Label = "refuse"
    source: Source = field(default=DECLARED, hash=False)

    def __post_init__(self) -> None:
        rules = Rules(self)
        rules.flags("nullable", "ordered")
        values = _check_labels(rules, "values", least=1)
        rules.choice("unknown", ("refuse", "other", "null"))
        if self.unknown == "other" and self.other is None:
            object.__setattr__(self, "other", "(other)")
        if self.other is not None:
            if self.unknown != "other":
                rules.broken("other", "other must go with unknown 'other'; try unknown: other, or leave other out")
            _check_apart(rules, "other", "values")
            _check_fill(rules, (*values, self.other))
        else:
            _check_fill(rules, values)
        rules.finish()

    @cached_property
    def labels(self) -> tuple[Label, ...]:
        """Every label in code order: `values`, then `other` when unknown values are counted."""
        values = tuple(self.values)
        return values if self.other is None else (*values, self.other)

    @property
    def ticks(self) -> int:
        """Number of labels; a null is not among them."""
        return len(self.labels)

    def __repr__(self) -> str:
        return call_of(self)


@dataclass(frozen=True, repr=False)
class OpenCategorical:
    """A column whose values are not public: those that many units share are found later, under privacy.

    Its values are text. `known` values are public and always kept. At most `max_values` values are kept in all
    (a public cap); every other one is counted as the label `other`. Raises SchemaError with every broken rule.

    >>> OpenCategorical("country", nullable=True, known=["FR"])
    OpenCategorical('country', nullable=True, known=('FR',))
    """

    type: ClassVar[str] = "open-categorical"

    name: str
    _: KW_ONLY
    nullable: bool = False
    known: Sequence[str] = ()
    max_values: int = 1000
    other: str = "(other)"
    source: Source = field(default=DECLARED, hash=False)

    def __post_init__(self) -> None:
        rules = Rules(self)
        rules.flags("nullable")
        known = _check_labels(rules, "known")
        _check_apart(rules, "other", "known")
        if not all(isinstance(label, str) for label in (*known, self.other)):
            rules.broken("known", "known and other must be text, as all values of an open column are; try quotes")
        rules.whole("max_values", max(1, len(known)), LABELS_LIMIT)
        rules.finish()

    def __repr__(self) -> str:
        return call_of(self)


@dataclass(frozen=True, repr=False)
class Boolean:
    """A column of two labels: `labels[0]` means false, `labels[1]` means true.

    A missing value in a column that is not `nullable` follows `missing`: "refuse", or a label to fill in.
    Raises SchemaError with every broken rule.

    >>> Boolean("smoker", labels=["no", "yes"]).labels
    ('no', 'yes')
    """

    type: ClassVar[str] = "boolean"

    name: str
    _: KW_ONLY
    nullable: bool = False
    labels: Sequence[Label] = (False, True)
    missing: Label = "refuse"
    source: Source = field(default=DECLARED, hash=False)

    def __post_init__(self) -> None:
        rules = Rules(self)
        rules.flags("nullable")
        labels = _check_labels(rules, "labels", least=2)
        if len(labels) > 2:
            rules.broken("labels", "labels must be two: for false and for true; try a Categorical for more")
        _check_fill(rules, labels)
        rules.finish()

    @property
    def ticks(self) -> int:
        """Two; a null is not among them."""
        return 2

    def __repr__(self) -> str:
        return call_of(self)


def _check_labels(rules: Rules, item: str, least: int = 0) -> tuple[Label, ...]:
    """The item holds at least so many labels, distinct also when written as text; returns them as far as they go."""
    declared, labels, before = getattr(rules.column, item), rules.entries(item), len(rules.problems)
    rules.keep(item, labels)
    if len(labels) < least:
        rules.broken(item, f"{item} must hold at least {least} label{'s' if least > 1 else ''}; got {len(labels)}")
    # In a range only the ends can be at fault, and no number repeats.
    for position in {1, len(labels)} if isinstance(declared, range) and labels else range(1, len(labels) + 1):
        if fault := _label_fault(labels[position - 1]):
            rules.broken(item, f"entry {position} of {item} {fault}")
    kinds = set(map(type, labels))
    if bool in kinds and kinds & {int, float}:
        rules.broken(item, f"{item} must not mix true/false with numbers: True and 1 are equal; try text labels")
    if len(rules.problems) == before and not isinstance(declared, range):
        _check_distinct(rules, item, labels)
    return labels


def _check_distinct(rules: Rules, item: str, labels: Sequence[Label]) -> None:
    if len(set(labels)) == len(set(map(str, labels))) == len(labels):
        return
    first: dict[Label, int] = {}
    for position, label in enumerate(labels, 1):
        if (earlier := first.setdefault(label, position)) != position:
            rules.broken(item, f"entry {position} of {item} must be distinct; got entry {earlier} again")
    written = {str(label): position for label, position in first.items()}
    for label, position in first.items():
        if (later := written[str(label)]) != position:
            rules.broken(item, f"entry {later} of {item} must differ from entry {position} when written as text")


def _check_apart(rules: Rules, item: str, values: str) -> None:
    """The extra label `item` is a label, and not among those of the item `values`."""
    label, labels = rules.plain(item), getattr(rules.column, values)
    if fault := _label_fault(label):
        rules.broken(item, f"{item} {fault}")
    elif str(label) in map(str, labels) or label in labels:
        message = f"{rules.shown(item)} must not be in {values}: it has a code of its own; try removing it there"
        rules.broken(item, message)


def _check_fill(rules: Rules, labels: Sequence[Label]) -> None:
    """`missing` is "refuse" or one of the labels, of the same type too: False does not stand for 0."""
    fill = rules.plain("missing")
    if fill != "refuse":
        if not any(type(label) is type(fill) and label == fill for label in labels):
            rules.broken("missing", f"{rules.shown('missing')} must be 'refuse' or one of the column's labels")
        rules.no_fill_when_nullable()


def _label_fault(value: object) -> str | None:
    """What is wrong with a label, or None."""
    if type(value) not in (str, int, float, bool):
        advice = "; try nullable: true, a missing value is not a label" if kind_of(value) == "a missing value" else ""
        return f"must be text, a number or true/false; got {kind_of(value)}{advice}"
    if isinstance(value, float) and not math.isfinite(value):
        return "must be finite; got " + ("a missing value; try nullable: true" if math.isnan(value) else "infinity")
    if isinstance(value, int) and not -(2**63) <= value < 2**63:
        return "must fit into 64 bits; try text"
    return "must be valid Unicode text" if isinstance(value, str) and not encodable(value) else None
