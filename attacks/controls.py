"""Controls: the audit is audited. A leaky twin must be caught, and an independent sample must not be.

Both are made from the audit's own targets, coins and reference rows, and attacked with the same settings. An audit
that cannot see the one, or sees something in the other, says nothing about the release.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from attacks.attack import Evidence
from attacks.tables import Table, stacked
from attacks.trial import Trial

# Rows of a control's synthetic table: enough to hide in, and quick.
MOST_ROWS = 10_000


@dataclass(frozen=True)
class World:
    """A made world: what the attacker sees, and whether it leaks."""

    name: str
    expected: str
    leaks: bool
    evidence: Evidence


def worlds(evidence: Evidence, targets: Table, trial: Trial, rng: np.random.Generator) -> tuple[World, ...]:
    """The leaky twin, whose table holds every member's row as it is, and the sample that is independent of them.

    Half of the reference rows are what the tables are made of, the other half is the attacker's. Empty without a
    reference of at least 4 rows.
    """
    if evidence.reference is None or len(evidence.reference) < 4:
        return ()
    shuffled = rng.permutation(len(evidence.reference))
    half = min(len(shuffled) // 2, MOST_ROWS)
    fresh, known = evidence.reference.take(shuffled[:half]), evidence.reference.take(shuffled[half : 2 * half])
    members = targets.take(trial.coins if trial.units is None else trial.coins[trial.units])
    seen = Evidence(synthetic=fresh, reference=known)
    leaky = stacked(members, fresh)
    return (
        World(
            "leaky twin",
            "caught: its table holds the rows of all members as they are",
            True,
            replace(seen, synthetic=leaky.take(rng.permutation(len(leaky)))),
        ),
        World("independent sample", "not caught: its table was made without the members", False, seen),
    )
