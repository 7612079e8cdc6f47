"""Train a small generator network against noisy sums of random Fourier features: what DP-MERF does after its release.

A network maps a hidden point to a distribution for each column. Given the point, columns are independent, so the mean
feature of what it generates is a product of sums over codes, exact and smooth: no row is drawn while training. The
hidden points are fixed: fresh ones in each step would add their own variance to the squared distance that is
minimised, which a network lowers by making all points alike.

Training and all that follows are post-processing of released values: no privacy cost.

Source: Harder, Adamczewski, Park, "DP-MERF: Differentially Private Mean Embeddings with Random Features for Practical
Privacy-preserving Data Generation", AISTATS 2021.
"""

from __future__ import annotations

import dataclasses
import itertools
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from dpsynth.domain import Domain
from dpsynth.marginal import FloatArray
from dpsynth.models.fit_embedding import Embedding, split
from dpsynth.models.mixture import Mixture
from dpsynth.models.raking import raked
from dpsynth.networks.extra import load_torch

_HIDDEN = 128
_LATENT = 16
_START_SPREAD = 0.5
_CHECK_EVERY = 5


@dataclass(frozen=True, eq=False)
class Part:
    """What is known of one class of the rows: its code of the label (None without one), its share, its embedding."""

    code: int | None
    share: float
    embedding: Embedding


def train_generator(
    domain: Domain,
    parts: Sequence[Part],
    label: str | None,
    shares: Sequence[FloatArray],
    total: float,
    draw: Callable[[tuple[int, int]], FloatArray],
    *,
    points: int,
    steps: int,
    rate: float,
    one_way_weight: float,
    progress: Callable[[float], None] | None = None,
) -> Mixture:
    """The mixture that a trained network gives, one component for each hidden point, its one-ways brought to `shares`.

    parts: one for each class, or one in all; their embeddings are parts of one sum and have the same phases. points:
    hidden ones, divided among the classes. steps, rate: of Adam. one_way_weight: of the squared distance to the noisy
    one-ways, against the mean over features of that to the noisy embedding, both in shares of rows.

    draw: standard normal numbers of a shape, from an explicit generator, for where the network starts and the hidden
    points. They are all the chance there is: the same draws give the same model, and torch's own state is not
    touched. A tenth of the information, split off by more such draws, is not trained on: of the networks passed on the
    way the one that is nearest to it is kept, so that noise is not learned.
    """
    torch = load_torch("the synthesizer dp_merf")
    network = _Network.start(torch, domain, shares, draw, classes=len(parts), labelled=label is not None)
    hidden = network.hidden_points([max(1, points // len(parts))] * len(parts))
    both = [split(one.embedding, draw((2, one.embedding.means.size))) for one in parts]
    trained_on, held = (
        [torch.tensor(np.stack([means.real, means.imag])).float() for means in version]
        for version in zip(*both, strict=True)
    )
    best, best_error = network, math.inf
    wanted = torch.cat([torch.tensor(share) for share in shares]).float()
    waves = _Waves.of(torch, parts[0].embedding)
    optimizer = torch.optim.Adam(network.parameters, lr=rate)
    for step in range(steps):
        for group in optimizer.param_groups:
            group["lr"] = rate * (1 - step / steps)
        optimizer.zero_grad()
        loss, one_ways, error = torch.zeros(()), torch.zeros(()), 0.0
        for one, points_of, means, aside in zip(parts, hidden, trained_on, held, strict=True):
            tables = network.tables(points_of)
            found = one.share * waves.means(tables)
            loss = loss + ((found - means) ** 2).mean()
            error += float(((found.detach() - aside) ** 2).sum())
            one_ways = one_ways + one.share * torch.cat([table.mean(dim=0) for table in tables])
        if label is None:
            loss = loss + one_way_weight * ((one_ways - wanted) ** 2).sum()
        if step % _CHECK_EVERY == 0 and error < best_error:
            best, best_error = network.copied(), error
        loss.backward()
        optimizer.step()
        if progress is not None:
            progress((step + 1) / steps)
    return _mixture(domain, parts, label, [best.distributions(own) for own in hidden], shares, total)


@dataclass(frozen=True, eq=False)
class _Network:
    """A perceptron with two hidden layers, and a softmax for each column."""

    torch: Any
    sizes: tuple[int, ...]
    parameters: list[Any]
    draw: Callable[[tuple[int, int]], FloatArray]
    classes: int

    @classmethod
    def start(
        cls,
        torch: Any,
        domain: Domain,
        shares: Sequence[FloatArray],
        draw: Callable[[tuple[int, int]], FloatArray],
        *,
        classes: int,
        labelled: bool,
    ) -> _Network:
        """Random, but for the last layer's offsets: they are the noisy one-ways."""
        widths = (_LATENT + classes * labelled, _HIDDEN, _HIDDEN, sum(domain.sizes))
        parameters = []
        for place, (before, after) in enumerate(itertools.pairwise(widths)):
            spread = (_START_SPREAD if place == 2 else 1.0) / before**0.5
            parameters += [torch.from_numpy(spread * draw((before, after))).float(), torch.zeros(after)]
        parameters[-1] = torch.cat([torch.log(torch.tensor(share + 1e-3 / share.size)) for share in shares]).float()
        for each in parameters:
            each.requires_grad_()
        return cls(torch, domain.sizes, parameters, draw, classes * labelled)

    def copied(self) -> _Network:
        """The same network with parameters of its own, not trained any further."""
        return dataclasses.replace(self, parameters=[each.detach().clone() for each in self.parameters])

    def hidden_points(self, counts: Sequence[int]) -> list[Any]:
        """Normal points for each class, with the class beside them where there are several."""
        found = []
        for place, count in enumerate(counts):
            points = self.torch.from_numpy(self.draw((count, _LATENT))).float()
            own = self.torch.zeros(count, self.classes)
            own[:, place : place + 1] = 1.0
            found.append(self.torch.cat([points, own], dim=1))
        return found

    def tables(self, points: Any) -> list[Any]:
        """The distribution of each column for each point."""
        first, first_offset, second, second_offset, last, last_offset = self.parameters
        here = self.torch.tanh(points @ first + first_offset)
        here = self.torch.tanh(here @ second + second_offset) @ last + last_offset
        return [self.torch.softmax(part, dim=1) for part in self.torch.split(here, list(self.sizes), dim=1)]

    def distributions(self, points: Any) -> list[npt.NDArray[np.float64]]:
        """The same as arrays, when training is over."""
        with self.torch.no_grad():
            return [table.double().numpy() for table in self.tables(points)]


@dataclass(frozen=True, eq=False)
class _Waves:
    """Mean features of products. turns: for each column real and imaginary parts, shape (2, codes, own frequencies).

    slots: shape (most columns a frequency looks at, frequencies): where a frequency's factors stand among those of all
    columns in a row; the last place of all holds the factor 1, for frequencies that look at fewer columns.
    """

    torch: Any
    turns: list[Any]
    slots: Any

    @classmethod
    def of(cls, torch: Any, embedding: Embedding) -> _Waves:
        count = embedding.means.size
        seen = [[] for _ in range(count)]  # type: list[list[int]]
        start = 0
        for own in embedding.places:
            for offset, frequency in enumerate(own):
                seen[frequency].append(start + offset)
            start += own.size
        most = max(map(len, seen))
        slots = np.array([places + [start] * (most - len(places)) for places in seen], dtype=np.int64).T
        turns = [torch.view_as_real(torch.from_numpy(each)).permute(2, 0, 1).contiguous() for each in embedding.turns]
        return cls(torch, turns, torch.from_numpy(np.ascontiguousarray(slots)))

    def means(self, tables: Sequence[Any]) -> Any:
        """Mean over points of the real and imaginary parts, shape (2, frequencies)."""
        one, zero = self.torch.ones(len(tables[0]), 1), self.torch.zeros(len(tables[0]), 1)
        factors = [(table @ turn[0], table @ turn[1]) for table, turn in zip(tables, self.turns, strict=True)]
        reals = self.torch.cat([*(real for real, _ in factors), one], dim=1)
        imaginaries = self.torch.cat([*(imaginary for _, imaginary in factors), zero], dim=1)
        real, imaginary = reals[:, self.slots[0]], imaginaries[:, self.slots[0]]
        for slot in self.slots[1:]:
            re, im = reals[:, slot], imaginaries[:, slot]
            real, imaginary = real * re - imaginary * im, real * im + imaginary * re
        return self.torch.stack([real.mean(dim=0), imaginary.mean(dim=0)])


def _mixture(
    domain: Domain,
    parts: Sequence[Part],
    label: str | None,
    tables: Sequence[list[npt.NDArray[np.float64]]],
    shares: Sequence[FloatArray],
    total: float,
) -> Mixture:
    """Every hidden point is a component; with a label, those of a class hold its code alone."""
    weights = []
    for one, own in zip(parts, tables, strict=True):
        weights.append(np.full(len(own[0]), max(one.share, 1e-12) / len(own[0])))
        if label is not None:
            own[domain.columns.index(label)][:] = np.eye(domain[label])[one.code]
    joined = [np.concatenate([own[column] for own in tables]) for column in range(len(domain))]
    return raked(domain, np.concatenate(weights), joined, shares, total)
