"""Twin audit of any generator, by the tables it makes: nothing of it needs to be known but how to call it.

Each synthetic table is reduced to counts: of its rows that match the rows which tell the two private tables apart,
on every set of columns. On a narrow made table these say nearly all that the synthetic table can say about those
rows. They prove less than a look inside would: a pass here is weaker than a pass of `audit_generator`.

Source of the counts: Houssiau et al., "TAPAS: a Toolbox for Adversarial Privacy Auditing of Synthetic Data", 2022,
query-based attacks, after Cretu et al., "QuerySnout", CCS 2022.
"""

from __future__ import annotations

import math
import time
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from itertools import combinations
from typing import Any

import numpy as np
import numpy.typing as npt

from attacks.mechanism_audit.verdict import FloatArray, Promised, Relation, TwinAudit, judge

Generate = Callable[[Any, int], Any]

# All sets of columns up to this many columns; of wider tables pairs, single columns, and the whole row.
ALL_SETS = 6
# Of the runs: on which the weights of counts are fitted, and of the rest on which score and threshold are chosen.
FITTED_ON, CHOSEN_ON = 0.2, 0.2


def audit_callable(
    generate: Generate,
    tables: tuple[Any, Any],
    *,
    epsilon: float,
    delta: float,
    mu: float | None = None,
    delta0: float = 0.0,
    relation: Relation = "add-remove",
    runs: int = 1000,
    confidence: float = 0.95,
    seed: int = 0,
    name: str = "generator",
    progress: Callable[[str, float], None] | None = None,
) -> TwinAudit:
    """Black-box audit of `generate(table, seed) -> synthetic table`, `runs` times on either of two made tables.

    tables: neighbours under the relation, as `generate` takes them; both they and what comes back are DataFrames
    or mappings from columns to cells. Each run gets a seed of its own, which a sound generator uses for the drawing
    of rows alone. epsilon, delta, mu, delta0: the claim; give mu only if the generator claims the whole Gaussian
    curve. seed: of those seeds. Raises ValueError for tables that do not differ, and for fewer than 50 runs.
    """
    if runs < 50:
        raise ValueError(f"runs ({runs}) must be at least 50")
    match = Matches.of(*tables)
    start = time.process_time()
    rng = np.random.default_rng(seed)
    worlds = []
    for world, table in zip(("without", "within"), tables, strict=True):
        counts = np.zeros((runs, len(match.names)))
        for index, row in enumerate(counts):
            if progress is not None and index % 20 == 0:
                progress(world, index / runs)
            row[:] = match.counts(generate(table, int(rng.integers(2**31))))
        worlds.append(counts)
    cut = int(FITTED_ON * runs)
    weights = separating_weights(worlds[0][:cut], worlds[1][:cut])
    middle = float((worlds[0][:cut].mean(axis=0) + worlds[1][:cut].mean(axis=0)) @ weights / 2)
    without, within = (np.column_stack([counts @ weights, counts])[cut:] for counts in worlds)
    return judge(
        without,
        within,
        ("all counts, weighted", *match.names),
        Promised(epsilon, delta, mu, delta0),
        confidence=confidence,
        fixed=(0, middle),
        chosen_on=CHOSEN_ON,
        generator=name,
        neighbours="tables of the caller",
        relation=relation,
        seconds=time.process_time() - start,
    )


@dataclass(frozen=True, eq=False, repr=False)
class Matches:
    """How rows of a synthetic table are compared with the rows that tell two tables apart.

    A text cell matches when it is equal, a number when no number of either table is nearer to it than the row's.
    Counted are the matches with rows that only the neighbour holds, less those with rows that only the table holds.
    """

    columns: tuple[str, ...]
    sets: npt.NDArray[np.int64]  # of columns, as bits
    numbers: Mapping[str, FloatArray]  # of the columns that hold nothing else: all values of both tables, ascending
    signed: tuple[tuple[tuple[Any, ...], int], ...]

    @classmethod
    def of(cls, table: Any, neighbour: Any) -> Matches:
        """For a table and its neighbour."""
        columns = tuple(str(column) for column in neighbour)
        if set(columns) != {str(column) for column in table}:
            raise ValueError("tables must have the same columns")
        before, after = (_rows(each, columns) for each in (table, neighbour))
        moved = [*((row, 1) for row in (after - before)), *((row, -1) for row in (before - after))]
        if not moved:
            raise ValueError("tables must differ: neighbours that are equal prove nothing")
        cells = {column: {row[place] for row in [*before, *after]} - {None} for place, column in enumerate(columns)}
        numbers = {
            column: np.array(sorted(values))
            for column, values in cells.items()
            if values and all(isinstance(value, float) for value in values)
        }
        sizes = range(len(columns) + 1) if len(columns) <= ALL_SETS else (0, 1, 2, len(columns))
        sets = [
            sum(1 << place for place in chosen) for size in sizes for chosen in combinations(range(len(columns)), size)
        ]
        return cls(columns, np.array(sets), numbers, tuple(moved))

    @property
    def names(self) -> tuple[str, ...]:
        """What is counted, in words."""
        words = []
        for chosen in self.sets.tolist():
            held = [column for place, column in enumerate(self.columns) if chosen >> place & 1]
            words.append("rows" if not held else f"rows that match on {', '.join(held)}")
        return tuple(words)

    def counts(self, synthetic: Any) -> FloatArray:
        """Signed numbers of matching rows, one for each set of columns; for the empty set, all rows."""
        cells = [self._snapped(column, [_key(cell) for cell in synthetic[column]]) for column in self.columns]
        total = np.zeros(len(self.sets))
        for row, sign in self.signed:
            masks = np.zeros(len(cells[0]), np.int64)
            for place, (column, value) in enumerate(zip(cells, row, strict=True)):
                masks |= np.fromiter((cell == value for cell in column), np.int64, len(column)) << place
            seen, times = np.unique(masks, return_counts=True)
            total += sign * (times @ ((seen[:, None] & self.sets) == self.sets))
        total[self.sets == 0] = len(cells[0])
        return total

    def _snapped(self, column: str, cells: list[Any]) -> list[Any]:
        """Numbers as the nearest one of either table; all else as it is."""
        known = self.numbers.get(column)
        if known is None:
            return cells
        middles = (known[:-1] + known[1:]) / 2
        return [known[np.searchsorted(middles, cell)] if isinstance(cell, float) else cell for cell in cells]


def separating_weights(without: FloatArray, within: FloatArray) -> FloatArray:
    """Weights whose sum tells the two worlds apart best, if counts are normal: a ridge linear discriminant."""
    shift = within.mean(axis=0) - without.mean(axis=0)
    spread = np.vstack([without - without.mean(axis=0), within - within.mean(axis=0)])
    covariance = spread.T @ spread / max(len(spread) - 2, 1)
    # A share of the mean variance, so that counts which never vary are not divided by zero.
    ridge = 1e-3 * float(np.trace(covariance)) / len(covariance) + 1e-9
    return np.asarray(np.linalg.solve(covariance + ridge * np.eye(len(covariance)), shift))


def _rows(table: Any, columns: Iterable[str]) -> Counter[tuple[Any, ...]]:
    return Counter(zip(*([_key(cell) for cell in table[column]] for column in columns), strict=True))


def _key(cell: Any) -> Any:
    """A cell as a number where it can be read as one, None where it is missing, else as text."""
    if cell is None:
        return None
    try:
        number = float(cell)
    except (TypeError, ValueError):
        text = str(cell)
        return None if text in ("NaT", "<NA>") else text
    return None if math.isnan(number) else number
