"""Checks of the synthetic rows: against the public domain, and against the private table when it is at hand."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

import dpsynth
from attacks.report.records import Check
from attacks.tables import as_ticked

# Places by which one table is shifted against the other, either way.
ORDER_SHIFTS = 25
# An exact number is a finding when noise would make it with less than this chance.
LEAST_CHANCE = 1e-3
# Ends of columns with fewer grid points are met by chance.
LEAST_TICKS = 100
# So are ends beside which rows share values, or hold neighbouring ones: so many rows from the end on are looked at.
END_ROWS = 20
# Two draws of one population meet at an end about as often as one row in the ticks that END_ROWS rows span.
MET_BY_CHANCE = 1e-4
# Standard deviations of the number of cells that agree with those at their own place, over shifts.
ORDER_LIMIT = 8.0

PROVENANCE = ("provenance", "Has somebody answered for every bound, category and bin that is taken as public?")
DOMAIN = ("public domain", "Do all synthetic cells lie in the public domain, or in what was paid for?")
EXTREMES = ("extremes", "Are the ends of numeric columns not those of single private rows?")
RARE = ("rare values", "Does no value that one private row alone holds appear in an open column?")
IDENTIFIERS = ("identifiers", "Are identifiers made anew?")
ORDER = ("row order", "Is the order of the rows unrelated to that of the private table?")
NULLS = ("missing cells", "Do numbers of missing cells differ from the private ones, as noise makes them?")
ROWS = ("row count", "Does the number of rows differ from the private one, where that number is private?")

Ticks = npt.NDArray[np.int64]


def row_checks(
    synthetic: Any,
    schema: dpsynth.Schema,
    release: dpsynth.Release | None,
    private: Any,
    relation: str = "add-remove",
    mu: float | None = None,
) -> tuple[Check, ...]:
    """Checks that need the synthetic rows; those against the private table are "not applicable" without it.

    mu: what is promised at most, None where nothing is: it says how much noise a number must have.
    """
    made = as_ticked(synthetic, schema)
    own = None if private is None else as_ticked(private, schema)
    alone = (_provenance(schema), _domain(made, synthetic, release))
    if own is None:
        against = (EXTREMES, RARE, IDENTIFIERS, ORDER, NULLS, ROWS)
        return (*alone, *(Check(*one, "not applicable", "the private table was not given") for one in against))
    return (
        *alone,
        _extremes(made, own),
        _rare(made, own, release),
        _identifiers(schema, synthetic, private),
        _order(made, own),
        _nulls(made, own, mu),
        _rows(made, own, relation, mu),
    )


def _provenance(schema: dpsynth.Schema) -> Check:
    unreviewed = [f"{item} of {column}" for column, item in schema.unreviewed()]
    if unreviewed:
        return Check(*PROVENANCE, "fail", f"read from private data and confirmed by nobody: {_first(unreviewed)}")
    sources = Counter(source for _, _, source in schema.provenance())
    paid = sum(isinstance(column, dpsynth.OpenCategorical) for column in schema.columns)
    said = ", ".join(f"{count} items from {source!r}" for source, count in sources.items())
    return Check(*PROVENANCE, "pass", f"{said}; the values of {paid} open columns must be paid for")


def _domain(made: dpsynth.Ticked, synthetic: Any, release: dpsynth.Release | None) -> Check:
    faults = []
    for name, ticks in made.ticks.items():
        column: Any = made.schema[name]
        if (ticks < -1).any() or _beyond(column, synthetic):
            faults.append(f"{name} holds cells outside it")
        elif not column.nullable and (ticks == -1).any():
            faults.append(f"{name} has missing cells, and may not")
        if isinstance(column, dpsynth.OpenCategorical) and release is not None:
            codec: Any = release.codec[name]
            while hasattr(codec, "inner"):  # codes that were merged are named together
                codec = codec.inner
            paid = {*codec.code_labels(), *column.known, column.other}
            if set(made.labels[name]) - paid:
                faults.append(f"{name} holds values that were not paid for")
    if faults:
        return Check(*DOMAIN, "fail", "; ".join(faults))
    free = [name for name in made.labels if release is None]
    return Check(*DOMAIN, "pass", f"{len(made.ticks)} columns" + f"; nothing is known of {_first(free)}" * bool(free))


def _beyond(column: Any, synthetic: Any) -> bool:
    """Whether a number of a raw table lies past the bounds: on the grid it would be clipped, and not be seen."""
    if isinstance(synthetic, dpsynth.Ticked) or not isinstance(column, dpsynth.Numeric):
        return False
    import pandas as pd

    numbers = pd.to_numeric(pd.Series(synthetic[column.name]), errors="coerce").dropna()
    half = float(column.step) / 2
    return bool(((numbers < column.lower - half) | (numbers > column.upper + half)).any())


def _extremes(made: dpsynth.Ticked, own: dpsynth.Ticked) -> Check:
    """An end that one private row holds, inside the public bounds, may be met by chance.

    Both ends are not, where values are so fine that rows near them do not share any.
    """
    met: list[str] = []
    half: list[str] = []
    judged = 0
    for name, ticks in made.ticks.items():
        column = made.schema[name]
        if not isinstance(column, dpsynth.Numeric | dpsynth.Datetime) or column.ticks < LEAST_TICKS:
            continue
        synthetic, private = ticks[ticks >= 0], own.ticks[name][own.ticks[name] >= 0]
        if not len(synthetic) or not len(private):
            continue
        pairs = ((synthetic.min(), private.min()), (synthetic.max(), private.max()))
        alone = [(private == end).sum() == 1 and 0 < end < column.ticks - 1 for _, end in pairs]
        judged += any(alone)
        if any(alone) and all(one == other for one, other in pairs):
            (met if all(alone) and _fine_ends(private) else half).append(name)
    if met:
        return Check(*EXTREMES, "fail", f"smallest and largest value are exactly those of single rows in {_first(met)}")
    if half:
        return Check(*EXTREMES, "unknown", f"both ends are the private ones in {_first(half)}, which may be chance")
    if not judged:
        return Check(*EXTREMES, "not applicable", "no numeric column ends with a single row inside its bounds")
    return Check(*EXTREMES, "pass", f"{judged} columns were compared")


def _fine_ends(ticks: Ticks) -> bool:
    """Whether the rows at either end all hold values of their own, so far apart that nobody meets both by chance."""
    ordered = np.sort(ticks.astype(np.int64))
    if len(ordered) < 2 * END_ROWS:
        return False
    ends = ordered[:END_ROWS], ordered[-END_ROWS:]
    chance = np.prod([END_ROWS / max(float(end[-1] - end[0]), END_ROWS) for end in ends])
    return all((np.diff(end) > 0).all() for end in ends) and bool(chance < MET_BY_CHANCE)


def _rare(made: dpsynth.Ticked, own: dpsynth.Ticked, release: dpsynth.Release | None) -> Check:
    """A value that nobody paid for may be known from elsewhere, as towns are: of a foreign table nobody can tell."""
    if not made.labels:
        return Check(*RARE, "not applicable", "the schema has no open column")
    found = []
    for name, labels in own.labels.items():
        column: Any = made.schema[name]
        counts = np.bincount(own.ticks[name][own.ticks[name] >= 0], minlength=len(labels))
        single = {label for label, count in zip(labels, counts, strict=True) if count == 1}
        if single & (set(made.labels[name]) - {*column.known, column.other}):
            found.append(name)
    if found:
        said = f"a value of one private row alone appears in {_first(found)}"
        if release is None:
            return Check(*RARE, "unknown", f"{said}; was it known from elsewhere?")
        return Check(*RARE, "fail", said)
    return Check(*RARE, "pass", f"{len(own.labels)} open columns were compared")


def _identifiers(schema: dpsynth.Schema, synthetic: Any, private: Any) -> Check:
    names = [column.name for column in schema.columns if isinstance(column, dpsynth.Identifier)]
    if not names:
        return Check(*IDENTIFIERS, "not applicable", "the schema has no identifier")
    if isinstance(synthetic, dpsynth.Ticked) or isinstance(private, dpsynth.Ticked):
        return Check(*IDENTIFIERS, "unknown", "tables on the grid leave identifiers out; try the tables themselves")
    copied, names = [], [name for name in names if name in synthetic and name in private]
    if not names:
        return Check(*IDENTIFIERS, "unknown", "the tables do not both have the identifiers of the schema")
    for name in names:
        made, own = [str(cell) for cell in synthetic[name]], {str(cell) for cell in private[name]}
        numbered = {str(number) for number in range(len(made) + 1)}  # 1, 2, 3, ...: anybody would count like that
        if own & (set(made) - numbered):
            copied.append(name)
    if copied:
        return Check(*IDENTIFIERS, "fail", f"private identifiers appear in {_first(copied)}")
    return Check(*IDENTIFIERS, "pass", f"{len(names)} identifiers hold no private one, save plain row numbers")


def _order(made: dpsynth.Ticked, own: dpsynth.Ticked) -> Check:
    """Cells that agree between rows at the same place, against rows a few places off.

    Shifted rather than shuffled rows: two tables that were sorted alike agree a few places off, too.
    """
    rows = min(made.rows, own.rows)
    if rows < 20:
        return Check(*ORDER, "not applicable", "too few rows")
    one, other = (np.column_stack([table.ticks[name][:rows] for name in _comparable(made)]) for table in (made, own))
    most = min(ORDER_SHIFTS, rows // 2 - 1)
    agree = int((one == other).sum())
    shifted = [int((np.roll(one, shift, axis=0) == other).sum()) for shift in range(-most, most + 1) if shift]
    above = (agree - float(np.mean(shifted))) / max(float(np.std(shifted)), 1.0)
    if above > ORDER_LIMIT:
        return Check(*ORDER, "fail", f"rows at the same place agree {above:.0f} stddevs more often than shifted ones")
    return Check(*ORDER, "pass", f"rows at the same place agree as shifted ones do ({above:+.1f} stddevs)")


def _comparable(made: dpsynth.Ticked) -> list[str]:
    """Columns whose ticks mean the same in both tables; those of open columns index lists of their own."""
    return [name for name in made.ticks if name not in made.labels] or list(made.ticks)


def _nulls(made: dpsynth.Ticked, own: dpsynth.Ticked, mu: float | None) -> Check:
    """One equal number may be chance; several at once are not, if they carry the noise that is promised."""
    private = {name: int((ticks == -1).sum()) for name, ticks in own.ticks.items()}
    holed = [name for name, count in private.items() if count]
    same = [name for name in holed if int((made.ticks[name] == -1).sum()) == private[name]]
    if not holed:
        return Check(*NULLS, "not applicable", "no private cell is missing")
    if not same:
        return Check(*NULLS, "pass", f"{len(holed)} columns with missing cells were compared")
    # With nothing promised a number still has the spread of a sample.
    noise = None if mu is None else len(same) ** 0.5 / mu
    stddevs = _spreads([own.ticks[name] == -1 for name in same], noise)
    chance = _chance(stddevs) if len(same) == len(holed) else 1.0
    said = f"exactly as many cells are missing as in the private table in {_first(same)}"
    if chance < LEAST_CHANCE:
        return Check(*NULLS, "fail", said)
    return Check(*NULLS, "unknown", f"{said}, which may be chance")


def _spreads(missing: Sequence[npt.NDArray[np.bool_]], noise: float | None) -> list[float]:
    """The stddev of each number of missing cells, of noise or else of sampling, given the numbers before it.

    Cells are often missing together: then a number follows from another, save for the rows in which they differ.
    """
    spreads = []
    for place, own in enumerate(missing):
        alone = float(own.sum() * (1 - own.mean())) if noise is None else noise**2
        spreads.append(min([alone, *(float((own != other).sum()) for other in missing[:place])]) ** 0.5)
    return spreads


def _rows(made: dpsynth.Ticked, own: dpsynth.Ticked, relation: str, mu: float | None) -> Check:
    if relation == "replace-one" or made.schema.public_rows is not None:
        return Check(*ROWS, "not applicable", "the number of private rows is public under the claim")
    if made.rows != own.rows:
        return Check(*ROWS, "pass", "the numbers differ")
    said = "as many rows as the private table, whose number is private under add-remove"
    if mu is not None and _chance([1 / mu]) < LEAST_CHANCE:
        return Check(*ROWS, "fail", said)
    return Check(*ROWS, "unknown", f"{said}: suspicious, unless it is chance or the steward asked for so many")


def _chance(stddevs: Sequence[float]) -> float:
    """The most probable that numbers with this much noise can be exact, all at once: the density at 0."""
    return float(np.prod([min(1.0, 0.4 / max(stddev, 0.4)) for stddev in stddevs]))


def _first(names: Sequence[str], most: int = 5) -> str:
    return ", ".join(names[:most]) + (f" and {len(names) - most} more" if len(names) > most else "")
