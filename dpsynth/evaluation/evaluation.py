"""What an evaluation found, as values and as JSON (`evaluation.schema.json` describes it)."""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from dpsynth.evaluation.arms import Figure, Spread
from dpsynth.evaluation.columns import ColumnFigures
from dpsynth.evaluation.fairness import Course, Gaps, Group

FORMAT, VERSION = "dpsynth-evaluation", 1
EDITION = "steward's edition: computed on private rows without privacy; do not publish"

SECTIONS = {
    "marginals": "Distances of marginals",
    "queries": "Range queries",
    "relations": "Relations between columns",
    "telling apart": "Telling rows apart",
    "prediction": "Train on synthetic, test on real",
    "rare": "Rare values and outliers",
    "tasks": "Your own tasks",
}
"""Sections of figures in the order of the page."""


@dataclass(frozen=True)
class Direct:
    """A private model trained on the private rows themselves at the release's epsilon: its scores over the repeats."""

    model: str
    scores: dict[str, Spread]


@dataclass(frozen=True)
class ColumnGaps:
    """Gaps between the groups of one protected column, of boosted trees trained on private and on synthetic rows.

    outcome_private, outcome_synthetic: gap of the label's own rate between groups, in either table.
    """

    column: str
    real: Gaps
    synthetic: Gaps
    outcome_private: float
    outcome_synthetic: float


@dataclass(frozen=True)
class Subject:
    """What was evaluated, and how. private_rows: exact, and so private."""

    synthesizer: str
    epsilon: float
    delta: float
    rows: int
    columns: int
    private_rows: int
    holdout_rows: int | None
    label: str | None
    positive: str | None
    protected: tuple[str, ...]
    area: str | None
    repeats: int
    seed: int
    content_digest: str
    created: str
    software: str


@dataclass(frozen=True)
class Evaluation:
    """How near a release is to the private table, with control arms beside every number: for the steward alone.

    figures: by section. notes: what was left out, and why. relations: Cramer's V of every pair of columns, private and
    synthetic, in table order of `columns`.

    Privacy: none. Every number was computed from private rows and is covered by no promise.
    """

    subject: Subject
    figures: dict[str, tuple[Figure, ...]]
    columns: tuple[ColumnFigures, ...]
    relations: tuple[tuple[tuple[float, ...], ...], tuple[tuple[float, ...], ...]]
    areas: dict[str, float]
    direct: tuple[Direct, ...]
    groups: tuple[Group, ...]
    groups_left_out: int
    gaps: tuple[ColumnGaps, ...]
    courses: tuple[Course, ...]
    notes: tuple[str, ...]

    def __getitem__(self, name: str) -> Figure:
        """The figure of a name, such as "3-way"."""
        for figure in (each for section in self.figures.values() for each in section):
            if figure.name == name:
                return figure
        raise KeyError(name)

    def to_json(self) -> dict[str, Any]:
        """As JSON values; a number that is not there is null."""
        document = {"format": FORMAT, "version": VERSION, "edition": EDITION, **_plain(asdict(self))}
        for section, figures in self.figures.items():
            for made, figure in zip(document["figures"][section], figures, strict=True):
                made["closeness"] = figure.closeness
        return document

    def to_html(self) -> str:
        """As one page that needs nothing but itself."""
        from dpsynth.evaluation.page import page

        return page(self)

    def save(self, folder: Path | str, *, overwrite: bool = False) -> tuple[Path, ...]:
        """Write evaluation.html and evaluation.json, for their owner alone, into a folder that may be new.

        Raises ReleaseError when the folder is a release or lies in one, and when a file is there already.
        """
        from dpsynth.evaluation.files import save

        return save(self, Path(folder), overwrite=overwrite)

    def _repr_html_(self) -> str:
        from dpsynth.evaluation.page import notebook

        return notebook(self)


def _plain(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _plain(each) for key, each in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(each) for each in value]
    if isinstance(value, float) and not math.isfinite(value):
        return None
    return value
