"""The rules that columns of every type share, checked all at once.

Each column type builds one `Rules` when it is made. A check normalises its item, notes what is broken and goes on,
so that a steward hears of every broken rule in one go.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from dpsynth.errors import Problem, SchemaError
from dpsynth.schema.provenance import OPEN
from dpsynth.schema.wording import close_to, kind_of

LABELS_LIMIT = 1_000_000


class Rules:
    """The rules of one column, with what is broken so far; its name and its source are checked from the start."""

    def __init__(self, column: Any) -> None:
        self.column = column
        self.problems: list[Problem] = []
        named = isinstance(column.name, str) and column.name.strip() != "" and encodable(column.name)
        self.name: str | None = column.name if named else None
        if self.name is None:
            self.broken("name", f"name must be text that is not empty; got {kind_of(column.name)}")
        elif not self.name.isprintable():
            self.broken("name", "name must hold printable characters only; try renaming the column")
        self._source()

    def broken(self, item: str, message: str) -> None:
        """Notes a broken rule of an item."""
        self.problems.append(Problem(message, column=self.name, rule=item))

    def finish(self) -> None:
        """Raises SchemaError with every broken rule."""
        if self.problems:
            raise SchemaError("a column is not valid:", self.problems)

    def keep(self, item: str, value: object) -> None:
        """Replaces an item of the frozen column by its normal form."""
        object.__setattr__(self.column, item, value)

    def plain(self, item: str) -> Any:
        """The value of an item, kept as a Python value where it was a numpy scalar."""
        self.keep(item, plain(getattr(self.column, item)))
        return getattr(self.column, item)

    def shown(self, item: str) -> str:
        """The item with its value; without it when it was read from private data and nobody has confirmed it."""
        source = self.column.source
        origin = source.get(item) if isinstance(source, Mapping) else source
        return item if origin in OPEN else f"{item} ({getattr(self.column, item)!r:.60})"

    def _source(self) -> None:
        source = self.column.source
        known = ["type", *(one.name for one in dataclasses.fields(self.column) if one.name not in ("name", "source"))]
        if isinstance(source, Mapping):
            self.keep("source", dict(source))
            for item, origin in source.items():
                if item not in known:
                    self.broken("source", f"source ({item!r}) must name items of the column{close_to(item, known)}")
                elif not isinstance(origin, str) or not origin.strip():
                    self.broken("source", f"source of {item} must be text that is not empty; got {kind_of(origin)}")
        elif not isinstance(source, str) or not source.strip():
            self.broken("source", f"source must be text that is not empty, or a mapping; got {kind_of(source)}")

    def flags(self, *flags: str) -> None:
        """Each item is true or false."""
        for item in flags:
            value = self.plain(item)
            if not isinstance(value, bool):
                self.broken(item, f"{item} must be true or false; got {kind_of(value)}")

    def text(self, item: str) -> bool:
        """The item is text; says whether it is."""
        value = getattr(self.column, item)
        if not isinstance(value, str) or not encodable(value):
            self.broken(item, f"{item} must be text; got {kind_of(value)}")
            return False
        return True

    def choice(self, item: str, allowed: Sequence[str]) -> bool:
        """The item is one of the allowed words, and "null" goes with a nullable column; says whether it is so."""
        value = getattr(self.column, item)
        if not isinstance(value, str) or value not in allowed:
            self.broken(item, f"{self.shown(item)} must be one of {', '.join(allowed)}{close_to(value, allowed)}")
            return False
        if value == "null" and self.column.nullable is False:
            self.broken(item, f"{self.shown(item)} must go with a nullable column; try nullable: true")
        return True

    def whole(self, item: str, lowest: int, highest: int) -> None:
        """The item is a whole number from `lowest` to `highest`."""
        value = self.plain(item)
        if not isinstance(value, int) or isinstance(value, bool):
            self.broken(item, f"{item} must be a whole number; got {kind_of(value)}")
        elif not lowest <= value <= highest:
            self.broken(item, f"{self.shown(item)} must be from {lowest} to {highest}")

    def entries(self, item: str) -> tuple[Any, ...]:
        """The entries of a list-like item; the empty tuple, and a broken rule, when it is not in a fixed order."""
        value = getattr(self.column, item)
        if isinstance(value, range) and abs(value.stop - value.start) > LABELS_LIMIT * abs(value.step):
            self.broken(item, f"{item} must hold at most {LABELS_LIMIT} entries")
            return ()
        value = list(value) if hasattr(value, "tolist") else value
        if isinstance(value, str | bytes) or not isinstance(value, Sequence):
            self.broken(item, f"{item} must be a list; got {kind_of(value)}")
            return ()
        if len(value) > LABELS_LIMIT:
            self.broken(item, f"{item} must hold at most {LABELS_LIMIT} entries; got {len(value)}")
            return ()
        return tuple(map(plain, value))

    def no_fill_when_nullable(self) -> None:
        """A column that keeps its missing values does not also fill them in."""
        if self.column.nullable is True:
            self.broken("missing", "missing must be left out of a nullable column: its missing values stay null")


def missing_value_faults(texts: Sequence[object]) -> dict[int, str]:
    """What is wrong with each entry of a schema's `missing_values`, by its place in the list."""
    faults: dict[int, str] = {}
    for place, text in enumerate(texts):
        entry = f"entry {place + 1} of missing_values"
        if not isinstance(text, str) or not encodable(text):
            faults[place] = f"{entry} must be text; got {kind_of(text)}; try quotes"
        elif text == "":
            faults[place] = f"{entry} must not be the empty text, which is missing anyway; try leaving it out"
        elif text in texts[:place]:
            faults[place] = f"{entry} must be distinct; got an earlier entry again"
    return faults


def plain(value: Any) -> Any:
    """A numpy scalar as the Python value it stands for; a numpy moment stays what it is."""
    return value.item() if isinstance(value, np.generic) and not isinstance(value, np.datetime64) else value


def encodable(text: str) -> bool:
    """Whether text can be written in UTF-8: half a surrogate pair cannot."""
    try:
        text.encode("utf-8")
    except UnicodeEncodeError:
        return False
    return True
