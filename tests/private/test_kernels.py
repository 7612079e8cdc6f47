from __future__ import annotations

import itertools
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dpsynth.domain import Clique, Domain
from dpsynth.errors import DataError, PlanTooLargeError, SettingError
from dpsynth.private import kernels
from dpsynth.private.cover import Cover, IntArray, Layout, lay_out, plan_cover
from dpsynth.private.kernels import BLOCK_ROWS, Codes, count_cliques, partial_counts, sum_down

BOTH_WAYS = pytest.mark.parametrize("compiled", [False, True], ids=["numpy", "compiled"])
Columns = Mapping[str, Codes]


def slow_counts(columns: Columns, domain: Domain, cliques: Sequence[Clique]) -> dict[Clique, IntArray]:
    """The plain reference: one row at a time."""
    rows = len(next(iter(columns.values())))
    counts = {}
    for clique in cliques:
        seen = Counter(zip(*(columns[column].tolist() for column in clique), strict=True)) if clique else {(): rows}
        table = np.zeros(domain.shape(clique), dtype=np.int64)
        for cell, count in seen.items():
            table[cell] += count
        counts[clique] = table
    return counts


def same(left: Mapping[Clique, IntArray], right: Mapping[Clique, IntArray]) -> bool:
    return left.keys() == right.keys() and all(
        left[clique].shape == right[clique].shape
        and left[clique].dtype == right[clique].dtype == np.int64
        and bool((left[clique] == right[clique]).all())
        for clique in left
    )


def counts_by(
    columns: Columns, domain: Domain, cliques: Sequence[Clique], compiled: bool, max_cells: int = 16_384
) -> dict[Clique, IntArray]:
    cover = plan_cover(domain, cliques, max_cells)
    return sum_down(partial_counts(columns, domain, cover, compiled=compiled), domain, cover, cliques)


def random_columns(domain: Domain, rows: int, seed: int, skew: float = 2.0) -> dict[str, Codes]:
    """Skewed codes, so that tables are neither symmetric nor flat."""
    generator = np.random.default_rng(seed)
    return {
        column: (generator.random(rows) ** skew * size).astype(np.min_scalar_type(size - 1))
        for column, size in zip(domain.columns, domain.sizes, strict=True)
    }


@st.composite
def tables(draw: st.DrawFn) -> tuple[dict[str, Codes], Domain, list[Clique]]:
    sizes = draw(st.lists(st.sampled_from([1, 2, 3, 7, 256, 257]), min_size=1, max_size=5))
    if draw(st.booleans()):
        sizes.append(65_537)
    domain = Domain.of({f"c{place}": size for place, size in enumerate(sizes)})
    columns = random_columns(domain, draw(st.integers(0, 60)), draw(st.integers(0, 2**32 - 1)))
    for column, codes in columns.items():
        wider = draw(st.sampled_from([np.uint8, np.uint16, np.uint32]))
        columns[column] = codes.astype(np.result_type(codes.dtype, wider))
    subsets = st.lists(st.sampled_from(domain.columns), unique=True, max_size=3).map(tuple)
    cliques = draw(st.lists(subsets.filter(lambda clique: domain.cells(clique) < 2_000_000), max_size=6))
    return columns, domain, cliques


@BOTH_WAYS
@given(case=tables(), max_cells=st.sampled_from([1, 50, 16_384, 200_000]))
def test_counts_equal_the_slow_reference(
    case: tuple[dict[str, Codes], Domain, list[Clique]], max_cells: int, compiled: bool
) -> None:
    columns, domain, cliques = case
    assert same(counts_by(columns, domain, cliques, compiled, max_cells), slow_counts(columns, domain, cliques))


@BOTH_WAYS
@given(case=tables(), cut=st.floats(0, 1))
def test_counts_of_batches_add_up(
    case: tuple[dict[str, Codes], Domain, list[Clique]], cut: float, compiled: bool
) -> None:
    columns, domain, cliques = case
    middle = round(cut * len(columns["c0"]))
    first = {column: codes[:middle] for column, codes in columns.items()}
    second = {column: codes[middle:] for column, codes in columns.items()}
    cover = plan_cover(domain, cliques)
    flat = partial_counts(first, domain, cover, compiled=compiled)
    flat += partial_counts(second, domain, cover, compiled=compiled)
    assert (flat == partial_counts(columns, domain, cover, compiled=compiled)).all()
    assert same(sum_down(flat, domain, cover, cliques), count_cliques(columns, domain, cliques))


# Around the run of cell numbers, 64K rows, one block, and the second block.
EDGES = [0, 1, 2, 8_191, 8_193, 65_535, 65_536, 65_537, BLOCK_ROWS - 1, BLOCK_ROWS, BLOCK_ROWS + 1, 2 * BLOCK_ROWS + 3]


@BOTH_WAYS
@pytest.mark.parametrize("rows", EDGES)
def test_block_edges(rows: int, compiled: bool) -> None:
    domain = Domain.of({"a": 3, "b": 40, "c": 2, "d": 2000})
    cliques = [("b", "a"), ("a", "b", "c"), ("d", "b"), ("c",), ()]
    columns = random_columns(domain, rows, seed=rows)
    columns["c"][:] = 1  # every row in one cell: the 16-bit tables are filled to the brim
    assert same(counts_by(columns, domain, cliques, compiled), slow_counts(columns, domain, cliques))


@BOTH_WAYS
@pytest.mark.parametrize("size", [21_845, 21_846, 32_768])
def test_tables_about_the_largest_16_bit_cell_number(size: int, compiled: bool) -> None:
    domain = Domain.of({"a": 3, "b": size})  # 65,535, 65,538 and 98,304 cells
    columns: Columns = {"a": np.array([2, 0, 2, 1], np.uint8), "b": np.array([size - 1, 0, 0, size - 1], np.uint16)}
    for max_cells in (1, 100_000):
        ours = counts_by(columns, domain, [("a", "b"), ("b",)], compiled, max_cells)
        assert same(ours, slow_counts(columns, domain, [("a", "b"), ("b",)]))


@pytest.mark.parametrize("threads", [1, 2, 3])
def test_threads_do_not_change_the_counts(threads: int) -> None:
    domain = Domain.of({"a": 5, "b": 90, "c": 400})
    cliques = [("a", "b"), ("c", "a"), ("c", "b"), ()]
    columns = random_columns(domain, 4 * BLOCK_ROWS + 17, seed=1)
    cover = plan_cover(domain, cliques)
    flat = partial_counts(columns, domain, cover, threads=threads, compiled=True)
    assert same(sum_down(flat, domain, cover, cliques), slow_counts(columns, domain, cliques))


def test_strided_and_read_only_columns_are_counted() -> None:
    domain = Domain.of({"a": 4, "b": 3})
    table = np.array([[0, 2], [3, 1], [3, 1]], dtype=np.uint8)
    table.flags.writeable = False
    counts = count_cliques({"a": table[:, 0], "b": table[:, 1]}, domain, [("a", "b")])
    assert counts["a", "b"][0, 2] == 1
    assert counts["a", "b"][3, 1] == 2


def test_the_empty_clique_is_the_total() -> None:
    columns = random_columns(Domain.of({"a": 4}), 11, seed=0)
    total = count_cliques(columns, Domain.of({"a": 4}), [()])[()]
    assert total.shape == ()
    assert total == 11


def test_results_own_their_memory() -> None:
    domain, cover = Domain.of({"a": 2}), Cover((("a",),), {("a",): ("a",)})
    flat = np.array([1, 2], dtype=np.int64)
    sum_down(flat, domain, cover, [("a",)])["a",][0] = 9
    assert flat.tolist() == [1, 2]


# --- planted bugs: the comparisons above must notice them


@BOTH_WAYS
def test_swapped_strides_are_noticed(monkeypatch: pytest.MonkeyPatch, compiled: bool) -> None:
    honest = lay_out

    def swapped(domain: Domain, cover: Cover) -> Layout:
        layout = honest(domain, cover)
        return replace(layout, strides=layout.strides[::-1])

    square = Domain.of({"a": 5, "b": 5})  # the swap stays inside the table: only an asymmetric table shows it
    columns = random_columns(square, 300, seed=3)
    columns["b"] = (columns["a"] // 2).astype(np.uint8)
    truth = slow_counts(columns, square, [("a", "b")])
    assert not (truth["a", "b"] == truth["a", "b"].T).all()
    assert same(counts_by(columns, square, [("a", "b")], compiled), truth)
    monkeypatch.setattr(kernels, "lay_out", swapped)
    assert not same(counts_by(columns, square, [("a", "b")], compiled), truth)


def test_overfull_16_bit_tables_are_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    domain, rows = Domain.of({"a": 2}), BLOCK_ROWS + 2
    columns: Columns = {"a": np.ones(rows, dtype=np.uint8)}
    truth = slow_counts(columns, domain, [("a",)])
    assert same(counts_by(columns, domain, [("a",)], compiled=True), truth)
    monkeypatch.setattr(kernels, "BLOCK_ROWS", rows)
    assert not same(counts_by(columns, domain, [("a",)], compiled=True), truth)


def test_a_forgotten_last_row_is_noticed() -> None:
    domain = Domain.of({"a": 3, "b": 2})
    columns = random_columns(domain, 9, seed=2)
    cropped = {column: codes[:-1] for column, codes in columns.items()}
    cliques: list[Clique] = [("a", "b"), ()]
    assert not same(counts_by(cropped, domain, cliques, compiled=True), slow_counts(columns, domain, cliques))


# --- refusals


@BOTH_WAYS
@pytest.mark.parametrize(("dtype", "code"), [(np.uint8, 201), (np.uint16, 256), (np.uint32, 2**32 - 1)])
@pytest.mark.parametrize("row", [0, BLOCK_ROWS - 1, BLOCK_ROWS + 4])
def test_codes_outside_the_domain_are_refused_unseen(dtype: type, code: int, row: int, compiled: bool) -> None:
    domain = Domain.of({"a": 7, "b": 2})
    columns: dict[str, Codes] = {name: np.zeros(BLOCK_ROWS + 5, dtype=dtype) for name in domain}
    columns["a"][row] = code
    with pytest.raises(DataError, match="'a'") as caught:
        partial_counts(columns, domain, plan_cover(domain, [("b", "a")]), compiled=compiled, threads=2)
    assert str(code) not in str(caught.value)
    columns["a"][row] = 7  # the first code outside
    with pytest.raises(DataError):
        counts_by(columns, domain, [("b", "a")], compiled)
    columns["a"][row] = 6
    assert counts_by(columns, domain, [("b", "a")], compiled)["b", "a"].sum() == BLOCK_ROWS + 5


@pytest.mark.parametrize(
    "columns",
    [
        {},
        {"a": np.zeros(3, np.uint8)},
        {"a": np.zeros(3, np.uint8), "b": np.zeros(2, np.uint8)},
        {"a": np.zeros(3, np.int64), "b": np.zeros(3, np.uint8)},
        {"a": np.zeros((3, 1), np.uint8), "b": np.zeros(3, np.uint8)},
    ],
    ids=["none", "missing", "lengths", "signed", "two-dimensional"],
)
def test_columns_of_the_wrong_form_are_refused(columns: Columns) -> None:
    with pytest.raises(DataError):
        count_cliques(columns, Domain.of({"a": 2, "b": 2}), [("a", "b")])


def test_wrong_settings_are_refused() -> None:
    domain = Domain.of({"a": 2, "b": 2**62})
    columns: Columns = {"a": np.zeros(1, np.uint8), "b": np.zeros(1, np.uint32)}
    cover = plan_cover(domain, [("a",)])
    with pytest.raises(SettingError, match="threads"):
        partial_counts(columns, domain, cover, threads=0)
    with pytest.raises(SettingError, match="flat"):
        sum_down(np.zeros(3, np.int64), domain, cover, [("a",)])
    with pytest.raises(SettingError, match="planned"):
        sum_down(np.zeros(2, np.int64), domain, cover, [()])
    with pytest.raises(PlanTooLargeError):
        partial_counts(columns, domain, plan_cover(domain, [("a", "b")]))


def test_strides_are_exact_beyond_32_bits() -> None:
    domain = Domain.of({"a": 3, "b": 2**20, "c": 2**19 + 1})
    layout = lay_out(domain, plan_cover(domain, [("c", "b", "a")]))
    assert layout.strides.tolist() == [2**20 * (2**19 + 1), 2**19 + 1, 1]


def test_the_kernel_is_loaded_for_many_increments_and_then_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    domain = Domain.of({f"c{place}": 3 for place in range(4)})
    columns, pairs = random_columns(domain, 100, seed=0), list(itertools.combinations(domain.columns, 2))
    loaded = kernels._compiled_kernel.cache_info
    kernels._compiled_kernel.cache_clear()
    by_numpy = count_cliques(columns, domain, pairs)
    assert loaded().currsize == 0
    monkeypatch.setattr(kernels, "COMPILED_FROM_INCREMENTS", 100)
    assert same(count_cliques(columns, domain, pairs), by_numpy)
    assert loaded().currsize == 1
    monkeypatch.undo()
    assert same(count_cliques(columns, domain, pairs), by_numpy)
    assert loaded().hits >= 1


def test_the_kernel_compiles_where_no_cache_can_be_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    import numba

    honest = numba.njit

    def without_folder(*, nogil: bool, cache: bool = False) -> object:
        if cache:
            raise RuntimeError("no locator available")
        return honest(nogil=nogil)

    monkeypatch.setattr(numba, "njit", without_folder)
    assert callable(kernels._compiled_kernel.__wrapped__())
