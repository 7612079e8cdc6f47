"""Fit a mixture of products to noisy sums of random Fourier features, and to noisy one-ways.

The mean feature of a product is a product: E e^(i phase) = product over columns of sum over codes of p(code) e^(i
angle). So a mixture's embedding and its derivative are closed forms, and nothing is sampled while fitting.

What is minimised, by Adam over the logits of all components and their weights: half the squared distance of embedding
and noisy embedding, each entry measured in its noise, plus a price on how far the logits go from the noisy one-ways.
Every entry has noise of its own, and a mixture has more parameters than the table has dependences, so fitting goes on
only as long as a tenth of the information, kept aside, is fitted better too (the same split as in `fit_mixture`).

Post-processing of released values: no privacy cost. Sources: Liu, Vietri, Wu, "Iterative Methods for Private Synthetic
Data" (the mixture), NeurIPS 2021; Harder, Adamczewski, Park, "DP-MERF", AISTATS 2021 (fitting to one noisy embedding);
Balog, Tolstikhin, Schoelkopf, "Differentially Private Database Release via Kernel Mean Embeddings", ICML 2018.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from dpsynth.domain import Domain
from dpsynth.marginal import FloatArray
from dpsynth.models.mixture import Mixture
from dpsynth.models.raking import raked

Real = npt.NDArray[np.float32]
Complex = npt.NDArray[np.complex64]
ComplexArray = npt.NDArray[np.complex128]

_HELD_OUT = 0.1
_CHECK_EVERY = 5
_STALE_CHECKS = 3
_START_SPREAD = 0.5
_RATE = 0.1


@dataclass(frozen=True, eq=False)
class Embedding:
    """Noisy means of e^(i phase), and how phases are made.

    means: complex, shape (frequencies,). stddev: of the noise in a real or imaginary part. slots: shape (columns a
    frequency looks at, frequencies), places of columns. turns: for each column, e^(i angle) of each code and each
    frequency that looks at it, in increasing order of the frequency.
    """

    means: ComplexArray
    stddev: float
    places: tuple[npt.NDArray[np.int64], ...]
    turns: tuple[Complex, ...]


def fit_embedding(
    domain: Domain,
    embedding: Embedding,
    shares: Sequence[FloatArray],
    total: float,
    rng: np.random.Generator,
    *,
    components: int,
    steps: int,
    penalty: float,
    progress: Callable[[float], None] | None = None,
) -> Mixture:
    """The mixture of `components` products after at most `steps` steps of Adam, its one-ways brought to `shares`.

    penalty: the price of a squared unit of a logit's distance from the one-ways, a mean over components and codes
    weighted by their share. rng: where the components start and how noise is split; never noise that protects anybody.
    """
    fitted, held = split(embedding, rng.standard_normal((2, embedding.means.size)))
    model = _Logits.start(domain, shares, components, rng)
    best, best_error, stale = model, math.inf, 0
    adam = _Adam(model.arrays())
    precision = (1 - _HELD_OUT) / embedding.stddev**2
    for step in range(1, steps + 1):
        if step % _CHECK_EVERY == 1:
            error = float((np.abs(model.embedding(embedding) - held) ** 2).sum())
            stale = 0 if error < best_error else stale + 1
            if error < best_error:
                best, best_error = model, error
            if stale == _STALE_CHECKS:
                break
        model = model.moved(adam.step(model.gradient(embedding, fitted, precision, penalty, shares)))
        if progress is not None:
            progress(step / steps)
    weights, tables = best.distribution()
    return raked(domain, weights.astype(np.float64), [table.astype(np.float64) for table in tables], shares, total)


def split(embedding: Embedding, normal: FloatArray) -> tuple[ComplexArray, ComplexArray]:
    """Two independent versions of the noisy means, with nine tenths and one tenth of their information.

    normal: fresh standard normal numbers, shape (2, frequencies). With e = stddev * normal and c^2 = 1/9, y + c e and
    y - e / c have independent noise of variances stddev^2 (1 + c^2) and stddev^2 (1 + 1 / c^2); see `fit_mixture`.
    """
    c = math.sqrt(_HELD_OUT / (1 - _HELD_OUT))
    extra = embedding.stddev * (normal[0] + 1j * normal[1])
    return embedding.means + c * extra, embedding.means - extra / c


@dataclass(frozen=True, eq=False)
class _Logits:
    """What is fitted: logits of each component and code, one array for each column, and of the weights."""

    tables: tuple[Real, ...]
    weights: Real
    base: tuple[Real, ...]

    @classmethod
    def start(cls, domain: Domain, shares: Sequence[FloatArray], components: int, rng: np.random.Generator) -> _Logits:
        """Every component near the noisy one-ways, apart by a random code or a random shift along the codes."""
        base, tables = [], []
        for share in shares:
            floor = 1e-3 / share.size
            base.append(np.log((share + floor) / (1 + floor * share.size)).astype(np.float32))
            apart = _START_SPREAD * rng.standard_normal((components, share.size))
            tables.append((base[-1] + apart).astype(np.float32))
        return cls(tuple(tables), np.zeros(components, dtype=np.float32), tuple(base))

    def arrays(self) -> list[Real]:
        return [*self.tables, self.weights]

    def moved(self, changes: Sequence[Real]) -> _Logits:
        tables = tuple(table + change for table, change in zip(self.tables, changes[:-1], strict=True))
        return _Logits(tables, self.weights + changes[-1], self.base)

    def distribution(self) -> tuple[Real, list[Real]]:
        return _softmax(self.weights), [_softmax(table) for table in self.tables]

    def embedding(self, embedding: Embedding) -> Complex:
        weights, tables = self.distribution()
        joint = np.ones((weights.size, embedding.means.size), dtype=np.complex64)
        for table, own, turns in zip(tables, embedding.places, embedding.turns, strict=True):
            joint[:, own] *= table @ turns
        found: Complex = weights @ joint
        return found

    def gradient(
        self,
        embedding: Embedding,
        target: ComplexArray,
        precision: float,
        penalty: float,
        shares: Sequence[FloatArray],
    ) -> list[Real]:
        """Derivatives of precision / 2 * |embedding - target|^2 + penalty / 2 * distance from the one-ways."""
        weights, tables = self.distribution()
        factors = [table @ turns for table, turns in zip(tables, embedding.turns, strict=True)]
        joint = np.ones((weights.size, embedding.means.size), dtype=np.complex64)
        for own, factor in zip(embedding.places, factors, strict=True):
            joint[:, own] *= factor
        error = (precision * (weights @ joint - target)).astype(np.complex64)
        slopes: list[Real] = []
        for index, (own, factor, turns) in enumerate(zip(embedding.places, factors, embedding.turns, strict=True)):
            others = joint[:, own] / np.where(np.abs(factor) < 1e-6, np.complex64(1e-6), factor)
            inner = np.conj(error[own]) * others
            by_table = (inner @ turns.T).real * weights[:, None]
            table = tables[index]
            by_logit = table * (by_table - (table * by_table).sum(axis=1, keepdims=True))
            away = self.tables[index] - self.base[index]
            away = away - away.mean(axis=1, keepdims=True)
            slopes.append(
                (by_logit + penalty / weights.size * away * shares[index].astype(np.float32)).astype(np.float32)
            )
        by_weight = (np.conj(error)[None, :] * joint).real.sum(axis=1)
        slopes.append((weights * (by_weight - weights @ by_weight)).astype(np.float32))
        return slopes


class _Adam:
    """Kingma, Ba, "Adam", ICLR 2015, with the usual constants but for a quicker second moment."""

    def __init__(self, arrays: Sequence[Real]) -> None:
        self._means = [np.zeros_like(array) for array in arrays]
        self._squares = [np.zeros_like(array) for array in arrays]
        self._count = 0

    def step(self, slopes: Sequence[Real]) -> list[Real]:
        self._count += 1
        changes = []
        for mean, square, slope in zip(self._means, self._squares, slopes, strict=True):
            mean += 0.1 * (slope - mean)
            square += 0.01 * (slope * slope - square)
            scale = np.sqrt(square / (1 - 0.99**self._count)) + 1e-12
            changes.append((-_RATE / (1 - 0.9**self._count) * mean / scale).astype(np.float32))
        return changes


def _softmax(logits: Real) -> Real:
    grown = np.exp(logits - logits.max(axis=-1, keepdims=True))
    shares: Real = grown / grown.sum(axis=-1, keepdims=True)
    return shares
