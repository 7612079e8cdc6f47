"""Verbatim copies: facts about a target that a row of the synthetic table states exactly.

Whether such matches are disclosures or chance is found by the coins alone: people who were not in the private
table show how many matches come of themselves (phantoms).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from attacks.attack import Criterion, Evidence, FloatArray, Outcome
from attacks.tables import Table
from attacks.threat import REFERENCE, Threat

Keys = npt.NDArray[np.uint64]
Cells = npt.NDArray[np.int64] | npt.NDArray[np.int32]
Counts = npt.NDArray[np.int64]


@dataclass(frozen=True)
class Copies:
    """Exact matches with synthetic rows, on the whole record or on a rare part of it.

    A part is a set of columns: all but one, or a random half. It is a fact when at most `at_most` synthetic rows and
    at most `elsewhere` reference rows have the target's cells there; with the whole record any match counts.
    halves: how many random halves are tried. The score of a target is log(1 + 1 / e) of its rarest match, e
    being how many matches are expected: synthetic rows times the share of reference rows that match, plus p, the
    product of the cells' shares. Columns depend on each other, so e orders the facts and is no probability. 0
    without a match. Without reference rows, the synthetic ones give the shares. It names as members those whose
    whole record is in the synthetic table, and not among the reference rows, with e at most `chance`.
    """

    at_most: int = 1
    elsewhere: int = 0
    halves: int = 20
    chance: float = 0.0003

    @property
    def threat(self) -> Threat:
        """Rows of the population tell what is rare; without them it runs all the same."""
        return REFERENCE

    @property
    def criterion(self) -> Criterion:
        """Membership: that a fact is in the table."""
        return Criterion.MEMBERSHIP

    @property
    def about(self) -> str:
        """What a good score means."""
        return "Rows of the synthetic table state rare facts about people who were in the private table."

    def missing(self, evidence: Evidence, targets: Table) -> str | None:
        """Never: it runs on any release."""
        return None

    def run(self, evidence: Evidence, targets: Table, rng: np.random.Generator) -> Outcome:
        """Score every target; chance draws the halves."""
        synthetic, reference = evidence.synthetic, evidence.reference
        known = reference if reference else synthetic
        places = np.arange(len(synthetic)), np.arange(len(known)) if reference else np.zeros(0, np.int64)
        sought, inside, outside = fingerprints(targets), fingerprints(synthetic), fingerprints(known.take(places[1]))
        shares = np.stack([_shares(known, targets, column) for column in range(len(targets.names))], axis=1)
        scores, named = np.zeros(len(targets)), np.zeros(len(targets), dtype=bool)
        facts: dict[str, int] = {}
        for kind, columns in self._parts(len(targets.names), rng):
            keys = [_joined(each, columns) for each in (sought, inside, outside)]
            here = occurrences(keys[0], targets.ticks[:, columns], keys[1], synthetic.ticks[:, columns])
            there = occurrences(keys[0], targets.ticks[:, columns], keys[2], known.ticks[: len(outside), columns])
            matched = (here > 0) & (targets.ticks[:, columns] != -2).all(axis=1)
            by_chance = there / (len(outside) + 1) + np.exp(shares[:, columns].sum(axis=1))
            expected = len(synthetic) * by_chance
            if kind == "whole record":
                named = matched & (there == 0) & (expected <= self.chance)
            else:
                matched &= (here <= self.at_most) & (there <= self.elsewhere)
            rarity = np.log1p(1 / np.maximum(expected, 1e-300))
            scores = np.where(matched, np.maximum(scores, rarity), scores)
            facts[kind] = facts.get(kind, 0) + int(matched.sum())
        details = {"matches": facts, "synthetic_rows": len(synthetic), "reference_rows": len(outside)}
        return Outcome(scores, success=scores > 0, named=named, details=details)

    def _parts(self, columns: int, rng: np.random.Generator) -> Iterator[tuple[str, Counts]]:
        every = np.arange(columns)
        yield "whole record", every
        if columns > 2:
            for column in every:
                yield "all columns but one", np.delete(every, column)
        if columns > 3:
            for _ in range(self.halves):
                yield "half of the columns", np.sort(rng.permutation(columns)[: (columns + 1) // 2])


def fingerprints(table: Table) -> Keys:
    """A 64-bit number for each cell's ticks and column, shape (rows, columns); splitmix64 (Steele et al. 2014)."""
    return mixed(table.ticks)


def mixed(cells: Cells) -> Keys:
    """A 64-bit number for each cell and column, such that sums over columns tell rows apart."""
    salt = (np.arange(1, cells.shape[1] + 1, dtype=np.uint64) << np.uint64(56)) ^ np.uint64(0x9E3779B97F4A7C15)
    word = cells.astype(np.int64).view(np.uint64) + salt
    word = (word ^ (word >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    word = (word ^ (word >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return np.asarray(word ^ (word >> np.uint64(31)))


def _joined(cells: Keys, columns: Counts) -> Keys:
    return np.asarray(cells[:, columns].sum(axis=1, dtype=np.uint64))


def occurrences(sought: Keys, wanted: Cells, keys: Keys, rows: Cells) -> Counts:
    """How many rows equal each wanted one; keys are of whole rows, and one row of each key is compared in full."""
    if not len(keys):
        return np.zeros(len(sought), np.int64)
    order = np.argsort(keys, kind="stable")
    ascending = keys[order]
    first = np.searchsorted(ascending, sought, side="left")
    counts = np.searchsorted(ascending, sought, side="right") - first
    same = (rows[order[np.minimum(first, len(order) - 1)]] == wanted).all(axis=1)
    return np.where(same, counts, 0)


def exact_matches(targets: Cells, rows: Cells) -> Counts:
    """How many rows equal each target in all cells, shape (targets,)."""
    keys = [np.asarray(mixed(cells).sum(axis=1, dtype=np.uint64)) for cells in (targets, rows)]
    return occurrences(keys[0], targets, keys[1], rows)


def _shares(table: Table, targets: Table, column: int) -> FloatArray:
    """log of the share of rows that have a target's tick in this column, one row in all added for ticks unseen."""
    known, counts = np.unique(table.ticks[:, column], return_counts=True)
    wanted = targets.ticks[:, column]
    place = np.minimum(np.searchsorted(known, wanted), len(known) - 1)
    seen = np.where(known[place] == wanted, counts[place], 0)
    return np.asarray(np.log((seen + 1) / (len(table) + len(known) + 1)))
