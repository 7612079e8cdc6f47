"""Marginals that a counter has counted and keeps, so that asking again reads no rows."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray

from dpsynth.codec.codec import Codec, ColumnCodec
from dpsynth.codec.finer import Tables, count_finer
from dpsynth.domain import Clique

# Exact marginals that are kept in case they are asked for again: 240 MB at most.
KEPT_CELLS = 30_000_000


class KeptMarginals:
    """Exact marginals of the codecs that each column met last, at most KEPT_CELLS cells: as secret as the rows."""

    def __init__(self) -> None:
        self._tables: dict[Clique, NDArray[np.int64]] = {}
        self._codecs: dict[str, ColumnCodec] = {}

    def __len__(self) -> int:
        return len(self._tables)

    def answer(
        self,
        codec: Codec,
        cliques: Sequence[Clique],
        total: Callable[[], int],
        count: Callable[[Sequence[Clique]], Tables],
    ) -> dict[Clique, NDArray[np.int64]]:
        """The marginals of these cliques as read-only arrays; `count` is asked for those that are not kept.

        total: the number of rows, for the empty clique. count: cliques in, none of them empty or twice, tables out.
        """
        wanted = list(dict.fromkeys(map(tuple, cliques)))
        self._forget_other_codecs(codec, {column for clique in wanted for column in clique})
        unknown = [clique for clique in wanted if clique and clique not in self._tables]
        counted = dict(count_finer(codec, unknown, count)) if unknown else {}
        if () in wanted:
            counted[()] = np.array(total(), dtype=np.int64)
        # A view of a read-only array cannot be made writable again, so nobody can change what is kept.
        for table in counted.values():
            table.setflags(write=False)
        answers = {clique: (counted[clique] if clique in counted else self._tables[clique]).view() for clique in wanted}
        self._keep({clique: counted[clique] for clique in unknown})
        return answers

    def clear(self) -> None:
        """Let go of all of them."""
        self._tables.clear()
        self._codecs.clear()

    def _forget_other_codecs(self, codec: Codec, columns: set[str]) -> None:
        """Let go of the marginals of these columns that were counted with another codec."""
        met = {column: codec[column] for column in columns if column in codec.domain}
        changed = {column for column in met if self._codecs.get(column, met[column]) != met[column]}
        if changed:
            self._tables = {clique: table for clique, table in self._tables.items() if changed.isdisjoint(clique)}
        self._codecs |= met

    def _keep(self, counted: Tables) -> None:
        """Keep marginals as far as there is room."""
        held = sum(table.size for table in self._tables.values())
        for clique, table in counted.items():
            if held + table.size <= KEPT_CELLS:
                self._tables[clique] = table
                held += table.size
