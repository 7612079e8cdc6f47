from __future__ import annotations

import itertools
from collections import Counter

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dpsynth.audit_pool import PoolSize
from dpsynth.privacy.randomness import InsecureTestEntropy, OsEntropy
from dpsynth.private.pooling import draw_pool


@given(
    st.lists(st.integers(0, 9), min_size=1, max_size=40), st.integers(2, 12), st.booleans(), st.integers(0, 2**32 - 1)
)
def test_a_pool_says_exactly_which_rows_take_part(rows: list[int], size: int, pairs: bool, seed: int) -> None:
    units = np.unique(rows, return_inverse=True)[1]
    pool, takes_part = draw_pool(units, PoolSize(size, pairs), InsecureTestEntropy(seed))
    count = units.max() + 1
    drawn = min(size, count)
    assert len(pool.coins) == (drawn - drawn % 2 if pairs else drawn)
    assert pool.table_rows == len(rows)
    # Every row of a unit of the pool is in it, under one number, and no other row is.
    numbers = {unit: set(pool.units[units[pool.rows] == unit]) for unit in range(count)}
    in_pool = {unit for unit in numbers if numbers[unit]}
    assert all(len(numbers[unit]) == 1 for unit in in_pool)
    assert sorted(pool.rows) == [row for row in range(len(rows)) if units[row] in in_pool]
    assert len(in_pool) == len(pool.coins)
    expected = np.ones(len(rows), dtype=bool)
    expected[pool.rows] = pool.coins[pool.units]
    assert (takes_part == expected).all()
    if pairs:
        assert (pool.coins[::2] != pool.coins[1::2]).all()


def left_of(table: tuple[str, ...], size: PoolSize, source: OsEntropy) -> frozenset[str]:
    _, takes_part = draw_pool(np.arange(len(table)), size, source)
    return frozenset(name for name, stays in zip(table, takes_part, strict=True) if stays)


def law(table: tuple[str, ...], size: PoolSize, draws: int) -> Counter[frozenset[str]]:
    source = OsEntropy()
    return Counter(left_of(table, size, source) for _ in range(draws))


@pytest.mark.parametrize("pairs", [False, True])
def test_each_set_of_rows_is_left_with_the_probability_that_the_proof_uses(pairs: bool) -> None:
    table, size, draws = ("a", "b", "c", "d", "e"), 4, 6_000
    exact: Counter[frozenset[str]] = Counter()
    for pool in itertools.combinations(table, size):
        if pairs:
            for other in pool[1:]:
                rest = [name for name in pool if name not in (pool[0], other)]
                for out in itertools.product((pool[0], other), rest):
                    exact[frozenset(table) - set(out)] += 1
        else:
            for flips in itertools.product((0, 1), repeat=size):
                out = [name for name, flip in zip(pool, flips, strict=True) if flip]
                exact[frozenset(table) - set(out)] += 1
    seen = law(table, PoolSize(size, pairs), draws)
    whole = sum(exact.values())
    assert set(seen) <= set(exact)
    chi_square = sum((seen[key] - draws * n / whole) ** 2 / (draws * n / whole) for key, n in exact.items())
    # 31 or 10 degrees of freedom: above 90 with probability below 1e-6.
    assert chi_square < 90
    # Power: coins that fall "in" 55 % of the time would be seen.
    if not pairs:
        biased = dict.fromkeys(exact, 0.0)
        for pool in itertools.combinations(table, size):
            for flips in itertools.product((0, 1), repeat=size):
                out = [name for name, flip in zip(pool, flips, strict=True) if flip]
                biased[frozenset(table) - set(out)] += 0.45 ** sum(flips) * 0.55 ** (size - sum(flips)) / 5
        shift = sum((draws * biased[key] - draws * n / whole) ** 2 / (draws * n / whole) for key, n in exact.items())
        assert shift > 90


def test_what_is_left_of_neighbours_can_be_drawn_together_one_unit_apart() -> None:
    """The coupling of the proof, on exact laws: one exists (Strassen's theorem, by linear programming)."""
    from scipy.optimize import linprog

    for rows, size in itertools.product((1, 2, 3, 4), (2, 3, 4)):
        one = exact_law(tuple(range(rows)), size)
        other = exact_law(tuple(range(rows + 1)), size)
        allowed = [(a, b) for a in one for b in other if a <= b and len(b - a) <= 1]
        margins = [[float(a == key) for a, _ in allowed] for key in one]
        margins += [[float(b == key) for _, b in allowed] for key in other]
        found = linprog(np.zeros(len(allowed)), A_eq=margins, b_eq=[*one.values(), *other.values()])
        assert found.status == 0, (rows, size)


def test_a_pool_whose_size_follows_the_rows_would_break_the_coupling() -> None:
    """Power of the test above: with "all but one" as the size, no coupling one unit apart exists."""
    from scipy.optimize import linprog

    one, other = exact_law((0, 1, 2), 1), exact_law((0, 1, 2, 3), 4)
    allowed = [(a, b) for a in one for b in other if a <= b and len(b - a) <= 1]
    margins = [[float(a == key) for a, _ in allowed] for key in one]
    margins += [[float(b == key) for _, b in allowed] for key in other]
    assert linprog(np.zeros(len(allowed)), A_eq=margins, b_eq=[*one.values(), *other.values()]).status == 2


def exact_law(table: tuple[int, ...], size: int) -> dict[frozenset[int], float]:
    """Probability of each set of rows left by a pool of single units."""
    found: dict[frozenset[int], float] = {}
    pools = list(itertools.combinations(table, min(size, len(table))))
    for pool in pools:
        for flips in itertools.product((0, 1), repeat=len(pool)):
            left = frozenset(table) - {unit for unit, flip in zip(pool, flips, strict=True) if flip}
            found[left] = found.get(left, 0.0) + 1 / len(pools) / 2 ** len(pool)
    return found
