"""What an attacker knows of a person, and which cells are guessed from that."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from attacks.tables import Table

HALF, ALL_BUT_ONE = "half", "all but one"


@dataclass(frozen=True)
class Game:
    """Guess the hidden columns of a person from the known ones."""

    known: tuple[str, ...]
    hidden: tuple[str, ...]


def hideable(names: Sequence[str], known: tuple[str, ...] | str, hidden: tuple[str, ...] | None) -> tuple[str, ...]:
    """The columns that may be guessed, in schema order."""
    if known == ALL_BUT_ONE:
        rest = tuple(names)
    else:
        held = names[::2] if known == HALF else known
        rest = tuple(name for name in names if name not in held)
    return rest if hidden is None else tuple(name for name in rest if name in hidden)


def games(
    synthetic: Table,
    known: tuple[str, ...] | str,
    hidden: tuple[str, ...] | None,
    at_most: int,
    rng: np.random.Generator,
) -> tuple[Game, ...]:
    """One game, or one for each hidden column when all the others are known.

    known: names, or "half" (every other column of the schema, from the first), or "all but one". hidden: names, or
    None for those that are not known. At most so many are guessed: a random choice of the columns in which the
    synthetic rows differ, or of all where they differ nowhere.
    """
    candidates = hideable(synthetic.names, known, hidden)
    places = {name: place for place, name in enumerate(synthetic.names)}
    varied = [name for name in candidates if np.ptp(synthetic.codes[:, places[name]])] or candidates
    chosen = sorted(rng.permutation(len(varied))[:at_most])
    guessed = tuple(varied[place] for place in chosen)
    if known == ALL_BUT_ONE:
        return tuple(Game(tuple(name for name in synthetic.names if name != one), (one,)) for one in guessed)
    held = synthetic.names[::2] if known == HALF else tuple(known)
    return (Game(held, guessed),)
