"""The best linear estimate of a marginal, beside dense linear algebra."""

from __future__ import annotations

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

import dpsynth
from dpsynth.codec.codec import Codec, closed_codec
from dpsynth.domain import Clique
from dpsynth.inference.grid import Grid, grid_of
from dpsynth.inference.measured import View, cell_variances, home_of, measured_counts, view_of
from dpsynth.marginal import Basis, FloatArray, NoisyMarginal, residual
from tests.inference.worlds import CODEC, sample

GROUPS = {"income": (None,), "smoker": (None,), "age": (None, (0, 0, 1, 1, 2), (0, 1, 1, 1, 1))}


def even_grid(clique: Clique, home: NoisyMarginal | None) -> Grid:
    return grid_of(CODEC, clique, home, [np.ones(CODEC.domain[column]) for column in clique])


@st.composite
def noisy(draw: st.DrawFn, clique: Clique) -> NoisyMarginal:
    groups = tuple(draw(st.sampled_from(GROUPS[column])) for column in clique)
    shape = [
        CODEC.domain[column] if cells is None else max(cells) + 1 for column, cells in zip(clique, groups, strict=True)
    ]
    rng = np.random.default_rng(draw(st.integers(0, 2**32)))
    stddev = draw(st.sampled_from([0.5, 3.0, 40.0]))
    return NoisyMarginal(clique, rng.normal(100, 30, shape), stddev, Basis.IDENTITY, groups if any(groups) else ())


CLIQUES: tuple[Clique, ...] = ((), ("income",), ("age",), ("age", "income"), ("smoker", "age"), ("income", "smoker"))


@given(st.data())
@settings(max_examples=25)
def test_the_estimate_is_that_of_dense_generalised_least_squares(data: st.DataObject) -> None:
    wanted: Clique = ("age", "smoker")
    home = data.draw(noisy(("smoker", "age", "income")))
    measured = [
        home,
        *(data.draw(noisy(clique)) for clique in data.draw(st.lists(st.sampled_from(CLIQUES), max_size=4))),
    ]
    grid = even_grid(wanted, home)
    found = measured_counts(CODEC, measured, grid)
    information, right = np.zeros((grid.cells, grid.cells)), np.zeros(grid.cells)
    for one in measured:
        view = view_of(one, grid, cell_variances(one, CODEC))
        if view is not None:
            columns = [view.forward(unit.reshape(grid.shape)).reshape(-1) for unit in np.eye(grid.cells)]
            design = np.column_stack(columns)
            information += design.T @ (design / view.variances.reshape(-1, 1))
            right += design.T @ (view.values / view.variances).reshape(-1)
    dense = np.linalg.inv(information)
    np.testing.assert_allclose(found.counts, dense @ right, rtol=1e-5, atol=1e-5)
    np.testing.assert_allclose(found.noise_variances(np.eye(grid.cells)), np.diag(dense), rtol=1e-5)


@settings(max_examples=40)
@given(st.data())
def test_a_view_counts_what_the_measurement_counts(data: st.DataObject) -> None:
    """Values without noise are those of the grid's own exact counts, however codes are grouped on either side."""
    counts = sample(500, np.random.default_rng(data.draw(st.integers(0, 1000))))
    home = data.draw(noisy(("income", "smoker", "age")))
    other = data.draw(noisy(data.draw(st.sampled_from(CLIQUES))))
    table = np.einsum(counts, [0, 1, 2], [("income", "smoker", "age").index(column) for column in other.clique])
    for axis, cells in enumerate(other.groups):
        if cells is not None:
            table = np.stack(
                [np.compress(np.equal(cells, cell), table, axis).sum(axis=axis) for cell in range(max(cells) + 1)], axis
            )
    grid = even_grid(("smoker", "age"), home)
    exact = NoisyMarginal(other.clique, table, 1.0, other.basis, other.groups)
    view = view_of(exact, grid, cell_variances(exact, CODEC))
    if view is not None:
        mine = grid.gathered(counts.sum(axis=0)).reshape(grid.shape)
        np.testing.assert_allclose(view.forward(mine), view.values)


def test_noise_of_summed_cells_adds_up() -> None:
    one = NoisyMarginal(("income", "smoker", "age"), np.zeros((2, 2, 5)), 3.0)
    found = measured_counts(CODEC, [one], even_grid(("smoker",), one))
    np.testing.assert_allclose(found.noise_variances(np.eye(2)), [90.0, 90.0])


def test_a_second_measurement_halves_the_variance() -> None:
    one = NoisyMarginal(("age",), np.arange(5.0), 2.0)
    found = measured_counts(CODEC, [one, one], even_grid(("age",), one))
    np.testing.assert_allclose(found.counts, one.values)
    np.testing.assert_allclose(found.noise_variances(np.eye(5)), np.full(5, 2.0))


def test_residuals_and_smaller_marginals_make_up_a_table() -> None:
    counts = sample(1000, np.random.default_rng(0)).sum(axis=2)
    measured = [
        NoisyMarginal(("income", "smoker"), residual(counts), 2.0, Basis.RESIDUAL),
        NoisyMarginal(("income",), counts.sum(axis=1), 2.0),
        NoisyMarginal(("smoker",), counts.sum(axis=0), 2.0),
    ]
    home = home_of(measured, ("smoker", "income"))
    assert home is measured[0]
    found = measured_counts(CODEC, measured, even_grid(("smoker", "income"), home))
    np.testing.assert_allclose(found.counts.reshape(2, 2), counts.T, rtol=1e-8)
    assert home_of(measured[:2], ("smoker", "income")) is None


@settings(max_examples=20)
@given(noisy(("age",)), noisy(("income", "age")), st.integers(0, 2**32))
def test_what_was_measured_does_not_depend_on_the_model(one: NoisyMarginal, other: NoisyMarginal, seed: int) -> None:
    """With a model and without: the same sums where cells were measured; beside dense algebra."""
    grid = even_grid(("income", "age"), None)
    modelled = np.random.default_rng(seed).uniform(0, 200, grid.cells)
    found, plain = (measured_counts(CODEC, [one, other], grid, start) for start in (modelled, None))
    matrix = np.vstack([view.matrix(grid.shape).toarray() for view in found.views])
    assert_same_views(found.views, matrix, modelled, grid)
    np.testing.assert_allclose(matrix @ found.counts, matrix @ plain.counts, atol=5e-3)
    assert (found.nearest >= 0).all()
    null = np.eye(grid.cells) - np.linalg.pinv(matrix) @ matrix
    part = found.measured_part(np.eye(grid.cells))
    np.testing.assert_allclose(part, np.eye(grid.cells) - null, atol=1e-6)
    information = sum(
        view.matrix(grid.shape).T @ np.diag(1 / view.variances.reshape(-1)) @ view.matrix(grid.shape)
        for view in found.views
    )
    np.testing.assert_allclose(
        found.noise_variances(part), np.diag(part.T @ np.linalg.pinv(information) @ part), rtol=1e-4
    )


def test_a_model_that_fits_already_is_left_as_it_is() -> None:
    """What is left to correct is rounding, in which no solver finds a direction."""
    counts = np.random.default_rng(0).uniform(0, 1e5, (2, 5))
    grid = even_grid(("income", "age"), None)
    measured = [NoisyMarginal(("income",), counts.sum(axis=1), 3.0), NoisyMarginal(("age",), counts.sum(axis=0), 0.7)]
    found = measured_counts(CODEC, measured, grid, counts.reshape(-1))
    np.testing.assert_allclose(found.counts, counts.reshape(-1), rtol=1e-4)
    np.testing.assert_allclose(found.nearest, found.counts, rtol=1e-4)
    apart = np.outer([1, -1], [1, -1, 0, 0, 0]).reshape(-1, 1).astype(np.float64)
    np.testing.assert_array_equal(found.measured_part(apart), 0)


def assert_same_views(views: tuple[View, ...], matrix: FloatArray, counts: FloatArray, grid: Grid) -> None:
    parts = [view.part(counts.reshape(grid.shape)).reshape(-1) for view in views]
    np.testing.assert_allclose(np.concatenate(parts), matrix @ counts)


def test_the_matrix_of_a_residual_takes_means_off() -> None:
    measured = NoisyMarginal(("income", "smoker"), np.zeros((2, 2)), 1.0, Basis.RESIDUAL)
    grid = even_grid(("smoker", "age", "income"), None)
    view = view_of(measured, grid, cell_variances(measured, CODEC))
    assert view is not None
    counts = np.random.default_rng(0).uniform(0, 9, grid.cells)
    assert_same_views((view,), view.matrix(grid.shape), counts, grid)


def test_cells_that_constraints_rule_out_are_zero_and_carry_no_noise() -> None:
    schema = dpsynth.Schema(
        [dpsynth.Boolean("pregnant"), dpsynth.Categorical("sex", values=["F", "M"])],
        constraints=[dpsynth.Forbidden({"sex": "M", "pregnant": True})],
    )
    codec = Codec(tuple(closed_codec(column) for column in schema.columns), tuple(schema.constraints))
    noisy = NoisyMarginal(("pregnant", "sex"), np.array([[50.0, 70.0], [9.0, -4.0]]), 3.0)
    grid = grid_of(codec, ("sex", "pregnant"), noisy, [np.ones(2), np.ones(2)])
    found = measured_counts(codec, [noisy], grid)
    np.testing.assert_allclose(found.counts, [50.0, 9.0, 70.0, 0.0])
    np.testing.assert_allclose(found.noise_variances(np.eye(4)), [9.0, 9.0, 9.0, 0.0])
    assert found.nearest[3] == 0


def test_home_is_the_finest_then_the_least_noisy() -> None:
    def one(stddev: float, groups: tuple[int, ...] | None = None) -> NoisyMarginal:
        values: FloatArray = np.zeros(5 if groups is None else max(groups) + 1)
        return NoisyMarginal(("age",), values, stddev, groups=() if groups is None else (groups,))

    coarse, fine, loud = one(1.0, (0, 0, 1, 1, 2)), one(5.0), one(9.0)
    assert home_of([coarse, loud, fine], ("age",)) is fine
    assert home_of([coarse], ("age",)) is coarse
    assert home_of([coarse], ("age", "income")) is None
