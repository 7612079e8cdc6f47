"""What an attack is: from evidence and targets to a score for each target.

An attack never learns which targets were in the private table. It scores all of them alike; what the scores
prove is found afterwards, by statistics that hold whatever the attack did (`attacks.statistics`).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from enum import Enum
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt

from attacks.tables import Table
from attacks.threat import Threat

FloatArray = npt.NDArray[np.float64]


class Criterion(str, Enum):
    """Which question about privacy an attack answers; the middle three are those of WP216."""

    MEMBERSHIP = "membership"
    SINGLING_OUT = "singling out"
    LINKABILITY = "linkability"
    INFERENCE = "attribute inference"
    RECONSTRUCTION = "reconstruction"


@dataclass(frozen=True)
class Measured:
    """A noisy marginal that was published with the release, in the release's own codes.

    columns: of the release's domain; values: noisy counts in rows, shape of the marginal, C order; groups: for each
    axis, the cell of each code; stddev: of the noise of one cell, in rows. residual: whether `values` (and the noise
    in them) are only the part of the table that no smaller marginal holds, its mean along each axis taken off.
    """

    columns: tuple[str, ...]
    values: FloatArray
    groups: tuple[npt.NDArray[np.int64], ...]
    stddev: float
    residual: bool = False


@dataclass(frozen=True)
class Published:
    """What a release publishes beside its table: noisy marginals in its own codes; sizes: codes of each column."""

    measured: tuple[Measured, ...]
    sizes: Mapping[str, int]

    @property
    def cliques(self) -> tuple[tuple[str, ...], ...]:
        """The sets of columns that were measured together."""
        return tuple(dict.fromkeys(one.columns for one in self.measured))


@dataclass(frozen=True)
class Evidence:
    """All that an attacker has. What the threat model does not grant is None.

    synthetic: the released table. published, with synthetic_cells, reference_cells, target_cells: what the release
    publishes beside it, and codes of the rows in its domain, by column; None for a table without such a release.
    reference: rows of the same population, none of them a target. generate: makes a synthetic table (a `Table` in
    the same codes) from a table of reference rows and a seed, by the release's own program and budget.
    select: which sets of columns that program would measure on such a table.
    """

    synthetic: Table
    published: Published | None = None
    synthetic_cells: Mapping[str, npt.NDArray[np.int64]] | None = None
    target_cells: Mapping[str, npt.NDArray[np.int64]] | None = None
    reference: Table | None = None
    reference_cells: Mapping[str, npt.NDArray[np.int64]] | None = None
    generate: Callable[[Table, int], Table] | None = None
    select: Callable[[Table, int], tuple[tuple[str, ...], ...]] | None = None

    def under(self, threat: Threat) -> Evidence:
        """The part of the evidence that a threat model grants."""
        granted = self
        if not threat.reference:
            granted = replace(granted, reference=None, reference_cells=None)
        if not threat.generator:
            granted = replace(granted, generate=None, select=None)
        return granted


@dataclass(frozen=True)
class Outcome:
    """What an attack said about each target, shape (targets,); no NaN.

    scores: larger speaks for "this target was in the private table". For an attack that guesses something else (a
    hidden cell, a link, a predicate that fits one row alone) a right guess is such a sign: its score is the
    guess's confidence where right, and 0 or less elsewhere. success: whether the guess was right; None for attacks
    that only score. weights: what a right guess counts (rarity), or None. named: targets that the attack says were in,
    and no others, where it says so outright; None where scores are all it says. details: JSON values for the report.
    """

    scores: FloatArray
    success: npt.NDArray[np.bool_] | None = None
    weights: FloatArray | None = None
    named: npt.NDArray[np.bool_] | None = None
    details: Mapping[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if self.scores.ndim != 1 or np.isnan(self.scores).any():
            raise ValueError("scores must be one number for each target, and none of them NaN")
        for given in (self.success, self.weights, self.named):
            if given is not None and given.shape != self.scores.shape:
                raise ValueError("success, weights and named must have one entry for each target")

    def take(self, rows: npt.NDArray[Any]) -> Outcome:
        """What was said about these targets, by place or where true."""
        parts = {name: getattr(self, name) for name in ("success", "weights", "named")}
        taken = {name: None if each is None else each[rows] for name, each in parts.items()}
        return Outcome(self.scores[rows], details=self.details, **taken)


class Described(Protocol):
    """What a report says about an attack, whatever it found."""

    @property
    def threat(self) -> Threat:
        """What it must know besides the release."""
        ...

    @property
    def criterion(self) -> Criterion:
        """Which question it answers."""
        ...

    @property
    def about(self) -> str:
        """One plain sentence for the report: what a good score means."""
        ...


class Attack(Described, Protocol):
    """One attack: frozen settings, what it needs, and how it is run."""

    def missing(self, evidence: Evidence, targets: Table) -> str | None:
        """Why it cannot be run on this evidence, in plain words; None when it can."""
        ...

    def run(self, evidence: Evidence, targets: Table, rng: np.random.Generator) -> Outcome:
        """Score every target. `evidence` holds what `threat` grants; `rng` is the only chance there is."""
        ...
