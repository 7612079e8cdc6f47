"""Mosaic: what it may choose, what it may spend, what it finds, and tables at the edge."""

from __future__ import annotations

import itertools
from collections import defaultdict

import numpy as np
import pytest

import dpsynth
from dpsynth.codec.codec import Codec, closed_codec
from dpsynth.domain import Domain
from dpsynth.engine import plan_request, run_request, settle
from dpsynth.errors import SettingError
from dpsynth.marginal import NoisyMarginal
from dpsynth.models.record_table import RecordTable
from dpsynth.models.record_update import start_records
from dpsynth.privacy.calibration import budget_from
from dpsynth.privacy.cost import ZERO
from dpsynth.privacy.randomness import InsecureTestEntropy
from dpsynth.privacy.unit import PrivacyUnit, Relation
from dpsynth.private.ingest import ingest
from dpsynth.private.memory import MemoryCounter
from dpsynth.session import Session
from dpsynth.synthesizers.mosaic import Mosaic, _column_sets, _maximal, _State
from dpsynth.synthesizers.one_ways import independent_model
from dpsynth.synthesizers.resolutions import Resolutions, find_resolutions
from dpsynth.workload import Workload

BUDGET = budget_from(1.0, 1e-6)
Table = dict[str, np.ndarray]


def schema(sizes: dict[str, int]) -> dpsynth.Schema:
    return dpsynth.Schema([dpsynth.Categorical(name, values=range(size)) for name, size in sizes.items()])


def chain(rows: int, sizes: dict[str, int], noise: float = 0.3, seed: int = 0) -> Table:
    """Every column a noisy copy of the one before, as far as its codes go."""
    rng, made = np.random.default_rng(seed), {}
    before = rng.integers(0, max(sizes.values()), rows)
    for name, size in sizes.items():
        before = np.where(rng.random(rows) < noise, rng.integers(0, size, rows), before % size)
        made[name] = before
    return made


def run(table: Table, sizes: dict[str, int], epsilon: float = 1.0, seed: int = 0, **settings):
    """What was fitted, the plan, and the session."""
    asked = settle(schema(sizes), epsilon=epsilon, delta=1e-6, synthesizer="mosaic", settings=settings)
    source = InsecureTestEntropy(seed)
    door = Session(MemoryCounter(ingest(table, asked.schema, asked.unit, source)), asked.unit, asked.budget, source)
    return run_request(asked, door), plan_request(asked), door


def state(table: Table, sizes: dict[str, int], **settings) -> _State:
    """A search as it stands after exact one-ways, nothing measured yet: candidates ask no door."""
    codec = Codec(tuple(map(closed_codec, schema(sizes).columns)))
    ones = [NoisyMarginal((c,), np.bincount(table[c], minlength=s).astype(float), 1.0) for c, s in sizes.items()]
    total = float(len(next(iter(table.values()))))
    read, measured = find_resolutions(codec, ones, total, 0.0, (4,))
    rng = np.random.default_rng(0)
    records = start_records(independent_model(read.codec, measured, total), 2000, rng)
    return _State(Mosaic(**settings), None, read, total, measured, records, rng)


def distance(table: Table, model, cliques) -> float:
    """Mean total variation distance of the model's marginals from those of the table."""
    found = []
    for clique in cliques:
        counts = np.zeros(model.domain.shape(clique))
        np.add.at(counts, tuple(table[name] for name in clique), 1)
        found.append(np.abs(counts / counts.sum() - model.project(clique) / model.total).sum() / 2)
    return float(np.mean(found))


def measured_columns(fitted) -> set[frozenset[str]]:
    return {frozenset(one.clique) for one in fitted.measurements if len(one.clique) > 1}


@pytest.mark.parametrize(
    "settings",
    [
        {"one_way_share": 0.0},
        {"round_share": 1.0},
        {"select_share": float("nan")},
        {"one_way_share": 0.5, "round_share": 0.5},
        {"rounds": 0.0},
        {"rounds": float("nan")},
        {"rounds": 1e4},
        {"picks": -1.0},
        {"picks": 0.5},
        {"picks": 1e9},
        {"merge_below": -1.0},
        {"noise_penalty": float("inf")},
        {"temperature": -0.1},
        {"max_cells": 0.0},
        {"candidates": 0.0},
        {"max_records": 2.0**31},
        {"final_records": 0.0},
        {"workload": "0"},
    ],
)
def test_bad_settings_are_refused(settings):
    with pytest.raises(SettingError, match=next(iter(settings)) if "workload" not in settings else "degree"):
        Mosaic(**settings)


def test_records_coarser_than_the_noise_are_swept_fewer_times():
    """One-ways of stddev 1: records of one row each follow noise and are averaged; those of three rows come to rest."""
    sizes = {"a": 3, "b": 4}
    assert [state(chain(rows, sizes), sizes)._sweeps(20) for rows in (2000, 6000)] == [20, 2]  # of 2,000 records


def test_the_workload_is_read_from_text():
    assert Mosaic(workload="2;label=b").workload == Workload(2, "b")


def test_picks_grow_with_the_signal_and_the_columns():
    of = {columns: Domain.of({f"c{i}": 2 for i in range(columns)}) for columns in (2, 14, 28)}
    rule = [Mosaic()._picks(of[14], signal) for signal in (0, 1e2, 1e3, 1e4, 1e5, 1e6, 1e12)]
    assert rule == sorted(rule)
    assert (rule[0], rule[-1]) == (2, 3 * 14)
    assert rule[3] == round(2.2 * 1e4**0.4 / 5)
    assert Mosaic()._picks(of[28], 1e4) in (2 * rule[3] - 1, 2 * rule[3], 2 * rule[3] + 1)
    assert Mosaic(rounds=10)._picks(of[14], 1e4) in (rule[3] // 2, rule[3] // 2 + 1)
    assert Mosaic()._picks(of[2], 1e12) == 6
    assert Mosaic(picks=3)._picks(of[14], 1e12) == 3


def test_the_final_shot_leaves_out_what_another_holds():
    codec = Codec(tuple(map(closed_codec, schema(dict.fromkeys("abc", 4)).columns)))
    levels = (np.array([0, 0, 0, 1]), np.array([0, 0, 1, 2]), np.arange(4))
    read = Resolutions(codec, dict.fromkeys("abc", levels))
    coarse, middle, fine = ({name: read.names[name][level] for name in "abc"} for level in range(3))
    chosen = [
        (coarse["a"], fine["b"]),
        (middle["a"], middle["b"]),
        (fine["a"], middle["b"]),
        (middle["a"], middle["b"], coarse["c"]),
        (fine["b"], coarse["c"]),
        (coarse["b"], coarse["c"]),
        (fine["b"], coarse["c"]),
    ]
    # (coarse a, fine b) is in no other; (middle a, middle b) is in two; of equals one stays.
    assert _maximal(read, chosen) == (chosen[0], chosen[2], chosen[3], chosen[4])
    assert _maximal(read, []) == ()


SIZES = {"a": 20, "b": 3, "c": 12, "d": 1, "e": 30}


@pytest.mark.parametrize("max_cells", [1.0, 40.0, 500.0, 20_000.0])
def test_candidates_are_within_their_cells_at_every_resolution(max_cells):
    search = state(chain(3000, SIZES), SIZES, max_cells=max_cells)
    cliques, counted = [clique for clique, _ in search.candidates()], search.read.counted.domain
    assert len(set(cliques)) == len(cliques)
    assert all(counted.cells(clique) <= max_cells for clique in cliques)
    sets = {tuple(search.read.readings[name][0] for name in clique) for clique in cliques}
    assert sets <= {one for size in (2, 3) for one in itertools.combinations(SIZES, size)}
    # Every affordable way to read a pair is there.
    for pair in itertools.combinations(SIZES, 2):
        readings = itertools.product(*(search.read.names[column] for column in pair))
        assert {one for one in readings if counted.cells(one) <= max_cells} == {
            one for one in cliques if tuple(search.read.readings[name][0] for name in one) == pair
        }
    if max_cells == 20_000.0:
        assert ("a", "e") in cliques
        assert len({one for one in cliques if len(one) == 3}) > 10
    assert bool(cliques) is (max_cells > 1)


@pytest.mark.parametrize(
    ("workload", "expected"),
    [
        ("1", {2}),
        ("2", {2}),
        ("3", {2, 3}),
        ("5", {2, 3}),
    ],
)
def test_degree_says_how_many_columns(workload, expected):
    search = state(chain(500, SIZES), SIZES, workload=workload)
    assert {len(clique) for clique, _ in search.candidates()} == expected


def test_the_users_cliques_are_all_there_is_to_choose_from():
    domain = Domain.of(SIZES)
    wanted = Workload.read("c,a;a,b,e;d")
    assert dict(_column_sets(wanted, domain)) == {
        ("a", "c"): 1.0, ("a", "b"): 1.0, ("a", "e"): 1.0, ("b", "e"): 1.0, ("a", "b", "e"): 1.0,
    }  # fmt: skip
    search = state(chain(500, SIZES), SIZES, workload="c,a;a,b,e;d")
    sets = {tuple(search.read.readings[name][0] for name in clique) for clique, _ in search.candidates()}
    assert sets == set(dict(_column_sets(wanted, domain)))


def test_a_workload_of_single_columns_is_served_by_pairs():
    domain = Domain.of(SIZES)
    pairs = set(itertools.combinations(SIZES, 2))
    assert {clique for clique, _ in _column_sets(Workload.read("a;b"), domain)} == pairs
    assert {clique for clique, _ in _column_sets(Workload(1), domain)} == pairs


def test_sets_with_the_label_weigh_as_much_as_all_others():
    for size, sets in itertools.groupby(_column_sets(Workload(3, label="c"), Domain.of(SIZES)), lambda x: len(x[0])):
        weights = {True: 0.0, False: 0.0}
        for clique, weight in sets:
            weights["c" in clique] += weight
        assert weights[True] >= weights[False] * (1 - 1e-9), size


def test_of_too_many_candidates_those_that_hang_together_are_kept():
    """30 columns, 4,495 pairs and triples, of which three hang together in the records."""
    sizes = {f"c{i}": 3 for i in range(30)}
    rng = np.random.default_rng(0)
    table = {name: rng.integers(0, 3, 2000) for name in sizes}
    search = state(table, sizes, candidates=1000)
    search.kept = search.records.copy()
    search.kept[:, 17] = search.kept[:, 23] = search.kept[:, 4]
    found = [clique for clique, _ in search.candidates()]
    assert len(set(found)) == 1000
    assert set(found[:435]) == set(itertools.combinations(sizes, 2))
    assert found[435] == ("c4", "c17", "c23")
    # The next are all triples that hold two of the three.
    assert all(len({"c4", "c17", "c23"} & set(clique)) == 2 for clique in found[436:517])
    assert all(len({"c4", "c17", "c23"} & set(clique)) < 2 for clique in found[517:])
    assert len(state(table, sizes, candidates=4000).candidates()) == 4000
    assert len(state(table, sizes, candidates=1).candidates()) == 1


def test_levels_do_not_push_out_triples_of_later_columns():
    """12 columns at several levels: triples are within the limit, but not at all their levels."""
    sizes = {f"c{i}": 30 for i in range(12)}
    table = chain(2000, sizes, noise=1.0)
    search = state(table, sizes, candidates=500)
    search.kept = search.records.copy()
    search.kept[:, 10] = search.kept[:, 11] = search.kept[:, 9]
    sets = [tuple(search.read.readings[name][0] for name in clique) for clique, _ in search.candidates()]
    triples = [one for one in sets if len(one) == 3]
    assert len(sets) == 500
    assert len(sets) - len(triples) <= 250
    assert triples[0] == ("c9", "c10", "c11")
    assert {one for one in sets if len(one) == 2} == set(itertools.combinations(sizes, 2))


def test_expected_counts_are_those_of_the_kept_records_scaled():
    search = state(chain(3000, SIZES), SIZES)
    search.kept = np.concatenate([search.records, search.records[::2]])  # several tables, one below the other
    clique = search.read.named((("a", 0), ("c", len(search.read.levels["c"]) - 1)))
    (table,) = search.expected([clique])
    plain = np.zeros(search.read.counted.domain.shape(clique))
    for row in search.kept:
        plain[search.read.levels["a"][0][row[0]], row[2]] += 1
    np.testing.assert_array_equal(table, np.rint(plain * 3000 / len(search.kept)))


@pytest.mark.parametrize("relation", list(Relation))
@pytest.mark.parametrize("columns", [1, 2, 3, 20])
def test_planned_steps_share_out_the_budget(relation, columns):
    domain = Domain.of({f"c{i}": 2 + i for i in range(columns)})
    settings = Mosaic(one_way_share=0.2, round_share=0.3, select_share=0.1)
    steps = settings.steps(domain, BUDGET, PrivacyUnit(relation))
    assert sum((step.cost for step in steps), ZERO) == BUDGET
    if columns == 1:
        assert [step.label for step in steps] == ["one-way marginals"]
        return
    shares = {step.label: float(step.cost.mu_squared / BUDGET.mu_squared) for step in steps}
    expected = {"one-way marginals": 0.2, "choose marginals": 0.03, "chosen marginals": 0.27, "final shot": 0.5}
    assert shares == pytest.approx(expected, rel=1e-9)


def test_later_rounds_have_more():
    rounds = Mosaic(rounds=4)._rounds(BUDGET)
    spent = [float((choice + measurement).mu_squared) for choice, measurement in rounds]
    assert [after / before for before, after in itertools.pairwise(spent)] == pytest.approx([1.4] * 3)
    assert sum((cost for both in rounds for cost in both), ZERO) == BUDGET


@pytest.mark.parametrize("settings", [{}, {"workload": "3;label=b"}, {"rounds": 2, "picks": 1, "select_share": 0.4}])
def test_every_label_costs_what_was_planned_and_the_whole_budget_is_spent(settings):
    _, plan, door = run(chain(800, {"a": 4, "b": 6, "c": 3}), {"a": 4, "b": 6, "c": 3}, **settings)
    spent = defaultdict(lambda: ZERO)
    for record in door.records:
        spent[record.label] += record.cost
    assert set(spent) == {step.label for step in plan.steps}
    for step in plan.steps:
        assert spent[step.label] <= step.cost
        assert spent[step.label].mu_squared > 0.98 * step.cost.mu_squared
    rounds = int(settings.get("rounds", 5))
    # So few rows are a low signal: part of the final shot goes to the one-ways at once.
    assert [record.label for record in door.records] == [
        "one-way marginals", "final shot", *["choose marginals", "chosen marginals"] * rounds, "final shot",
    ]  # fmt: skip


def test_a_fact_of_three_columns_is_found_that_no_pair_shows():
    rng, rows = np.random.default_rng(0), 6000
    a, b = rng.integers(0, 2, rows), rng.integers(0, 2, rows)
    table = {"a": a, "b": b, "c": a ^ b, "d": rng.integers(0, 2, rows)}
    fitted, _, _ = run(table, dict.fromkeys("abcd", 2), epsilon=2.0)
    drawn = fitted.model.codes
    assert (drawn["a"] ^ drawn["b"] == drawn["c"]).mean() > 0.9
    pairs, _, _ = run(table, dict.fromkeys("abcd", 2), epsilon=2.0, workload="2")
    assert (pairs.model.codes["a"] ^ pairs.model.codes["b"] == pairs.model.codes["c"]).mean() < 0.6


def test_near_exact_recovery_at_a_huge_budget():
    sizes = {"a": 4, "b": 9, "c": 3, "one": 1}
    table = chain(4000, sizes)
    fitted, _, _ = run(table, sizes, epsilon=2000.0)
    assert fitted.model.total == pytest.approx(4000, rel=1e-3)
    assert distance(table, fitted.model, list(itertools.combinations(sizes, 2))) < 3e-3
    assert isinstance(fitted.model, RecordTable)


@pytest.mark.parametrize(
    ("settings", "allowed"),
    [
        ({"workload": "2"}, {2}),
        ({"workload": "1"}, {2}),
        ({"workload": "3"}, {2, 3}),
    ],
)
def test_no_larger_set_is_measured_than_the_workload_asks_for(settings, allowed):
    fitted, _, _ = run(chain(2000, dict.fromkeys("abcd", 3)), dict.fromkeys("abcd", 3), **settings)
    assert {len(columns) for columns in measured_columns(fitted)} <= allowed
    assert measured_columns(fitted)


def test_cliques_of_the_user_are_measured_and_no_others():
    fitted, _, _ = run(chain(2000, dict.fromkeys("abcd", 3)), dict.fromkeys("abcd", 3), workload="d,a")
    assert measured_columns(fitted) == {frozenset("ad")}


def test_what_is_measured_is_on_codes_of_the_columns():
    """Also where levels were read: every measurement names columns of the codec and how their codes are grouped."""
    sizes = {"a": 60, "b": 50, "c": 4}
    fitted, _, _ = run(chain(1500, sizes), sizes, epsilon=0.5)
    assert any(one.groups for one in fitted.measurements)
    for one in fitted.measurements:
        assert set(one.clique) <= set(sizes)
        for column, cells, length in zip(
            one.clique, one.groups or (None,) * len(one.clique), one.values.shape, strict=True
        ):
            assert len(cells) == fitted.codec.domain[column] if cells else length == fitted.codec.domain[column]


@pytest.mark.parametrize(
    ("rows", "limits", "records"),
    [
        (900, {}, 900),
        (900, {"max_records": 200}, 900),
        (900, {"final_records": 200}, 200),
        (900, {"max_records": 300, "final_records": 500}, 500),
        (900, {"max_records": 500, "final_records": 100}, 100),
    ],
)
def test_records_are_as_many_as_rows_up_to_the_limit_and_stand_for_all(rows, limits, records):
    sizes = {"a": 4, "b": 4, "c": 3}
    table = chain(rows, sizes)
    fitted, _, _ = run(table, sizes, epsilon=50.0, rounds=2, **limits)
    assert fitted.model.total == pytest.approx(rows, abs=5)
    assert abs(fitted.model.records - records) <= (5 if records == rows else 0)
    assert distance(table, fitted.model, list(itertools.combinations(sizes, 2))) < 0.05


def test_the_same_measurements_give_the_same_records():
    sizes = {"a": 4, "b": 9, "c": 3}
    table = chain(600, sizes)
    (one, _, _), (same, _, _), (other, _, _) = (run(table, sizes, seed=seed) for seed in (0, 0, 1))
    assert all(np.array_equal(one.model.codes[name], same.model.codes[name]) for name in one.codec.domain)
    assert one.model.records != other.model.records or any(
        not np.array_equal(one.model.codes[name], other.model.codes[name]) for name in one.codec.domain
    )


@pytest.mark.parametrize(
    "sizes",
    [{"a": 3}, {"one": 1}, {"a": 3, "b": 4}, {"a": 3, "one": 1}, {"one": 1, "two": 1}, dict.fromkeys("abc", 1)],
    ids=str,
)
@pytest.mark.parametrize("rows", [0, 1, 400])
def test_small_tables_of_few_columns_codes_and_rows(sizes, rows):
    fitted, plan, door = run(chain(rows, sizes), sizes, epsilon=0.5, seed=rows)
    assert door.spent <= plan.budget
    assert fitted.model.total >= 1
    drawn = fitted.codec.decode(fitted.model.sample(20, np.random.default_rng(0)), 20, np.random.default_rng(0))
    assert drawn.shape == (20, len(sizes))
    assert len(door.records) == (1 if len(sizes) == 1 else 3 + 2 * 5)


def test_an_empty_table_of_a_negative_noisy_total():
    """At a tiny epsilon the noisy total of no rows is often below zero; it counts as one row."""
    sizes = {"a": 5, "b": 3}
    totals = [run(chain(0, sizes), sizes, epsilon=0.02, seed=seed)[0].model.total for seed in range(6)]
    assert min(totals) == 1.0


def test_codes_beyond_a_byte_are_kept_apart():
    sizes = {"a": 300, "b": 270, "c": 2}
    rng = np.random.default_rng(0)
    a = rng.integers(0, 300, 4000)
    table = {"a": a, "b": np.where(rng.random(4000) < 0.2, rng.integers(0, 270, 4000), a % 270), "c": a // 150}
    fitted, _, _ = run(
        table, sizes, epsilon=2000.0, rounds=2, workload=2, merge_below=0, max_cells=100_000, noise_penalty=0
    )
    assert fitted.codec.domain.sizes == (300, 270, 2)
    drawn = fitted.model.codes
    assert drawn["a"].dtype == np.uint16
    assert (drawn["a"] // 150 == drawn["c"]).mean() > 0.98
    assert (drawn["a"] % 270 == drawn["b"]).mean() == pytest.approx(0.8, abs=0.03)


def test_without_an_affordable_pair_there_are_one_ways_alone():
    fitted, plan, door = run(chain(500, dict.fromkeys("ab", 4)), dict.fromkeys("ab", 4), max_cells=1)
    assert {record.label for record in door.records} == {"one-way marginals", "final shot"}
    assert door.spent <= plan.budget
    assert measured_columns(fitted) == set()
