"""The protocol behind the one door: exact, secret counts of a private table, wherever its rows live."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from dpsynth.codec.codec import Codec
from dpsynth.domain import Clique
from dpsynth.features import FeatureMap
from dpsynth.private.coded_rows import CodedRows
from dpsynth.schema.schema import Schema


class Counter(Protocol):
    """Exact counts of the bounded rows; every backend gives the same integers for the same rows.

    Answers are exact and therefore secret: only a mechanism may call these, and only inside a session.
    One row adds 1 to `total`, at most 1 to one entry of `frequencies` and of `histogram`, and 1 to
    exactly one cell of each marginal; to `sums` it adds its own feature vector.
    """

    @property
    def schema(self) -> Schema:
        """The public description of the columns."""
        ...

    def total(self) -> int:
        """Number of rows."""
        ...

    def frequencies(self, column: str) -> Mapping[str, int]:
        """Rows of each value that an open categorical column holds; missing values are left out."""
        ...

    def histogram(self, column: str, edges: NDArray[np.int64]) -> NDArray[np.int64]:
        """Rows with a tick in [edges[i], edges[i+1]), shape (len(edges) - 1,); missing values are left out."""
        ...

    def marginals(self, codec: Codec, cliques: Sequence[Clique]) -> Mapping[Clique, NDArray[np.int64]]:
        """Rows in each cell of each clique, shape `codec.domain.shape(clique)`."""
        ...

    def sums(self, codec: Codec, features: FeatureMap) -> NDArray[np.int64]:
        """Sum over all rows of the feature vector of the row's codes, int64 of shape (features.length,)."""
        ...

    def coded_rows(self, codec: Codec) -> CodedRows:
        """The codes of every row. Raises SettingError where the rows are not in memory."""
        ...
