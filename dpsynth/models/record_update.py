"""Fit a table of synthetic records to noisy marginals by drawing one entry of one record anew at a time.

The loss is that of `fit`: L = sum over measurements of ||counts of the records - values||^2 / (2 stddev^2).
Records are non-negative and consistent between marginals by construction, so none of the projections
that other record methods need comes before it, and no set of cliques is too entangled: a sweep costs
records * sum over cliques of the groups of their columns, whatever the cliques have in common. A measurement
may be of groups of codes (`NoisyMarginal.groups`): columns may be read at several resolutions at once.

A sweep visits the records in random order and draws each entry given the other entries of its record,
code v with probability proportional to share(v) * exp(-L(v) / temperature): Gibbs sampling. That
favours records near the independent product of the shares, so a dependence shows in the records as far
as it stands out of the noise: at temperature 0 noise is fitted like signal, and pairs come out worse.

The records after one sweep are one draw; the mean over many sweeps is a better estimate of every
marginal, and `record_swaps` gives it back to one table.

Sources: Zhang, Wang, Li, Honorio, Backes, He, Chen, Zhang, "PrivSyn: Differentially Private Data
Synthesis", USENIX Security 2021, section 5 (records moved at a decaying rate; there one marginal at a
time); Geman, Geman, "Stochastic Relaxation, Gibbs Distributions, and the Bayesian Restoration of Images",
1984.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from dpsynth.domain import Domain
from dpsynth.errors import SettingError
from dpsynth.marginal import Basis, NoisyMarginal
from dpsynth.models.random_field import RandomField
from dpsynth.models.record_swaps import settle_records
from dpsynth.models.record_table import RecordTable
from dpsynth.models.record_zeros import lay_out_zeros
from dpsynth.structural_zeros import StructuralZeros

IntArray = npt.NDArray[np.int64]
Places = npt.NDArray[np.uintp]
Records = npt.NDArray[np.int32]
Progress = Callable[[float], None]


def fit_records(
    start: RandomField,
    measurements: Sequence[NoisyMarginal],
    rng: np.random.Generator,
    *,
    max_records: int = 250_000,
    sweeps: int = 8,
    temperature: float = 1.5,
    zeros: Sequence[StructuralZeros] = (),
    progress: Progress | None = None,
) -> RecordTable:
    """Records that fit `measurements`: drawn from `start`, which sets domain and total, then swept `sweeps` times.

    measurements: of whole marginals or of groups of codes (Basis.IDENTITY), any cliques, several of one
        clique if need be.
    max_records: there is one record for each row, but not more than this, and each stands for as many rows.
    The second half of the sweeps is averaged (see `settle_records`). Arguments else as in `sweep_records`.
    Post-processing of released values: no privacy cost. Raises SettingError for residual measurements and
    for those that do not fit the domain.
    """
    domain, total = start.domain, start.total
    records = start_records(start, max_records, rng)
    kept = sweep_records(
        domain,
        records,
        total,
        measurements,
        rng,
        sweeps=sweeps,
        keep=(sweeps + 1) // 2,
        temperature=temperature,
        zeros=zeros,
        progress=progress,
    )
    settle_records(domain, records, kept, rng, zeros=zeros)
    return RecordTable.of_matrix(domain, records, total)


def start_records(start: RandomField, max_records: int, rng: np.random.Generator) -> Records:
    """Records drawn from a field, shape (records, columns): one for each row of its total, at most `max_records`."""
    codes = start.sample(max(1, min(round(start.total), max_records)), rng)
    return np.ascontiguousarray(np.column_stack([codes[column].astype(np.int32) for column in start.domain]))


def sweep_records(
    domain: Domain,
    records: Records,
    total: float,
    measurements: Sequence[NoisyMarginal],
    rng: np.random.Generator,
    *,
    sweeps: int,
    keep: int,
    temperature: float,
    zeros: Sequence[StructuralZeros] = (),
    progress: Progress | None = None,
) -> Records:
    """Sweep `records` in place, `sweeps` times; returns them as they stood after each of the last `keep` sweeps.

    Shape of the result: (keep * records, columns).
    temperature: 0 or more; 1 is the change of L when one record moves between two cells of the median
        measurement that are one stddev apart. A count is held back by about temperature * stddev for each
        unit of the logarithm of its ratio to what the other columns' shares alone would give.
    zeros: cells into which no record is moved; `records` must not lie in any of them.
    progress: called after each sweep with the fraction done.
    """
    from dpsynth.models import record_kernels as kernels

    each = total / len(records)
    tables, columns = _lay_out(domain, measurements, each)
    barred = lay_out_zeros(domain, zeros)
    excess = _excess(records, tables, columns, measurements, each)
    kept = []
    for sweep in range(sweeps):
        shares = np.concatenate([_shares(records[:, place], size) for place, size in enumerate(domain.sizes)])
        order, key = rng.permutation(len(records)), np.uint64(rng.integers(2**63))
        kernels.sweep(records, order, shares, tables, columns, barred, float(temperature), key, excess)
        if sweep >= sweeps - keep:
            kept.append(records.copy())
        if progress is not None:
            progress((sweep + 1) / sweeps)
    return np.concatenate(kept) if kept else records[:0]


def _excess(
    records: Records, tables: Tables, columns: Columns, measurements: Sequence[NoisyMarginal], each: float
) -> npt.NDArray[np.float32]:
    """Records minus values of every measured cell, in records: numbers small enough for half the width."""
    from dpsynth.models import record_kernels as kernels

    values = np.concatenate([one.values.transpose(_axes(one)).ravel() for one in measurements])
    counts = np.zeros(values.size, dtype=np.int64)
    kernels.add(records, tables, columns, counts)
    return (counts - values / each).astype(np.float32)


class Tables(NamedTuple):
    """Where a record falls in one flat vector of all measured cells; a NamedTuple, since compiled code reads it.

    Measurement m has its cells from offsets[m] on, and the parts starts[m] to starts[m + 1], one for each column:
    its place in the domain, the level at which it is read, and the cells between neighbouring groups. The column with
    most groups has them side by side.
    """

    starts: IntArray
    places: IntArray
    levels: IntArray
    strides: Places
    offsets: Places


class Columns(NamedTuple):
    """How each column is read: groups[c, level, code], with group_sizes[c, level] groups at level_counts[c] levels.

    Column c is read at a level by the measurements holding[firsts[c, level]:firsts[c, level + 1]], at these increasing
    strides (steps) and of these weights: what one record more than the value changes L by, in median stddevs.
    """

    sizes: IntArray
    level_counts: IntArray
    group_sizes: IntArray
    groups: npt.NDArray[np.uint32]
    firsts: IntArray
    holding: IntArray
    steps: Places
    weights: npt.NDArray[np.float32]


def _lay_out(domain: Domain, measurements: Sequence[NoisyMarginal], each: float) -> tuple[Tables, Columns]:
    """The layout for records that stand for `each` rows."""
    place = {column: index for index, column in enumerate(domain)}
    readings: list[dict[tuple[int, ...], int]] = [{} for _ in domain]
    parts: list[tuple[int, int, int]] = []
    holding: list[tuple[int, int, int, int]] = []
    starts = [0]
    for index, one in enumerate(measurements):
        if one.basis is not Basis.IDENTITY:
            raise SettingError(f"measurement of {one.clique} must hold every cell; got a residual")
        stride = 1
        for axis in reversed(_axes(one)):
            column = place[one.clique[axis]]
            level = _level(readings[column], domain, one, axis)
            parts.append((column, level, stride))
            holding.append((column, level, stride, index))
            stride *= one.values.shape[axis]
        starts.append(len(parts))
    places, levels, strides = np.array(parts, dtype=np.int64).reshape(-1, 3).T.copy()
    offsets = np.cumsum([0, *(one.values.size for one in measurements)], dtype=np.uintp)[:-1]
    tables = Tables(np.array(starts, dtype=np.int64), places, levels, strides.astype(np.uintp), offsets)
    most = max(1, *map(len, readings))
    groups = np.zeros((len(domain), most, max(domain.sizes)), dtype=np.uint32)
    group_sizes = np.zeros((len(domain), most), dtype=np.int64)
    for index, known in enumerate(readings):
        for reading, level in known.items():
            groups[index, level, : len(reading)] = reading
            group_sizes[index, level] = max(reading) + 1
    columns, at_levels, steps, held = np.array(sorted(holding), dtype=np.int64).reshape(-1, 4).T.copy()
    reads = np.bincount(columns * most + at_levels, minlength=len(domain) * most)
    ends = np.cumsum(reads).reshape(len(domain), most)
    stddevs = np.array([one.stddev for one in measurements])
    return tables, Columns(
        sizes=np.array(domain.sizes, dtype=np.int64),
        level_counts=np.array([len(known) for known in readings], dtype=np.int64),
        group_sizes=group_sizes,
        groups=groups,
        firsts=np.column_stack([ends[:, 0] - reads.reshape(ends.shape)[:, 0], ends]),
        holding=held,
        steps=steps.astype(np.uintp),
        weights=(each * np.median(stddevs) / stddevs[held] ** 2).astype(np.float32),
    )


def _axes(one: NoisyMarginal) -> list[int]:
    """The axes of a measurement in the order of its cells: fewest groups first."""
    return sorted(range(len(one.clique)), key=one.values.shape.__getitem__)


def _level(known: dict[tuple[int, ...], int], domain: Domain, one: NoisyMarginal, axis: int) -> int:
    """The number of this reading of a column; a new one is added."""
    size = domain[one.clique[axis]]
    groups = one.groups[axis] if one.groups else None
    reading = tuple(range(size)) if groups is None else tuple(groups)
    if len(reading) != size or one.values.shape[axis] != max(reading) + 1:
        raise SettingError(f"measurement of {one.clique} must fit the codes of {one.clique[axis]!r}")
    return known.setdefault(reading, len(known))


def _shares(codes: npt.NDArray[np.int32], size: int) -> npt.NDArray[np.float32]:
    """Share of each code among the records; a code without any gets that of half a record."""
    return (np.maximum(np.bincount(codes, minlength=size), 0.5) / codes.size).astype(np.float32)
