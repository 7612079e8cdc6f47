"""The fit of records: bookkeeping against a plain recount, convergence, Gibbs' law, and what temperature is for."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from scipy import stats

from dpsynth.domain import Domain
from dpsynth.errors import SettingError
from dpsynth.marginal import Basis, NoisyMarginal
from dpsynth.models import record_kernels as kernels
from dpsynth.models.random_field import RandomField
from dpsynth.models.record_update import _excess, _lay_out, _shares, fit_records
from dpsynth.models.record_zeros import lay_out_zeros

DOMAIN = Domain.of({"a": 4, "b": 3, "c": 2, "d": 5})
FREE = lay_out_zeros(DOMAIN, [])
PAIRS = tuple(itertools.combinations(DOMAIN.columns, 2))


def in_order(tables: list[np.ndarray]) -> np.ndarray:
    """Cells as the compiled loops have them: the longest axis last."""
    return np.concatenate([table.transpose(np.argsort(table.shape, kind="stable")).ravel() for table in tables])


def joint(seed: int = 0, rows: int = 3000) -> np.ndarray:
    table = np.random.default_rng(seed).dirichlet(np.full(DOMAIN.cells(DOMAIN), 0.3)) * rows
    return table.reshape(DOMAIN.sizes)


def measure(table: np.ndarray, cliques, stddev: float, seed: int = 0) -> list[NoisyMarginal]:
    rng = np.random.default_rng(seed)
    out = []
    for clique in cliques:
        gone = tuple(i for i, name in enumerate(DOMAIN) if name not in clique)
        exact = table.sum(axis=gone)
        out.append(NoisyMarginal(clique, exact + rng.normal(0, stddev, exact.shape), stddev))
    return out


def start(table: np.ndarray) -> RandomField:
    ones = {name: table.sum(axis=tuple(j for j in range(4) if j != i)) for i, name in enumerate(DOMAIN)}
    return RandomField.independent(DOMAIN, ones, float(table.sum()))


def distance(model, table, cliques) -> float:
    return np.mean(
        [
            np.abs(model.project(one.clique) - one.values).sum() / 2 / table.sum()
            for one in measure(table, cliques, 1e-9)
        ]
    )


def test_exact_marginals_are_met_by_records():
    table = joint()
    measured = measure(table, PAIRS, 1e-3)
    model = fit_records(start(table), measured, np.random.default_rng(0), sweeps=10)
    assert distance(start(table), table, PAIRS) > 0.1
    assert distance(model, table, PAIRS) < 0.005
    assert model.total == table.sum()
    assert model.records == 3000


def test_excess_is_kept_up_to_date():
    """After sweeps the running counts equal a recount of the records."""
    table = joint()
    measured = measure(table, [*PAIRS, ("a", "b", "d"), ("c",)], 5.0)
    tables, columns = _lay_out(DOMAIN, measured, 7.5)
    rng = np.random.default_rng(0)
    records = np.column_stack([rng.integers(0, size, 400) for size in DOMAIN.sizes]).astype(np.int32)

    def recount() -> np.ndarray:
        parts = [-one.values.copy() for one in measured]
        for row in records:
            for part, one in zip(parts, measured, strict=True):
                part[tuple(row[DOMAIN.columns.index(name)] for name in one.clique)] += 7.5
        return in_order(parts) / 7.5

    excess = _excess(records, tables, columns, measured, 7.5)
    np.testing.assert_allclose(excess, recount(), atol=1e-3)
    shares = np.concatenate([_shares(records[:, i], size) for i, size in enumerate(DOMAIN.sizes)])
    for temperature in (0.25, 0.0):
        kernels.sweep(records, np.arange(400), shares, tables, columns, FREE, temperature, np.uint64(1), excess)
        np.testing.assert_allclose(excess, recount(), atol=1e-3)


def test_a_cold_sweep_never_raises_the_loss():
    table = joint()
    measured = measure(table, PAIRS, 5.0)

    def loss(model) -> float:
        return sum(((model.project(one.clique) - one.values) ** 2).sum() / 50.0 for one in measured)

    losses = [
        loss(fit_records(start(table), measured, np.random.default_rng(0), sweeps=n, temperature=0.0)) for n in range(5)
    ]
    assert all(after <= before + 1e-6 for before, after in itertools.pairwise(losses))
    assert losses[-1] < 0.2 * losses[0]


@pytest.mark.parametrize(("heat_used", "accepted"), [(0.5, True), (1.0, False), (0.25, False)])
def test_entries_follow_gibbs_law(heat_used, accepted):
    """One record, one column: share * exp(-pull / heat), chi-square at false-alarm rate 1e-6; other heats fail."""
    domain = Domain.of({"a": 3})
    values, shares = np.array([0.5, 0.0, -0.4]), np.array([0.2, 0.5, 0.3], dtype=np.float32)
    measured = [NoisyMarginal(("a",), values, 1.0)]
    tables, columns = _lay_out(domain, measured, 1.0)
    tally = np.zeros(3)
    for key in range(6000):
        records = np.zeros((1, 1), dtype=np.int32)
        excess = _excess(records, tables, columns, measured, 1.0)
        kernels.sweep(records, np.arange(1), shares, tables, columns, FREE, heat_used, np.uint64(7919 * key), excess)
        tally[records[0, 0]] += 1
    law = shares * np.exp(values / 0.5)
    assert bool(stats.chisquare(tally, law / law.sum() * 6000).pvalue > 1e-6) is accepted


def test_temperature_keeps_noise_out_of_the_records():
    """Independent columns and much noise: at temperature 0 the noise becomes dependence, at 10 most of it does not."""
    table = np.asarray(start(joint(rows=100_000)).project(DOMAIN.columns))
    measured = measure(table, PAIRS, 1000.0)
    cold, warm = (
        fit_records(start(table), measured, np.random.default_rng(0), temperature=temperature)
        for temperature in (0, 10)
    )
    assert distance(warm, table, PAIRS) < 0.8 * distance(cold, table, PAIRS)


def test_a_cap_on_records_keeps_the_total():
    table = joint()
    model = fit_records(start(table), measure(table, PAIRS, 1.0), np.random.default_rng(0), max_records=700)
    assert (model.records, model.total) == (700, table.sum())
    assert distance(model, table, PAIRS) < 0.06


def test_the_same_generator_gives_the_same_records():
    table = joint()
    measured = measure(table, PAIRS, 5.0)
    one, two = (fit_records(start(table), measured, np.random.default_rng(3), sweeps=2) for _ in range(2))
    assert all(np.array_equal(one.codes[name], two.codes[name]) for name in DOMAIN)


def test_progress_and_bad_measurements():
    table, seen = joint(), []
    measured = measure(table, PAIRS, 5.0)
    fit_records(start(table), measured, np.random.default_rng(0), sweeps=4, progress=seen.append)
    assert seen == [0.25, 0.5, 0.75, 1.0]
    for bad, said in (
        (NoisyMarginal(("a",), np.zeros(4), 1.0, Basis.RESIDUAL), "every cell"),
        (NoisyMarginal(("a",), np.zeros(3), 1.0), "fit the codes"),
    ):
        with pytest.raises(SettingError, match=said):
            fit_records(start(table), [bad], np.random.default_rng(0))


# Columns read at several levels: "a" in three ways, "d" in two, and a measurement with one axis whole.
GROUPED = (
    (("a",), ()),
    (("a", "b"), ((0, 0, 1, 1), None)),
    (("b", "d"), (None, (0, 1, 1, 0, 2))),
    (("a", "c", "d"), ((2, 0, 1, 1), None, (0, 1, 1, 0, 2))),
    (("d",), ((0, 1, 1, 0, 2),)),
    (("c", "d"), ()),
)


def grouped(table: np.ndarray, stddev: float = 4.0, seed: int = 0) -> list[NoisyMarginal]:
    rng, out = np.random.default_rng(seed), []
    for clique, groups in GROUPED:
        values = table.sum(axis=tuple(i for i, name in enumerate(DOMAIN) if name not in clique))
        for axis, cells in enumerate(groups):
            if cells is not None:
                summed = [
                    values.take(np.flatnonzero(np.equal(cells, g)), axis).sum(axis) for g in range(max(cells) + 1)
                ]
                values = np.stack(summed, axis)
        out.append(NoisyMarginal(clique, values + rng.normal(0, stddev, values.shape), stddev, groups=groups))
    return out


def cell_of(one: NoisyMarginal, row: np.ndarray) -> tuple[int, ...]:
    codes = [int(row[DOMAIN.columns.index(name)]) for name in one.clique]
    groups = one.groups or (None,) * len(codes)
    return tuple(code if cells is None else cells[code] for code, cells in zip(codes, groups, strict=True))


def pulls(records: np.ndarray, i: int, column: int, measured: list[NoisyMarginal], each: float) -> np.ndarray:
    """Slow and plain: for each code of the entry, weight * (counts of all other records - values) where it would be."""
    out = np.zeros(DOMAIN.sizes[column])
    for one in measured:
        excess = -one.values.copy()
        for k, row in enumerate(records):
            if k != i:
                excess[cell_of(one, row)] += each
        for code in range(out.size if DOMAIN.columns[column] in one.clique else 0):
            row = records[i].copy()
            row[column] = code
            out[code] += excess[cell_of(one, row)] / one.stddev**2
    return out


def flat_excess(records, measured, each) -> np.ndarray:
    return _excess(records, *_lay_out(DOMAIN, measured, each), measured, each)


def random_records(rows: int) -> np.ndarray:
    rng = np.random.default_rng(1)
    return np.column_stack([rng.integers(0, size, rows) for size in DOMAIN.sizes]).astype(np.int32)


def test_grouped_cells_are_those_of_a_plain_recount():
    measured, records = grouped(joint()), random_records(80)
    tables, columns = _lay_out(DOMAIN, measured, 2.5)
    assert columns.level_counts.tolist() == [3, 1, 1, 2]
    excess = flat_excess(records, measured, 2.5)

    def recount() -> np.ndarray:
        parts = [-one.values.copy() for one in measured]
        for part, one in zip(parts, measured, strict=True):
            for row in records:
                part[cell_of(one, row)] += 2.5
        return in_order(parts) / 2.5

    shares = np.concatenate([_shares(records[:, i], size) for i, size in enumerate(DOMAIN.sizes)])
    for temperature in (1.2, 0.0):
        np.testing.assert_allclose(excess, recount(), atol=1e-3)
        kernels.sweep(records, np.arange(80), shares, tables, columns, FREE, temperature, np.uint64(1), excess)
    np.testing.assert_allclose(excess, recount(), atol=1e-3)


def test_a_cold_visit_takes_the_code_of_the_least_pull():
    """Every record in turn, every column in turn, against the slow pull; codes of one group tie and stay."""
    measured, records = grouped(joint(rows=200)), random_records(60)
    tables, columns = _lay_out(DOMAIN, measured, 3.0)
    slow, excess, moved = records.copy(), flat_excess(records, measured, 3.0), 0
    shares = np.full(sum(DOMAIN.sizes), 0.5, dtype=np.float32)
    for i in range(60):
        kernels.sweep(records, np.array([i]), shares, tables, columns, FREE, 0.0, np.uint64(0), excess)
        for column in range(len(DOMAIN)):
            pull = pulls(slow, i, column, measured, 3.0)
            if pull.min() < pull[slow[i, column]] - 1e-9:
                slow[i, column] = int(np.flatnonzero(pull < pull.min() + 1e-9)[0])
                moved += 1
        np.testing.assert_array_equal(records, slow)
    assert moved > 60


@pytest.mark.parametrize(("factor", "accepted"), [(1.0, True), (2.0, False), (0.5, False)])
def test_a_warm_visit_follows_the_pull_of_groups(factor, accepted):
    """The last column of one record, chi-square at false-alarm rate 1e-6; twice or half the temperature is rejected."""
    measured, draws = [one for one in grouped(joint(rows=60)) if one.clique[-1] == "d"], 4000
    tables, columns = _lay_out(DOMAIN, measured, 1.0)
    records = random_records(20)
    records[:, :3] = 1
    shares = np.concatenate(
        [[1e-30, 1.0, 1e-30, 1e-30], [1e-30, 1.0, 1e-30], [1e-30, 1.0], [0.1, 0.3, 0.2, 0.3, 0.1]]
    ).astype(np.float32)
    pull, tally = pulls(records, 0, 3, measured, 1.0), np.zeros(5)
    heat = float(np.ptp(pull)) / 1.5
    temperature = factor * heat * float(np.median([one.stddev for one in measured]))
    for key in range(draws):
        drawn, excess = records.copy(), flat_excess(records, measured, 1.0)
        kernels.sweep(drawn, np.arange(1), shares, tables, columns, FREE, temperature, np.uint64(7919 * key), excess)
        assert drawn[0, :3].tolist() == [1, 1, 1]
        tally[drawn[0, 3]] += 1
    law = shares[-5:] * np.exp(-pull / heat)
    assert bool(stats.chisquare(tally, law / law.sum() * draws).pvalue > 1e-6) is accepted


def test_grouped_measurements_alone_bring_what_they_say():
    table = joint()
    measured = grouped(table, stddev=1e-3)
    model = fit_records(start(table), measured, np.random.default_rng(0), sweeps=10)
    before = start(table)

    def error(fitted) -> float:
        rows = fitted.sample(3000, np.random.default_rng(0))
        matrix = np.column_stack([rows[name] for name in DOMAIN])
        whole = 0.0
        for one in measured:
            counts = np.zeros(one.values.shape)
            for row in matrix:
                counts[cell_of(one, row)] += 1
            whole += np.abs(counts - one.values).sum() / 2 / 3000
        return whole / len(measured)

    assert error(before) > 0.05
    assert error(model) < 0.005


def test_groups_that_do_not_fit_the_domain_are_refused():
    short = NoisyMarginal(("a",), np.zeros(2), 1.0, groups=((0, 1, 1),))
    with pytest.raises(SettingError, match="fit the codes"):
        fit_records(start(joint()), [short], np.random.default_rng(0))
