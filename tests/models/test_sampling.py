from __future__ import annotations

import itertools

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from dpsynth.domain import Domain
from dpsynth.errors import SettingError
from dpsynth.models.belief_propagation import calibrate
from dpsynth.models.junction_tree import junction_tree
from dpsynth.models.random_field import RandomField
from dpsynth.models.sampling import code_dtype, sample_independent, sample_rounded, tree_steps

ALPHA = 1e-6
DOMAIN = Domain.of({"a": 3, "b": 4, "one": 1, "c": 5, "d": 2, "e": 6})
CLIQUES = [("a", "b"), ("b", "c", "d"), ("c", "e")]
METHODS = ("rounded", "independent")


def example(seed: int = 0, spread: float = 1.0) -> RandomField:
    rng = np.random.default_rng(seed)
    tree = junction_tree(DOMAIN, CLIQUES)
    potentials = [rng.normal(0, spread, DOMAIN.shape(clique)) for clique in tree.cliques]
    return RandomField(tree, calibrate(tree, potentials, 1.0).beliefs, 1.0)


def count(rows: dict[str, npt.NDArray[np.unsignedinteger]], clique: tuple[str, ...]) -> npt.NDArray[np.float64]:
    shape = DOMAIN.shape(clique)
    codes = np.ravel_multi_index([rows[column].astype(np.int64) for column in clique], shape)
    return np.bincount(codes, minlength=int(np.prod(shape))).reshape(shape).astype(np.float64)


def chi_square_tail(observed: npt.NDArray[np.float64], probabilities: npt.NDArray[np.float64]) -> float:
    expected = probabilities.ravel() * observed.sum()
    assert expected.min() > 5
    statistic = float(((observed.ravel() - expected) ** 2 / expected).sum())
    return float(stats.chi2.sf(statistic, expected.size - 1))


ALL_CLIQUES = [("a", "b"), ("b", "c", "d"), ("c", "e"), ("a", "e"), ("a", "d"), ("d", "e")]


@pytest.mark.parametrize("clique", ALL_CLIQUES)
def test_independent_rows_have_the_law_of_the_model(clique: tuple[str, ...]) -> None:
    field = example()
    rows = field.sample(100_000, np.random.default_rng(1), "independent")
    probabilities = field.project(clique)
    assert chi_square_tail(count(rows, clique), probabilities) > ALPHA
    # Power: the same rows refute a model whose probabilities are 6% off in a pattern over the cells.
    wrong = probabilities * (1 + 0.06 * (-1.0) ** np.arange(probabilities.size).reshape(probabilities.shape))
    assert chi_square_tail(count(rows, clique), wrong / wrong.sum()) < ALPHA


@pytest.mark.parametrize("clique", ALL_CLIQUES)
def test_any_part_of_the_rounded_rows_is_a_fair_sample(clique: tuple[str, ...]) -> None:
    """A tenth of the rows, chosen by position, is close to an independent sample of that size."""
    field = example()
    rows = field.sample(1_000_000, np.random.default_rng(2), "rounded")
    for part in (slice(0, 100_000), slice(900_000, None), slice(0, None, 10)):
        found = count({column: codes[part] for column, codes in rows.items()}, clique)
        assert chi_square_tail(found, field.project(clique)) > ALPHA
    # Power: without the shuffle inside each group, columns that share a neighbour would be tied together.
    order = np.lexsort([rows["e"], rows["c"]])
    tied = {"a": rows["a"][np.lexsort([rows["a"], rows["b"]])], "e": rows["e"][order]}
    assert chi_square_tail(count(tied | {"d": rows["d"]}, ("a", "e"))[:, :], field.project(("a", "e"))) < ALPHA


@settings(max_examples=30)
@given(st.integers(0, 2**32), st.integers(0, 3000), st.sampled_from([0.3, 2.0, 8.0]))
def test_rounded_counts_are_the_floor_or_ceiling_of_their_expectation(seed: int, size: int, spread: float) -> None:
    """Each column is rounded given the columns before it in its clique; its own total is rounded as well."""
    field = example(seed, spread)
    rows = sample_rounded(DOMAIN, tree_steps(field.tree, field.beliefs), size, seed)
    for clique, separator in zip(field.tree.cliques, field.tree.separators, strict=True):
        given_columns = separator
        for column in (name for name in clique if name not in separator):
            kept = (*given_columns, column)
            model = field.project(kept)
            share = model / model.sum(axis=-1, keepdims=True)
            found = count(rows, kept)
            expected = found.sum(axis=-1, keepdims=True) * share
            assert np.abs(found - expected).max() < 1 + 1e-5
            outer = tuple(range(len(given_columns)))
            assert np.abs(found.sum(axis=outer) - expected.sum(axis=outer)).max() < 1 + 1e-4
            given_columns = kept


def test_rounded_counts_are_unbiased_even_when_less_than_one_is_expected() -> None:
    """Mean counts over many seeds: every cell within the false-alarm rate, and no small cell lost."""
    field, size, seeds = example(3), 50, 1500
    sums = {clique: np.zeros(DOMAIN.shape(clique)) for clique in CLIQUES}
    squares = {clique: np.zeros(DOMAIN.shape(clique)) for clique in CLIQUES}
    for seed in range(seeds):
        rows = sample_rounded(DOMAIN, tree_steps(field.tree, field.beliefs), size, seed)
        for clique in CLIQUES:
            found = count(rows, clique)
            sums[clique] += found
            squares[clique] += found**2
    for clique in CLIQUES:
        mean = sums[clique] / seeds
        error = np.sqrt((squares[clique] / seeds - mean**2) / seeds)
        expected = size * field.project(clique)
        bound = stats.norm.isf(ALPHA / 2 / mean.size)
        assert expected.min() < 0.5
        assert (np.abs(mean - expected) <= bound * error).all()
        # Power: largest remainders, which lose the small cells, would be refuted.
        assert (np.abs(np.rint(expected) - expected) > bound * error).any()


def test_rounded_is_far_closer_to_the_model_than_independent() -> None:
    field = example(4)
    distance = {}
    for method in METHODS:
        rows = field.sample(20_000, np.random.default_rng(5), method)
        distance[method] = sum(np.abs(count(rows, c) / 20_000 - field.project(c)).sum() for c in CLIQUES)
    assert distance["rounded"] < distance["independent"] / 10


@given(st.integers(0, 2**63 - 1), st.lists(st.integers(0, 400), max_size=4))
def test_independent_rows_do_not_depend_on_chunking(seed: int, cuts: list[int]) -> None:
    field = example()
    whole = sample_independent(DOMAIN, tree_steps(field.tree, field.beliefs), 400, seed)
    edges = [0, *sorted(cuts), 400]
    for column in DOMAIN:
        parts = [
            sample_independent(DOMAIN, tree_steps(field.tree, field.beliefs), stop - start, seed, first_row=start)[
                column
            ]
            for start, stop in itertools.pairwise(edges)
        ]
        assert np.array_equal(np.concatenate(parts), whole[column])


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("size", [0, 1, 7])
def test_few_rows(method: str, size: int) -> None:
    rows = example().sample(size, np.random.default_rng(0), method)
    assert tuple(rows) == DOMAIN.columns
    for column, codes in rows.items():
        assert codes.dtype == np.uint8
        assert codes.shape == (size,)
        assert (codes < DOMAIN[column]).all()


@pytest.mark.parametrize("method", METHODS)
def test_impossible_cells_are_never_drawn(method: str) -> None:
    rng = np.random.default_rng(6)
    tree = junction_tree(DOMAIN, CLIQUES)
    potentials = [rng.normal(0, 3, DOMAIN.shape(clique)) for clique in tree.cliques]
    for table in potentials:
        table[rng.random(table.shape) < 0.3] = -np.inf
        table.flat[0] = 0.0
    field = RandomField(tree, calibrate(tree, potentials, 1.0).beliefs, 1.0)
    rows = field.sample(200_000, rng, method)
    for clique in CLIQUES:
        assert not count(rows, clique)[field.project(clique) == 0].any()


@pytest.mark.parametrize("method", METHODS)
def test_a_group_that_the_model_gives_no_mass_is_still_filled(method: str) -> None:
    """Beliefs that disagree in the last digits: the parent allows b = 1, the child has lost it."""
    domain = Domain.of({"a": 2, "b": 2, "c": 2})
    tree = junction_tree(domain, [("a", "b"), ("b", "c")])
    tables = {("a", "b"): np.full((2, 2), 0.25), ("b", "c"): np.array([[0.3, 0.7], [0.0, 0.0]])}
    rows = RandomField(tree, tuple(tables[clique] for clique in tree.cliques), 1.0).sample(
        1000, np.random.default_rng(0), method
    )
    assert set(rows["c"].tolist()) == {0, 1}


@pytest.mark.parametrize("method", METHODS)
def test_the_seed_decides(method: str) -> None:
    field = example()
    one, two, other = (field.sample(500, np.random.default_rng(seed), method) for seed in (1, 1, 2))
    assert all(np.array_equal(one[column], two[column]) for column in DOMAIN)
    assert not all(np.array_equal(one[column], other[column]) for column in DOMAIN)


def test_narrow_types() -> None:
    assert [code_dtype(size) for size in (1, 256, 257, 65536, 65537)] == [
        np.uint8,
        np.uint8,
        np.uint16,
        np.uint16,
        np.uint32,
    ]
    domain = Domain.of({"wide": 300})
    field = RandomField.independent(domain, {"wide": np.arange(300.0)}, 10.0)
    assert field.sample(5, np.random.default_rng(0))["wide"].dtype == np.uint16


def test_refusals() -> None:
    with pytest.raises(SettingError, match="rows"):
        example().sample(-1, np.random.default_rng(0))
    with pytest.raises(SettingError, match="method"):
        example().sample(1, np.random.default_rng(0), "other")
