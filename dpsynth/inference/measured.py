"""The best linear estimate of a marginal from every noisy marginal that says something about it, with its covariance.

Let x be the counts of the grid's cells. Measurement k gives y_k = A_k x + noise, A_k a sum over columns and codes,
the noise independent with variances D_k, known exactly. Generalised least squares (Aitken 1935) is unbiased and has
covariance H^-1, H = sum over k of A_k' D_k^-1 A_k, whatever x is: no cell is clipped at zero, so no bias comes in.
Cells that constraints rule out are zero by public knowledge; they are left out of the unknowns, noise and all.
Where H is singular, because no measurement tells the cells of a group apart, the estimate keeps what a model says of
them and corrects only what was measured: x = m + H^+ (sum over k of A_k' D_k^-1 (y_k - A_k m)), m of the model, scaled
to the measured sums (Deming & Stephan 1940) so that hardly anything is left to correct. Sums of cells that measurements
determine are the same whatever m is; the others are bounded in `limits`.
H is never written out: each application costs one pass over the grid for each measurement, and conjugate gradients
end after as many steps as H has distinct eigenvalues, at most 2^columns where every measurement has its own stddev.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt

from dpsynth.codec.codec import Codec
from dpsynth.codec.merged import MergedCodec
from dpsynth.domain import Clique
from dpsynth.errors import SettingError
from dpsynth.inference.grid import Grid, IntArray, summed_cells
from dpsynth.marginal import Basis, FloatArray, NoisyMarginal, residual
from dpsynth.models.factor import subsets, transposed
from dpsynth.models.simplex import project_to_simplex

Progress = Callable[[str, float], None]
BoolArray = npt.NDArray[np.bool_]

_TOLERANCE, _MOST_STEPS = 1e-10, 2_000
# A functional of which so small a part was measured was not measured at all.
_NOTHING = 1e-7
_MOST_RAKES, _RAKED, _EVERYWHERE = 200, 1e-7, 1e-6


def home_of(measurements: Sequence[NoisyMarginal], clique: Clique) -> NoisyMarginal | None:
    """The measured marginal that holds all of `clique`, in the most cells, with the least noise among equals; or None.

    A residual of just these columns will do as well, if all its smaller parts were measured.
    """
    wanted = set(clique)
    whole = [one for one in measurements if one.basis is Basis.IDENTITY and wanted <= set(one.clique)]
    if whole:
        return max(whole, key=lambda one: (_cells_on(one, clique), -one.stddev * one.values.size**0.5))
    measured = [set(one.clique) for one in measurements if one.basis is Basis.IDENTITY and not one.groups]
    residuals = [set(one.clique) for one in measurements if one.basis is Basis.RESIDUAL]
    complete = all(set(part) in residuals or any(set(part) <= one for one in measured) for part in subsets(clique))
    return next((one for one in measurements if complete and set(one.clique) == wanted), None)


def _cells_on(one: NoisyMarginal, clique: Clique) -> int:
    return int(np.prod([one.values.shape[one.clique.index(column)] for column in clique]))


@dataclass(frozen=True, eq=False)
class View:
    """What one measurement says about a grid: the grid summed over some axes, and its cells joined along others.

    axes: those of the grid that are left; joined: for each of them the coarser cell of each cell. values, variances:
    of the joined cells, axes in the grid's order.
    """

    axes: tuple[int, ...]
    joined: tuple[IntArray, ...]
    values: FloatArray
    variances: FloatArray
    basis: Basis

    def forward(self, counts: FloatArray) -> FloatArray:
        """A x: the grid's counts in the measurement's cells."""
        out: FloatArray = counts.sum(axis=tuple(place for place in range(counts.ndim) if place not in self.axes))
        for place, cells in enumerate(self.joined):
            out = summed_cells(out, place, cells)
        return out

    def part(self, counts: FloatArray) -> FloatArray:
        """What would be measured of these counts without noise."""
        table = self.forward(counts)
        return residual(table) if self.basis is Basis.RESIDUAL else table

    def backward(self, table: FloatArray, shape: tuple[int, ...]) -> FloatArray:
        """A' y: every cell of the grid gets the entry of the measurement's cell that it falls into."""
        for place, cells in enumerate(self.joined):
            table = np.take(table, cells, axis=place)
        aligned = table.reshape([size if place in self.axes else 1 for place, size in enumerate(shape)])
        return np.broadcast_to(aligned, shape)

    def matrix(self, shape: tuple[int, ...]) -> Any:
        """A itself, sparse: one row for each measured cell, one column for each cell of a grid of this shape, flat."""
        from scipy import sparse

        places = np.zeros(shape, dtype=np.int64)
        for axis, cells, size in zip(self.axes, self.joined, self.values.shape, strict=True):
            places = places * size + cells.reshape([-1 if place == axis else 1 for place in range(len(shape))])
        cells_in = (np.ones(places.size), (places.reshape(-1), np.arange(places.size)))
        summed = sparse.csr_array(cells_in, shape=(self.values.size, places.size))
        if self.basis is Basis.IDENTITY:
            return summed
        parts = (np.eye(size) - 1 / size for size in self.values.shape)
        return functools.reduce(sparse.kron, parts) @ summed

    def weighted(self, table: FloatArray) -> FloatArray:
        """The inverse covariance of the noise, applied; that of a residual is its projection over the variance."""
        return residual(table) / self.variances if self.basis is Basis.RESIDUAL else table / self.variances


def view_of(one: NoisyMarginal, grid: Grid, variances: FloatArray) -> View | None:
    """The view of a measurement on the grid; None when its cells and the grid's cut across each other."""
    table, spread = one.values, variances
    outside = tuple(place for place, column in enumerate(one.clique) if column not in grid.clique)
    if one.basis is Basis.RESIDUAL and (outside or any(grid[column].grouped for column in one.clique)):
        return None
    places = [place for place, column in enumerate(one.clique) if column in grid.clique]
    table, spread = table.sum(axis=outside), spread.sum(axis=outside)
    joined: list[IntArray] = []
    for axis, place in enumerate(places):
        held = grid[one.clique[place]]
        groups = one.groups[place] if one.groups else None
        cells = np.arange(held.cells.size) if groups is None else np.asarray(groups)
        if (finer := _within(cells, held.cells)) is not None:
            table, spread = summed_cells(table, axis, finer), summed_cells(spread, axis, finer)
            joined.append(np.arange(held.size))
        elif (coarser := _within(held.cells, cells)) is not None:
            joined.append(coarser)
        else:
            return None
    order = sorted(range(len(places)), key=lambda axis: grid.clique.index(one.clique[places[axis]]))
    axes = tuple(grid.clique.index(one.clique[places[axis]]) for axis in order)
    return View(
        axes,
        tuple(joined[axis] for axis in order),
        np.transpose(table, order),
        np.transpose(spread, order),
        one.basis,
    )


def _within(fine: IntArray, coarse: IntArray) -> IntArray | None:
    """For each cell of `fine` the cell of `coarse` that holds all its codes; None when some cell is split."""
    found = np.zeros(int(fine.max()) + 1, dtype=np.int64)
    found[fine] = coarse
    return found if np.array_equal(found[fine], coarse) else None


def cell_variances(one: NoisyMarginal, codec: Codec) -> FloatArray:
    """Variance of the noise in each cell, in rows^2, shape of the values.

    One-ways from before codes were merged are sums over the merged codes: each cell counts its members, at most.
    """
    variances = np.full(one.values.shape, one.stddev**2)
    column = codec[one.clique[0]] if len(one.clique) == 1 else None
    if isinstance(column, MergedCodec) and one.basis is Basis.IDENTITY:
        members = np.bincount(column.groups).astype(np.float64)
        variances = variances * (summed_cells(members, 0, np.asarray(one.groups[0])) if one.groups else members)
    return variances


@dataclass(frozen=True, eq=False)
class MeasuredCounts:
    """An estimate of the counts on a grid, unbiased in all that was measured, and the precision of its noise.

    counts: flat, in rows; may be negative, and are 0 where `possible` is False: cells that constraints rule out.
    raked: where cells were not told apart, a model's counts scaled to what was measured; none is negative.
    """

    grid: Grid
    counts: FloatArray
    possible: BoolArray
    views: tuple[View, ...]
    raked: FloatArray | None = None

    @property
    def nearest(self) -> FloatArray:
        """Counts near these that a table can have: none negative, the same sum; the raked ones where there are such."""
        if self.raked is not None:
            return self.raked
        nearest = np.zeros(self.counts.size)
        total = max(float(self.counts.sum()), 1.0)
        nearest[self.possible] = project_to_simplex(self.counts[self.possible], total)
        return nearest

    def tells_apart(self, column: str) -> bool:
        """Whether some measurement has all cells of a column's axis apart, so that their sums were measured."""
        place = self.grid.clique.index(column)
        return any(
            view.values.shape[view.axes.index(place)] == self.grid[column].size
            for view in self.views
            if place in view.axes and (view.basis is Basis.IDENTITY or len(view.axes) == 1)
        )

    def noise_variances(self, gradient: FloatArray, progress: Progress | None = None) -> FloatArray:
        """Variance of each linear functional of the counts that was measured; gradient: shape (cells, functionals)."""
        found = np.zeros(gradient.shape[1])
        for place, one in enumerate(gradient.T):
            if progress is not None:
                progress("error bars", place / found.size)
            found[place] = float(one @ _solve(self, one)) if one.any() else 0.0
        return found

    def measured_part(self, gradient: FloatArray) -> FloatArray:
        """Of each functional the part that was measured: its projection, H^+ H applied to it; same shape."""
        parts, most = [], max(float((1 / view.variances).max()) for view in self.views)
        for one in gradient.T:
            length = float(np.linalg.norm(one))
            part = _solve(self, self._normal(one), length * most)
            parts.append(part if float(np.linalg.norm(part)) > _NOTHING * length else np.zeros_like(part))
        return np.column_stack(parts)

    def _normal(self, flat: FloatArray) -> FloatArray:
        """H applied to a flat vector, on the possible cells; the others are kept."""
        shape = self.grid.shape
        counts = np.where(self.possible, flat, 0.0).reshape(shape)
        parts = (view.backward(view.weighted(view.forward(counts)), shape) for view in self.views)
        return np.where(self.possible, sum(parts, np.zeros(shape)).reshape(-1), flat)


def measured_counts(
    codec: Codec, measurements: Sequence[NoisyMarginal], grid: Grid, modelled: FloatArray | None = None
) -> MeasuredCounts:
    """Generalised least squares on the grid, next to `modelled` (flat, in rows) where cells were not told apart."""
    views = [view_of(one, grid, cell_variances(one, codec)) for one in measurements]
    kept = _pooled([view for view in views if view is not None])
    possible = possible_cells(codec, grid)
    start = np.zeros(grid.cells) if modelled is None else np.where(possible, modelled, 0.0)
    table, right, size = start.reshape(grid.shape), np.zeros(grid.shape), 0.0
    for view in kept:
        told = view.backward(view.weighted(view.values), grid.shape)
        right += told - view.backward(view.weighted(view.part(table)), grid.shape)
        size += float(np.linalg.norm(told))
    unsolved = MeasuredCounts(grid, start, possible, kept)
    solved = replace(unsolved, counts=start + _solve(unsolved, right.reshape(-1), size))
    return solved if modelled is None or not kept else _raked(solved, start)


def _raked(measured: MeasuredCounts, start: FloatArray) -> MeasuredCounts:
    """The same measured sums, and inside them the split of a model scaled to them (Deming & Stephan 1940)."""
    grid, possible = measured.grid, measured.possible
    total = max(float(measured.counts.sum()), 1.0)
    # A little everywhere, so that every possible cell can be reached.
    mixed = np.where(
        possible, start * (total / max(float(start.sum()), 1e-300)) + _EVERYWHERE * total / grid.cells, 0.0
    )
    table = mixed.reshape(grid.shape)
    wanted = measured.counts.reshape(grid.shape)
    goals = [(view, np.maximum(view.forward(wanted), 0.0)) for view in measured.views if view.basis is Basis.IDENTITY]
    for _ in range(_MOST_RAKES):
        before = table
        for view, goal in goals:
            now = view.forward(table)
            table = table * view.backward(np.divide(goal, now, out=np.zeros_like(now), where=now > 0), grid.shape)
        if float(np.abs(table - before).sum()) < _RAKED * total:
            break
    raked = table.reshape(-1) * (total / max(float(table.sum()), 1e-300))
    (part,) = measured.measured_part((measured.counts - raked)[:, None]).T
    return replace(measured, counts=raked + part, raked=raked)


def possible_cells(codec: Codec, grid: Grid) -> BoolArray:
    """Whether a row may lie in each cell of the grid, flat, as far as constraints on its columns alone say."""
    possible = np.ones(codec.domain.shape(grid.clique))
    for zeros in codec.zeros:
        if set(zeros.clique) <= set(grid.clique):
            order = sorted(zeros.clique, key=grid.clique.index)
            allowed = transposed((~zeros.mask).astype(np.float64), zeros.clique, tuple(order))
            possible *= allowed.reshape([codec.domain[c] if c in zeros.clique else 1 for c in grid.clique])
    return grid.gathered(possible) > 0


def _pooled(views: Sequence[View]) -> tuple[View, ...]:
    """Views of the same cells as one, by inverse variance; all that say only the total are among them."""
    pooled: dict[tuple[object, ...], list[View]] = {}
    for view in views:
        pooled.setdefault((view.axes, view.basis, *(cells.tobytes() for cells in view.joined)), []).append(view)
    out = []
    for same in pooled.values():
        precision = sum((1 / view.variances for view in same), np.zeros(same[0].values.shape))
        values = sum((view.values / view.variances for view in same), np.zeros(same[0].values.shape)) / precision
        out.append(View(same[0].axes, same[0].joined, values, 1 / precision, same[0].basis))
    return tuple(out)


def _solve(measured: MeasuredCounts, right: FloatArray, size: float = 0.0) -> FloatArray:
    """H^+, on the possible cells, applied to a flat vector, by conjugate gradients.

    size: of what the vector is a difference of, beside which it may be nothing but rounding.
    """
    from scipy.sparse.linalg import LinearOperator, cg

    grid, possible = measured.grid, measured.possible
    operator = LinearOperator((grid.cells, grid.cells), matvec=measured._normal, dtype=np.float64)
    found, failed = cg(
        operator, np.where(possible, right, 0.0), rtol=_TOLERANCE, atol=_TOLERANCE * size, maxiter=_MOST_STEPS
    )
    if failed:
        raise SettingError(f"estimate on {grid.clique} must have a unique solution; try columns measured together")
    return np.asarray(found)
