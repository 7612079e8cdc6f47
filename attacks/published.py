"""What a dpsynth release publishes beside its table: its noisy marginals, and rows in its own codes."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import numpy.typing as npt

import dpsynth
from attacks.attack import Measured, Published


def published(release: dpsynth.Release) -> Published:
    """The noisy marginals of a release; those that measured a residual part only are left out."""
    sizes = {name: release.codec.domain[name] for name in release.codec.domain.columns}
    return Published(
        tuple(
            Measured(
                columns=tuple(one.clique),
                values=np.asarray(one.values, dtype=np.float64),
                groups=tuple(
                    np.arange(sizes[column]) if cells is None else np.asarray(cells, dtype=np.int64)
                    for column, cells in zip(one.clique, one.groups or (None,) * len(one.clique), strict=True)
                ),
                stddev=float(one.stddev),
            )
            for one in release.measurements
            if one.basis.value == "identity"
        ),
        sizes,
    )


def release_cells(release: dpsynth.Release, table: dpsynth.Ticked) -> Mapping[str, npt.NDArray[np.int64]]:
    """Codes of a table's rows in the release's domain, by column; cells that it cannot place count as missing.

    A missing cell of a column that has no code for it takes code 0, as the table would have been refused.
    """
    cells = {}
    for column in release.codec.columns:
        if column.size:
            ticks = np.maximum(table.ticks[column.source], -1)
            lost = (ticks < 0) & (not getattr(release.schema[column.source], "nullable", False))
            codes = column.encode(np.where(lost, 0, ticks), table.labels.get(column.source))
            cells[column.name] = np.minimum(codes.astype(np.int64), column.size - 1)
    return cells
