"""The sentences of an evaluation."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

    from dpsynth.evaluation.arms import Figure, Spread
    from dpsynth.evaluation.evaluation import Evaluation
    from dpsynth.evaluation.fairness import Group

TITLE = "Evaluation of a synthetic table"
HOW_TO_READ = (
    "Every number stands between two others. The floor is what a table scores that keeps every single column and loses"
    " all that links them (private columns, each shuffled). The ceiling is what further private rows score: two random"
    " halves of the private table differ by that much from chance alone. No synthetic table can be asked to do better."
)
SPREAD = (
    "Small numbers below a value are the least and the most over the repeats, which differ in how private rows were"
    " split and in which rows were drawn from the model. The noise of the release itself was drawn once and cannot be"
    " drawn again without paying again: how far another release of the same budget would lie is not in this spread."
)
WHOLE = (
    "“All rows” compares the released table with all private rows, as other tools do. The other columns compare tables"
    " of as many rows as half the private table has, so that chance weighs the same in each."
)
SEEN = (
    "No rows were held out: the model was made from all private rows, the test rows among them. Under its promise one"
    " row hardly matters, so scores are hardly flattered; with a holdout they are not flattered at all."
)
HELD_OUT = "The test rows are a holdout, which took no part in the synthesis."
SECTIONS = {
    "marginals": "Mean total variation distance (half the sum of absolute differences of shares) over sets of one to"
    " five columns: all of one and two, 100 fixed random sets of three to five. Numbers and dates are cut into about"
    " twenty cells of equal numbers of private rows. For single columns floor and ceiling are one by construction.",
    "queries": "Shares of rows that meet one to three random conditions, such as “age from 30 to 45 and region among"
    " these”: how far the synthetic answer is off, in shares of all rows.",
    "relations": "Cramer's V of every pair of columns, and Spearman's correlation of every two ordered ones: how"
    " far the synthetic coefficient is off.",
    "telling apart": "Classifiers try to tell synthetic from private rows. An area under the curve of 0.5, and a ratio"
    " of 1, is chance. Strong classifiers nearly always succeed against private generators; the ceiling shows what"
    " chance does.",
    "prediction": "Models are trained on each kind of rows to predict the label, and judged on private test rows.",
    "rare": "Values and pairs of values of at most 1% of the private rows, tails beyond the outermost hundredths of"
    " numbers, and rows as odd as the oddest hundredth. “Relative” is 1 where they weigh as much as in the private"
    " table. That some rare values vanish is the promise at work.",
    "tasks": "Functions of your own, learned from each kind of rows and judged on private test rows. Which way is"
    " better is yours to know.",
}
DIRECT = (
    "Private models trained directly on the private rows with the whole epsilon of the release (diffprivlib; promises"
    " of pure epsilon) answer this one question, and would leave nothing for any other. They were trained for this"
    " comparison only and must not be handed on."
)
GROUPS = (
    "Each group is a value of a protected column, or of several at once. Log disparity (Bhanot et al. 2021) is the"
    " logarithm of the group's odds among synthetic rows over its odds among private rows; p is of a two-proportion"
    " test, corrected for the number of groups. Error is the mean distance of the other columns within the group,"
    " beside what two private halves of it differ by. Noise is the standard deviation of the least noisy count that was"
    " released about such a group: groups of a few times that size could not be seen at all."
)
GAPS = (
    "Demographic parity: the largest difference between groups in the share predicted positive. Equalised odds: the"
    " larger of the largest differences in true- and in false-positive rates. Before: boosted trees trained on private"
    " rows; after: on synthetic rows; both judged on private rows. A gap may shrink because the model learned less:"
    " read it beside the scores above. Groups of fewer than 30 rows are left out."
)
COURSES = (
    "The mean of the label, followed over an ordered column within each group. Distance is in standard deviations of"
    " the label. Departing: the share of points whose means differ beyond chance (Welch's test, corrected)."
)


def number(value: float | None) -> str:
    """Three digits, or a dash."""
    if value is None or math.isnan(value):
        return "\N{EN DASH}"
    if abs(value) >= 100:
        return f"{value:,.0f}"
    return f"{value:.3g}" if abs(value) >= 0.001 or value == 0 else f"{value:.1e}"


def spread(found: Spread) -> str:
    """Least to most."""
    return f"{number(found.least)} to {number(found.most)}"


def best(figure: Figure) -> str:
    """Which way is better."""
    return figure.best if isinstance(figure.best, str) else f"{figure.best:g} is as private"


def reached(figure: Figure) -> str:
    """The way from floor to ceiling that the synthetic rows go."""
    at = figure.closeness
    if at is None:
        return "cannot tell"
    return "below the floor" if at < 0 else f"{min(at, 1.0):.0%}"


def headline(found: Evaluation) -> list[str]:
    """The few sentences that open the page and the terminal's output."""
    said = []
    pairs = [
        (each, each.closeness) for section in ("marginals", "queries", "relations") for each in found.figures[section]
    ]
    told = [(each, at) for each, at in pairs if at is not None]
    three = next((at for each, at in told if each.name == "3-way"), None)
    if three is not None:
        said.append(
            f"Relations of three columns go {max(three, 0):.0%} of the way from shuffled columns to private rows."
        )
    for each in found.figures.get("prediction", ()):
        if each.name in ("AUC, boosted trees", "R squared, boosted trees"):
            said.append(
                f"Boosted trees trained on synthetic rows score {number(each.synthetic.value)}"
                f" ({each.name.split(',')[0]}) on private rows; trained on private rows"
                f" {number(each.ceiling.value)}, on shuffled columns {number(each.floor.value)}."
            )
    if found.groups:
        said.append(represented(found.groups))
    return said


def represented(groups: Sequence[Group]) -> str:
    """How many groups are absent, too few or too many among synthetic rows."""
    kinds = {
        "do not occur among synthetic rows": sum(each.verdict == "absent" for each in groups),
        "occur less often than among private rows": sum(each.verdict == "too few" for each in groups),
        "occur more often": sum(each.verdict == "too many" for each in groups),
    }
    off = [f"{count} {what}" for what, count in kinds.items() if count]
    if not off:
        return f"All {len(groups)} groups occur among synthetic rows as often as among private rows, within chance."
    return f"Of {len(groups)} groups {', '.join(off)}, beyond chance."
