"""The plan of a release: what every step costs and needs, from public facts alone, before any data."""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import Any

from dpsynth.audit_pool import PoolSize
from dpsynth.domain import Domain
from dpsynth.errors import PlanTooLargeError
from dpsynth.fairness import fairness_in_words
from dpsynth.markup import Content
from dpsynth.notebook import bar, card
from dpsynth.privacy.calibration import Guarantee
from dpsynth.privacy.cost import Cost
from dpsynth.privacy.unit import PrivacyUnit

PROGRAM_BYTES = 300_000_000


@dataclass(frozen=True)
class PlannedStep:
    """One step before it runs: label, kind, cost, noise (stddev in rows, smallest and largest), cells."""

    label: str
    kind: str
    cost: Cost
    stddev: tuple[float, float] | None
    cells: int


@dataclass(frozen=True)
class Resources:
    """Upper bounds of what a plan needs: how many marginals are counted, their cells, and cells of the model.

    fit_seconds: what fitting takes beyond the time that its cells tell, by the synthesizer's own account.
    records: that a fit moves one by one, one for each row at most; 0 where it does not. Their time hangs on the rows.
    The constants were measured on one core; rare codes are merged on the way, so a run usually needs less.
    """

    marginals: int
    counted_cells: int
    model_cells: int
    fit_seconds: float = 0.0
    records: int = 0

    @property
    def bytes(self) -> int:
        """Peak memory in bytes: the program itself, int64 counts, six float64 arrays a model cell; no rows."""
        return PROGRAM_BYTES + 8 * 2 * self.counted_cells + 8 * 6 * self.model_cells

    @property
    def seconds(self) -> float:
        """Seconds on one core without reading, counting and writing rows (about 3 s for a million of 15 columns)."""
        by_cells = 1e-4 * self.marginals + 4e-8 * self.counted_cells + 1e-6 * self.model_cells
        return 1.0 + by_cells + self.fit_seconds


@dataclass(frozen=True)
class Plan:
    """What will be promised, what each step costs, and what the run needs; nothing in it is private.

    reason: why `auto` chose the synthesizer; None when it was asked for by name.
    pool: the audit pool, whose tails are left out of the fit.
    """

    synthesizer: str
    settings: dict[str, Any]
    epsilon: float
    delta: float
    guarantee: Guarantee
    unit: PrivacyUnit
    budget: Cost
    steps: tuple[PlannedStep, ...]
    resources: Resources
    reason: str | None = None
    pool: PoolSize | None = None

    @property
    def predicted_cells(self) -> int:
        """Marginal cells counted plus model cells."""
        return self.resources.counted_cells + self.resources.model_cells

    @property
    def predicted_bytes(self) -> int:
        """Peak memory in bytes, without the rows."""
        return self.resources.bytes

    @property
    def predicted_seconds(self) -> float:
        """Rough seconds on one core, without reading, counting and writing rows."""
        return self.resources.seconds

    def share(self, step: PlannedStep) -> float:
        """The step's share of the whole mu^2."""
        return float(step.cost.mu_squared / self.budget.mu_squared)

    def _repr_html_(self) -> str:
        """A card for notebooks: the promise, what the run needs, and each step with its share of the budget."""
        odds, fairness = self.guarantee.attack_odds((0.01,))[0][1], fairness_in_words(self.settings)
        facts = [
            ("promise", f"epsilon {self.epsilon:g}, delta {self.delta:g}"),
            ("hides", self.unit.describe()),
            ("in odds", f"at 1% false alarms, an attacker who knows all else finds at most {100 * odds:.2f}%"),
            ("synthesizer", self.synthesizer + (f": {self.reason}" if self.reason else "")),
            *([] if fairness is None else [("fairness", f"in the model, {fairness}")]),
            ("needs", f"about {self.predicted_seconds:.0f} s and {self.predicted_bytes / 1e6:,.0f} MB, without rows"),
        ]
        rows: list[list[Content]] = [
            [step.label, bar(self.share(step)), _noise(step), f"{step.cells:,}"] for step in self.steps
        ]
        headings = ("step", "share of the budget", "noise (stddev, rows)", "cells")
        return card("Plan", facts, headings=headings, rows=rows, note="Made from the schema alone: no row was read.")

    def to_json(self) -> dict[str, Any]:
        """The plan as JSON values, with the same names as in Python."""
        return {
            "synthesizer": self.synthesizer,
            "reason": self.reason,
            "settings": self.settings,
            "epsilon": self.epsilon,
            "delta": self.delta,
            "guarantee": self.guarantee.to_json(),
            "unit": {
                "relation": self.unit.relation.value,
                "column": self.unit.column,
                "max_rows": self.unit.max_rows,
                "description": self.unit.describe(),
            },
            "steps": [
                {
                    "label": step.label,
                    "kind": step.kind,
                    "mu_squared": float(step.cost.mu_squared),
                    "delta": float(step.cost.delta),
                    "share": self.share(step),
                    "stddev": list(step.stddev) if step.stddev else None,
                    "cells": step.cells,
                }
                for step in self.steps
            ],
            "audit_pool": None
            if self.pool is None
            else {"units": self.pool.units, "pairs": self.pool.pairs, "left_out": self.pool.left_out},
            "predicted_cells": self.predicted_cells,
            "predicted_bytes": self.predicted_bytes,
            "predicted_seconds": round(self.predicted_seconds, 1),
        }


def _noise(step: PlannedStep) -> str:
    if step.stddev is None:
        return ""
    least, most = step.stddev
    return f"{least:.3g}" if least == most else f"{least:.3g} to {most:.3g}"


def require_memory(resources: Resources, limit_bytes: int | None, domain: Domain) -> None:
    """Refuse a plan that needs more memory than `limit_bytes` (default: half of the machine's memory).

    domain: the codes of every column; the message names the two columns with the most.
    Raises PlanTooLargeError; nothing has been allocated and no data has been read.
    """
    limit = limit_bytes if limit_bytes is not None else _physical_memory_bytes() // 2
    if resources.bytes > limit:
        largest = sorted(domain, key=lambda column: -domain[column])[:2]
        sizes = " and ".join(f"{column!r} ({domain[column]:,} codes)" for column in largest)
        raise PlanTooLargeError(
            f"predicted memory ({resources.bytes / 1e9:.3g} GB for {resources.counted_cells + resources.model_cells:,}"
            f" cells) must be at most {limit / 1e9:.3g} GB; the largest columns are {sizes}; try fewer categories or"
            f" bins there, or raise the limit: settings={{'memory_limit_bytes': {resources.bytes}}} in Python,"
            f" --set memory_limit_bytes={resources.bytes} on the command line"
        )


def _physical_memory_bytes() -> int:
    try:
        return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    except (AttributeError, OSError, ValueError):
        return 8 * 10**9
