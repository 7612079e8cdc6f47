"""`mosaic`: small marginals of columns at several resolutions, chosen in private rounds, pieced together by records.

1. One-ways; from them nested groupings of every column's codes, coarse to fine (`resolutions`).
2. A few rounds. Each scores every pair and triple of columns at every affordable resolution by the L1
   error of the current records, less the noise that the final measurement will bring; draws a batch of
   the worst by the exponential mechanism; measures them; and sweeps the records on (`record_update`).
3. One final shot: most of the budget measures all chosen marginals and the one-ways again, noise divided by size.
4. The records are swept to equilibrium, averaged over many sweeps, and settled (`record_swaps`).

The rounds find the structure, so their penalty is that of the final shot's noise, not of their own. Synthetic records
instead of a junction tree hold any set of marginals: a round costs seconds whatever columns it entangles.

Sources: McKenna, Mullins, Sheldon, Miklau, "AIM", VLDB 2022 (worst-approximated marginals, in rounds); Zhang et
al., "PrivSyn", USENIX Security 2021 (records); the several resolutions, the batches, the one final shot and the
settled average are ours. Ablations: docs/explanation/mosaic.md.
"""

from __future__ import annotations

import dataclasses
import itertools
import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial

import numpy as np
import numpy.typing as npt

from dpsynth.codec.codec import Codec
from dpsynth.codec.finer import count_finer
from dpsynth.domain import Clique, Domain
from dpsynth.errors import SettingError
from dpsynth.marginal import NoisyMarginal
from dpsynth.mechanisms.gaussian_cost import stddev_within
from dpsynth.mechanisms.marginals import Marginals
from dpsynth.mechanisms.select import SelectCliques, rate_within, whole_weights
from dpsynth.models.record_counts import count_records
from dpsynth.models.record_swaps import settle_records
from dpsynth.models.record_table import RecordTable
from dpsynth.models.record_update import Records, start_records, sweep_records
from dpsynth.plan import PlannedStep, Resources
from dpsynth.privacy.cost import Cost
from dpsynth.privacy.unit import PrivacyUnit
from dpsynth.session import Door
from dpsynth.synthesizers.one_ways import estimate_total, independent_model, measure_one_ways
from dpsynth.synthesizers.resolutions import Resolutions, find_resolutions
from dpsynth.synthesizers.rounds import EXPECTED_NOISE, with_measurement
from dpsynth.synthesizers.settings import require_at_least_one, require_not_negative, require_shares
from dpsynth.synthesizers.synthesizer import Fitted, Progress, allocate_stddevs, planned_marginals
from dpsynth.workload import Workload

# Columns are grouped to about these many groups, besides their own codes.
_LEVEL_GROUPS: tuple[int, ...] = (8, 24)
# Where rows * mu is below this, noise rules: coarser groups, cooler records, and part of the final shot's budget
# goes to the one-ways before anything is chosen, and codes share what they tell of small counts (`likely_counts`).
_LOW_SIGNAL = 3_000.0
_LOW_LEVEL_GROUPS, _LOW_COOLING, _LOW_ONE_WAYS = (4, 10, 30), 2 / 3, 0.17
# A candidate of three columns may be finer than the coarsest by this many levels in all.
_FINER_LEVELS = 3
_ROUND_GROWTH = 1.4
_MOST_ROUNDS, _MOST_PICKS = 100, 10_000
# In a round; at the end, at most; and, in both, of records too coarse to follow noise.
_SWEEPS, _FINAL_SWEEPS, _COLD_SWEEPS = 4, 20, 2
# Cells of all candidates of a round together, at most.
_MOST_COUNTED = 20_000_000
# Entries visited in the final sweeps at most (records * sweeps), so that time does not grow with the rows.
_FINAL_VISITS = 1_200_000

# Of what does not hang on the rows, for each code of the domain.
_SECONDS_PER_CODE = 0.002

_ALL_TRIPLES = Workload()


@dataclass(frozen=True)
class Mosaic:
    """What `auto` takes up to 36 columns: small marginals at several resolutions, most accurate here, in seconds.

    workload: the marginals that matter (degree 1, 2 or 3, weights, a label; see `Workload`). one_way_share,
    round_share: of the budget; the rest is the final shot. select_share: of each round's part. rounds; picks:
    marginals chosen in a round, 0 for a number that grows with rows times mu (public or released).
    merge_below: codes are joined up to this many stddevs of rows. noise_penalty: how much of the final
    noise (L1) counts against a candidate. max_cells: of a candidate; candidates: at most that many.
    temperature: of the fit of the records (see `sweep_records`). max_records: held in the rounds;
    final_records: in the release, each standing for as many rows when there are more rows.
    """

    workload: Workload | str = _ALL_TRIPLES
    one_way_share: float = 0.18
    round_share: float = 0.3
    select_share: float = 0.12
    rounds: float = 5.0
    picks: float = 0.0
    merge_below: float = 2.5
    noise_penalty: float = 0.7
    max_cells: float = 20_000.0
    candidates: float = 4_000.0
    temperature: float = 1.5
    max_records: float = 50_000.0
    final_records: float = 250_000.0

    def __post_init__(self) -> None:
        object.__setattr__(self, "workload", Workload.read(self.workload))
        require_shares(self, "one_way_share", "round_share", "select_share")
        if not self.one_way_share + self.round_share < 1:
            raise SettingError("one_way_share + round_share must be below 1; got no budget for the final shot")
        require_not_negative(self, "merge_below", "noise_penalty", "temperature")
        if self.picks and not 1 <= self.picks <= _MOST_PICKS:
            raise SettingError(
                f"picks ({self.picks}) must be 0, for a number that suits the rows, or 1 to {_MOST_PICKS}"
            )
        if not 1 <= self.rounds <= _MOST_ROUNDS:
            raise SettingError(f"rounds ({self.rounds}) must be from 1 to {_MOST_ROUNDS}; try 5")
        require_at_least_one(self, "max_cells", "candidates", "max_records", "final_records")

    def _split(self, domain: Domain, budget: Cost) -> tuple[Cost, Cost, Cost]:
        shares = (self.one_way_share, self.round_share, 1 - self.one_way_share - self.round_share)
        one_ways, rounds, final = budget.split(shares if len(domain) > 1 else (1, 0, 0))
        return one_ways, rounds, final

    def _rounds(self, budget: Cost) -> tuple[tuple[Cost, Cost], ...]:
        """Selection and measurement of every round; later rounds have more."""
        each = budget.split([_ROUND_GROWTH**number for number in range(int(self.rounds))])
        halves = [one.split((self.select_share, 1 - self.select_share)) for one in each]
        return tuple((selection, measurement) for selection, measurement in halves)

    def steps(self, domain: Domain, budget: Cost, unit: PrivacyUnit) -> tuple[PlannedStep, ...]:
        """One-ways; rounds of choice and measurement; the final shot (noise as if of the smallest pairs)."""
        for_one_ways, for_rounds, for_final = self._split(domain, budget)
        one_ways = planned_marginals("one-way marginals", domain, [(c,) for c in domain], for_one_ways, unit)
        if len(domain) < 2:
            return (one_ways,)
        cells = int(self.candidates * self.max_cells)
        selection, measurement = (sum(parts[1:], parts[0]) for parts in zip(*self._rounds(for_rounds), strict=True))
        pairs = sorted(itertools.combinations(domain.columns, 2), key=domain.cells)[: _most_picks(domain)]
        return (
            one_ways,
            PlannedStep("choose marginals", "selection", selection, None, cells),
            PlannedStep("chosen marginals", "marginals", measurement, None, int(self.max_cells)),
            planned_marginals("final shot", domain, pairs, for_final, unit),
        )

    def resources(self, domain: Domain) -> Resources:
        """Sets of columns and cells of one round's candidates at most; all records; the table of pairs of codes."""
        codes = sum(domain.sizes)
        counted = int(min(_MOST_COUNTED, self.candidates * self.max_cells, codes**2 * len(domain)))
        entries = int((self.final_records + _SWEEPS // 2 * self.max_records) * len(domain))
        model = entries // 4 + min(codes, 8_000) ** 2 // 12
        sets = int(min(self.candidates, math.comb(len(domain), 2) + math.comb(len(domain), 3)))
        return Resources(sets, counted, model, _SECONDS_PER_CODE * codes, int(self.final_records))

    def fit(self, door: Door, codec: Codec, budget: Cost, progress: Progress) -> Fitted:
        """One-ways, rounds, final shot, settled records."""
        for_one_ways, for_rounds, for_final = self._split(codec.domain, budget)
        one_ways = measure_one_ways(door, codec, for_one_ways)
        total = estimate_total(one_ways)
        signal = total * budget.mu / math.sqrt(door.unit.squared_l2_count_sensitivity)
        level_groups, temperature = _LEVEL_GROUPS, self.temperature
        noisy = signal < _LOW_SIGNAL and len(codec.domain) > 1
        if noisy:
            level_groups, temperature = _LOW_LEVEL_GROUPS, self.temperature * _LOW_COOLING
            for_one_ways, for_final = for_final.split((_LOW_ONE_WAYS, 1 - _LOW_ONE_WAYS))
            for again in measure_one_ways(door, codec, for_one_ways, "final shot"):
                one_ways = with_measurement(one_ways, again)
            total = estimate_total(one_ways)
        read, measured = find_resolutions(codec, one_ways, total, self.merge_below, level_groups, likely=noisy)
        # Post-processing: a fixed seed makes the model a function of the measurements alone.
        rng = np.random.default_rng(0)
        independent = independent_model(read.codec, measured, total)
        if len(codec.domain) < 2:
            return Fitted(independent, read.codec, measured)
        state = _State(
            dataclasses.replace(self, temperature=temperature),
            door,
            read,
            total,
            measured,
            start_records(independent, int(self.max_records), rng),
            rng,
        )
        chosen = state.search(self._rounds(for_rounds), self._picks(codec.domain, signal), for_final, progress)
        wanted = [*chosen, *((column,) for column in read.codec.domain)]
        state.measure(_maximal(read, wanted), for_final, "final shot")
        model = state.finish(partial(progress, "records"))
        return Fitted(model, read.codec, state.measured)

    def _picks(self, domain: Domain, signal: float) -> int:
        """Marginals a round: so many that the final shot measures about 2 signal^0.4 for 14 columns."""
        if self.picks:
            return int(self.picks)
        wanted: float = 2.2 * signal**0.4 * len(domain) / 14
        return max(2, min(round(wanted / self.rounds), _most_picks(domain)))


def _most_picks(domain: Domain) -> int:
    return 3 * len(domain)


def _maximal(read: Resolutions, chosen: Sequence[Clique]) -> tuple[Clique, ...]:
    """The chosen cliques that no other chosen one holds, columns and levels."""
    levels = {clique: dict(read.readings[name] for name in clique) for clique in dict.fromkeys(chosen)}

    def within(one: dict[str, int], other: dict[str, int]) -> bool:
        return all(column in other and level <= other[column] for column, level in one.items())

    return tuple(
        clique
        for clique, own in levels.items()
        if not any(other != clique and within(own, theirs) for other, theirs in levels.items())
    )


class _State:
    """The records and measurements as the rounds go on."""

    def __init__(
        self,
        settings: Mosaic,
        door: Door,
        read: Resolutions,
        total: float,
        measured: Sequence[NoisyMarginal],
        records: Records,
        rng: np.random.Generator,
    ) -> None:
        self.settings, self.door, self.read, self.total, self.rng = settings, door, read, total, rng
        self.measured = tuple(measured)
        self.records = self.kept = records

    def search(
        self, rounds: Sequence[tuple[Cost, Cost]], picks: int, for_final: Cost, progress: Progress
    ) -> list[Clique]:
        """Choose and measure in every round; all cliques that were chosen, in order."""
        chosen: list[Clique] = []
        expected = max(1, round(0.8 * picks * len(rounds)))
        stddev = stddev_within(for_final.split([1] * expected)[0], self.door.unit.squared_l2_count_sensitivity)
        noise = self.settings.noise_penalty * EXPECTED_NOISE * stddev
        for number, (for_selection, for_measurement) in enumerate(rounds):
            progress("rounds", number / len(rounds))
            batch = self.choose(picks, for_selection, noise)
            self.measure(batch, for_measurement, "chosen marginals")
            self.sweep(self._sweeps(_SWEEPS))
            chosen += batch
        progress("rounds", 1.0)
        return chosen

    def choose(self, picks: int, budget: Cost, noise: float) -> tuple[Clique, ...]:
        """The candidates that the records explain worst beyond the noise, about; no two on nested columns."""
        unit, counted = self.door.unit, self.read.counted
        candidates = self.candidates()
        if not candidates:
            return ()
        cliques = tuple(clique for clique, _ in candidates)
        references = self.expected(cliques)
        weights = whole_weights([weight for _, weight in candidates])
        weights = () if len(set(weights)) == 1 else weights
        selection = SelectCliques(
            codec=counted,
            candidates=cliques,
            references=references,
            penalties=tuple(round(noise * counted.domain.cells(clique)) for clique in cliques),
            rate=rate_within(budget, unit.l1_count_sensitivity * max(weights, default=1), picks),
            picks=picks,
            weights=weights,
            nested=False,
        )
        return self.door.run(selection, "choose marginals")

    def candidates(self) -> tuple[tuple[Clique, float], ...]:
        """Sets of columns of the workload at every affordable resolution, each with its weight.

        Pairs have at most half of the `candidates`: in a wide table at their coarser levels only. Triples have the
        rest, those first whose pairs hang together in the records.
        """
        sets = _column_sets(Workload.read(self.settings.workload), self.read.codec.domain)
        pairs = [one for one in sets if len(one[0]) == 2]
        triples = [one for one in sets if len(one[0]) > 2]
        most = int(self.settings.candidates)
        finer, found = 0, self._listed(pairs, 0)
        while len(more := self._listed(pairs, finer + 1)) <= most // 2 and len(more) > len(found):
            finer, found = finer + 1, more
        # There are at most that many ways to read three columns within the finer levels.
        if len(found) + len(triples) * math.comb(_FINER_LEVELS + 3, 3) > most:
            depends = self._dependence()
            triples.sort(key=lambda one: -sum(depends[pair] for pair in itertools.combinations(one[0], 2)))
            triples = triples[: max(0, most - len(found))]
        listed = [*found, *self._listed(triples, _FINER_LEVELS)][:most]
        cells = itertools.accumulate(self.read.counted.domain.cells(clique) for clique, _ in listed)
        return tuple(one for one, so_far in zip(listed, cells, strict=True) if so_far <= _MOST_COUNTED)

    def _listed(self, sets: Sequence[tuple[Clique, float]], finer: int) -> list[tuple[Clique, float]]:
        """Sets of columns at levels finer than the coarsest by at most `finer` in all, where cells are few enough."""
        domain = self.read.counted.domain
        found = []
        for columns, weight in sets:
            for levels in itertools.product(*(range(len(self.read.levels[column])) for column in columns)):
                clique = self.read.named(tuple(zip(columns, levels, strict=True)))
                if sum(levels) <= finer and domain.cells(clique) <= self.settings.max_cells:
                    found.append((clique, weight))
        return found

    def _dependence(self) -> dict[Clique, float]:
        """How far each pair of columns, at its coarsest, is from independent in the records (total variation)."""
        columns = self.read.codec.domain.columns
        pairs: list[tuple[str, str]] = list(itertools.combinations(columns, 2))
        tables = self.expected([self.read.named(((a, 0), (b, 0))) for a, b in pairs])
        found: dict[Clique, float] = {}
        for pair, table in zip(pairs, tables, strict=True):
            share = table / max(table.sum(), 1)
            found[pair] = float(np.abs(share - np.outer(share.sum(axis=1), share.sum(axis=0))).sum()) / 2
        return found

    def expected(self, cliques: Sequence[Clique]) -> tuple[npt.NDArray[np.int64], ...]:
        """Counts of cliques of levels in the kept records, scaled to the total and rounded."""
        read, codes = self.read, {}
        for place, column in enumerate(read.codec.domain):
            for name, groups in zip(read.names[column], read.levels[column], strict=True):
                codes[name] = groups[self.kept[:, place]]
        sizes = {name: read.counted.domain[name] for name in codes}
        scale = self.total / len(self.kept)

        def count(needed: Sequence[Clique]) -> dict[Clique, npt.NDArray[np.int64]]:
            return dict(zip(needed, count_records(codes, sizes, needed), strict=True))

        tables = count_finer(read.counted, cliques, count)
        return tuple(np.rint(tables[clique] * scale).astype(np.int64) for clique in cliques)

    def measure(self, cliques: Sequence[Clique], budget: Cost, label: str) -> None:
        """Measure cliques of levels together, noise divided by size."""
        if not cliques:
            return
        stddevs = allocate_stddevs(self.read.counted.domain, cliques, budget, self.door.unit)
        noisy = self.door.run(Marginals(self.read.counted, tuple(cliques), stddevs), label)
        for one in noisy:
            self.measured = with_measurement(self.measured, self.read.on_codes(one))

    def sweep(self, sweeps: int, progress: partial[None] | None = None) -> None:
        """Sweep the records on towards all measurements; the second half of the sweeps is kept."""
        self.kept = sweep_records(
            self.read.codec.domain,
            self.records,
            self.total,
            self.measured,
            self.rng,
            sweeps=sweeps,
            keep=sweeps // 2,
            temperature=self.settings.temperature,
            zeros=self.read.codec.zeros,
            progress=progress,
        )

    def _sweeps(self, most: int) -> int:
        """So many sweeps, or fewer where a record stands for several rows, and more than the noise has.

        Its moves are then too coarse to follow noise, of which an average would be rid, and records come to rest soon.
        """
        noise = float(np.median([one.stddev for one in self.measured]))
        return min(most, _COLD_SWEEPS) if self.total / len(self.records) > max(noise, 2.0) else most

    def finish(self, progress: partial[None]) -> RecordTable:
        """As many records as rows (at most `final_records`), swept, averaged and settled."""
        domain = self.read.codec.domain
        rows = max(1, min(round(self.total), int(self.settings.final_records)))
        if rows != len(self.records):
            whole, rest = divmod(rows, len(self.records))
            taken = np.concatenate(
                [np.tile(np.arange(len(self.records)), whole), self.rng.permutation(len(self.records))[:rest]]
            )
            self.records = np.ascontiguousarray(self.records[taken])
        self.sweep(self._sweeps(max(_SWEEPS, min(_FINAL_SWEEPS, _FINAL_VISITS // rows))), progress)
        settle_records(domain, self.records, self.kept, self.rng, zeros=self.read.codec.zeros)
        return RecordTable.of_matrix(domain, self.records, self.total)


def _column_sets(workload: Workload, domain: Domain) -> list[tuple[Clique, float]]:
    """Pairs and triples of columns that the workload's cliques hold, each with its weight."""
    if any(len(set(clique)) > 1 for clique in workload.cliques):
        weighted: dict[Clique, float] = {}
        for clique, weight in workload.resolve(domain):
            for size in (2, 3):
                for part in itertools.combinations(clique, size):
                    weighted[part] = weighted.get(part, 0.0) + weight
        return list(weighted.items())
    # One-ways are measured anyway: a workload of them alone is served by all pairs, like degree 1.
    workload = dataclasses.replace(workload, cliques=(), degree=1 if workload.cliques else workload.degree)
    degrees = [size for size in (2, 3) if size <= max(2, min(workload.degree, len(domain)))]
    return [one for size in degrees for one in dataclasses.replace(workload, degree=size).resolve(domain)]
