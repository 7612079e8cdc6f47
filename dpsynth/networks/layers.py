"""What all networks share: rows as one-hot vectors, plain layers, and one distribution per column as output."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from dpsynth.networks.extra import load_torch

if TYPE_CHECKING:
    import torch

Arrays = Mapping[str, npt.NDArray[Any]]


def one_hot(codes: torch.Tensor, sizes: Sequence[int]) -> torch.Tensor:
    """Rows of codes as zeros and ones, float32 of shape (rows, sum of sizes): one block for each column."""
    torch = load_torch()
    starts = torch.as_tensor(np.concatenate([[0], np.cumsum(sizes)[:-1]]), device=codes.device)
    out = torch.zeros((len(codes), sum(sizes)), device=codes.device)
    return out.scatter_(1, codes + starts, 1.0)


def log_likelihoods(logits: torch.Tensor, codes: torch.Tensor, sizes: Sequence[int]) -> torch.Tensor:
    """Log-probability of each row, shape (rows,): columns are independent given the logits."""
    torch = load_torch()
    total = torch.zeros(len(codes), device=logits.device)
    for place, block in enumerate(torch.split(logits, list(sizes), dim=1)):
        total = total - torch.nn.functional.cross_entropy(block, codes[:, place], reduction="none")
    return total


def probabilities(logits: torch.Tensor, sizes: Sequence[int]) -> torch.Tensor:
    """The softmax of each column's block, same shape as `logits`."""
    torch = load_torch()
    parts = [torch.softmax(block, dim=1) for block in torch.split(logits, list(sizes), dim=1)]
    return torch.cat(parts, dim=1)


def perceptron(widths: Sequence[int], draws: torch.Generator) -> torch.nn.Sequential:
    """Linear layers with GELU between them, started from `draws` alone (uniform, by the width of their inputs)."""
    torch = load_torch()
    layers: list[Any] = []
    for inputs, outputs in itertools.pairwise(widths):
        layer = torch.nn.utils.skip_init(torch.nn.Linear, inputs, outputs)  # draws nothing from torch's global state
        with torch.no_grad():
            for parameter in layer.parameters():
                parameter.copy_((2 * torch.rand(parameter.shape, generator=draws) - 1) / inputs**0.5)
        layers += [layer, torch.nn.GELU()]
    return torch.nn.Sequential(*layers[:-1])


def public_draws(number: int, device: str = "cpu") -> torch.Generator:
    """A stream of random numbers that anyone can repeat: for starts and fakes, never for what protects anybody."""
    generator = load_torch().Generator(device=device)
    return generator.manual_seed(number)


def to_arrays(module: torch.nn.Module) -> dict[str, npt.NDArray[Any]]:
    """Parameters by name, copied."""
    return {name: parameter.detach().cpu().numpy().copy() for name, parameter in module.named_parameters()}


def from_arrays(module: torch.nn.Module, arrays: Arrays) -> None:
    """Put parameters in place by name."""
    torch = load_torch()
    with torch.no_grad():
        for name, parameter in module.named_parameters():
            parameter.copy_(torch.as_tensor(arrays[name], device=parameter.device))


class Average:
    """An exponential moving average of a module's parameters: free, and steadier than the last of many noisy steps."""

    def __init__(self, module: torch.nn.Module, decay: float) -> None:
        self.module, self.decay, self.taken = module, decay, 0
        self.held = {name: p.detach().clone() for name, p in module.named_parameters()}

    def take(self) -> None:
        """Take the module's parameters in; at first with more weight, so that the start is forgotten."""
        self.taken += 1
        decay = min(self.decay, self.taken / (self.taken + 10))
        for name, parameter in self.module.named_parameters():
            self.held[name].lerp_(parameter.detach(), 1 - decay)

    def arrays(self) -> dict[str, npt.NDArray[Any]]:
        """The averages by name."""
        return {name: value.cpu().numpy().copy() for name, value in self.held.items()}


def optimizer_state(optimizer: torch.optim.Optimizer) -> Iterator[tuple[str, npt.NDArray[Any]]]:
    """Adam's moments as named arrays."""
    for place, held in optimizer.state_dict()["state"].items():
        for name, value in held.items():
            yield f"{place}.{name}", np.array(value.cpu().numpy())


def restore_optimizer(optimizer: torch.optim.Optimizer, arrays: Arrays) -> None:
    """The inverse of `optimizer_state`."""
    torch = load_torch()
    state: dict[int, dict[str, Any]] = {}
    for key, value in arrays.items():
        place, name = key.split(".")
        state.setdefault(int(place), {})[name] = torch.tensor(value)
    optimizer.load_state_dict({**optimizer.state_dict(), "state": state})
