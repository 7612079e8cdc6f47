"""Whether error bars hold on a release like this one: a self-test on tables drawn from its model."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from dpsynth.errors import SettingError
from dpsynth.inference.functional import evaluate
from dpsynth.inference.intervals import POPULATION, bars_of, grid_for, is_whole, naive_bars
from dpsynth.inference.measured import measured_counts
from dpsynth.inference.posterior import remeasured
from dpsynth.inference.released import Released
from dpsynth.inference.request import parse
from dpsynth.marginal import FloatArray

if TYPE_CHECKING:
    import pandas as pd

Progress = Callable[[str, float], None]


@dataclass(frozen=True, eq=False, repr=False)
class Coverage:
    """How often intervals held the truth in `repetitions` tables drawn from a release's model.

    truths: of the model, one for each of `names`. held, naive_held: share of intervals with the truth inside; an
    interval that is not known does not hold it. widths: median width over that of naive intervals.
    """

    request: str
    level: float
    repetitions: int
    names: tuple[str, ...]
    truths: FloatArray
    held: FloatArray
    naive_held: FloatArray
    widths: FloatArray

    @property
    def chance(self) -> tuple[float, float]:
        """Between which shares 99% of perfect self-tests of one number end, by the binomial law."""
        from scipy.stats import binom

        low, high = binom.interval(0.99, self.repetitions, self.level)
        return float(low) / self.repetitions, float(high) / self.repetitions

    def to_frame(self) -> pd.DataFrame:
        """One row for each name: truth, held, naive_held, width_ratio."""
        import pandas as pd

        columns = {"truth": self.truths, "held": self.held, "naive_held": self.naive_held, "width_ratio": self.widths}
        return pd.DataFrame(columns, index=pd.Index(self.names, name=self.request))

    def to_json(self) -> dict[str, Any]:
        """As JSON values."""
        rows = self.to_frame().reset_index(names="name").replace({np.nan: None}).to_dict("records")
        by_chance = list(self.chance)
        head = {"request": self.request, "level": self.level, "repetitions": self.repetitions, "chance": by_chance}
        return {**head, "rows": rows}

    def __repr__(self) -> str:
        low, high = self.chance
        frame = self.to_frame().to_string(float_format=lambda value: f"{value:.3g}")
        said = f"{self.repetitions} tables drawn from the model; by chance alone {low:.1%} to {high:.1%} would hold"
        return f"{self.request}\n{frame}\n{said}."


def coverage(
    release: Released,
    request: str,
    *,
    repetitions: int = 200,
    level: float = 0.95,
    seed: int | None = 0,
    progress: Progress | None = None,
) -> Coverage:
    """Try the intervals of `Release.estimate` on tables drawn from the release's model, where the truth is known.

    Each repetition draws as many rows as the model stands for, measures them again with noise of the same size, and
    asks the same request; naive intervals take the nearest possible table to those measurements for real rows.
    Where marginals leave a number open, intervals hold the truth more often than `level`.
    Raises SettingError below 2 repetitions.

    Privacy: free, post-processing; no private row is looked at. What it cannot test is whether the population is like
    the model: bins, merged codes and the choice of marginals are taken as they are.
    """
    if repetitions < 2:
        raise SettingError(f"repetitions ({repetitions}) must be at least 2; try 200")
    asked = parse(request, release.codec.domain.columns)
    home, grid = grid_for(release, asked)
    whole = is_whole(home, grid)
    shares = grid.gathered(release.model.project(asked.clique))
    rows = max(round(release.model.total), 1)
    true = evaluate(asked, grid, shares * (rows / shares.sum()))
    rng = np.random.default_rng(seed)
    held, naive_held, widths = [], [], []
    for repetition in range(repetitions):
        if progress is not None:
            progress("coverage", repetition / repetitions)
        codes = release.model.sample(rows, rng, "independent")
        measured = measured_counts(release.codec, remeasured(release, codes, rng), grid, None if whole else shares)
        bars = bars_of(asked, measured, POPULATION, level, whole=whole)
        naive = naive_bars(asked, grid, measured.nearest, rows, level)
        held.append((bars.lows <= true.values) & (true.values <= bars.highs))
        naive_held.append((naive.lows <= true.values) & (true.values <= naive.highs))
        widths.append((bars.highs - bars.lows) / np.where(naive.highs > naive.lows, naive.highs - naive.lows, np.nan))
    return Coverage(
        request=asked.text,
        level=level,
        repetitions=repetitions,
        names=true.names,
        truths=true.values,
        held=np.mean(held, axis=0),
        naive_held=np.mean(naive_held, axis=0),
        widths=np.median(widths, axis=0),
    )
