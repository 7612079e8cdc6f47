"""Models as they might have come out: measurements drawn anew around the released ones, and the model fitted again.

A redrawn measurement is the released one, plus what it would change if the private table were another sample from the
population (as the model sees it), plus fresh noise. Under a flat prior and near-normal errors, models fitted to such
measurements are draws from the posterior of the population (Newton & Raftery 1994's weighted likelihood bootstrap,
here on noisy sufficient statistics, as in Raisa, Jalko, Kaski & Honkela 2023, "Noise-aware statistical inference with
differentially private synthetic data", whose posterior this approximates). Post-processing: free.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING

import numpy as np

from dpsynth.errors import SettingError
from dpsynth.inference.grid import summed_cells
from dpsynth.inference.measured import cell_variances
from dpsynth.inference.released import Released
from dpsynth.marginal import Basis, FloatArray, NoisyMarginal, residual
from dpsynth.models.evidence import within_zeros
from dpsynth.models.fit import fit
from dpsynth.models.model import Model
from dpsynth.models.random_field import RandomField
from dpsynth.models.record_table import RecordTable
from dpsynth.models.record_update import fit_records
from dpsynth.models.sampling import Codes

if TYPE_CHECKING:
    import pandas as pd

Progress = Callable[[str, float], None]

# Where a refit stops: far below the spread between redrawn models.
_GAP = 1e-2


def can_redraw(released: Released) -> bool:
    """Whether the release's model is one that its measurements alone determine, so that it can be fitted again."""
    model = released.model
    alone = isinstance(model, RecordTable) or (isinstance(model, RandomField) and not model.hidden)
    return alone and bool(released.measurements)


def redrawn_models(
    released: Released, count: int, seed: int | None = None, progress: Progress | None = None
) -> Iterator[Model]:
    """`count` models fitted to redrawn measurements, one after the other.

    Raises SettingError when the release's model does not come from its measurements alone, or count is below 2.
    """
    if count < 2:
        raise SettingError(f"count ({count}) must be at least 2; try 20")
    if not can_redraw(released):
        raise SettingError(
            "model must be one that its noisy marginals determine; got a network, a mixture or a sum of features; "
            "try the synthesizer 'mosaic', 'aim', 'mst' or 'direct'"
        )
    for number, child in enumerate(np.random.SeedSequence(seed).spawn(count)):
        if progress is not None:
            progress("redrawn models", number / count)
        rng = np.random.default_rng(child)
        yield refitted(released, redrawn(released, rng), rng)
    if progress is not None:
        progress("redrawn models", 1.0)


def redrawn_tables(
    released: Released, count: int, rows: int, seed: int | None = None, progress: Progress | None = None
) -> tuple[pd.DataFrame, ...]:
    """A table of independent rows from each of `count` redrawn models: proper imputations of the whole population.

    Raises SettingError as `redrawn_models`, and for negative rows.
    """
    if rows < 0:
        raise SettingError(f"rows ({rows}) must not be negative; try 0 or more")
    entropy = np.random.SeedSequence(seed)
    models = redrawn_models(released, count, int(entropy.generate_state(1)[0]), progress)
    tables = []
    for model, child in zip(models, entropy.spawn(count), strict=True):
        rng = np.random.default_rng(child)
        tables.append(released.codec.decode(model.sample(rows, rng, "independent"), rows, rng))
    return tuple(tables)


def redrawn(released: Released, rng: np.random.Generator) -> tuple[NoisyMarginal, ...]:
    """The measurements with the error of another sample and of fresh noise on top."""
    model = released.model
    rows = max(round(model.total), 1)
    codes = model.sample(rows, rng, "independent")
    return tuple(
        _moved(one, counted(one, codes, model) - expected(one, model), released, rng) for one in released.measurements
    )


def remeasured(released: Released, codes: Codes, rng: np.random.Generator) -> tuple[NoisyMarginal, ...]:
    """What would have been measured on a table of these codes, with fresh noise of the same size."""
    zeroed = (
        NoisyMarginal(one.clique, np.zeros_like(one.values), one.stddev, one.basis, one.groups)
        for one in released.measurements
    )
    return tuple(_moved(one, counted(one, codes, released.model), released, rng) for one in zeroed)


def _moved(one: NoisyMarginal, change: FloatArray, released: Released, rng: np.random.Generator) -> NoisyMarginal:
    noise = rng.normal(size=one.values.shape) * np.sqrt(cell_variances(one, released.codec))
    if one.basis is Basis.RESIDUAL:
        noise = residual(noise)
    return NoisyMarginal(one.clique, one.values + change + noise, one.stddev, one.basis, one.groups)


def counted(one: NoisyMarginal, codes: Codes, model: Model) -> FloatArray:
    """A measurement's part of the counts of coded rows, without noise."""
    shape = model.domain.shape(one.clique)
    rows = next(iter(codes.values())).size
    place = np.zeros(rows, dtype=np.int64)
    for column, size in zip(one.clique, shape, strict=True):
        place = place * size + codes[column]
    return _part(one, np.bincount(place, minlength=int(np.prod(shape))).reshape(shape).astype(np.float64))


def expected(one: NoisyMarginal, model: Model) -> FloatArray:
    """A measurement's part of the model's counts, scaled to whole rows."""
    table = model.project(one.clique)
    return _part(one, table * (max(round(model.total), 1) / max(float(table.sum()), 1e-300)))


def _part(one: NoisyMarginal, table: FloatArray) -> FloatArray:
    for axis, cells in enumerate(one.groups):
        if cells is not None:
            table = summed_cells(table, axis, np.asarray(cells))
    return residual(table) if one.basis is Basis.RESIDUAL else table


def refitted(released: Released, measurements: tuple[NoisyMarginal, ...], rng: np.random.Generator) -> Model:
    """A model of the release's kind, fitted to other measurements of the same marginals."""
    model, total, zeros = released.model, total_of(measurements), released.codec.zeros
    if not isinstance(model, RecordTable):
        return fit(model.domain, measurements, total, structural_zeros=zeros, gap=_GAP)
    one_ways = [one for one in measurements if len(one.clique) == 1 and not one.groups and one.basis is Basis.IDENTITY]
    start = fit(model.domain, one_ways, total, structural_zeros=zeros, gap=_GAP)
    return within_zeros(fit_records(start, measurements, rng, max_records=model.records, zeros=zeros), zeros)


def total_of(measurements: tuple[NoisyMarginal, ...]) -> float:
    """Number of rows from the sums of whole marginals, weighted by inverse variance; at least 1."""
    whole = [one for one in measurements if one.basis is Basis.IDENTITY]
    weights = np.array([1.0 / (one.values.size * one.stddev**2) for one in whole])
    return max(float(weights @ [one.values.sum() for one in whole] / weights.sum()), 1.0)
