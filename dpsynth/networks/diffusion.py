"""Diffusion over coded rows: a network that sees rows in which codes were exchanged, and says what they were.

A row is shown at a level: each of its codes is kept with that chance, and otherwise drawn anew from the column's noisy
shares. At level 0 nothing of the row is left, so anybody can draw such rows; step by step up to level 1 the network's
answers turn them into made-up ones.

Sources: Hoogeboom, Nielsen, Jaini, Forre, Welling, "Argmax Flows and Multinomial Diffusion", NeurIPS 2021; for
tables, Kotelnikov, Baranchuk, Rubachev, Babenko, "TabDDPM", ICML 2023; under differential privacy, Truda, "Generating
tabular datasets under differential privacy", 2023.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from dpsynth.networks.extra import load_torch
from dpsynth.networks.layers import log_likelihoods, one_hot, perceptron, public_draws
from dpsynth.networks.learner import Learner

if TYPE_CHECKING:
    import torch

Arrays = Mapping[str, npt.NDArray[Any]]


@dataclass(frozen=True)
class DiffusionTraining:
    """Settings of a denoising network and of its training (see `dp_sgd.Training`, `learner.Learnt`).

    shares: for each column of each code, from noisy counts: what exchanged codes are drawn from. hidden: width of
    both hidden layers.
    """

    shares: tuple[tuple[float, ...], ...]
    hidden: int
    learning_rate: float
    steps: int
    decay: float = 0.99
    start_from: Arrays | None = None

    def start(self, device: str) -> DiffusionTrainee:
        """The network, ready for its first step."""
        return DiffusionTrainee(self, device)

    @property
    def sizes(self) -> tuple[int, ...]:
        """Codes of each column."""
        return tuple(map(len, self.shares))

    @property
    def coordinates(self) -> int:
        """How many parameters the network has."""
        width, hidden = sum(self.sizes), self.hidden
        return (width + 2 + 1) * hidden + (hidden + 1) * hidden + (hidden + 1) * width

    def describe(self) -> dict[str, Any]:
        """Kind, width and rates."""
        names = ("hidden", "learning_rate", "decay")
        return {"kind": "multinomial diffusion", **{name: getattr(self, name) for name in names}}


class DiffusionTrainee(Learner):
    """A denoising network in training."""

    def __init__(self, settings: DiffusionTraining, device: str) -> None:
        torch = load_torch("diffusion")
        self.sizes, width = settings.sizes, sum(settings.sizes)
        widths = (width + 2, settings.hidden, settings.hidden, width)
        super().__init__(settings, perceptron(widths, public_draws(0)), device)
        self.shares = [torch.as_tensor(share, dtype=torch.float64, device=device) for share in settings.shares]

    def losses(self, codes: torch.Tensor, draws: torch.Generator) -> torch.Tensor:
        """Negative log-probability of each row as it was, shown at a level of its own; shape (rows,), in nats."""
        torch = load_torch()
        level = torch.rand((len(codes), 1), generator=draws, device=codes.device)
        kept = torch.rand(codes.shape, generator=draws, device=codes.device) < level
        shown = torch.where(kept, codes, self.drawn(len(codes), draws))
        return -log_likelihoods(self.logits(shown, level), codes, self.sizes)

    def drawn(self, rows: int, draws: torch.Generator) -> torch.Tensor:
        """Codes of independent columns by their shares, shape (rows, columns): rows at level 0."""
        torch = load_torch()
        columns = []
        for share in self.shares:
            uniform = torch.rand(rows, generator=draws, device=self.device, dtype=torch.float64)
            columns.append(torch.searchsorted(share.cumsum(0), uniform).clamp(max=len(share) - 1))
        return torch.stack(columns, dim=1)

    def logits(self, shown: torch.Tensor, level: torch.Tensor) -> torch.Tensor:
        """What each row was, by the network; `level` has shape (rows, 1)."""
        inputs = load_torch().cat([one_hot(shown, self.sizes), level, level**2], dim=1)
        return self.module(inputs)


def decode(settings: DiffusionTraining, parameters: Arrays, rows: int, levels: int) -> list[npt.NDArray[Any]]:
    """For each column the last answers for `rows` rows, shape (rows, codes): a product of columns for each row."""
    torch = load_torch("diffusion")
    network = DiffusionTrainee(
        DiffusionTraining(settings.shares, settings.hidden, settings.learning_rate, 1, start_from=parameters), "cpu"
    )
    draws = public_draws(3)
    shown = network.drawn(rows, draws)
    with torch.no_grad():
        for step in range(levels):
            now, later = step / levels, (step + 1) / levels
            logits = network.logits(shown, torch.full((rows, 1), now)).double()
            answers = [torch.softmax(block, dim=1) for block in torch.split(logits, list(network.sizes), dim=1)]
            if step + 1 < levels:
                shown = _raised(shown, answers, network.shares, now, later, draws)
    return [np.asarray(answer.numpy()) for answer in answers]


def _raised(
    shown: torch.Tensor,
    answers: list[torch.Tensor],
    shares: list[torch.Tensor],
    now: float,
    later: float,
    draws: torch.Generator,
) -> torch.Tensor:
    """Rows at level `later`, drawn given what is shown at level `now` and the answers.

    From `later` down to `now` a code is kept with chance r = now / later, else drawn by the shares p. So code j at
    `later` has a chance proportional to (r [j is shown] + (1 - r) p(shown)) (later answer(j) + (1 - later) p(j)).
    """
    torch = load_torch()
    kept, columns = now / later, []
    for place, (answer, share) in enumerate(zip(answers, shares, strict=True)):
        code = shown[:, place : place + 1]
        likelihood = ((1 - kept) * share[code]).expand(answer.shape).clone()
        likelihood.scatter_add_(1, code, torch.full(code.shape, kept, dtype=answer.dtype))
        chances = likelihood * (later * answer + (1 - later) * share)
        columns.append(torch.multinomial(chances, 1, generator=draws)[:, 0])
    return torch.stack(columns, dim=1)
