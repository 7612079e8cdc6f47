"""Which targets stand alone, and are the first to be recognised: what is average tells little about the worst off.

Source: Meeus, Guepin, Cretu, de Montjoye, "Achilles' heels: vulnerable record identification in synthetic data
publishing", ESORICS 2023.
"""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt

from attacks.attack import FloatArray
from attacks.membership.nearest import neighbours
from attacks.tables import Table
from attacks.trial import Trial

NEAREST = 5


def vulnerability(targets: Table, reference: Table | None = None) -> FloatArray:
    """Mean distance of each target to its 5 nearest reference rows (without any: other targets); shape (targets,).

    No coin takes part, nor the synthetic table. Nor do other targets beside a reference: where people have several
    rows, more of them are targets of the smaller table of a trial of pairs, and that would tell coins. A target
    without any other row is as far as can be from it: one for each column.
    """
    if reference:
        near = neighbours(targets, reference).distances.astype(np.float64)
    else:
        near = neighbours(targets, targets).distances[:, 1:].astype(np.float64)  # without the target itself
    if not near.shape[1]:
        return np.full(len(targets), float(len(targets.names)))
    return np.asarray(near[:, :NEAREST].mean(axis=1))


def most_vulnerable(targets: Table, reference: Table | None, trial: Trial, share: float) -> npt.NDArray[np.bool_]:
    """The units of largest vulnerability, at least one, shape (coins,): this share of them; of equal ones the first.

    A unit's vulnerability is the mean of its rows'. A pair is taken whole, by the larger of its two. Of the trial only
    its design is used, never a coin. Raises ValueError for a share that is none.
    """
    if not 0 < share <= 1:
        raise ValueError(f"share ({share}) must be above 0 and at most 1; try 0.1")
    alone = trial.by_unit(vulnerability(targets, reference))
    if trial.pairs:
        alone = np.maximum(alone[::2], alone[1::2])
    chosen = np.zeros(len(alone), bool)
    chosen[np.argsort(-alone, kind="stable")[: math.ceil(share * len(alone) - 1e-9)]] = True
    return np.repeat(chosen, 2) if trial.pairs else chosen
