"""A network that learns by Adam at a falling rate, with an average of its weights, on free rows or at the door."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np
import numpy.typing as npt

from dpsynth.networks.extra import load_torch
from dpsynth.networks.layers import (
    Average,
    from_arrays,
    optimizer_state,
    public_draws,
    restore_optimizer,
    to_arrays,
)

if TYPE_CHECKING:
    import torch

Arrays = Mapping[str, npt.NDArray[Any]]


class Learnt(Protocol):
    """Settings of a learner: learning_rate falls to a tenth along a half cosine over `steps`."""

    @property
    def learning_rate(self) -> float:
        """Of Adam, at first."""
        ...

    @property
    def steps(self) -> int:
        """Over which the rate falls."""
        ...

    @property
    def decay(self) -> float:
        """Of the average of the weights."""
        ...

    @property
    def start_from(self) -> Arrays | None:
        """Parameters to start with, by name."""
        ...


class Learner:
    """A module in training; those who inherit say what it loses on rows (`losses`, see `dp_sgd.Trainee`)."""

    def __init__(self, settings: Learnt, module: torch.nn.Module, device: str) -> None:
        self.module, self.device = module.to(device), device
        self._rate, self._steps = settings.learning_rate, settings.steps
        if settings.start_from is not None:
            from_arrays(self.module, settings.start_from)
        self.optimizer = load_torch().optim.Adam(self.module.parameters(), lr=settings.learning_rate)
        self.average = Average(self.module, settings.decay)

    def losses(self, codes: torch.Tensor, draws: torch.Generator) -> torch.Tensor:
        """Shape (rows,)."""
        raise NotImplementedError

    def update(self, step: int) -> None:
        """One step of Adam by the gradient that is there; the average takes it in."""
        rate = self._rate * (0.55 + 0.45 * math.cos(math.pi * min(step / self._steps, 1.0)))
        for group in self.optimizer.param_groups:
            group["lr"] = rate
        self.optimizer.step()
        self.average.take()

    def state(self) -> dict[str, npt.NDArray[Any]]:
        """Parameters, averages and moments."""
        kept = {f"parameter {name}": array for name, array in to_arrays(self.module).items()}
        kept |= {f"average {name}": array for name, array in self.average.arrays().items()}
        kept |= {f"moment {name}": array for name, array in optimizer_state(self.optimizer)}
        return {**kept, "taken": np.array(self.average.taken)}

    def restore(self, state: Arrays) -> None:
        """The inverse of `state`."""
        torch = load_torch()
        parts: dict[str, dict[str, Any]] = {"parameter": {}, "average": {}, "moment": {}}
        for name, array in state.items():
            if name != "taken":
                kind, _, rest = name.partition(" ")
                parts[kind][rest] = array
        from_arrays(self.module, parts["parameter"])
        self.average.held = {name: torch.tensor(a, device=self.device) for name, a in parts["average"].items()}
        self.average.taken = int(state["taken"])
        restore_optimizer(self.optimizer, parts["moment"])

    def result(self) -> dict[str, npt.NDArray[Any]]:
        """The averaged parameters, by name."""
        return self.average.arrays()


def learn_freely(
    learner: Learner, codes: npt.NDArray[np.integer[Any]], batch: int, epochs: int
) -> dict[str, npt.NDArray[Any]]:
    """What it has learnt without noise from rows that cost nothing any more, such as those of a released model."""
    torch, draws = load_torch(), public_draws(1)
    rows = torch.as_tensor(codes.astype(np.int64))
    step = 0
    for _ in range(epochs):
        for some in torch.randperm(len(rows), generator=draws).split(batch):
            learner.optimizer.zero_grad()
            learner.losses(rows[some], draws).mean().backward()
            learner.update(step)
            step += 1
    return learner.result()
