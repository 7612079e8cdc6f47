"""The release's own program in an attacker's hands: run on tables of their own, with the same budget and settings."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

import dpsynth
from attacks.tables import Encoder, Table


@dataclass(frozen=True, eq=False)
class Generator:
    """Synthetic tables from an attacker's rows, in the same codes, by the program that made a release."""

    release: dpsynth.Release
    encoder: Encoder

    def generate(self, table: Table, seed: int) -> Table:
        """A synthetic table of as many rows; the seed draws the rows, the noise is fresh every time."""
        made = self._run(table, seed)
        return self.encoder.encode(dpsynth.ticked(made.table, made.schema))

    def select(self, table: Table, seed: int) -> tuple[tuple[str, ...], ...]:
        """Which sets of columns the program measures on a table, each once."""
        made = self._run(table, seed)
        sources = {column.name: column.source for column in made.codec.columns}
        return tuple(dict.fromkeys(tuple(sources[name] for name in one.clique) for one in made.measurements))

    def _run(self, table: Table, seed: int) -> dpsynth.Release:
        certificate = self.release.certificate
        return dpsynth.synthesize(
            self.columns(table),
            self.release.schema,
            epsilon=certificate.promise.epsilon,
            delta=certificate.promise.delta,
            synthesizer=certificate.synthesizer,
            relation=certificate.unit.relation,
            settings=certificate.settings,
            rows=len(table),
            seed=seed,
        )

    def columns(self, table: Table) -> Mapping[str, Any]:
        """The rows as values again, column by column; a cell that is missing or unknown is None."""
        values: dict[str, Any] = {}
        for column in self.release.schema.columns:
            if isinstance(column, dpsynth.Identifier):
                values[column.name] = np.arange(len(table))
                continue
            ticks = table.ticks[:, table.names.index(column.name)]
            values[column.name] = _values(column, ticks, self.encoder.labels_of(column.name))
        return values


def _values(column: Any, ticks: npt.NDArray[np.int64], labels: tuple[str, ...] | None) -> list[Any]:
    known = np.maximum(ticks, 0)
    if isinstance(column, dpsynth.Numeric | dpsynth.Datetime):
        present = column.value_of(known)
    else:
        listed = np.empty(len(labels or column.labels), dtype=object)
        listed[:] = labels or column.labels
        present = listed[np.minimum(known, len(listed) - 1)]
    fallback = None if getattr(column, "nullable", True) else present[0] if len(present) else None
    return [value if tick >= 0 else fallback for value, tick in zip(present.tolist(), ticks.tolist(), strict=True)]
