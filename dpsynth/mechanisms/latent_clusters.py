"""Counts, sums and squares of the latent codes of each cluster of rows, by a released encoder in whole numbers."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cache
from typing import Any

import numpy as np
import numpy.typing as npt

from dpsynth.domain import Domain
from dpsynth.errors import SettingError
from dpsynth.features import Codes, IntArray, RowBound
from dpsynth.marginal import FloatArray

RADIUS = 1 << 12
"""Largest norm of a latent code, in its whole units."""

# Weights of the first layer are multiples of 2^-12, hidden values and weights of the second multiples of 2^-8.
_FIRST, _SECOND = 12, 8
# Beyond +-16 a hidden value counts as 16 or 0. Coordinates of a latent code are cut at 2^20 before it is drawn in.
_FURTHEST, _LONGEST = 16, 1 << 20
# Products of hidden values with weights of the second layer stay below this when they are all added up.
_EXACT = 1 << 52


@dataclass(frozen=True, eq=False)
class IntegerEncoder:
    """A public map from rows to latent codes: one hidden layer of GELU, computed in whole numbers throughout.

    first: for each column, shape (codes, hidden), what a code adds to the hidden layer, in 2^-12. bias: the same,
    shape (hidden,). second: shape (hidden, latent), in units of 2^-16 of a latent code. offset: shape (latent,).

    Two machines that sum floats in another order would give a row two codes, and so would one machine with the row in
    another block of rows; whole numbers below 2^53 they all sum alike. What is longer than `RADIUS` is drawn in to
    it, each coordinate rounded towards zero, so that no code is longer.
    """

    domain: Domain
    first: tuple[IntArray, ...] = field(repr=False)
    bias: IntArray = field(repr=False)
    second: IntArray = field(repr=False)
    offset: IntArray = field(repr=False)

    @classmethod
    def of_weights(
        cls, domain: Domain, first: FloatArray, bias: FloatArray, second: FloatArray, offset: FloatArray, clip: float
    ) -> IntegerEncoder:
        """The encoder with these float weights, rounded; a code of length `clip` becomes one of length `RADIUS`.

        first: shape (sum of the domain's sizes, hidden). Raises SettingError for weights that are no finite numbers.
        """
        parts = (first, bias, second, offset)
        if not (0 < clip < np.inf and all(np.isfinite(part).all() for part in parts)):
            raise SettingError("weights and clip of an encoder must be finite numbers; got others; try another network")
        limit = float(_FURTHEST << _FIRST)
        ends = np.cumsum(domain.sizes)[:-1]
        whole = np.rint(np.clip(first * (1 << _FIRST), -limit, limit)).astype(np.int64)
        to_units = RADIUS / clip
        heaviest = float(_EXACT // ((_FURTHEST << _SECOND) * len(second)))
        heavy = np.rint(np.clip(second * to_units * (1 << _SECOND), -heaviest, heaviest))
        return cls(
            domain,
            tuple(np.split(whole, ends)),
            np.rint(np.clip(bias * (1 << _FIRST), -limit, limit)).astype(np.int64),
            heavy.astype(np.int64),
            np.rint(np.clip(offset * to_units, -_LONGEST, _LONGEST)).astype(np.int64),
        )

    @property
    def latent(self) -> int:
        """Numbers of a latent code."""
        return int(self.second.shape[1])

    def of(self, codes: Codes) -> FloatArray:
        """Latent codes of rows, shape (rows, latent): whole numbers in float64, of norm at most `RADIUS`."""
        hidden = self.bias
        for column, own in zip(self.domain, self.first, strict=True):
            hidden = hidden + own[codes[column]]
        edge = _FURTHEST << _SECOND
        active = _gelu()[np.clip(hidden >> (_FIRST - _SECOND), -edge, edge) + edge]
        found = np.floor(active.astype(np.float64) @ self.second.astype(np.float64) / (1 << 2 * _SECOND)) + self.offset
        found = np.clip(found, -_LONGEST, _LONGEST)
        # Square root and quotient are rounded alike everywhere, and move a coordinate by less than 2^-30 before what is
        # left of a whole number is cut off: so the squared norm, which is whole, is at most RADIUS^2.
        norms = np.sqrt((found**2).sum(axis=1, keepdims=True))
        drawn_in: FloatArray = np.trunc(found * np.minimum(1.0, RADIUS / np.maximum(norms, 1.0)))
        return drawn_in


@dataclass(frozen=True, eq=False)
class LatentClusters:
    """For each cluster its rows, the sum of their latent codes, and the sum of the codes' squares.

    encoder: gives a row its latent code z. label: a column whose codes have clusters of their own, or None. centres:
    whole units, shape (classes, clusters of a class, latent); a row belongs to the nearest centre of its class, of
    equally near ones to the first.

    Norm: a row has entries in one cluster alone: `RADIUS` for being there, z, and floor(z_i^2 / RADIUS) for each i. The
    first two have norm at most RADIUS; so has the third, for sum z_i^4 <= (sum z_i^2)^2. Together the squared norm is
    at most 3 RADIUS^2, whatever the network, and however it was trained: the encoder is released before.

    Source: means and spreads of latent codes for each class, after Abay, Zhou, Kantarcioglu, Thuraisingham, Sweeney,
    "Privacy Preserving Synthetic Data Release Using Deep Learning", ECML-PKDD 2018 (there by DP-EM, Park et al. 2017);
    clusters by parallel composition, as in `ClusterPoints`.
    """

    encoder: IntegerEncoder
    label: str | None
    centres: IntArray = field(repr=False)

    def __post_init__(self) -> None:
        classes = self.domain[self.label] if self.label else 1
        if self.centres.ndim != 3 or self.centres.shape[0] != classes or self.centres.shape[2] != self.encoder.latent:
            raise SettingError(
                f"centres must be of {classes} classes and {self.encoder.latent} coordinates; got others"
            )
        if self.centres.size and int(np.abs(self.centres).max()) > RADIUS:
            raise SettingError(f"centres must be at most {RADIUS} in each coordinate; got more; try to cut them")

    @property
    def domain(self) -> Domain:
        """Columns that the encoder reads."""
        return self.encoder.domain

    @property
    def clusters(self) -> int:
        """Clusters of all classes."""
        return int(self.centres.shape[0] * self.centres.shape[1])

    @property
    def length(self) -> int:
        """A count, a sum and squares for each cluster."""
        return entries(self.clusters, self.encoder.latent)

    @property
    def bound(self) -> RowBound:
        """See the class; in features a row counts 1, and its latent code has norm at most 1."""
        return BOUND

    def of(self, latents: FloatArray, codes: Codes) -> IntArray:
        """The cluster of each row."""
        own = self.centres.shape[1]
        classes = codes[self.label].astype(np.int64) if self.label else np.zeros(len(latents), dtype=np.int64)
        found = np.zeros(len(latents), dtype=np.int64)
        for label, centres in enumerate(self.centres.astype(np.float64)):
            inside = classes == label
            away = (centres**2).sum(axis=1) - 2 * (latents[inside] @ centres.T)
            found[inside] = label * own + np.argmin(away, axis=1)
        return found

    def sums(self, codes: Codes) -> IntArray:
        """Count (in `RADIUS`), sum and squares, cluster after cluster."""
        latents = self.encoder.of(codes)
        entry = np.concatenate([np.full((len(latents), 1), RADIUS), latents, np.floor(latents**2 / RADIUS)], axis=1)
        summed = np.zeros((self.clusters, entry.shape[1]), dtype=np.int64)
        np.add.at(summed, self.of(latents, codes), entry.astype(np.int64))
        return summed.ravel()

    def describe(self) -> dict[str, Any]:
        """Name and size."""
        return {
            "features": "counts, sums and squares of latent codes in clusters",
            "columns": list(self.domain.columns),
            "clusters": self.clusters,
            "label": self.label or "",
            "coordinates": self.encoder.latent,
        }


BOUND = RowBound(3 * RADIUS**2, RADIUS)
"""What holds of every row and every encoder (see `LatentClusters`)."""


def entries(clusters: int, latent: int) -> int:
    """Numbers that are released for so many clusters."""
    return clusters * (1 + 2 * latent)


def moments(sums: FloatArray, clusters: int) -> tuple[FloatArray, FloatArray, FloatArray]:
    """Counts (clusters,), sums and sums of squares (clusters, latent), of a released vector in features."""
    table = sums.reshape(clusters, -1)
    latent = (table.shape[1] - 1) // 2
    return table[:, 0], table[:, 1 : 1 + latent], table[:, 1 + latent :]


@cache
def _gelu() -> IntArray:
    """x Phi(x) on the grid of 2^-8 from -16 to 16, in 2^-8; made once, and to be read only."""
    from scipy.special import ndtr

    edge = _FURTHEST << _SECOND
    grid = np.arange(-edge, edge + 1) / (1 << _SECOND)
    table: IntArray = np.rint(grid * ndtr(grid) * (1 << _SECOND)).astype(np.int64)
    table.setflags(write=False)
    return table


def encoder_of(domain: Domain, layers: Sequence[npt.NDArray[Any]], clip: float) -> IntegerEncoder:
    """The encoder of a variational autoencoder's means, from weights and biases of its two layers as torch has them.

    layers: first weight (hidden, codes), first bias, second weight (2 latent, hidden), second bias.
    """
    first, bias, second, offset = (np.asarray(layer, dtype=np.float64) for layer in layers)
    latent = len(offset) // 2
    return IntegerEncoder.of_weights(domain, first.T, bias, second[:latent].T, offset[:latent], clip)
