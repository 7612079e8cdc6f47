"""Twin runs: a whole pipeline, many times on a table and many times on a neighbour, and how far apart they look.

Where replay checks what is declared, twin runs check what comes out: real noise, real choices, the real model.
Each run is reduced to scores that speak for the neighbour: the log-likelihood ratio of all noisy answers under
their declared laws (the best there is, if the declaration is true), the model's rows where the two tables differ,
and names in the codes that only one table holds. The last two see what went around the door. Any score makes a
valid audit; what it proves about mu is for a lower bound to say, such as that of `attacks.statistics`.

The tables are made ones, and known to the attacker: exact answers are computed beside the noisy ones. Never for
a table of anybody's rows.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache, partial
from typing import TYPE_CHECKING, Any, TypeVar

import numpy as np
import numpy.typing as npt

from dpsynth.engine import Request, run_request, settle
from dpsynth.errors import SettingError
from dpsynth.mechanisms.count import Count
from dpsynth.mechanisms.dependence import PairDependence
from dpsynth.mechanisms.dp_sgd import DPSGD
from dpsynth.mechanisms.feature_sums import FeatureSums
from dpsynth.mechanisms.marginals import Marginals, ResidualMarginals
from dpsynth.mechanisms.mechanism import Mechanism
from dpsynth.mechanisms.partitions import Partitions, threshold
from dpsynth.mechanisms.privtree import PrivTree, log_chance
from dpsynth.mechanisms.quantiles import Quantiles, QuartileCells
from dpsynth.mechanisms.select import SelectCliques
from dpsynth.mechanisms.select_parents import SHARES, SelectParents
from dpsynth.mechanisms.teacher_votes import TeacherVotes
from dpsynth.privacy.randomness import EntropySource, InsecureTestEntropy, OsEntropy
from dpsynth.privacy.unit import PrivacyUnit
from dpsynth.private.counter import Counter
from dpsynth.private.ingest import ingest
from dpsynth.private.memory import MemoryCounter
from dpsynth.schema.columns import OpenCategorical
from dpsynth.schema.schema import Schema
from dpsynth.session import Door, Session
from dpsynth.synthesizers.synthesizer import Fitted, Progress, no_progress

if TYPE_CHECKING:
    from dpsynth.private.files import Data

Exact = TypeVar("Exact")
Out = TypeVar("Out")

SCORES = ("answers", "model", "names")
_TELLS_ALL = 1e6  # in place of an infinite log-likelihood ratio, so that sums stay numbers


@dataclass
class ListeningDoor:
    """A door that keeps every mechanism that ran through it, with its noisy answer."""

    door: Door
    heard: list[tuple[Any, Any]] = field(default_factory=list)

    @property
    def unit(self) -> PrivacyUnit:
        """Whom the promise is about."""
        return self.door.unit

    def run(self, mechanism: Mechanism[Exact, Out], label: str) -> Out:
        """Run at the door behind, and remember the answer."""
        answer = self.door.run(mechanism, label)
        self.heard.append((mechanism, answer))
        return answer


def twin_runs(
    request: Request,
    tables: tuple[Data, Data],
    runs: int,
    source: EntropySource,
    program: Callable[[Door], Fitted] | None = None,
    progress: Progress = no_progress,
) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]:
    """Scores of `runs` independent runs on either of two made tables, larger ones speaking for the second.

    Each has shape (runs, len(SCORES)). tables: neighbours under the request's unit, as `synthesize` takes them.
    program: what runs at the door, by default the request from codes to model; every run has a session of its
    own with the request's budget. progress: called now and then with a world and the fraction of its runs that
    are done. Tables are taken in once, so no unit may have more rows than it may keep
    (SettingError): which rows a run keeps would otherwise be frozen, and the tables no neighbours.
    """
    for table in tables:
        _require_bounded(table, request)
    counters = [MemoryCounter(ingest(table, request.schema, request.unit, source)) for table in tables]
    run = program or partial(run_request, request)
    worlds = []
    for world, counter in zip(("without", "within"), counters, strict=True):
        scores = np.zeros((runs, len(SCORES)))
        for index, row in enumerate(scores):
            if index % 100 == 0:
                progress(world, index / runs)
            door = ListeningDoor(Session(counter, request.unit, request.budget, source))
            fitted = run(door)
            row[:] = (
                math.fsum(evidence(*heard, *counters) for heard in door.heard),
                _rows_where_they_differ(fitted, *counters),
                _names_of_one(fitted, *counters),
            )
        worlds.append(scores)
    return worlds[0], worlds[1]


@dataclass(frozen=True, eq=False, repr=False)
class TwinScores:
    """What twin runs of a synthesizer saw: scores, names of their columns, and the promise that they are held against.

    without, within: shape (runs, len(names)), for the table and for its neighbour, in the order of the runs. The
    first score is a log-likelihood ratio: above 0 the neighbour is the likelier. mu, delta0: of the whole run.
    """

    names: tuple[str, ...]
    without: npt.NDArray[np.float64]
    within: npt.NDArray[np.float64]
    mu: float
    delta0: float


def twin_scores(
    tables: tuple[Data, Data],
    schema: Schema,
    *,
    epsilon: float,
    delta: float,
    runs: int,
    seed: int | None = None,
    progress: Progress | None = None,
    **options: Any,
) -> TwinScores:
    """Scores of `runs` independent runs of a synthesizer on a made table, and of as many on a neighbour.

    Takes the same options as `synthesize` and `plan`. seed: of the noise, so that a test can be repeated; None is
    the system's entropy, the real thing. Raises SettingError, SchemaError, DataError.

    Privacy: none. Exact answers are computed beside the noisy ones: for made tables, never for anybody's rows.
    """
    request = settle(schema, epsilon=epsilon, delta=delta, **options)
    source = OsEntropy() if seed is None else InsecureTestEntropy(seed)
    without, within = twin_runs(request, tables, runs, source, progress=progress or no_progress)
    return TwinScores(SCORES, without, within, request.budget.mu, float(request.budget.delta))


def _require_bounded(table: Data, request: Request) -> None:
    if request.unit.column is None or not isinstance(table, Mapping):
        return
    rows = np.unique(np.asarray(table[request.unit.column]), return_counts=True)[1]
    if rows.max(initial=0) > request.unit.max_rows:
        raise SettingError(f"rows of one unit must be at most {request.unit.max_rows} in both tables")


def _rows_where_they_differ(fitted: Fitted, table: Counter, neighbour: Counter) -> float:
    """The model's expected rows in cells that the neighbour holds more of, less those that it holds fewer of."""
    columns = fitted.codec.domain.columns
    moved = _count(neighbour, fitted.codec, columns) - _count(table, fitted.codec, columns)
    return float((moved * fitted.model.project(columns)).sum())


def _count(counter: Counter, codec: Any, clique: tuple[str, ...]) -> npt.NDArray[np.int64]:
    return counter.marginals(codec, (clique,))[clique]


def _names_of_one(fitted: Fitted, table: Counter, neighbour: Counter) -> float:
    """Released values of open columns that only the neighbour holds, less those that only the table holds."""
    balance = 0
    for column in neighbour.schema.columns:
        if isinstance(column, OpenCategorical):
            before, after = set(table.frequencies(column.name)), set(neighbour.frequencies(column.name))
            named = set(fitted.codec[column.name].code_labels())
            balance += len(named & (after - before)) - len(named & (before - after))
    return float(balance)


def evidence(mechanism: Any, answer: Any, table: Counter, neighbour: Counter) -> float:
    """Log of the answer's probability on the neighbour over that on the table, by the mechanism's declared law.

    Raises SettingError for a mechanism without a law here: what is not looked at must not pass unseen.
    """
    exact, other = mechanism.query(table), mechanism.query(neighbour)
    match mechanism:
        case Marginals():
            return math.fsum(gaussian(one.values, exact[one.clique], other[one.clique], one.stddev) for one in answer)
        case ResidualMarginals():
            cells = {one.clique: one.values.size for one in answer}
            return math.fsum(
                gaussian(
                    one.values * cells[one.clique],
                    exact[one.clique],
                    other[one.clique],
                    one.stddev * cells[one.clique],
                )
                for one in answer
            )
        case Count() | PairDependence():
            return gaussian(answer, exact, other, mechanism.stddev)
        case DPSGD() | TeacherVotes():
            # Their law, over all batches or teachers that might have been drawn, cannot be written down: the model's
            # score must tell.
            return 0.0
        case FeatureSums():
            noisy = np.asarray(answer) * mechanism.features.bound.scale
            return gaussian(noisy, exact, other, mechanism.stddev)
        case SelectCliques():
            return _cliques(mechanism, answer, exact, other)
        case SelectParents():
            return _parents(mechanism, answer, exact, other)
        case Partitions():
            return _partitions(mechanism, answer, exact, other)
        case PrivTree():
            return _tree(mechanism, answer, other) - _tree(mechanism, answer, exact)
        case QuartileCells():
            places = [mechanism.grid.index(low) for low, _ in answer]
            before, after = mechanism.scores(exact), mechanism.scores(other)
            every, rate = range(len(exact)), mechanism.score_rate
            return math.fsum(
                pick(place, every, *pair, rate)
                for place, pair in zip(places, zip(before, after, strict=True), strict=True)
            )
        case Quantiles():
            return _cuts(mechanism, answer, other) - _cuts(mechanism, answer, exact)
    raise SettingError(f"mechanism ({type(mechanism).__name__}) must have its law in the twin runs; try adding it")


def gaussian(answer: npt.ArrayLike, exact: npt.ArrayLike, other: npt.ArrayLike, stddev: float) -> float:
    """Log-likelihood ratio of integers plus discrete Gaussian noise; the normalising constants cancel."""
    x, y, noisy = (np.asarray(each, dtype=np.float64) for each in (exact, other, answer))
    return float(((y - x) * (2 * noisy - x - y)).sum() / (2 * stddev**2))


def pick(
    index: int, live: Iterable[int], exact: npt.NDArray[np.int64], other: npt.NDArray[np.int64], rate: float
) -> float:
    """Log-likelihood ratio of one draw, with probability proportional to exp(rate * score) among `live`."""
    places = np.fromiter(live, dtype=np.int64)
    logs = []
    for scores in (other, exact):
        weights = rate * (scores[places] - scores[places].max()).astype(np.float64)
        own = rate * float(scores[index] - scores[places].max())
        logs.append(own - math.log(np.exp(weights).sum()))
    return logs[0] - logs[1]


def _cliques(
    mechanism: SelectCliques, answer: Sequence[Any], exact: npt.NDArray[np.int64], other: npt.NDArray[np.int64]
) -> float:
    """Draws one after the other, each among the candidates that those before it leave."""
    picked: list[int] = []
    total = 0.0
    for clique in answer:
        index = mechanism.candidates.index(clique)
        total += pick(index, np.flatnonzero(mechanism.left_after(picked)), exact, other, mechanism.rate)
        picked.append(index)
    return total


def _parents(
    mechanism: SelectParents, answer: Sequence[Any], exact: npt.NDArray[np.int64], other: npt.NDArray[np.int64]
) -> float:
    """Draws among the candidates whose parents are placed; a root is no draw."""
    offsets = np.rint(np.asarray(mechanism.penalties) * SHARES).astype(np.int64)
    placed: set[str] = set()
    total = 0.0
    for column, parents in answer:
        if parents:
            live = [
                i
                for i, (child, above) in enumerate(mechanism.candidates)
                if child not in placed and placed.issuperset(above)
            ]
            index = mechanism.candidates.index((column, parents))
            total += pick(index, live, exact - offsets, other - offsets, mechanism.rate / SHARES)
        placed.add(column)
    return total


def _tree(mechanism: PrivTree, answer: Sequence[int], counts: npt.NDArray[np.int64]) -> float:
    """Log-probability of a tree: a node is split if and only if its middle is a cut."""
    below, cuts = np.concatenate([[0], np.cumsum(counts)]), set(answer)

    def of(low: int, high: int, level: int) -> float:
        if high - low < 2 or level == mechanism.depth:
            return 0.0
        middle = (low + high) // 2
        excess = mechanism.excess(int(below[high] - below[low]), level)
        if mechanism.grid[middle] not in cuts:
            return log_chance(excess, mechanism.rate, split=False)
        split = log_chance(excess, mechanism.rate, split=True)
        return split + of(low, middle, level + 1) + of(middle, high, level + 1)

    return of(0, len(counts), 0)


def _cuts(mechanism: Quantiles, answer: Sequence[int], counts: npt.NDArray[np.int64]) -> float:
    """Log-probability of a set of cuts, added up over all orders in which the levels may have drawn them."""
    below = np.concatenate([[0], np.cumsum(counts)])
    places = [mechanism.grid.index(tick) for tick in answer]

    @cache
    def of(first: int, last: int, levels: int) -> float:
        low, high = places[first], places[last]
        if levels == 0 or high - low < 2:
            return 0.0 if last == first + 1 else -math.inf
        imbalance = np.abs(2 * below[low + 1 : high] - below[low] - below[high]) * -mechanism.rate
        whole = np.logaddexp.reduce(imbalance)
        ways = [
            float(imbalance[places[cut] - low - 1] - whole) + of(first, cut, levels - 1) + of(cut, last, levels - 1)
            for cut in range(first + 1, last)
        ]
        return float(np.logaddexp.reduce(ways)) if ways else -math.inf

    return of(0, len(places) - 1, mechanism.depth)


def _partitions(
    mechanism: Partitions, answer: Mapping[str, int], exact: Mapping[str, int], other: Mapping[str, int]
) -> float:
    """Named values by their noisy counts, others by the chance to stay below the threshold (the limit is ignored)."""
    passed, total = threshold(mechanism.stddev, mechanism.delta, mechanism.max_rows), 0.0
    for value in exact.keys() | other.keys():
        x, y = exact.get(value), other.get(value)
        if value in answer:
            told = gaussian(answer[value], x or 0, y or 0, mechanism.stddev)
            total += told if x is not None and y is not None else _TELLS_ALL * (1 if x is None else -1)
        else:
            hidden = [1.0 if count is None else _below(passed - count, mechanism.stddev) for count in (y, x)]
            total += math.log(hidden[0] / hidden[1])
    return total


def _below(limit: int, stddev: float) -> float:
    """P(Z < limit) of a discrete Gaussian Z, by adding up; above 1e-300."""
    noise = np.arange(-math.ceil(40 * stddev), math.ceil(40 * stddev) + 1)
    weights = np.exp(-((noise / stddev) ** 2) / 2)
    return max(float(weights[noise < limit].sum() / weights.sum()), 1e-300)
