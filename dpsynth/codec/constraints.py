"""Constraints on the codes of a codec: which combinations of codes cannot happen, and which codes differ to them.

Bins are cut where `Forbidden` and `Allowed` cut the values (`cuts_of`), and codes that constraints tell apart are never
merged (`classes_of`), so a combination of codes is either wholly forbidden or wholly allowed, save by `Order`: two bins
that overlap may hold both ordered and unordered pairs of values. They are allowed here, and `order` draws an ordered
pair in them.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from dpsynth.codec.binned import BinnedCodec
from dpsynth.codec.merged import MergedCodec
from dpsynth.codec.selected import selected
from dpsynth.domain import Clique, Domain
from dpsynth.errors import PlanTooLargeError, SettingError
from dpsynth.schema.columns import Datetime, Numeric
from dpsynth.schema.constraints import Allowed, Box, Constraint, Forbidden, Order
from dpsynth.schema.grid import first_tick_from, numbers_of
from dpsynth.schema.schema import Schema
from dpsynth.schema.selection import select
from dpsynth.structural_zeros import StructuralZeros

if TYPE_CHECKING:
    from dpsynth.codec.codec import ColumnCodec

Mask = NDArray[np.bool_]
# Of one table of combinations; a constraint on more is refused before anything is read.
MOST_CELLS = 4_000_000


def cuts_of(schema: Schema) -> dict[str, tuple[int, ...]]:
    """Column -> ticks at which constraints cut its values, which its bins must respect."""
    cuts: dict[str, set[int]] = {}
    for one in schema.constraints:
        for box in one.cells if isinstance(one, Forbidden | Allowed) else ():
            for name, values in box:
                column = schema[name]
                for first, last in select(column, values).spans:
                    inside = {end for end in (first, last + 1) if 0 < end < column.ticks}  # type: ignore[union-attr]
                    cuts.setdefault(name, set()).update(inside)
    return {name: tuple(sorted(ticks)) for name, ticks in cuts.items() if ticks}


def ordered_pairs(constraints: Sequence[Constraint]) -> dict[tuple[str, str], bool]:
    """(earlier column, later column) -> whether strictly, for every two neighbours of an `Order`."""
    pairs: dict[tuple[str, str], bool] = {}
    for one in constraints:
        if isinstance(one, Order):
            for pair in itertools.pairwise(one.columns):
                pairs[pair] = pairs.get(pair, False) or one.strict
    return pairs


def zeros_of(columns: Mapping[str, ColumnCodec], constraints: Sequence[Constraint]) -> tuple[StructuralZeros, ...]:
    """The combinations of codes that no row can have, one table for each set of columns.

    columns: codecs of every column by name. Raises PlanTooLargeError when a table has more than four million cells,
    and SettingError when a constraint leaves no combination.
    """
    domain = Domain.of({name: column.size for name, column in columns.items() if column.size})
    found: dict[Clique, Mask] = {}

    def forbid(clique: Clique, mask: Mask, words: str) -> None:
        if mask.all():
            raise SettingError(f"constraint ({words}) must leave at least one combination; got none")
        if mask.any():
            found[clique] = found[clique] | mask if clique in found else mask

    for one in constraints:
        if isinstance(one, Forbidden):
            for box in one.cells:
                clique = _clique(domain, [name for name, _ in box])
                forbid(clique, _inside(columns, domain, clique, box, whole=True), one.words)
        elif isinstance(one, Allowed):
            clique = _clique(domain, one.columns)
            allowed = np.zeros(domain.shape(clique), dtype=bool)
            for box in one.cells:
                allowed |= _inside(columns, domain, clique, box, whole=False)
            forbid(clique, ~allowed, one.words)
    for (earlier, later), strict in closed_pairs(columns, ordered_pairs(constraints)).items():
        clique = _clique(domain, (earlier, later))
        mask = _disordered(columns[earlier], columns[later], strict)
        forbid(clique, mask if clique == (earlier, later) else mask.T, f"{earlier} before {later}")
    for chain in impossible_chains(columns, ordered_pairs(constraints)):
        clique = _clique(domain, [name for name in chain if column_of(columns[name]).nullable] or chain[-1:])
        mask = np.ones(domain.shape(clique), dtype=bool)
        for axis, name in enumerate(clique):
            if column_of(columns[name]).nullable:
                np.moveaxis(mask, axis, 0)[-1] = False
        forbid(clique, mask, " before ".join(chain))
    for clique, mask in found.items():
        if mask.all():
            raise SettingError(f"constraints on {', '.join(clique)} must leave at least one combination; got none")
    return tuple(StructuralZeros(clique, mask) for clique, mask in found.items())


def classes_of(zeros: Sequence[StructuralZeros], column: str, size: int) -> NDArray[np.int64]:
    """For each code of a column a number that codes share exactly when no constraint tells them apart.

    >>> classes_of([StructuralZeros(("a", "b"), np.array([[True, False], [False, False], [False, False]]))], "a", 3)
    array([1, 0, 0])
    """
    rows = [np.zeros((size, 1), dtype=bool)]
    for each in zeros:
        if column in each.clique:
            rows.append(np.moveaxis(each.mask, each.clique.index(column), 0).reshape(size, -1))
    return np.unique(np.concatenate(rows, axis=1), axis=0, return_inverse=True)[1].reshape(-1).astype(np.int64)


def _clique(domain: Domain, names: Sequence[str]) -> Clique:
    clique = domain.canonical(names)
    if domain.cells(clique) > MOST_CELLS:
        raise PlanTooLargeError(
            f"cells of the constraint on {', '.join(clique)} ({domain.cells(clique)}) must be at most {MOST_CELLS}; "
            "try naming fewer columns, or fewer bins"
        )
    return clique


def _inside(columns: Mapping[str, ColumnCodec], domain: Domain, clique: Clique, box: Box, *, whole: bool) -> Mask:
    """Cells of the clique of which all values lie in the box (`whole`), or some."""
    mask = np.ones(domain.shape(clique), dtype=bool)
    for name, values in box:
        column = columns[name]
        share = selected(column, select(column_of(column), values))[1]
        chosen = share >= 1 if whole else share > 0
        mask &= chosen.reshape([-1 if each == name else 1 for each in clique])
    return mask


def column_of(codec: ColumnCodec) -> Numeric | Datetime:
    """The schema column that a codec is about, of whatever type."""
    inner = codec
    while isinstance(inner, MergedCodec):
        inner = inner.inner
    return inner.column  # type: ignore[attr-defined, no-any-return]


def closed_pairs(
    columns: Mapping[str, ColumnCodec], pairs: Mapping[tuple[str, str], bool]
) -> dict[tuple[str, str], bool]:
    """The pairs, and those that follow from a chain of them whose inner columns are never missing."""
    closed = dict(pairs)
    for middle in {name for pair in pairs for name in pair if not column_of(columns[name]).nullable}:
        before = [(one, strict) for (one, two), strict in closed.items() if two == middle]
        after = [(two, strict) for (one, two), strict in closed.items() if one == middle]
        for (one, first), (two, second) in itertools.product(before, after):
            closed[one, two] = closed.get((one, two), False) or first or second
    return closed


def impossible_chains(
    columns: Mapping[str, ColumnCodec], pairs: Mapping[tuple[str, str], bool]
) -> Iterator[tuple[str, ...]]:
    """Chains of three columns or more that cannot all have a value, though all but the first can, and all but the last.

    Of two columns, and of bins, the tables of pairs say it; and values may leave their bins, but not their bounds.
    """

    def possible(chain: tuple[str, ...]) -> bool:
        tick = np.zeros(1, dtype=np.int64)
        for earlier, later in itertools.pairwise(chain):
            least = numbers_of(column_of(columns[earlier]), tick)
            tick = first_tick_from(column_of(columns[later]), least, strict=pairs[earlier, later])
            if tick[0] >= column_of(columns[later]).ticks:
                return False
        return True

    chains: list[tuple[str, ...]] = [pair for pair in pairs if possible(pair)]
    while chains:
        longer = [(*chain, later) for chain in chains for earlier, later in pairs if earlier == chain[-1]]
        chains = [chain for chain in longer if possible(chain)]
        yield from (chain for chain in longer if chain not in chains and possible(chain[1:]))


def _disordered(earlier: ColumnCodec, later: ColumnCodec, strict: bool) -> Mask:
    """Pairs of codes in which no value of the later column comes at or after one of the earlier; never with a null."""
    if not isinstance(earlier, BinnedCodec) or not isinstance(later, BinnedCodec):
        raise SettingError("columns of an order must not be merged")
    mask = np.zeros((earlier.size, later.size), dtype=bool)
    (first, first_end), (last_start, last) = earlier.extents(), later.extents()
    least, most = numbers_of(earlier.column, first)[:, None], numbers_of(later.column, np.maximum(last, 0))[None, :]
    held = (first_end >= first)[:, None] & (last >= last_start)[None, :]
    values = mask[: len(first), : len(last)]
    values[:] = ((least >= most) if strict else (least > most)) & held
    return mask
