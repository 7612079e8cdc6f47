"""Linkability: blind where there is nothing to learn, sharp on copies; ties and the order of rows link nobody."""

from __future__ import annotations

import numpy as np
import pytest

from attacks.attack import Criterion, Evidence
from attacks.linkability import Linkability, best_common_rank, ranked
from attacks.tables import Table
from attacks.threat import RELEASE
from tests.attacks.worlds import auc, auc_noise, edge_tables, world


def numbers(ranks) -> Table:
    ranks = np.asarray(ranks, np.float32)
    names = tuple("abcdefgh"[: ranks.shape[1]])
    cells = np.nan_to_num(ranks * 1000, nan=-1).astype(np.int64)
    return Table(names, (True,) * len(names), (9,) * len(names), cells, cells.astype(np.int32), ranks)


def run(attack, evidence, targets, seed=0):
    assert attack.missing(evidence, targets) is None
    return attack.run(evidence.under(attack.threat), targets, np.random.default_rng(seed))


def plain_best_common_rank(targets, synthetic, halves, neighbours):
    """The definition: all distances, and the number of rows at most as far."""
    ranks = []
    for half in halves:
        one, other = targets.only(half).ranks.astype(float), synthetic.only(half).ranks.astype(float)
        far = np.abs(one[:, None] - other[None]).sum(axis=2).round(6)
        ranks.append((far[:, None, :] <= far[:, :, None]).sum(axis=2))
    return np.minimum(np.maximum(*ranks).min(axis=1), neighbours + 1)


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("neighbours", [1, 3, 50])
def test_ranks_are_their_definition(seed, neighbours):
    rng = np.random.default_rng(seed)
    synthetic, targets = (numbers(rng.integers(0, 5, (count, 4)) / 8) for count in (40, 25))
    halves = ("a", "c"), ("b", "d")
    np.testing.assert_array_equal(
        best_common_rank(targets, synthetic, halves, neighbours),
        plain_best_common_rank(targets, synthetic, halves, neighbours),
    )


@pytest.mark.parametrize("seed", [0, 1, 2])
def test_nothing_to_learn_from_an_independent_table(seed):
    """Both within 4 standard deviations: a false alarm of less than 1e-4, were seeds not fixed."""
    given = world("independent", seed)
    outcome = run(Linkability(), given.evidence, given.targets)
    coins = given.trial.coins
    assert abs(auc(outcome.scores, coins) - 0.5) < 4 * auc_noise(coins)
    inside, outside = outcome.success[coins], outcome.success[~coins]
    rate = outcome.success.mean()
    assert abs(inside.mean() - outside.mean()) < 4 * np.sqrt(rate * (1 - rate) * (1 / inside.size + 1 / outside.size))


def test_copies_are_found():
    given = world("copier", 2)
    outcome = run(Linkability(), given.evidence, given.targets)
    assert auc(outcome.scores, given.trial.coins) > 0.95
    assert outcome.success[given.trial.coins].mean() > 0.8
    assert outcome.success[~given.trial.coins].mean() < 0.05


def test_few_copies_stand_out_at_the_top():
    given = world("partial", 3, copied=0.2)
    scores, coins = run(Linkability(), given.evidence, given.targets).scores, given.trial.coins
    assert (scores[coins] > np.quantile(scores[~coins], 0.99)).mean() > 0.1


def test_a_score_above_zero_needs_a_link():
    given = world("partial", 4)
    outcome = run(Linkability(), given.evidence, given.targets)
    assert outcome.success is not None
    assert (outcome.scores[~outcome.success] <= 0).all()
    assert (outcome.scores[outcome.success] > 0).any()


def test_rows_that_are_equally_far_share_the_worse_rank():
    places, ranks = ranked(numbers([[0.5]]), numbers([[0.5], [0.4], [0.6], [0.9]]), 3)
    assert dict(zip(places[0].tolist(), ranks[0].tolist(), strict=True)) == {0: 1, 1: 3, 2: 3, 3: 4}


def test_more_copies_than_neighbours_link_nobody():
    """Six equal rows are no link of at most five, of which a rule by position would have kept some."""
    target = numbers([[0.2, 0.3]])
    for copies, success in ((5, True), (6, False)):
        synthetic = numbers([[0.2, 0.3]] * copies + [[0.9, 0.9]] * 20)
        attack = Linkability(first=("a",), second=("b",), neighbours=5)
        assert run(attack, Evidence(synthetic), target).success.tolist() == [success]


def test_the_order_of_the_table_is_of_no_account(rng):
    synthetic, targets = (numbers(rng.integers(0, 6, (count, 4)) / 8) for count in (300, 80))
    shuffled = synthetic.take(rng.permutation(300))
    first, again = (run(Linkability(), Evidence(table), targets) for table in (synthetic, shuffled))
    np.testing.assert_array_equal(first.scores, again.scores)
    assert 0 < first.success.mean() < 1


def test_given_halves_are_used_and_reported():
    given = world("independent", 5, rows=200, targets=20)
    attack = Linkability(first=("age", "work"), second=("town", "income"))
    outcome = run(attack, given.evidence, given.targets)
    assert outcome.details["halves"] == [[["age", "work"], ["town", "income"]]]


def test_random_halves_part_all_columns():
    given = world("independent", 5, rows=50, targets=10)
    halves = run(Linkability(splits=4), given.evidence, given.targets).details["halves"]
    assert len(halves) == 4
    for first, second in halves:
        assert sorted(first + second) == sorted(given.targets.names)
        assert abs(len(first) - len(second)) <= 1
    assert len({tuple(first) for first, _ in halves}) > 1


def test_a_large_table_is_sampled_and_that_is_said():
    given = world("copier", 6, rows=500, targets=100)
    outcome = run(Linkability(max_rows=100), given.evidence, given.targets)
    assert outcome.details["synthetic rows"] == 100
    again = run(Linkability(max_rows=100), given.evidence, given.targets)
    np.testing.assert_array_equal(outcome.scores, again.scores)


def test_degenerate_tables():
    tables = edge_tables()
    for synthetic in tables.values():
        for targets in tables.values():
            outcome = run(Linkability(splits=2), Evidence(synthetic), targets)
            assert outcome.scores.shape == (len(targets),)
            assert np.isfinite(outcome.scores).all()


def test_no_targets():
    table = edge_tables()["duplicates"]
    assert "no targets" in Linkability().missing(Evidence(table), table.take(np.arange(0)))


@pytest.mark.parametrize(
    ("attack", "columns", "rows", "words"),
    [
        (Linkability(first=("a",), second=("z",)), 2, 3, "no column z"),
        (Linkability(), 1, 3, "two columns"),
        (Linkability(), 2, 0, "no synthetic rows"),
    ],
)
def test_why_it_cannot_be_run(attack, columns, rows, words):
    table = numbers(np.zeros((rows, columns)))
    assert words in attack.missing(Evidence(table), table)


@pytest.mark.parametrize(
    "settings",
    [{"first": ("a",)}, {"first": ("a",), "second": ("a",)}, {"splits": 0}, {"neighbours": 0}, {"max_rows": 0}],
)
def test_bad_settings(settings):
    with pytest.raises(ValueError, match="must"):
        Linkability(**settings)


def test_what_it_is():
    assert (Linkability().threat, Linkability().criterion) == (RELEASE, Criterion.LINKABILITY)
    assert Linkability().about.endswith(".")
