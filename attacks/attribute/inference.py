"""The attack: guess the hidden cells of every target from the known ones, and judge the guesses.

A target has several hidden cells, and statistics want one answer for each target. So the attacker makes one claim
about each: the cell whose guess says most that the frequencies of its column do not say already, by the *gain*,
the logarithm of P(guess | known cells) / P(guess). The claim is a success when it is right. An attacker who must
pick one fact to publish would pick that one; guessing the mode everywhere gains nothing.

The score is the likelihood ratio of all its guesses having come out as they did: the sum over hidden cells of
log P(guess | known cells) / P(guess) where right, and of log (1 - P(guess | known cells)) / (1 - P(guess)) where
wrong; at most 0 where the claim is wrong. A row that was copied has most of its hidden cells guessed right, with
gain, and chance rarely manages that. A right claim weighs 1 / (values of the column * frequency of the value among
all targets), so that guessing the mode is worth no more in a column of rare values than in one of common ones.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from importlib.util import find_spec
from typing import Any

import numpy as np
import numpy.typing as npt

from attacks.attack import Criterion, Evidence, FloatArray, Outcome
from attacks.attribute.forest import forest_beliefs
from attacks.attribute.knowledge import ALL_BUT_ONE, HALF, games, hideable
from attacks.attribute.pair_counts import naive_beliefs, pair_counts
from attacks.attribute.propagation import lift, mutual_information, propagate, spanning_tree
from attacks.tables import UNSEEN, Table
from attacks.threat import RELEASE, Threat

# A hidden column's values beyond so many are never guessed: they are rare, and each makes every tree larger.
GUESSED_VALUES = 50
# A value counts at most as if this share of the targets had it: else one lucky guess could outweigh all others.
_RAREST = 0.01
# No guess is surer than this: a wrong one then costs no more than rare right ones bring.
_SUREST = 0.99

Codes = npt.NDArray[np.int32]


@dataclass(frozen=True, eq=False, repr=False)
class Guesses:
    """Guessed codes, and what a guess says in nats should it be right, or wrong; shape (targets, hidden columns)."""

    codes: Codes
    gains: FloatArray
    losses: FloatArray

    def right(self, truth: Table) -> npt.NDArray[np.bool_]:
        """Which guesses are right; a value that the attacker could not know of never is."""
        return np.asarray((self.codes == truth.codes) & (truth.codes != UNSEEN))


@dataclass(frozen=True)
class AttributeInference:
    """Random forests from known to hidden columns, and belief propagation over the hidden ones.

    known: column names, "half" (every other column) or "all but one" (each hidden column from all others). hidden:
    names, or None for those not known; at most `at_most` are guessed, chosen at random. trees, depth: of a forest;
    no trees means naive Bayes on pair counts, quicker on huge tables. tree_rows: synthetic rows that one tree is
    grown on, drawn anew for every tree. propagation: whether the hidden columns are made to fit one another.

    Source: after CoBP-RA of "SoK: Reconstruction Attacks on Synthetic Tabular Data", arXiv:2606.08372.
    """

    known: tuple[str, ...] | str = HALF
    hidden: tuple[str, ...] | None = None
    at_most: int = 6
    trees: int = 25
    depth: int = 25
    tree_rows: int = 20_000
    propagation: bool = True

    def __post_init__(self) -> None:
        if isinstance(self.known, str) and self.known not in (HALF, ALL_BUT_ONE):
            raise ValueError(f"known ({self.known!r}) must be column names, {HALF!r} or {ALL_BUT_ONE!r}")
        if min(self.at_most, self.depth, self.tree_rows) < 1 or self.trees < 0:
            raise ValueError("at_most, depth and tree_rows must be at least 1, and trees at least 0")

    @property
    def threat(self) -> Threat:
        """The release alone."""
        return RELEASE

    @property
    def criterion(self) -> Criterion:
        """Inference."""
        return Criterion.INFERENCE

    @property
    def about(self) -> str:
        """One plain sentence."""
        return "Who knows some columns of a person guesses another one more often when that person's row was used."

    def missing(self, evidence: Evidence, targets: Table) -> str | None:
        """Why it cannot be run: no rows, an unknown name, nothing known or hidden, or no scikit-learn."""
        named = (() if isinstance(self.known, str) else self.known) + (self.hidden or ())
        absent = [name for name in named if name not in targets.names]
        if absent:
            return f"the table has no column {', '.join(absent)}"
        if not len(evidence.synthetic) or not len(targets):
            return "there are no synthetic rows, or no targets"
        if not self.known or len(targets.names) < 2 or not hideable(targets.names, self.known, self.hidden):
            return "it takes at least one known column and one hidden one"
        if self.trees and find_spec("sklearn") is None:
            return "scikit-learn is not installed; without trees it is not needed"
        return None

    def run(self, evidence: Evidence, targets: Table, rng: np.random.Generator) -> Outcome:
        """Guess, then judge."""
        played = games(evidence.synthetic, self.known, self.hidden, self.at_most, rng)
        hidden = tuple(name for game in played for name in game.hidden)
        truth = targets.only(hidden)
        guesses = _joined([self.guess(evidence.synthetic, targets.only(g.known), g.hidden, rng) for g in played])
        right = guesses.right(truth)
        claimed = np.arange(len(targets)), np.argmax(guesses.gains, axis=1)
        scores = np.where(right, guesses.gains, guesses.losses).sum(axis=1)
        accuracy = {"attack": right, "mode": _modes(evidence.synthetic.only(hidden), len(targets)).right(truth)}
        if evidence.reference is not None:
            control = [self.guess(evidence.reference, targets.only(g.known), g.hidden, rng) for g in played]
            accuracy["same attack on the reference"] = _joined(control).right(truth)
        return Outcome(
            scores=np.where(right[claimed], scores, np.minimum(scores, 0.0)),
            success=right[claimed],
            weights=_rarity(truth)[claimed],
            details=self._details(evidence.synthetic, hidden, accuracy, truth),
        )

    def guess(self, synthetic: Table, known_cells: Table, hidden: tuple[str, ...], rng: np.random.Generator) -> Guesses:
        """The likeliest value of each hidden column for every target, of which only known cells are given."""
        known = synthetic.only(known_cells.names)
        values, answers = zip(*(_values(codes) for codes in synthetic.only(hidden).codes.T), strict=True)
        beliefs = []
        for each in answers:
            if self.trees:
                sizes = {"trees": self.trees, "depth": self.depth, "rows": self.tree_rows}
                beliefs.append(forest_beliefs(known, each, known_cells, **sizes, rng=rng))
            else:
                beliefs.append(naive_beliefs(known, each, known_cells))
        if self.propagation:
            beliefs = _fitted(beliefs, answers)
        codes = np.empty((len(known_cells), len(hidden)), np.int32)
        gains, losses = np.empty(codes.shape), np.empty(codes.shape)
        for place, (listed, answer, belief) in enumerate(zip(values, answers, beliefs, strict=True)):
            best = np.argmax(belief[:, : len(listed)], axis=1)
            codes[:, place] = listed[best]
            chance = np.minimum(belief[np.arange(len(best)), best], _SUREST)
            prior = np.minimum(np.bincount(answer)[best] / len(answer), _SUREST)
            gains[:, place], losses[:, place] = np.log(chance / prior), np.log((1 - chance) / (1 - prior))
        return Guesses(codes, gains, losses)

    def _details(
        self,
        synthetic: Table,
        hidden: tuple[str, ...],
        accuracy: Mapping[str, npt.NDArray[np.bool_]],
        truth: Table,
    ) -> Mapping[str, Any]:
        """What was used, and per hidden column how often which guess was right, members and others together."""
        weights = _rarity(truth)
        shares = {
            who: {name: round(float(right[:, place].mean()), 4) for place, name in enumerate(hidden)}
            for who, right in accuracy.items()
        }
        weighted = {
            who: {
                name: round(float(np.average(right[:, place], weights=weights[:, place])), 4)
                for place, name in enumerate(hidden)
            }
            for who, right in accuracy.items()
        }
        return {
            "known": self.known if isinstance(self.known, str) else list(self.known),
            "hidden": list(hidden),
            "synthetic rows": len(synthetic),
            "synthetic rows of one tree": min(len(synthetic), self.tree_rows) if self.trees else 0,
            "right guesses of all targets": shares,
            "rarity-weighted": weighted,
        }


def _values(codes: Codes) -> tuple[Codes, npt.NDArray[np.int64]]:
    """The values that may be guessed, and for each row the index of its own, one past the last for all others."""
    distinct, answers, counts = np.unique(codes, return_inverse=True, return_counts=True)
    if len(distinct) <= GUESSED_VALUES:
        return distinct, answers.astype(np.int64)
    kept = np.sort(np.argsort(-counts, kind="stable")[:GUESSED_VALUES])
    index = np.full(len(distinct), GUESSED_VALUES)
    index[kept] = np.arange(GUESSED_VALUES)
    return distinct[kept], index[answers]


def _fitted(beliefs: list[FloatArray], answers: tuple[npt.NDArray[np.int64], ...]) -> list[FloatArray]:
    """Beliefs after propagation on the tree of largest mutual information."""
    sizes = [belief.shape[1] for belief in beliefs]
    weights, lifts = np.zeros((len(sizes), len(sizes))), {}
    for one in range(len(sizes)):
        for other in range(one):
            counts = pair_counts(answers[one], answers[other], (sizes[one], sizes[other]))
            weights[one, other] = weights[other, one] = mutual_information(counts)
            lifts[one, other] = lift(counts)
            lifts[other, one] = lifts[one, other].T
    edges = spanning_tree(weights)
    return propagate(beliefs, edges, [lifts[edge] for edge in edges])


def _modes(synthetic: Table, targets: int) -> Guesses:
    """The most frequent value of each column, for everybody."""
    codes = [np.bincount(column).argmax() for column in synthetic.codes.T]
    nothing = np.zeros((targets, len(codes)))
    return Guesses(np.tile(np.array(codes, np.int32), (targets, 1)), nothing, nothing)


def _joined(guesses: list[Guesses]) -> Guesses:
    """Guesses of several games side by side."""
    return Guesses(
        np.hstack([each.codes for each in guesses]),
        np.hstack([each.gains for each in guesses]),
        np.hstack([each.losses for each in guesses]),
    )


def _rarity(truth: Table) -> FloatArray:
    """For each cell 1 / (values of its column * frequency of its value among the targets), shape of the codes."""
    weights = np.empty(truth.codes.shape)
    for place, codes in enumerate(truth.codes.T):
        counts = np.bincount(codes)
        share = np.maximum(counts / max(len(codes), 1), _RAREST)
        weights[:, place] = 1 / (np.count_nonzero(counts) * share[codes])
    return weights
