"""Choosing parents: the score's sensitivity over all neighbours of all tiny tables, the law of the picks, the order."""

from __future__ import annotations

import itertools
from collections import Counter as Tally
from dataclasses import dataclass
from fractions import Fraction

import numpy as np
import pytest
from scipy import stats

from dpsynth.errors import SettingError
from dpsynth.mechanisms.select import cost_of_range
from dpsynth.mechanisms.select_parents import SHARES, SelectParents, dependence, whole_shares
from dpsynth.privacy.randomness import InsecureTestEntropy
from dpsynth.privacy.unit import PrivacyUnit, Relation

UNITS = [PrivacyUnit(relation, column, rows) for relation in Relation for column, rows in ((None, 1), ("a", 2))]
CANDIDATES = (("a", ("b",)), ("a", ("b", "c")), ("b", ("a",)), ("b", ("a", "c")), ("c", ("a",)), ("c", ("a", "b")))


def shares_of(*parts: int) -> np.ndarray:
    return np.array(parts, dtype=np.int64) * (SHARES // sum(parts))


EVEN = {"a": shares_of(1, 1), "b": shares_of(1, 1, 2), "c": shares_of(3, 1)}
LOPSIDED = {"a": shares_of(0, 1), "b": shares_of(0, 1, 0), "c": shares_of(1, 0)}


def selection(tiny, shares=EVEN, rate=0.3, candidates=CANDIDATES, roots=("a", "b", "c"), penalties=None):
    penalties = (0.0,) * len(candidates) if penalties is None else penalties
    return SelectParents(tiny.codec, roots, candidates, shares, penalties, rate)


def all_tables(cells: int, rows: int) -> np.ndarray:
    """Every table of counts over `cells` cells with at most `rows` rows, shape (tables, cells)."""
    return np.array([t for t in itertools.product(range(rows + 1), repeat=cells) if sum(t) <= rows])


def plain_score(counts: np.ndarray, axis: int, shares: np.ndarray) -> Fraction:
    """1/2 sum |c(x, p) - s(x) c(p)|, with the absolute values of the definition, in fractions."""
    by_value = np.moveaxis(counts, axis, -1).reshape(-1, counts.shape[axis])
    return (
        sum(
            (
                abs(int(row[x]) - Fraction(int(shares[x]), SHARES) * int(row.sum()))
                for row in by_value
                for x in range(len(row))
            ),
            Fraction(0),
        )
        / 2
    )


@pytest.mark.parametrize("shares", [shares_of(1, 1, 2), shares_of(0, 3, 1), shares_of(0, 0, 1)], ids=str)
@pytest.mark.parametrize("shape", [(2, 3), (3, 3)])
def test_the_score_is_the_definition_and_moves_by_at_most_one_row_on_all_tiny_tables(shape, shares):
    """Exhaustive: every table of up to 4 rows, every added row; reached when a value has share zero."""
    tables = all_tables(shape[0] * shape[1], 4)
    worst, largest_possible = 0, SHARES - int(shares.min())
    scores = {tuple(table): dependence(table.reshape(shape), 1, shares) for table in tables}
    for table, score in scores.items():
        if sum(table) == 4:
            continue
        for cell in range(len(table)):
            neighbour = list(table)
            neighbour[cell] += 1
            worst = max(worst, abs(scores[tuple(neighbour)] - score))
    for table in tables[:: max(1, len(tables) // 60)]:
        assert Fraction(scores[tuple(table)], SHARES) == plain_score(table.reshape(shape), 1, shares)
    assert worst == largest_possible <= SHARES


def test_replacing_a_row_moves_the_score_by_two_rows_at_most_and_by_more_than_one():
    shares = shares_of(0, 1, 1)
    tables = [table.reshape(2, 3) for table in all_tables(6, 4)]
    worst = 0
    for table in tables:
        steps = []
        for cell in range(6):
            more = table.copy()
            more.flat[cell] += 1
            steps.append(dependence(more, 1, shares))
        worst = max(worst, max(steps) - min(steps))
    assert worst <= 2 * SHARES
    assert worst > SHARES  # a bound of one row for a replaced row would be wrong


def test_with_shares_from_the_same_rows_one_row_moves_the_score_by_more_than_one():
    """Why the shares are public: R of the paper, in rows and scaled by n, is 3 times as sensitive or so."""

    def exact(counts):
        n = max(int(counts.sum()), 1)
        independent = np.outer(counts.sum(axis=1), counts.sum(axis=0)) / n
        return float(np.abs(counts - independent).sum() / 2)

    moves = []
    for table in all_tables(6, 5):
        for cell in range(6):
            more = table.copy()
            more[cell] += 1
            moves.append(abs(exact(more.reshape(2, 3)) - exact(table.reshape(2, 3))))
    assert max(moves) > 1.1


def pairs_of_tables(tiny, unit):
    blocks = [list(block) for block in itertools.combinations_with_replacement(tiny.cells(), unit.max_rows)]
    for rows in (0, 2, 4):
        base = [tiny.cells()[(5 * i + rows) % 12] for i in range(rows)]
        if unit.relation is Relation.ADD_REMOVE:
            yield from ((base + block, base) for block in blocks)
        else:
            yield from ((base + one, base + other) for one, other in itertools.combinations(blocks[:24], 2))


@pytest.mark.parametrize("unit", UNITS, ids=str)
@pytest.mark.parametrize("shares", [EVEN, LOPSIDED], ids=["even", "lopsided"])
def test_declared_cost_covers_every_neighbour(tiny, unit, shares):
    mechanism = selection(tiny, shares)
    for table, neighbour in pairs_of_tables(tiny, unit):
        moved = mechanism.movement(mechanism.query(tiny.counter(table)), mechanism.query(tiny.counter(neighbour)))
        assert moved <= mechanism.cost(unit)


def test_the_declared_range_is_reached_and_half_of_it_is_found_out(tiny):
    """One row raises R of b by a row and lowers R of a by 63/64 of one: the factor 2 of the range is needed.

    63 rows have a = 1 where a share of 63/64 is expected; a row with a = 0 mends that. b = 0 has share 0.
    """
    shares = {"a": shares_of(1, 63), "b": shares_of(0, 1, 0), "c": shares_of(1, 1)}
    base = [{"a": 1, "b": 1, "c": 0}] * 63

    @dataclass(frozen=True, eq=False)
    class Monotone(SelectParents):
        def cost(self, unit):
            return cost_of_range(self.rate * unit.l1_count_sensitivity, self.picks)

    whole = selection(tiny, shares, candidates=(("a", ("c",)), ("b", ("c",))), roots=("c", "a", "b"))
    cheap = Monotone(**{name: getattr(whole, name) for name in whole.__dataclass_fields__})
    before, after = (whole.query(tiny.counter(rows)) for rows in (base, [*base, {"a": 0, "b": 0, "c": 0}]))
    assert (after - before).tolist() == [-SHARES * 63 // 64, SHARES]
    moved = whole.movement(before, after)
    assert 0.98 * float(whole.cost(UNITS[0]).mu_squared) < float(moved.mu_squared)
    assert moved <= whole.cost(UNITS[0])
    assert not moved <= cheap.cost(UNITS[0])


@pytest.mark.parametrize(("rate_used", "accepted"), [(0.3, True), (0.6, False), (0.15, False)])
def test_first_pick_follows_the_exponential_law(tiny, rate_used, accepted):
    """Chi-square at false-alarm rate 1e-6 over the two open candidates; half or twice the rate is rejected."""
    rows, draws, penalties = np.array([9, 9, 7, 9, -1, 9]), 4000, (0, 0, 1, 0, -2, 0)
    mechanism = selection(tiny, rate=rate_used, penalties=penalties)
    source = InsecureTestEntropy(5)
    tally = Tally(mechanism.randomise(rows * SHARES, source)[1] for _ in range(draws))
    law = np.exp(0.3 * np.array([7 - 1, -1 + 2]))
    found = [tally["b", ("a",)], tally["c", ("a",)]]
    assert sum(found) == draws
    p_value = stats.chisquare(found, law / law.sum() * draws).pvalue
    assert bool(p_value > 1e-6) is accepted


def test_an_enormous_penalty_rules_a_candidate_out_without_overflow(tiny):
    mechanism = selection(tiny, penalties=(0.0, 0.0, 1e300, 0.0, 0.0, 0.0))
    for seed in range(20):
        network = mechanism.randomise(np.full(6, 10**12), InsecureTestEntropy(seed))
        assert ("b", ("a",)) not in network


def test_every_column_once_and_parents_first(tiny):
    for seed in range(50):
        network = selection(tiny, rate=1e-3).randomise(np.zeros(6, dtype=np.int64), InsecureTestEntropy(seed))
        placed: set[str] = set()
        for column, parents in network:
            assert set(parents) <= placed
            assert column not in placed
            placed.add(column)
        assert placed == {"a", "b", "c"}
        assert network[0] == ("a", ())


def test_columns_without_candidates_become_roots(tiny):
    mechanism = selection(tiny, candidates=(("b", ("c",)), ("c", ("b",))))
    network = mechanism.randomise(np.zeros(2, dtype=np.int64), InsecureTestEntropy(0))
    assert network == (("a", ()), ("b", ()), ("c", ("b",)))
    assert selection(tiny, candidates=()).randomise(np.zeros(0, dtype=np.int64), InsecureTestEntropy(0)) == tuple(
        (column, ()) for column in "abc"
    )


def test_all_cliques_are_counted_in_one_call(tiny, plain_counter):
    calls = []

    class Counting(plain_counter):
        def marginals(self, codec, cliques):
            calls.append(cliques)
            return super().marginals(codec, cliques)

    selection(tiny).query(Counting(tiny.schema, tiny.cells()))
    assert calls == [(("a", "b"), ("a", "b", "c"), ("a", "c"))]


@pytest.mark.parametrize("seed", range(20))
def test_whole_shares_are_close_and_exact_in_sum(seed):
    probabilities = np.random.default_rng(seed).dirichlet(np.full(30, 0.05))
    shares = whole_shares(probabilities)
    assert shares.sum() == SHARES
    assert (shares >= 0).all()
    assert np.abs(shares / SHARES - probabilities).max() <= 1 / SHARES


def test_bad_settings_are_refused(tiny):
    with pytest.raises(SettingError, match="one entry for each candidate"):
        selection(tiny, penalties=(0.0,))
    with pytest.raises(SettingError, match="roots"):
        selection(tiny, roots=("a", "b"))
    for parents in ((), ("a", "b"), ("c", "b")):
        with pytest.raises(SettingError, match="parents of 'a'"):
            selection(tiny, candidates=(("a", parents),))
    for bad in (shares_of(1, 1) + 1, np.array([SHARES + 1, -1]), shares_of(1, 1, 2)):
        with pytest.raises(SettingError, match="shares"):
            selection(tiny, shares={**EVEN, "a": bad})
