"""Whether the constraints of a schema leave any row possible, asked before any data is read.

Values are grouped by what constraints say about them: labels stay apart, numbers and dates are cut where constraints
cut them. Belief propagation over these groups finds out whether one combination is left. Where none is, constraints are
taken away one at a time, and those without which the others can be met stay: what is left is a smallest set that
contradicts itself (the deletion filter: Chinneck & Dravnieks, "Locating minimal infeasible constraint sets in linear
programs", ORSA Journal on Computing 1991).
"""

from __future__ import annotations

from collections.abc import Sequence
from graphlib import TopologicalSorter

import numpy as np

from dpsynth.codec.binned import BinnedCodec
from dpsynth.codec.categorical import OpenCodec
from dpsynth.codec.codec import ColumnCodec, closed_codec
from dpsynth.codec.constraints import MOST_CELLS, cuts_of, ordered_pairs, zeros_of
from dpsynth.domain import Domain
from dpsynth.encoding import largest_domain
from dpsynth.errors import PlanTooLargeError, Problem, SchemaError, SettingError
from dpsynth.models.belief_propagation import calibrate
from dpsynth.models.constraints import zero_potentials
from dpsynth.models.junction_tree import junction_tree, predicted_cells
from dpsynth.schema.columns import Column, Datetime, Numeric, OpenCategorical
from dpsynth.schema.constraints import Allowed, Constraint, Forbidden, Order
from dpsynth.schema.grid import first_tick_from, numbers_of
from dpsynth.schema.schema import Schema

_MOST_TREE_CELLS = 20_000_000


def satisfiable_domain(schema: Schema) -> Domain:
    """The largest domain that the schema can come to, after its constraints were found to leave some row possible.

    Raises SchemaError that names a smallest set of constraints that contradict each other, and PlanTooLargeError for
    constraints on too many values at once. Reads no data: no privacy cost.
    """
    domain = largest_domain(schema)
    for one in schema.constraints:
        if isinstance(one, Forbidden | Allowed) and domain.cells(one.columns) > MOST_CELLS:
            raise PlanTooLargeError(
                f"cells of the constraint on {', '.join(one.columns)} ({domain.cells(one.columns)}) must be at most "
                f"{MOST_CELLS}; try naming fewer columns, or fewer bins"
            )
    conflict = smallest_conflict(schema)
    if conflict:
        raise SchemaError(
            "the constraints must leave at least one row possible; got these, which contradict each other (without any "
            "one of them the others can be met):",
            [Problem(one.words, rule=one.type) for one in conflict],
        )
    return domain


def smallest_conflict(schema: Schema) -> tuple[Constraint, ...]:
    """Constraints that no row can satisfy together, though it can all but any one of them; empty without a conflict.

    >>> from dpsynth.schema import Boolean, Fixed, Forbidden
    >>> rules = [Forbidden({"a": True}), Forbidden({"b": True}), Forbidden({"a": False, "b": False})]
    >>> [one.words for one in smallest_conflict(Schema([Boolean("a"), Boolean("b")], constraints=rules))]
    ['a is True never occurs', 'b is True never occurs', 'a is False and b is False never occurs']
    """
    left = [one for one in schema.constraints if isinstance(one, Forbidden | Allowed | Order)]
    if _possible(schema, left):
        return ()
    for one in tuple(left):
        others = [other for other in left if other is not one]
        if not _possible(schema, others):
            left = others
    return tuple(left)


def _possible(schema: Schema, constraints: Sequence[Constraint]) -> bool:
    if not constraints:
        return True
    named = {name for one in constraints for name in one.columns}
    cuts = cuts_of(schema)
    columns = {c.name: _grouped(c, cuts.get(c.name, ())) for c in schema.modelled if c.name in named}
    domain = Domain.of({name: codec.size for name, codec in columns.items()})
    try:
        zeros = zeros_of(columns, constraints)
    except PlanTooLargeError:
        raise
    except SettingError:
        return False
    cliques = [each.clique for each in zeros]
    if predicted_cells(domain, cliques) > _MOST_TREE_CELLS:
        raise PlanTooLargeError(
            f"cells of all constraints together ({predicted_cells(domain, cliques)}) must be at most "
            f"{_MOST_TREE_CELLS}; try fewer constraints that share columns"
        )
    tree = junction_tree(domain, cliques)
    try:
        calibrate(tree, zero_potentials(tree, zeros))
    except SettingError:
        return False
    return _chains_fit(schema, constraints)


def _grouped(column: Column, cuts: tuple[int, ...]) -> ColumnCodec:
    """The column's values in groups that no constraint splits."""
    if isinstance(column, Numeric | Datetime):
        return BinnedCodec(column, tuple(sorted({0, *cuts, column.ticks})))
    return OpenCodec(column, tuple(column.known)) if isinstance(column, OpenCategorical) else closed_codec(column)


def _chains_fit(schema: Schema, constraints: Sequence[Constraint]) -> bool:
    """Whether the grids hold values in order from end to end, where a chain is strict; columns that may be null do."""
    pairs = ordered_pairs(constraints)
    sorter: TopologicalSorter[str] = TopologicalSorter()
    for earlier, later in pairs:
        sorter.add(later, earlier)
    least: dict[str, int] = {}
    for name in sorter.static_order():
        column = schema[name]
        if not isinstance(column, Numeric | Datetime) or column.nullable:
            continue
        least[name] = 0
        for (earlier, later), strict in pairs.items():
            if later == name and earlier in least:
                before = schema[earlier]
                if isinstance(before, Numeric | Datetime):
                    number = numbers_of(before, np.array([least[earlier]]))
                    least[name] = max(least[name], int(first_tick_from(column, number, strict=strict)[0]))
        if least[name] >= column.ticks:
            return False
    return True
