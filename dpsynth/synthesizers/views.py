"""Views: a few overlapping cliques that hold many wanted smaller ones, chosen from public sizes alone."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from dpsynth.domain import Clique, Domain


def cover(domain: Domain, wanted: Sequence[Clique], max_cells: float, slack: float) -> tuple[Clique, ...]:
    """Cliques that hold every one of `wanted`: each of the wanted cliques itself, or something larger and worthwhile.

    A view starts from the first wanted clique that no view holds yet, and takes the column after which it
    has the most cells of newly held cliques for each of its own, as long as it has at most `max_cells`
    cells, and at most `slack` times the cells of the wanted cliques that it is the first to hold.

    At slack 1 a view is never larger than what it replaces, so it is measured at least as well; larger
    values spend noise on relations of more columns. The cells of all views are at most max(1, slack) times
    those of all wanted cliques.

    Source: the covering designs of Qardaji, Yang, Li, "PriView", SIGMOD 2014, section 4.5, with cells in the
    place of columns; and the combined marginals of PrivSyn, USENIX Security 2021, section 4.3.

    >>> sizes = Domain.of({"a": 2, "b": 2, "c": 2, "d": 9})
    >>> cover(sizes, [("a", "b"), ("b", "c"), ("a", "c"), ("c", "d")], max_cells=100, slack=1)
    (('a', 'b', 'c'), ('c', 'd'))
    """
    place = {column: index for index, column in enumerate(domain)}
    member = np.zeros((len(wanted), len(domain)), dtype=bool)
    for row, clique in enumerate(wanted):
        member[row, [place[column] for column in clique]] = True
    cells = np.array([float(domain.cells(clique)) for clique in wanted])
    held, views = np.zeros(len(wanted), dtype=bool), list[Clique]()
    while not held.all():
        view = _grown(domain, member[~held], cells[~held], max_cells, slack)
        held |= ~member[:, ~view].any(axis=1)
        views.append(tuple(domain.columns[index] for index in np.flatnonzero(view)))
    return tuple(views)


def _grown(
    domain: Domain, member: npt.NDArray[np.bool_], cells: npt.NDArray[np.float64], max_cells: float, slack: float
) -> npt.NDArray[np.bool_]:
    """Columns of the view that grows from the first of the open cliques."""
    sizes = np.array(domain.sizes, dtype=np.float64)
    view: npt.NDArray[np.bool_] = member[0].copy()
    while True:
        outside = member[:, ~view]
        missing = outside.sum(axis=1)
        inside = cells[missing == 0].sum()
        # Cells of the open cliques that each column would complete.
        completed = np.zeros(len(sizes))
        completed[~view] = cells[missing == 1] @ outside[missing == 1]
        grown = sizes[view].prod() * sizes
        allowed = ~view & (completed > 0) & (grown <= max_cells) & (grown <= slack * (inside + completed))
        if not allowed.any():
            return view
        gain = np.where(allowed, (inside + completed) / grown, -np.inf)
        view[int(np.argmax(gain))] = True
