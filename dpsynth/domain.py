"""Domains and cliques: which columns a coded table has, and how many codes each of them takes."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property

from dpsynth.errors import SettingError

Clique = tuple[str, ...]


@dataclass(frozen=True)
class Domain:
    """Column names and their numbers of codes, in table order; every value is public.

    >>> domain = Domain.of({"sex": 2, "age": 85})
    >>> domain.shape(("age", "sex")), domain.cells(("age", "sex"))
    ((85, 2), 170)
    """

    columns: tuple[str, ...]
    sizes: tuple[int, ...]

    def __post_init__(self) -> None:
        if len(self.columns) != len(self.sizes):
            raise SettingError("sizes must have one entry for each column")
        if len(set(self.columns)) != len(self.columns):
            raise SettingError("columns must be distinct")
        for column, size in zip(self.columns, self.sizes, strict=True):
            if size < 1:
                raise SettingError(f"size of {column!r} ({size}) must be at least 1")

    @classmethod
    def of(cls, sizes: Mapping[str, int]) -> Domain:
        """The domain of a mapping from column to number of codes."""
        return cls(tuple(sizes), tuple(int(size) for size in sizes.values()))

    @cached_property
    def _size_of(self) -> dict[str, int]:
        return dict(zip(self.columns, self.sizes, strict=True))

    def __getitem__(self, column: str) -> int:
        return self._size_of[column]

    def __contains__(self, column: object) -> bool:
        return column in self._size_of

    def __iter__(self) -> Iterator[str]:
        return iter(self.columns)

    def __len__(self) -> int:
        return len(self.columns)

    def shape(self, clique: Iterable[str]) -> tuple[int, ...]:
        """Numbers of codes of the clique's columns, in the clique's order."""
        return tuple(self._size_of[column] for column in clique)

    def cells(self, clique: Iterable[str]) -> int:
        """Cells of the marginal on `clique`, exact however large."""
        return math.prod(self.shape(clique))

    def canonical(self, clique: Iterable[str]) -> Clique:
        """The clique's columns in table order, each once."""
        wanted = set(clique)
        unknown = wanted - set(self.columns)
        if unknown:
            raise SettingError(f"clique names unknown columns {sorted(unknown)}; the domain has {list(self.columns)}")
        return tuple(column for column in self.columns if column in wanted)
