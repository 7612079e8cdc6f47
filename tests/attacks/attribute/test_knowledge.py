"""Which columns are known and which are guessed."""

from __future__ import annotations

import numpy as np
import pytest

from attacks.attribute.knowledge import Game, games, hideable
from attacks.tables import Table


def table(codes) -> Table:
    codes = np.asarray(codes, np.int32)
    names = tuple("abcdefgh"[: codes.shape[1]])
    return Table(
        names, (False,) * len(names), (9,) * len(names), codes.astype(np.int64), codes, np.full(codes.shape, np.nan)
    )


VARIED = table(np.arange(48).reshape(6, 8) % 9)


def test_half_is_every_other_column(rng):
    assert games(VARIED, "half", None, 9, rng) == (Game(("a", "c", "e", "g"), ("b", "d", "f", "h")),)


def test_all_but_one_is_a_game_for_each_hidden_column(rng):
    played = games(VARIED, "all but one", ("c", "a"), 9, rng)
    assert [game.hidden for game in played] == [("a",), ("c",)]
    assert all(set(game.known) == set(VARIED.names) - set(game.hidden) for game in played)


def test_named_columns_and_a_limit(rng):
    (game,) = games(VARIED, ("h", "b"), None, 3, rng)
    assert game.known == ("h", "b")
    assert len(game.hidden) == 3
    assert not set(game.hidden) & {"h", "b"}
    assert list(game.hidden) == sorted(game.hidden)
    assert games(VARIED, ("h", "b"), ("a", "h"), 3, rng)[0].hidden == ("a",)


def test_which_are_guessed_is_by_chance():
    chosen = {games(VARIED, "half", None, 2, np.random.default_rng(seed))[0].hidden for seed in range(50)}
    assert len(chosen) == 6


def test_constant_columns_are_guessed_only_where_nothing_else_is_left(rng):
    codes = np.array(VARIED.codes)
    codes[:, [1, 3]] = 2
    assert games(table(codes), "half", None, 9, rng)[0].hidden == ("f", "h")
    assert games(table(np.full((3, 4), 2)), "half", None, 9, rng)[0].hidden == ("b", "d")


@pytest.mark.parametrize(
    ("known", "hidden", "left"),
    [("half", None, ("b",)), ("all but one", None, ("a", "b")), (("a", "b"), None, ()), (("a",), ("a",), ())],
)
def test_hideable(known, hidden, left):
    assert hideable(("a", "b"), known, hidden) == left
