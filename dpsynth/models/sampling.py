"""Draw rows from a model, one column at a time, each given columns drawn before it.

A model says how by its steps. For a random field they go down its junction tree (a column is given its
separator and the earlier columns of its clique); for a Bayesian network they are its conditional tables.

- "rounded": the expected counts of (given columns, column) for the rows already drawn are rounded to
  whole numbers by unbiased controlled rounding, and dealt out at random inside each group. The integer
  table then follows the model's clique marginals to about one row a cell.
- "independent": independent and identically distributed rows. The uniform number of a cell is a function of
  (seed, row, column), so any split into chunks gives the same rows.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from dpsynth.domain import Clique, Domain
from dpsynth.errors import SettingError
from dpsynth.marginal import FloatArray
from dpsynth.models.factor import axes_outside
from dpsynth.models.junction_tree import JunctionTree

Codes = dict[str, npt.NDArray[np.unsignedinteger]]
IntArray = npt.NDArray[np.int64]

_BLOCK_CELLS = 1 << 22
_FRACTION = float(1 << 30)


def code_dtype(size: int) -> npt.DTypeLike:
    """The narrowest unsigned type for codes 0 to size - 1."""
    return np.uint8 if size <= 1 << 8 else np.uint16 if size <= 1 << 16 else np.uint32


@dataclass(frozen=True, eq=False)
class Step:
    """One column to draw: `table[g, v]` is proportional to the probability of v in group g of the given columns.

    table: shape (cells of `given`, codes of `column`), the last given column fastest; no row is all zero.
    """

    column: str
    given: Clique
    table: FloatArray


def sample_rounded(domain: Domain, steps: Iterable[Step], rows: int, seed: int) -> Codes:
    """`rows` exchangeable rows whose counts in every step's table are the model's to about one row a cell.

    steps: one for each column of `domain`, given columns first. Exact law: given the columns already drawn,
    the expected count of every (given, column) cell is the model's conditional expectation, the count is its
    floor or ceiling, and so is the column's own total (within blocks of 4 million cells).
    """
    from dpsynth.models import sampling_kernels as kernels

    out: Codes = {}
    for number, step in enumerate(steps):
        groups = _group_codes(domain, step.given, out, rows)
        sizes = np.bincount(groups, minlength=step.table.shape[0])
        used = np.flatnonzero(sizes)
        counts = np.zeros(step.table.shape, dtype=np.int64) if used.size else np.empty(0, dtype=np.int64)
        block = max(1, _BLOCK_CELLS // step.table.shape[1])
        for first in range(0, used.size, block):
            part = used[first : first + block]
            fixed = _fixed_point(step.table[part], sizes[part])
            counts[part] = kernels.round_table(fixed, _key(seed, 2 * number, first))
        values = np.broadcast_to(np.arange(step.table.shape[1], dtype=np.int32), step.table.shape)
        pool = np.repeat(values.ravel(), counts.ravel()) if used.size else np.empty(0, dtype=np.int32)
        starts = np.concatenate([np.zeros(1, dtype=np.int64), np.cumsum(sizes)])
        drawn = np.empty(rows, dtype=np.int32)
        kernels.deal(groups, starts, pool, _key(seed, 2 * number + 1, 0), drawn)
        out[step.column] = drawn.astype(code_dtype(step.table.shape[1]))
    return {column: out[column] for column in domain}


def sample_independent(domain: Domain, steps: Iterable[Step], rows: int, seed: int, *, first_row: int = 0) -> Codes:
    """Rows `first_row` to `first_row + rows` of the endless independent table of `seed`."""
    from dpsynth.models import sampling_kernels as kernels

    out: Codes = {}
    for number, step in enumerate(steps):
        groups = _group_codes(domain, step.given, out, rows)
        drawn = np.empty(rows, dtype=np.int32)
        kernels.draw(groups, _cumulative(step.table), _key(seed, number, 0), np.uint64(first_row), drawn)
        out[step.column] = drawn.astype(code_dtype(step.table.shape[1]))
    return {column: out[column] for column in domain}


def tree_steps(tree: JunctionTree, beliefs: Sequence[FloatArray]) -> Iterator[Step]:
    """How to draw from a random field; beliefs: marginals of the tree's cliques, at any scale."""
    for clique, separator, belief in zip(tree.cliques, tree.separators, beliefs, strict=True):
        given = separator
        for column in clique:
            if column in separator:
                continue
            kept = (*given, column)
            table = belief.sum(axis=axes_outside(clique, kept))
            present = [name for name in clique if name in kept]
            table = table.transpose([present.index(name) for name in kept]).reshape(-1, tree.domain[column])
            table = np.ascontiguousarray(table)
            # A group can be reached by rounding although the model gives it no mass: use the column's own marginal.
            table = np.where(table.sum(axis=1, keepdims=True) > 0, table, table.sum(axis=0, keepdims=True))
            yield Step(column, given, table)
            given = kept


def _group_codes(domain: Domain, given: Clique, drawn: Codes, rows: int) -> IntArray:
    """Mixed-radix code of the given columns in every row."""
    codes = np.zeros(rows, dtype=np.int64)
    for column in given:
        if domain[column] > 1:
            codes *= domain[column]
            codes += drawn[column]
    return codes


def _cumulative(table: FloatArray, last: float = 1.0) -> FloatArray:
    """Cumulative shares of each row of the table, exactly `last` from the last possible value on."""
    running = np.cumsum(table, axis=1)
    full = running >= running[:, -1:]
    shares = running / running[:, -1:]
    shares[full] = last
    return shares


def _fixed_point(table: FloatArray, sizes: IntArray) -> IntArray:
    """Expected counts of each row's `sizes` draws with 30 fractional bits; each row sums to its size exactly."""
    bounds = np.rint(_cumulative(table) * (sizes[:, None] * _FRACTION)).astype(np.int64)
    return np.diff(bounds, axis=1, prepend=0)


def _key(seed: int, step: int, block: int) -> np.uint64:
    """A 64-bit key for one loop, far from all others."""
    return np.uint64(np.random.SeedSequence([seed, step, block]).generate_state(1, np.uint64)[0])


def sample(
    domain: Domain, steps: Iterable[Step], rows: int, rng: np.random.Generator, method: str = "rounded"
) -> Codes:
    """Rows by one of the two methods, from one 63-bit seed drawn from `rng`."""
    if rows < 0:
        raise SettingError(f"rows ({rows}) must be zero or more")
    seed = int(rng.integers(2**63))
    if method == "rounded":
        return sample_rounded(domain, steps, rows, seed)
    if method == "independent":
        return sample_independent(domain, steps, rows, seed)
    raise SettingError(f"method ({method!r}) must be 'rounded' or 'independent'")
