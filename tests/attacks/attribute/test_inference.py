"""Attribute inference: blind where there is nothing to learn, sharp on copies, and blind to hidden cells always."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from attacks.attack import Criterion, Evidence
from attacks.attribute.inference import GUESSED_VALUES, AttributeInference
from attacks.tables import MISSING, UNSEEN, Table
from attacks.threat import RELEASE
from tests.attacks.worlds import auc, auc_noise, edge_tables, world

KINDS = {
    "half": AttributeInference(),
    "all but one": AttributeInference(known="all but one"),
    "demographic": AttributeInference(known=("age", "work", "town", "income")),
}


def coded(codes, ordered=None, levels=300) -> Table:
    codes = np.asarray(codes, np.int32)
    names = tuple("abcdefgh"[: codes.shape[1]])
    kinds = ordered or (False,) * len(names)
    ranks = np.where(kinds, codes / 300, np.nan).astype(np.float32)
    return Table(names, kinds, (levels,) * len(names), codes.astype(np.int64), codes, ranks)


def run(attack, evidence, targets, seed=0):
    assert attack.missing(evidence, targets) is None
    return attack.run(evidence.under(attack.threat), targets, np.random.default_rng(seed))


@pytest.mark.parametrize("attack", [*KINDS.values(), AttributeInference(trees=0)], ids=[*KINDS, "naive Bayes"])
@pytest.mark.parametrize("seed", [0, 1])
def test_nothing_to_learn_from_an_independent_table(attack, seed):
    """Both within 4 standard deviations: a false alarm of less than 1e-4, were seeds not fixed."""
    given = world("independent", seed)
    outcome = run(attack, given.evidence, given.targets)
    coins = given.trial.coins
    assert abs(auc(outcome.scores, coins) - 0.5) < 4 * auc_noise(coins)
    inside, outside = outcome.success[coins], outcome.success[~coins]
    rate = outcome.success.mean()
    assert abs(inside.mean() - outside.mean()) < 4 * np.sqrt(rate * (1 - rate) * (1 / inside.size + 1 / outside.size))


@pytest.mark.parametrize("attack", KINDS.values(), ids=KINDS)
def test_copies_are_found(attack):
    given = world("copier", 2)
    outcome = run(attack, given.evidence, given.targets)
    assert auc(outcome.scores, given.trial.coins) > 0.95
    assert outcome.success[given.trial.coins].mean() > 0.85
    assert outcome.success[~given.trial.coins].mean() < 0.4


def test_few_copies_stand_out_at_the_top():
    """A fifth of the rows are copies, and about as many members outscore 99 of 100 others."""
    given = world("partial", 3, copied=0.2)
    scores, coins = run(KINDS["all but one"], given.evidence, given.targets).scores, given.trial.coins
    assert (scores[coins] > np.quantile(scores[~coins], 0.99)).mean() > 0.1


def test_a_score_above_zero_needs_a_right_claim():
    given = world("independent", 4)
    outcome = run(AttributeInference(), given.evidence, given.targets)
    assert outcome.success is not None
    assert (outcome.scores[~outcome.success] <= 0).all()
    assert (outcome.scores[outcome.success] > 0).any()


@pytest.fixture
def guessed(monkeypatch):
    """The guesses of every game that is played, in order."""
    seen, guess = [], AttributeInference.guess

    def recorded(self, synthetic, known_cells, hidden, rng):
        assert not set(known_cells.names) & set(hidden)
        seen.append(guess(self, synthetic, known_cells, hidden, rng))
        return seen[-1]

    monkeypatch.setattr(AttributeInference, "guess", recorded)
    return seen


def altered(targets: Table, columns) -> Table:
    """The targets with the cells of these columns dealt out anew."""
    copy = replace(targets, ticks=targets.ticks.copy(), codes=targets.codes.copy(), ranks=targets.ranks.copy())
    order = np.random.default_rng(9).permutation(len(targets))
    for place in (targets.names.index(column) for column in columns):
        for view in (copy.ticks, copy.codes, copy.ranks):
            view[:, place] = view[order, place]
    return copy


@pytest.mark.parametrize(
    ("attack", "hidden"),
    [
        (AttributeInference(), ("income", "work", "group", "owner")),
        (AttributeInference(known=("age", "town"), hidden=("work", "income")), ("work", "income", "colour", "owner")),
        (AttributeInference(known="all but one", hidden=("town",)), ("town",)),
        (AttributeInference(trees=0), ("income", "work", "group", "owner")),
    ],
    ids=["half", "named", "all but one", "naive Bayes"],
)
def test_guesses_do_not_change_when_hidden_cells_do(attack, hidden, guessed):
    given = world("copier", 5, rows=600, targets=100)
    known = tuple(name for name in given.targets.names if name not in hidden)
    first = run(attack, given.evidence, given.targets)
    second = run(attack, given.evidence, altered(given.targets, hidden))
    run(attack, given.evidence, altered(given.targets, known))
    for view in ("codes", "gains", "losses"):
        np.testing.assert_array_equal(getattr(guessed[0], view), getattr(guessed[1], view))
    assert (guessed[0].codes != guessed[2].codes).any()  # power: known cells do matter
    assert not np.array_equal(first.scores, second.scores)  # and what was right did change


def test_the_reference_is_used_for_comparison_alone_and_only_where_it_is_handed_over():
    given = world("independent", 6, rows=400, targets=60)
    attack, rng = AttributeInference(trees=3), np.random.default_rng
    alone = attack.run(replace(given.evidence, reference=None), given.targets, rng(0))
    both = attack.run(given.evidence, given.targets, rng(0))
    np.testing.assert_array_equal(alone.scores, both.scores)
    assert set(alone.details["right guesses of all targets"]) == {"attack", "mode"}
    assert "same attack on the reference" in both.details["right guesses of all targets"]


def test_details_are_right(rng):
    """A column that follows from a known one is always guessed, one of coins half the time; the mode weighs 1 / 2."""
    first = rng.integers(2, 4, 4000)
    table = coded(np.stack([first, 5 - first, rng.integers(2, 4, 4000)], axis=1))
    outcome = run(AttributeInference(known=("a",)), Evidence(table), table.take(np.arange(2000)))
    right = outcome.details["right guesses of all targets"]
    assert right["attack"]["b"] == 1
    assert right["attack"]["c"] == pytest.approx(0.5, abs=0.06)
    assert outcome.details["rarity-weighted"]["mode"] == {"b": 0.5, "c": 0.5}
    assert outcome.success.all()
    assert outcome.weights == pytest.approx(1, abs=0.1)


def test_the_claim_is_the_guess_that_says_most(rng):
    """Column b follows from a, column c nearly: b is claimed, and weighs by its rarity in b."""
    first = rng.choice(np.array([2, 3]), 4000, p=[0.9, 0.1])
    noisy = np.where(rng.random(4000) < 0.2, 5 - first, first)
    table = coded(np.stack([first, first, noisy], axis=1))
    outcome = run(AttributeInference(known=("a",), propagation=False), Evidence(table), table)
    assert outcome.success.all()
    frequency = np.bincount(first)[first] / 4000
    np.testing.assert_allclose(outcome.weights, 1 / (2 * frequency))


def test_a_value_that_the_attacker_could_not_know_is_never_guessed_right():
    synthetic = coded([[2, UNSEEN]] * 5 + [[3, UNSEEN]] * 5)
    outcome = run(AttributeInference(known=("a",)), Evidence(synthetic), coded([[2, UNSEEN], [3, MISSING]]))
    assert not outcome.success.any()


def test_of_many_values_the_frequent_ones_are_guessed(rng):
    rare = np.concatenate([np.repeat(np.arange(2, 62), 5), np.arange(100, 240)])
    table = coded(np.stack([rare, rare], axis=1), ordered=(True, False))
    outcome = run(AttributeInference(known=("a",), depth=100), Evidence(table), table)
    assert len(np.unique(table.codes[outcome.success, 1])) == GUESSED_VALUES
    assert outcome.success.sum() == GUESSED_VALUES * 5


@pytest.mark.parametrize("attack", [*KINDS.values(), AttributeInference(trees=0)], ids=[*KINDS, "naive Bayes"])
def test_same_seed_same_scores(attack):
    given = world("partial", 7, rows=300, targets=40)
    first, again = (run(attack, given.evidence, given.targets, seed=3).scores for _ in range(2))
    np.testing.assert_array_equal(first, again)


@pytest.mark.parametrize("known", ["half", "all but one", ("c0",)])
@pytest.mark.parametrize("trees", [0, 2])
def test_degenerate_tables(known, trees):
    tables = edge_tables()
    for synthetic in tables.values():
        for targets in tables.values():
            outcome = run(AttributeInference(known=known, trees=trees), Evidence(synthetic), targets)
            assert len(outcome.scores) == len(targets)
            assert np.isfinite(outcome.scores).all()
            assert np.isfinite(outcome.weights).all()


def test_two_columns_and_no_targets():
    table = coded([[2, 3], [3, 2], [0, 0]])
    assert len(run(AttributeInference(), Evidence(table), table).scores) == 3
    assert "no targets" in AttributeInference().missing(Evidence(table), table.take(np.arange(0)))


@pytest.mark.parametrize(
    ("attack", "columns", "rows", "words"),
    [
        (AttributeInference(known=("z",)), 2, 3, "no column z"),
        (AttributeInference(hidden=("z",)), 2, 3, "no column z"),
        (AttributeInference(), 1, 3, "at least one known"),
        (AttributeInference(known="all but one"), 1, 3, "at least one known"),
        (AttributeInference(known=()), 2, 3, "at least one known"),
        (AttributeInference(known=("a", "b")), 2, 3, "at least one known"),
        (AttributeInference(), 2, 0, "no synthetic rows"),
    ],
)
def test_why_it_cannot_be_run(attack, columns, rows, words):
    table = coded(np.full((rows, columns), 2))
    assert words in attack.missing(Evidence(table), table)


def test_without_scikit_learn_only_naive_bayes_can_be_run(monkeypatch):
    monkeypatch.setattr("attacks.attribute.inference.find_spec", lambda name: None)
    table = coded([[2, 3], [3, 2]])
    assert "scikit-learn" in AttributeInference().missing(Evidence(table), table)
    assert AttributeInference(trees=0).missing(Evidence(table), table) is None


@pytest.mark.parametrize("settings", [{"known": "none"}, {"at_most": 0}, {"trees": -1}, {"depth": 0}, {"tree_rows": 0}])
def test_bad_settings(settings):
    with pytest.raises(ValueError, match="must be"):
        AttributeInference(**settings)


def test_what_it_is():
    attack = AttributeInference()
    assert (attack.threat, attack.criterion) == (RELEASE, Criterion.INFERENCE)
    assert attack.about.endswith(".")
