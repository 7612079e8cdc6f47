"""The table of a comparison: medians over the seeds, and under them the spread from least to most."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from statistics import median

from benchmarks.compare.runs import Result

# Field of a result, heading, and digits after the point.
COLUMNS = (
    ("error1", "1-way", 4),
    ("error2", "2-way", 4),
    ("error3", "3-way", 4),
    ("error4", "4-way", 4),
    ("error5", "5-way", 4),
    ("auc", "AUC", 3),
    ("nist", "NIST", 0),
    ("seconds", "CPU s", 1),
    ("megabytes", "MB", 0),
)
NAME_WIDTH = 25


@dataclass(frozen=True)
class Row:
    """All seeds of one synthesizer: (least, median, most) of each column that was measured, and how the runs ended."""

    label: str
    values: dict[str, tuple[float, float, float]]
    status: str


def rows_of(results: Iterable[Result]) -> list[Row]:
    """One row for each label, in the order of the first run of each."""
    by_label: dict[str, list[Result]] = {}
    for result in results:
        by_label.setdefault(result.label, []).append(result)
    return [_row(label, runs) for label, runs in by_label.items()]


def _row(label: str, runs: Sequence[Result]) -> Row:
    values = {}
    for field, _, _ in COLUMNS:
        found = [value for run in runs if run.status == "ok" and (value := getattr(run, field)) is not None]
        if found:
            values[field] = (min(found), median(found), max(found))
    good = sum(run.status == "ok" for run in runs)
    # Every way of ending once, in the order met.
    others = "; ".join(dict.fromkeys(run.status for run in runs if run.status != "ok"))
    if good == len(runs):
        return Row(label, values, f"ok ({good})" if good > 1 else "ok")
    return Row(label, values, others if not good else f"ok {good} of {len(runs)}; {others}")


def table_text(rows: Sequence[Row]) -> str:
    """The table as lines of text; columns that nobody has are left out."""
    columns = [column for column in COLUMNS if any(column[0] in row.values for row in rows)]
    cells = {(row.label, field): _cell(row, field, digits) for row in rows for field, _, digits in columns}
    widths = {
        field: 2 + max([len(title), *(len(text) for row in rows for text in cells[row.label, field])])
        for field, title, _ in columns
    }
    name_width = max([NAME_WIDTH, *(len(row.label) + 1 for row in rows)])
    lines = [f"{'':<{name_width}}" + "".join(f"{title:>{widths[field]}}" for field, title, _ in columns) + "  status"]
    for row in rows:
        parts = [[cells[row.label, field][line].rjust(widths[field]) for field, _, _ in columns] for line in (0, 1)]
        lines.append(f"{row.label:<{name_width}}" + "".join(parts[0]) + f"  {row.status}")
        if any(text.strip() for text in parts[1]):
            lines.append(f"{'  least..most':<{name_width}}" + "".join(parts[1]).rstrip())
    return "\n".join(lines)


def _cell(row: Row, field: str, digits: int) -> tuple[str, str]:
    """(median, spread) as text; no spread where all runs agree to the digits shown."""
    if field not in row.values:
        return "", ""
    least, middle, most = (f"{value:.{digits}f}" for value in row.values[field])
    return middle, "" if least == most else f"{least}..{most}"
