"""Selection: range of the scores over all neighbours, the exact law of the picks, spanning trees."""

from __future__ import annotations

import itertools
from collections import Counter as Tally
from dataclasses import dataclass, replace
from fractions import Fraction

import numpy as np
import pytest
from scipy import stats

from dpsynth.codec.codec import Codec, closed_codec
from dpsynth.errors import SettingError
from dpsynth.fairness import Fairness
from dpsynth.mechanisms.select import SelectCliques, cost_of_range, rate_within, whole_weights
from dpsynth.privacy.cost import ZERO, Cost
from dpsynth.privacy.exponential import mu_of_range
from dpsynth.privacy.randomness import InsecureTestEntropy
from dpsynth.privacy.unit import PrivacyUnit, Relation
from dpsynth.schema.columns import Categorical
from dpsynth.schema.constraints import Forbidden

UNITS = [PrivacyUnit(relation, column, rows) for relation in Relation for column, rows in ((None, 1), ("a", 2))]
PAIRS = (("a", "b"), ("a", "c"), ("b", "c"))


def selection(tiny, rate=0.3, picks=2, acyclic=True, penalties=(0, 4, 2), weights=()):
    references = tuple(np.full(tiny.codec.domain.shape(pair), 2, dtype=np.int64) for pair in PAIRS)
    return SelectCliques(tiny.codec, PAIRS, references, penalties, rate, picks, acyclic, weights)


def pairs_of_tables(tiny, unit):
    base = tiny.cells()[:4]
    blocks = [list(block) for block in itertools.combinations_with_replacement(tiny.cells(), unit.max_rows)]
    if unit.relation is Relation.ADD_REMOVE:
        return [(base + block, base) for block in blocks]
    return [(base + one, base + other) for one, other in itertools.combinations(blocks, 2)]


def replaced(kind, whole):
    return kind(**{name: getattr(whole, name) for name in whole.__dataclass_fields__})


@pytest.mark.parametrize("weights", [(), (7, 2, 7)])
@pytest.mark.parametrize("unit", UNITS, ids=str)
def test_declared_cost_covers_every_neighbour_and_is_reached(tiny, unit, weights):
    mechanism = selection(tiny, weights=weights)
    worst = ZERO
    for table, neighbour in pairs_of_tables(tiny, unit):
        moved = mechanism.movement(mechanism.query(tiny.counter(table)), mechanism.query(tiny.counter(neighbour)))
        assert moved <= mechanism.cost(unit)
        worst = moved if worst <= moved else worst
    if unit.max_rows == 1 and unit.relation is Relation.ADD_REMOVE:
        # One row can lower one score and raise another: a "monotone" factor of 1 would be wrong.
        assert float(worst.mu_squared) == pytest.approx(float(mechanism.cost(unit).mu_squared), rel=1e-9)


def test_a_monotone_factor_is_found_out(tiny):
    @dataclass(frozen=True, eq=False)
    class Monotone(SelectCliques):
        def cost(self, unit):
            return cost_of_range(self.rate * unit.l1_count_sensitivity, self.picks)

    @dataclass(frozen=True, eq=False)
    class ForgotWeights(SelectCliques):
        def cost(self, unit):
            return cost_of_range(2 * self.rate * unit.l1_count_sensitivity, self.picks)

    unit = UNITS[0]
    for kind, weights in ((Monotone, ()), (Monotone, (2, 2, 2)), (ForgotWeights, (1, 3, 2))):
        cheap = replaced(kind, selection(tiny, weights=weights))
        moves = [
            cheap.movement(cheap.query(tiny.counter(one)), cheap.query(tiny.counter(other)))
            for one, other in pairs_of_tables(tiny, unit)
        ]
        assert not all(moved <= cheap.cost(unit) for moved in moves)


def test_scores_are_weights_times_error_less_penalty(tiny):
    counter = tiny.counter(tiny.cells()[:5])
    plain = selection(tiny, penalties=(0, 0, 0)).query(counter)
    weighted = selection(tiny, weights=(5, 1, 1 << 20)).query(counter)
    assert weighted.dtype == np.int64
    assert weighted.tolist() == [5 * plain[0], plain[1] - 4, (1 << 20) * (plain[2] - 2)]


def test_whole_weights_keep_proportions_and_no_weight_is_lost():
    assert whole_weights([1e-9, 0.3, 3.0]) == (1, 100, 1000)
    assert whole_weights([]) == ()
    for bad in (0.0, -1.0, float("nan"), float("inf")):
        with pytest.raises(SettingError, match="positive"):
            whole_weights([1.0, bad])


@pytest.mark.parametrize(("rate_used", "accepted"), [(0.3, True), (0.6, False), (0.15, False)])
def test_first_pick_follows_the_exponential_law(tiny, rate_used, accepted):
    """Chi-square at false-alarm rate 1e-6; half or twice the rate is rejected."""
    scores, draws = np.array([3, 0, -4]), 4000
    mechanism = selection(tiny, rate=rate_used, picks=1)
    source = InsecureTestEntropy(5)
    tally = Tally(mechanism.randomise(scores, source)[0] for _ in range(draws))
    law = np.exp(0.3 * scores) / np.exp(0.3 * scores).sum()
    p_value = stats.chisquare([tally[pair] for pair in PAIRS], law * draws).pvalue
    assert bool(p_value > 1e-6) is accepted


@pytest.mark.parametrize("columns", [2, 3, 5, 7])
def test_acyclic_picks_are_a_spanning_tree(columns):
    import networkx as nx

    names = [f"c{i}" for i in range(columns)]
    pairs = tuple(itertools.combinations(names, 2))
    table = np.zeros((1, 1), dtype=np.int64)
    codec = Codec(tuple(closed_codec(Categorical(name, values=["x"])) for name in names))
    mechanism = SelectCliques(codec, pairs, (table,) * len(pairs), (0,) * len(pairs), 1e-3, columns - 1, True)
    for seed in range(20):
        scores = np.random.default_rng(seed).integers(-50, 50, len(pairs))
        tree = nx.Graph(mechanism.randomise(scores, InsecureTestEntropy(seed)))
        assert nx.is_tree(tree)
        assert len(tree) == columns


def test_without_acyclic_picks_are_distinct(tiny):
    picked = selection(tiny, picks=3, acyclic=False).randomise(np.zeros(3, dtype=np.int64), InsecureTestEntropy(0))
    assert sorted(picked) == sorted(PAIRS)


@pytest.mark.parametrize("sensitivity", [1, 2, 6])
@pytest.mark.parametrize("picks", [1, 13])
@pytest.mark.parametrize("mu_squared", [1e-8, 1e-3, 0.5, 20.0])
def test_rate_within_spends_the_budget_and_never_more(sensitivity, picks, mu_squared):
    budget = Cost(Fraction(mu_squared))
    cost = cost_of_range(2 * rate_within(budget, sensitivity, picks) * sensitivity, picks)
    assert cost.fits(budget)
    assert float(cost.mu_squared) == pytest.approx(mu_squared, rel=1e-6)


def test_one_pick_costs_its_own_price_and_several_cost_less_together():
    one, seven = (float(cost_of_range(0.4, picks).mu_squared) for picks in (1, 7))
    assert one == pytest.approx(mu_of_range(0.4) ** 2, rel=1e-9)
    assert 7 * 0.2**2 < seven < 0.75 * 7 * one
    assert cost_of_range(0.0, 7) == ZERO


def test_bad_settings_are_refused(tiny):
    with pytest.raises(SettingError, match="one entry for each candidate"):
        selection(tiny, penalties=(0,))
    for weights in ((1, 2), (0, 1, 1), (1.5, 1, 1), (1, 1, (1 << 20) + 1)):
        with pytest.raises(SettingError, match="weights"):
            selection(tiny, weights=weights)
    with pytest.raises(SettingError, match="pairs"):
        SelectCliques(tiny.codec, (("a",),), (np.zeros(2, dtype=np.int64),), (0,), 1.0, 1, True)


def levelled(tiny, nested: bool, picks: int = 20, candidates=None) -> SelectCliques:
    """Pairs and triples of a, b and c, and of b read at a coarser level as well."""
    codec = tiny.codec.with_levels({"b": {"b@2": np.array([0, 0, 1])}})
    names = {"a": ("a",), "b": ("b", "b@2"), "c": ("c",)}
    sets = [*itertools.combinations("abc", 1), *PAIRS, ("a", "b", "c")]
    cliques = candidates or tuple(clique for one in sets for clique in itertools.product(*(names[c] for c in one)))
    references = tuple(np.zeros(codec.domain.shape(clique), dtype=np.int64) for clique in cliques)
    return SelectCliques(codec, cliques, references, (0,) * len(cliques), 0.01, picks, nested=nested)


def columns_of(clique) -> set[str]:
    return {name.split("@")[0] for name in clique}


@pytest.mark.parametrize("seed", range(25))
def test_without_nested_no_two_picks_are_on_columns_of_each_other(tiny, seed):
    mechanism = levelled(tiny, nested=False)
    scores = np.random.default_rng(seed).integers(-100, 100, len(mechanism.candidates))
    picked = mechanism.randomise(scores, InsecureTestEntropy(seed))
    for one, other in itertools.combinations(map(columns_of, picked), 2):
        assert not one <= other
        assert not other <= one
    # It stops only where every candidate is taken or nested with one that is.
    for clique in mechanism.candidates:
        assert any(columns_of(clique) <= columns_of(one) or columns_of(one) <= columns_of(clique) for one in picked)


def test_with_nested_all_candidates_can_be_picked(tiny):
    mechanism = levelled(tiny, nested=True)
    scores = np.zeros(len(mechanism.candidates), dtype=np.int64)
    picked = mechanism.randomise(scores, InsecureTestEntropy(0))
    assert sorted(picked) == sorted(mechanism.candidates)
    sets = list(map(columns_of, picked))
    assert any(one <= other for one, other in itertools.combinations(sets, 2))  # the test above would see it


def test_levels_of_one_pair_are_nested_and_pairs_that_share_a_column_are_not(tiny):
    cliques = (("a", "b@2"), ("a", "b"), ("b@2", "c"), ("a", "c"))
    mechanism = levelled(tiny, nested=False, candidates=cliques)
    for seed in range(10):
        picked = mechanism.randomise(np.zeros(4, dtype=np.int64), InsecureTestEntropy(seed))
        assert len(picked) == 3
        assert len({frozenset(columns_of(clique)) for clique in picked}) == 3
    first = levelled(tiny, nested=False, picks=1, candidates=cliques)
    assert len(first.randomise(np.zeros(4, dtype=np.int64), InsecureTestEntropy(0))) == 1


@pytest.mark.parametrize("unit", UNITS, ids=str)
def test_leaving_out_nested_cliques_changes_no_price(tiny, unit):
    one, other = levelled(tiny, nested=False, picks=3), levelled(tiny, nested=True, picks=3)
    assert one.cost(unit) == other.cost(unit)
    exact, neighbour = (one.query(tiny.counter(rows)) for rows in (tiny.cells()[:5], tiny.cells()[:4]))
    assert one.movement(exact, neighbour) == other.movement(exact, neighbour)
    if unit.max_rows == 1 and unit.relation is Relation.ADD_REMOVE:
        assert one.movement(exact, neighbour) <= one.cost(unit)


def test_no_candidates_give_no_picks(tiny):
    for nested in (True, False):
        none = SelectCliques(tiny.codec, (), (), (), 0.1, 2, nested=nested)
        assert none.randomise(np.zeros(0, dtype=np.int64), InsecureTestEntropy(0)) == ()


def fair(tiny, fairness: Fairness | None, picks: int = 2, constraints=(), acyclic: bool = False) -> SelectCliques:
    codec = Codec(tiny.codec.columns, constraints)
    references = tuple(np.zeros(codec.domain.shape(pair), dtype=np.int64) for pair in PAIRS)
    return SelectCliques(codec, PAIRS, references, (0,) * 3, 0.01, picks, acyclic, fairness=fairness)


def test_a_pick_that_would_lead_past_the_admissible_is_left_out(tiny):
    """Of the three pairs of a, b and c, a fair choice takes any but (a, c), and never (a, b) and (b, c) together."""
    taken = Tally()
    for seed in range(40):
        picked = fair(tiny, Fairness(["a"], "c")).randomise(np.zeros(3, dtype=np.int64), InsecureTestEntropy(seed))
        taken[picked] += 1
        through = fair(tiny, Fairness(["a"], "c", ["b"])).randomise(
            np.zeros(3, dtype=np.int64), InsecureTestEntropy(seed)
        )
        assert set(through) == {("a", "b"), ("b", "c")}
    assert set(taken) == {(("a", "b"),), (("b", "c"),)}
    without = {fair(tiny, None).randomise(np.zeros(3, dtype=np.int64), InsecureTestEntropy(seed)) for seed in range(40)}
    assert {("a", "c"), ("a", "b")} in map(set, without)  # the test above would see it


def test_constraints_lead_too(tiny):
    rule = Forbidden({"a": tiny.codec["a"].column.values[0], "b": tiny.codec["b"].column.values[0]})
    for seed in range(10):
        chosen = fair(tiny, Fairness(["a"], "c"), constraints=(rule,), picks=3)
        assert chosen.randomise(np.zeros(3, dtype=np.int64), InsecureTestEntropy(seed)) == (("a", "b"),)


def test_levels_lead_as_their_column_does(tiny):
    cliques = (("a", "b@2"), ("b", "c"))
    mechanism = replace(levelled(tiny, nested=True, candidates=cliques), fairness=Fairness(["a"], "c"))
    for seed in range(10):
        assert len(mechanism.randomise(np.zeros(2, dtype=np.int64), InsecureTestEntropy(seed))) == 1


@pytest.mark.parametrize("unit", UNITS, ids=str)
def test_fairness_changes_no_price(tiny, unit):
    one, other = fair(tiny, Fairness(["a"], "c")), fair(tiny, None)
    assert one.cost(unit) == other.cost(unit)
    exact, neighbour = (one.query(tiny.counter(rows)) for rows in (tiny.cells()[:5], tiny.cells()[:4]))
    assert one.movement(exact, neighbour) == other.movement(exact, neighbour)
