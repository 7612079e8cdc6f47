"""How far off a release will be, at several epsilons, before anything is spent: tried on made-up tables of the schema.

The synthesizer that would run is run, with its whole budget, on a few made-up tables (`tables`), and what it makes is
held against them. So the forecast knows the noise, the model and its limits exactly, and the private table only as one
more of its kind: real tables differ from each other by more than draws of one synthesizer on one table do.
"""

from __future__ import annotations

import dataclasses
import json
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from dpsynth.engine import Request, plan_request, run_request, settle
from dpsynth.errors import SettingError
from dpsynth.forecast.distance import Distances, Measured
from dpsynth.forecast.standing import at_full_size, first_rows, sizes_for, standing_for
from dpsynth.forecast.tables import HABITS, check_common_values, simulated_table
from dpsynth.privacy.randomness import InsecureTestEntropy
from dpsynth.private.memory import MemoryCounter
from dpsynth.private.table import PrivateTable, Rows
from dpsynth.private.ticked import Ticked, ticked
from dpsynth.schema.schema import Schema
from dpsynth.session import Session
from dpsynth.synthesizers.synthesizer import no_progress

if TYPE_CHECKING:
    import pandas as pd

EPSILONS = (0.3, 1.0, 3.0)
DRAWS = 4
LIKELY = (0.7, 1.4)
"""Between these parts of what was forecast lay the errors of most real tables tried: a rule of thumb, no guarantee."""
HOW_NEAR = (
    "of 14 forecasts for real tables held back, 12 came within 30% and 2, with long lists of mostly unused codes, were"
    " up to 44% too high; where you know how evenly a column is used, say so with --common-values"
)


@dataclass(frozen=True)
class Expected:
    """A quantity over the made-up tables: mean, least and greatest."""

    mean: float
    least: float
    greatest: float

    @classmethod
    def of(cls, values: Sequence[float]) -> Expected:
        """The summary of one value for each table."""
        return cls(float(np.mean(values)), min(values), max(values))


@dataclass(frozen=True)
class ErrorAt:
    """Expected errors at one epsilon.

    one_way, two_way, three_way: mean total variation distance (0 to 1) of the marginals of so many columns; total: the
    mean of the three. likely: a range in which the total of most real tables falls, since made-up tables differ
    less from each other than real ones do from them. counts: mean absolute error of a count, in rows, over the occupied
    cells of one-, two- and three-way tables.
    """

    epsilon: float
    synthesizer: str
    one_way: Expected
    two_way: Expected
    three_way: Expected
    total: Expected
    likely: tuple[float, float]
    counts: tuple[Expected, Expected, Expected]

    @classmethod
    def of(cls, epsilon: float, synthesizer: str, found: Sequence[Distances]) -> ErrorAt:
        """What the runs at one epsilon came to."""
        counts = [Expected.of([each.counts[ways] for each in found]) for ways in range(3)]
        total = Expected.of([each.total for each in found])
        return cls(
            epsilon,
            synthesizer,
            one_way=Expected.of([each.one_way for each in found]),
            two_way=Expected.of([each.two_way for each in found]),
            three_way=Expected.of([each.three_way for each in found]),
            total=total,
            likely=(LIKELY[0] * total.mean, LIKELY[1] * total.mean),
            counts=(counts[0], counts[1], counts[2]),
        )


@dataclass(frozen=True)
class ErrorForecast:
    """Expected errors of a release of `rows` rows, by epsilon, ascending.

    simulated_rows: of each made-up table; draws: how many of them there were.
    """

    rows: int
    delta: float
    simulated_rows: int
    draws: int
    at: tuple[ErrorAt, ...]

    def epsilon_for(self, total: float) -> float | None:
        """The smallest epsilon at which the expected total error is at most `total`; None outside what was tried.

        Between two epsilons the logarithm of the error is taken as a line of the logarithm of epsilon. Raises
        SettingError unless `total` is above 0 and below 1.

        Privacy: free. No data is read.
        """
        if isinstance(total, bool) or not 0 < total < 1:
            raise SettingError(f"total ({total}) must be between 0 and 1; got {total!r}; try 0.05")
        errors = [each.total.mean for each in self.at]
        if errors[0] <= total:
            return self.at[0].epsilon
        for one, other in zip(self.at, self.at[1:], strict=False):
            high, low = one.total.mean, other.total.mean
            if low <= total < high:
                part = math.log(high / total) / math.log(high / low)
                return float(one.epsilon * (other.epsilon / one.epsilon) ** part)
        return None

    def to_pandas(self) -> pd.DataFrame:
        """A row for each epsilon: synthesizer, mean distances, likely range of the total, error of two-way counts."""
        import pandas as pd

        rows = [
            {
                "epsilon": each.epsilon,
                "synthesizer": each.synthesizer,
                "one_way": each.one_way.mean,
                "two_way": each.two_way.mean,
                "three_way": each.three_way.mean,
                "total": each.total.mean,
                "likely_least": each.likely[0],
                "likely_greatest": each.likely[1],
                "two_way_count_error": each.counts[1].mean,
            }
            for each in self.at
        ]
        return pd.DataFrame(rows).set_index("epsilon")

    def to_json(self) -> dict[str, Any]:
        """As JSON values, with the same names."""
        document: dict[str, Any] = json.loads(json.dumps(asdict(self)))
        return document


def forecast_error(
    schema: Schema,
    *,
    rows: int,
    epsilons: Sequence[float] = EPSILONS,
    delta: float | None = None,
    draws: int = DRAWS,
    seed: int = 0,
    common_values: Mapping[str, float] | None = None,
    progress: Callable[[str, float], None] | None = None,
    **options: Any,
) -> ErrorForecast:
    """Expected errors of a release at several epsilons, from the schema and a public number of rows alone.

    rows: about as many as the table has (of several rows of one unit, those that are kept). delta: by default a
    thousandth of 1 / rows, rounded down to a power of ten. draws: made-up tables; seed: of all that is drawn.
    common_values: what is publicly known of how columns of labels are used: of how many equally common values each is
    as varied (4 labels of which one is rare: about 3; one value in nine of ten rows and the rest in many: about 2).
    options: as in `synthesize`: synthesizer, workload, label, fairness, relation, unit, max_rows_per_unit, settings.
    progress: called with a stage and the fraction done. Takes some seconds for each table and epsilon. Raises
    SettingError, SchemaError, PlanTooLargeError.

    Privacy: free. No data is read. How near it comes: docs/how-to/choose-epsilon-and-delta.md.
    """
    for name, number in (("rows", rows), ("draws", draws)):
        if isinstance(number, bool) or not number >= 1:
            raise SettingError(f"{name} ({number}) must be at least 1; got {number!r}; try {name}={DRAWS * 250}")
    if not epsilons:
        raise SettingError("epsilons must hold at least one; got none; try epsilons=[0.3, 1, 3]")
    delta = default_delta(rows) if delta is None else delta
    requests = [settle(schema, epsilon=each, delta=delta, **options) for each in sorted({float(e) for e in epsilons})]
    for request in requests:
        plan_request(request)  # refuses what is too large
    check_common_values(schema, common_values or {})
    sizes = sizes_for(rows)
    show, steps = progress or no_progress, draws * len(requests)
    found: list[list[list[Distances]]] = [[[] for _ in sizes] for _ in requests]
    for draw in range(draws):
        table = simulated_table(schema, sizes[0], np.random.default_rng((seed, draw)), HABITS, common_values)
        for place, request in enumerate(requests):
            show(f"table {draw + 1} of {draws}, epsilon {request.epsilon:g}", (draw * len(requests) + place) / steps)
            for runs, size in zip(found[place], sizes, strict=True):
                runs.append(_distances(first_rows(table, size), request, rows, seed * draws + draw))
    show("done", 1.0)
    at = [
        ErrorAt.of(request.epsilon, request.name, at_full_size(runs, sizes, rows))
        for request, runs in zip(requests, found, strict=True)
    ]
    return ErrorForecast(rows, delta, sizes[0], draws, tuple(at))


def default_delta(rows: int) -> float:
    """A thousandth of 1 / rows, rounded down to a power of ten.

    >>> default_delta(48_842)
    1e-08
    """
    return float(f"1e{math.floor(-3 - math.log10(max(rows, 1)))}")


def _distances(table: Ticked, request: Request, rows: int, seed: int) -> Distances:
    """How far a release of a made-up table lies from it, with noise as for `rows` rows; counts in those rows."""
    standing = standing_for(request, rows, table.rows)
    found = Measured(table).distances(_made(table, standing, seed))
    one, two, three = (each * rows / table.rows for each in found.counts)
    return dataclasses.replace(found, counts=(one, two, three))


def _made(table: Ticked, request: Request, seed: int) -> Ticked:
    """A synthetic table from a made-up one; noise from a seed, since nobody's privacy hangs on it."""
    rows = Rows(table.rows, table.ticks, table.labels)
    counter = MemoryCounter(PrivateTable(request.schema, request.unit, [rows]))
    session = Session(counter, request.unit, request.budget, InsecureTestEntropy(seed))
    fitted = run_request(request, session)
    rng = np.random.default_rng(seed)
    wanted = max(round(fitted.model.total), 1)
    frame = fitted.codec.decode(fitted.model.sample(wanted, rng), wanted, rng)
    return ticked(frame, request.schema)
