"""A slow plain counter over explicit rows, the reference that every backend and mechanism is checked with."""

from __future__ import annotations

from collections import Counter as Tally
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pytest

from dpsynth.codec.codec import Codec, closed_codec
from dpsynth.schema.columns import Categorical, Numeric, OpenCategorical
from dpsynth.schema.schema import Schema


@dataclass(frozen=True)
class PlainCounter:
    """Counts rows given as dicts of column -> tick (labels for open columns), one at a time."""

    schema: Schema
    rows: list[dict[str, Any]] = field(default_factory=list)

    def total(self) -> int:
        return len(self.rows)

    def frequencies(self, column: str) -> dict[str, int]:
        return dict(Tally(row[column] for row in self.rows if row[column] is not None))

    def histogram(self, column: str, edges: np.ndarray) -> np.ndarray:
        counts = np.zeros(len(edges) - 1, dtype=np.int64)
        for row in self.rows:
            for cell in range(len(counts)):
                counts[cell] += edges[cell] <= row[column] < edges[cell + 1]
        return counts

    def marginals(self, codec: Codec, cliques: Any) -> dict[tuple[str, ...], np.ndarray]:
        out = {}
        for clique in cliques:
            table = np.zeros(codec.domain.shape(clique), dtype=np.int64)
            for row in self.rows:
                cell = tuple(int(codec.encode_column(name, np.array([row[codec[name].source]]))[0]) for name in clique)
                table[cell] += 1
            out[clique] = table
        return out

    def sums(self, codec: Codec, features: Any) -> np.ndarray:
        total = np.zeros(features.length, dtype=np.int64)
        for row in self.rows:
            codes = {name: codec.encode_column(name, np.array([row[codec[name].source]])) for name in features.domain}
            total += features.sums(codes)
        return total


@dataclass(frozen=True)
class Tiny:
    """A tiny closed schema with its codec and a way to make counters of rows."""

    schema: Schema
    codec: Codec

    def counter(self, rows: list[dict[str, Any]]) -> PlainCounter:
        return PlainCounter(self.schema, rows)

    def cells(self) -> list[dict[str, Any]]:
        """Every possible row."""
        from itertools import product

        names = self.codec.domain.columns
        ranges = [range(size) for size in self.codec.domain.sizes]
        return [dict(zip(names, row, strict=True)) for row in product(*ranges)]


@pytest.fixture
def tiny() -> Tiny:
    columns = [Categorical("a", values=range(2)), Categorical("b", values=range(3)), Categorical("c", values=range(2))]
    return Tiny(Schema(columns), Codec(tuple(closed_codec(column) for column in columns)))


@pytest.fixture
def open_schema() -> Schema:
    return Schema([OpenCategorical("city"), Numeric("age", lower=0, upper=9, integer=True)])


@pytest.fixture
def plain_counter() -> type[PlainCounter]:
    return PlainCounter
