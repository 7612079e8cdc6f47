"""Exact counts of many cliques at once, fast: every backend's counting ends here.

Rows are read in blocks. In each block a clique's cell numbers are computed for a run of rows (mixed
radix, vectorised), then the cells are incremented in a table small enough for the processor's cache.
Counts over different rows add up, so a backend sums `partial_counts` over its batches and calls
`sum_down` once.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import lru_cache

import numpy as np
import numpy.typing as npt

from dpsynth.domain import Clique, Domain
from dpsynth.errors import DataError, Problem, SettingError
from dpsynth.private.cover import Cover, IntArray, Layout, lay_out, plan_cover
from dpsynth.private.spool import SpooledColumn
from dpsynth.processors import usable_processors

Codes = npt.NDArray[np.uint8] | npt.NDArray[np.uint16] | npt.NDArray[np.uint32]
CodeColumn = Codes | SpooledColumn  # what is read block by block may as well lie in a file
BlockCounter = Callable[[Codes, int, IntArray], None]  # block, its rows, the flat vector to add to

CODE_TYPES = (np.dtype(np.uint8), np.dtype(np.uint16), np.dtype(np.uint32))
MAX_UINT16 = 65_535
BLOCK_ROWS = 2 * MAX_UINT16  # two interleaved tables of 16-bit counts cannot overflow within one block
RUN_ROWS = 8_192  # cell numbers computed at a time: 16 KB, stays in the first-level cache
# A cover is planned only where merging saves more than planning costs: rows for each wanted clique, measured.
MERGE_FROM_ROWS = 160
# Below this many increments (rows x counted cliques) numpy is done before numba and the kernel are even loaded, which
# takes about 0.4 s; once loaded, the kernel is sooner done with any number.
COMPILED_FROM_INCREMENTS = 30_000_000
THREAD_TABLE_CELLS = 2**27  # all threads' tables together hold at most 1 GiB, or one thread counts


def count_cliques(
    columns: Mapping[str, CodeColumn], domain: Domain, cliques: Sequence[Clique], threads: int | None = None
) -> dict[Clique, IntArray]:
    """Exact counts of every clique, int64 of shape `domain.shape(clique)`; the empty clique gives the total.

    columns: one array of codes for each column, shape (rows,), uint8, uint16 or uint32, in memory or in a spool.
    threads: at most this many (default: one for each usable processor); the counts do not depend on it.

    Raises SettingError for a clique outside the domain, and DataError for columns of another type, of
    unequal length, or holding a code outside the domain (naming the column, never the code).

    Privacy: the counts are exact, hence secret. One row adds 1 to exactly one cell of each clique.

    >>> columns = {"a": np.array([0, 1, 1], dtype=np.uint8), "b": np.array([2, 0, 0], dtype=np.uint8)}
    >>> counts = count_cliques(columns, Domain.of({"a": 2, "b": 3}), [("a", "b"), ()])
    >>> counts["a", "b"].tolist(), int(counts[()])
    ([[0, 0, 1], [2, 0, 0]], 3)
    """
    rows = max((len(column) for column in columns.values()), default=0)
    cover = plan_cover(domain, cliques) if rows > MERGE_FROM_ROWS * len(cliques) else plan_cover(domain, cliques, 1)
    return sum_down(partial_counts(columns, domain, cover, threads=threads), domain, cover, cliques)


def partial_counts(
    columns: Mapping[str, CodeColumn],
    domain: Domain,
    cover: Cover,
    *,
    threads: int | None = None,
    compiled: bool | None = None,
) -> IntArray:
    """Counts of the cover's cliques over some of the rows, one after another in a flat int64 vector.

    compiled: count with the compiled kernel or with numpy; by default whichever is sooner done.
    The other arguments and the errors are those of `count_cliques`. Results over disjoint sets of rows add up.
    """
    if threads is not None and threads < 1:
        raise SettingError(f"threads ({threads}) must be at least 1")
    layout = lay_out(domain, cover)
    arrays, rows = _arrays(columns, layout)
    blocks = range(0, rows, BLOCK_ROWS)
    if compiled is None:
        loaded = _compiled_kernel.cache_info().currsize > 0
        compiled = loaded or rows * len(cover.cliques) >= COMPILED_FROM_INCREMENTS
    workers = min(threads or usable_processors(), len(blocks), THREAD_TABLE_CELLS // max(1, layout.cells))
    if workers < 2 or not compiled:
        return _count_blocks(arrays, layout, rows, blocks, compiled)
    with ThreadPoolExecutor(workers) as pool:
        shares = [blocks[worker::workers] for worker in range(workers)]
        jobs = [pool.submit(_count_blocks, arrays, layout, rows, share, compiled) for share in shares]
        flat = jobs[0].result()
        for job in jobs[1:]:
            flat += job.result()
    return flat


def sum_down(flat: IntArray, domain: Domain, cover: Cover, cliques: Sequence[Clique]) -> dict[Clique, IntArray]:
    """The wanted marginals out of the summed `partial_counts` of their cover.

    Raises SettingError when `flat` has another length than the cover's cells, or a clique is not in the cover.
    """
    ends = lay_out(domain, cover).offsets
    if flat.shape != (ends[-1],):
        raise SettingError(f"flat {flat.shape} must have one entry for each of the cover's {ends[-1]} cells")
    tables = {
        clique: flat[start:end].reshape(domain.shape(clique))
        for clique, start, end in zip(cover.cliques, ends[:-1], ends[1:], strict=True)
    }
    marginals: dict[Clique, IntArray] = {}
    for wanted in map(tuple, cliques):
        if wanted not in cover.assignment:
            raise SettingError(f"clique {wanted} must be one that the cover was planned for")
        home = cover.assignment[wanted]
        dropped = tuple(place for place, column in enumerate(home) if column not in wanted)
        table = np.asarray(tables[home].sum(axis=dropped)) if dropped else tables[home]
        kept = [column for column in home if column in wanted]
        marginals[wanted] = np.array(table.transpose([kept.index(column) for column in wanted]), order="C")
    return marginals


def _arrays(columns: Mapping[str, CodeColumn], layout: Layout) -> tuple[list[CodeColumn], int]:
    """The arrays of the layout's columns, and the number of rows; checks names, types and lengths."""
    problems = [Problem("must be among the columns", column=name) for name in layout.columns if name not in columns]
    problems += [
        Problem(f"must be a one-dimensional array of uint8, uint16 or uint32; got {array.ndim}-d {array.dtype}", name)
        for name, array in columns.items()
        if array.ndim != 1 or array.dtype not in CODE_TYPES
    ]
    lengths = {len(array) for array in columns.values()} if not problems else {0}
    if problems or len(lengths) != 1:
        raise DataError("columns must be given, typed as codes, and of one length", problems)
    return [columns[name] for name in layout.columns], lengths.pop()


def _count_blocks(arrays: Sequence[CodeColumn], layout: Layout, rows: int, starts: range, compiled: bool) -> IntArray:
    """Counts over the blocks of rows that begin at `starts`."""
    flat = np.zeros(layout.cells, dtype=np.int64)
    code_type = np.result_type(np.uint8, *(array.dtype for array in arrays))
    block: Codes = np.zeros((len(arrays), min(BLOCK_ROWS, rows)), dtype=code_type)
    count = _compiled_counter(layout) if compiled else _numpy_counter(layout)
    for start in starts:
        stop = min(start + BLOCK_ROWS, rows)
        _read(arrays, layout, start, stop, block)
        count(block, stop - start, flat)
    return flat


def _read(arrays: Sequence[CodeColumn], layout: Layout, start: int, stop: int, block: Codes) -> None:
    """Copy rows start:stop into `block` and check the copy, so that no code can point outside a table."""
    for place, array in enumerate(arrays):
        copied = block[place, : stop - start]
        copied[:] = array[start:stop]
        if copied.max() >= layout.sizes[place]:
            reason = f"must hold codes below the domain's {layout.sizes[place]}; try encoding it again"
            raise DataError("columns must fit the domain", [Problem(reason, column=layout.columns[place])])


def _numpy_counter(layout: Layout) -> BlockCounter:
    def count(block: Codes, rows: int, flat: IntArray) -> None:
        for clique in range(len(layout.offsets) - 1):
            cell = np.zeros(rows, dtype=np.int64)
            for part in range(layout.starts[clique], layout.starts[clique + 1]):
                cell += block[layout.places[part], :rows].astype(np.int64) * layout.strides[part]
            table = flat[layout.offsets[clique] : layout.offsets[clique + 1]]
            if len(table) <= rows:
                table += np.bincount(cell, minlength=len(table))
            else:
                np.add.at(table, cell, 1)

    return count


def _compiled_counter(layout: Layout) -> BlockCounter:
    kernel = _compiled_kernel()
    cells = np.diff(layout.offsets)
    small, large = np.flatnonzero(cells <= MAX_UINT16), np.flatnonzero(cells > MAX_UINT16)
    halves = np.zeros((2, int(cells[small].max(initial=0))), dtype=np.uint16)
    no_halves = np.zeros((2, 0), dtype=np.uint16)
    short_run, long_run = np.zeros(RUN_ROWS, dtype=np.uint16), np.zeros(RUN_ROWS, dtype=np.int64)
    where = (layout.starts, layout.places, layout.strides, layout.offsets)

    def count(block: Codes, rows: int, flat: IntArray) -> None:
        if len(small):
            kernel(block, rows, small, *where, short_run, halves, flat)
        if len(large):
            kernel(block, rows, large, *where, long_run, no_halves, flat)

    return count


@lru_cache(maxsize=1)
def _compiled_kernel() -> Callable[..., None]:
    import numba

    try:
        compiled: Callable[..., None] = numba.njit(nogil=True, cache=True)(_count_block)
    except RuntimeError:  # no folder that numba may keep its cache in: compile anew in each process
        compiled = numba.njit(nogil=True)(_count_block)
    return compiled


def _count_block(
    block: Codes,
    rows: int,
    cliques: IntArray,
    starts: IntArray,
    places: IntArray,
    strides: IntArray,
    offsets: IntArray,
    run: npt.NDArray[np.uint16] | IntArray,
    halves: npt.NDArray[np.uint16],
    flat: IntArray,
) -> None:
    """Add the block's counts of `cliques` to `flat`; compiled by numba, once for each type of `block` and `run`.

    run: scratch for the cell numbers of a run of rows, of a type that holds every clique's cells.
    halves: two scratch tables, shape (2, cells), for alternate halves of each run, so that equal cells in
        neighbouring rows do not wait for each other; with no cells, `flat` itself is incremented.

    Slices are taken so that every inner loop starts at 0 over whole arrays: else it is not vectorised.
    """
    for clique in cliques:
        table = flat[offsets[clique] : offsets[clique + 1]]
        direct = halves.shape[1] == 0
        first_table, second_table = halves[0, : len(table)], halves[1, : len(table)]
        first_table[:] = 0
        second_table[:] = 0
        for start in range(0, rows, len(run)):
            cell = run[: min(len(run), rows - start)]
            cell[:] = 0
            for part in range(starts[clique], starts[clique + 1]):
                codes, stride = block[places[part], start : start + len(cell)], strides[part]
                for row in range(len(cell)):
                    cell[row] += codes[row] * stride
            if direct:
                for row in range(len(cell)):
                    table[cell[row]] += 1
            else:
                half = len(cell) // 2
                first, second = cell[:half], cell[half : 2 * half]
                for row in range(half):
                    first_table[first[row]] += 1
                    second_table[second[row]] += 1
                for row in range(2 * half, len(cell)):
                    first_table[cell[row]] += 1
        if not direct:
            for position in range(len(table)):
                table[position] += np.int64(first_table[position]) + np.int64(second_table[position])
