"""`auto`: the synthesizer that suits a table, chosen from public facts alone; the choice costs nothing."""

from __future__ import annotations

import math
from dataclasses import dataclass

from dpsynth.domain import Domain
from dpsynth.mechanisms.gaussian_cost import stddev_within
from dpsynth.privacy.cost import Cost
from dpsynth.privacy.unit import PrivacyUnit

AUTO = "auto"
SUMMARY = "The default: one of the others, chosen from public facts: columns, codes, budget, declared rows."

# Mean distance of pairs at epsilon 1, `mosaic` and `mixture`: Adult (14 columns) .033, .038; a census excerpt (21)
# .048, .053; a household survey (36) .018, .020. On made tables of a few hidden factors `mixture` is ahead from 20
# columns on (.034, .027; at 40 columns .043, .030), and it takes a tenth of the time.
MOST_MOSAIC_COLUMNS = 36
# Beyond these, small sets of columns at all their resolutions are too many for `mosaic` to look at.
MOST_CHOSEN_COLUMNS = 40
# `mixture` holds tables of all codes against all codes: these fit into 4 GB.
MOST_MIXTURE_CODES = 8_000
# Where noise looks like a stronger correlation than this, shares of single columns are all that can be learnt: on
# 39,074 and 2,000 rows of the Adult table `independent` then had the smallest mean distance of pairs.
MOST_CORRELATION_NOISE = 0.05


@dataclass(frozen=True)
class Choice:
    """The chosen synthesizer's name, and one sentence that says why."""

    name: str
    reason: str


def choose(
    domain: Domain,
    budget: Cost,
    unit: PrivacyUnit,
    public_rows: int | None = None,
    *,
    workload: bool = False,
    fair: bool = False,
) -> Choice:
    """The synthesizer for a table of at most these codes, and why.

    public_rows: the number of rows, only when the schema declares it. workload: whether somebody asked for one,
    so that relations are wanted whatever the noise. fair: whether somebody asked for fairness.

    Privacy: free, since no argument depends on private data.

    >>> choose(Domain.of({"a": 2}), Cost.of_mu(0.5), PrivacyUnit())
    Choice(name='independent', reason='1 column with 2 codes, mu 0.5: there are no relations between columns to learn')
    """
    columns = sum(size > 1 for size in domain.sizes)
    codes = sum(domain.sizes)
    facts = f"{len(domain)} column{'s' * (len(domain) != 1)} with {codes:,} codes, mu {budget.mu:.2g}"
    if fair and columns <= MOST_CHOSEN_COLUMNS:
        return Choice("aim", f"{facts}: the most accurate of those that can keep to the fairness asked for")
    if fair:
        return Choice("mst", f"{facts}: more than {MOST_CHOSEN_COLUMNS} columns and fairness leave a tree of pairs")
    if workload and columns <= MOST_CHOSEN_COLUMNS:
        return Choice("mosaic", f"{facts}: it gives most to what the workload asks for")
    if columns < 2:
        return Choice("independent", f"{facts}: there are no relations between columns to learn")
    if public_rows is not None and not workload:
        noise = correlation_noise(columns, budget, unit, public_rows)
        if noise > MOST_CORRELATION_NOISE:
            strength = f"correlations up to {noise:.2f}" if noise < 1 else "any correlation"
            drowned = f"{facts}, {public_rows:,} rows declared: {strength} between columns would drown in the noise"
            return Choice("independent", drowned)
    if columns <= MOST_MOSAIC_COLUMNS:
        return Choice("mosaic", f"{facts}: usually the most accurate up to {MOST_MOSAIC_COLUMNS} columns")
    if codes <= MOST_MIXTURE_CODES:
        return Choice("mixture", f"{facts}: with more than {MOST_MOSAIC_COLUMNS} columns, all pairs at once tell most")
    if columns <= MOST_CHOSEN_COLUMNS:
        return Choice("mosaic", f"{facts}: more than {MOST_MIXTURE_CODES:,} codes are too many for all pairs at once")
    large = f"more than {MOST_CHOSEN_COLUMNS} columns and {MOST_MIXTURE_CODES:,} codes leave room for a tree of pairs"
    return Choice("mst", f"{facts}: {large}")


def correlation_noise(columns: int, budget: Cost, unit: PrivacyUnit, rows: int) -> float:
    """Correlation for which the noise of one 2 x 2 table passes (stddev), when the budget measures columns - 1 pairs.

    Two columns cut in halves have correlation (n00 + n11 - n01 - n10) / rows; four noises of stddev s make 2 s / rows.
    """
    part = budget.split([1] * max(columns - 1, 1))[0]
    stddev = stddev_within(part, unit.squared_l2_count_sensitivity)
    return 2 * stddev / rows if rows else math.inf
