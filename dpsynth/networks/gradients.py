"""The sum of clipped gradients of single rows, by Opacus, and gradients as one vector."""

from __future__ import annotations

import warnings
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np
import numpy.typing as npt

from dpsynth.errors import SettingError

if TYPE_CHECKING:
    import torch


# Where torch's state of a CPU generator holds the words of its Mersenne twister, each in eight bytes; a test looks.
_STATE_AT, _STATE_WORDS = 24, 624
DRAW_WORDS = _STATE_WORDS // 2


class HasLosses(Protocol):
    """A module, and the loss of each row under it."""

    module: torch.nn.Module

    def losses(self, codes: torch.Tensor, draws: torch.Generator) -> torch.Tensor:
        """Shape (rows,); see `dp_sgd.Trainee`."""
        ...


class ClippedGradients:
    """Sums of clipped gradients of one network's rows; a context manager, so that hooks are taken off again.

    Raises SettingError for a network in which one row may change what another one's gradient is: a layer with
    statistics of the batch, or with buffers.
    """

    def __init__(self, network: HasLosses, clip: float) -> None:
        from opacus.grad_sample import GradSampleModuleFastGradientClipping
        from opacus.validators import ModuleValidator

        faults = ModuleValidator.validate(network.module, strict=False)
        if faults or any(True for _ in network.module.buffers()):
            raise SettingError(f"network must keep rows apart; got {type(faults[0]).__name__ if faults else 'buffers'}")
        self.network, self.clip = network, clip
        self.hooked: Any = GradSampleModuleFastGradientClipping(
            network.module, max_grad_norm=clip, use_ghost_clipping=True, loss_reduction="sum", strict=True
        )
        self.hooked.disable_hooks()  # but where norms are asked for: what is public passes unseen

    def __enter__(self) -> ClippedGradients:
        return self

    def __exit__(self, *_: object) -> None:
        self.hooked.remove_hooks()

    def sum(
        self, codes: npt.NDArray[np.integer[Any]], draws: torch.Generator, block_rows: int
    ) -> npt.NDArray[np.float64]:
        """The sum over rows of gradients scaled down to norm `clip`, shape (coordinates,); zero without rows.

        codes: shape (rows, columns). draws: for what rows draw for themselves. A row whose
        gradient is no finite vector counts as one whose gradient is zero; where even a public row breaks the network,
        all of the block do.
        """
        import torch

        parameters = [p for p in self.network.module.parameters() if p.requires_grad]
        device = parameters[0].device
        total = torch.zeros(sum(p.numel() for p in parameters), dtype=torch.float64, device=device)
        for first in range(0, len(codes), block_rows):
            block = torch.as_tensor(codes[first : first + block_rows].astype(np.int64), device=device)
            with warnings.catch_warnings():
                # Codes have no gradient of their own, which torch finds worth a remark.
                warnings.filterwarnings("ignore", "Full backward hook is firing")
                total += self._of_block(block, draws, parameters)
        return np.asarray(total.cpu().numpy())

    def _of_block(self, block: torch.Tensor, draws: torch.Generator, parameters: list[Any]) -> torch.Tensor:
        import torch

        # Once for the norms, once for the sum: both passes see the same draws.
        state = draws.get_state()
        self.hooked.enable_hooks()
        losses = self.network.losses(block, draws)
        self.network.module.zero_grad(set_to_none=True)
        losses.sum().backward(retain_graph=True)
        norms = self.hooked.get_norm_sample()
        sound = torch.isfinite(norms) & torch.isfinite(losses)
        factors = (self.clip / norms.clamp_min(1e-12)).clamp(max=1.0)
        self.hooked.disable_hooks()
        self.network.module.zero_grad(set_to_none=True)
        if not bool(sound.all()):
            # Rows that broke down are exchanged for a public one that counts nothing; all others keep their draws.
            factors = torch.where(sound, factors, torch.zeros_like(factors))
            draws.set_state(state)
            losses = self.network.losses(torch.where(sound[:, None], block, torch.zeros_like(block)), draws)
        (factors.detach() * losses).sum().backward()
        self._forget()
        found = torch.cat([p.grad.reshape(-1) for p in parameters]).to(torch.float64)
        return found if bool(torch.isfinite(found).all()) else torch.zeros_like(found)

    def _forget(self) -> None:
        """Opacus keeps what it saw of single rows with the module."""
        for module in self.network.module.modules():
            if hasattr(module, "activations"):
                module.activations = []
        for parameter in self.network.module.parameters():
            parameter._norm_sample = None
            parameter.grad_sample = None


def set_gradient(module: torch.nn.Module, vector: npt.NDArray[np.float64]) -> None:
    """Put a vector of all coordinates into `.grad` of the parameters, in their order."""
    import torch

    place = 0
    for parameter in module.parameters():
        if parameter.requires_grad:
            part = vector[place : place + parameter.numel()]
            place += parameter.numel()
            parameter.grad = torch.as_tensor(part, dtype=parameter.dtype, device=parameter.device).reshape(
                parameter.shape
            )


def secret_draws(words: npt.NDArray[np.uint64], device: str) -> torch.Generator:
    """A generator whose whole state is made of random words, for what rows draw for themselves; one for each step.

    words: DRAW_WORDS of them. On the CPU torch keeps no more than 32 bits of a seed, so its state (624 words of 32
    bits) is set by itself; on CUDA a seed has 64 bits.
    """
    import torch

    generator = torch.Generator(device=device)
    generator.manual_seed(int(words[0]) & (2**63 - 1))
    if device == "cpu":
        state = generator.get_state().numpy().copy()
        held = state[_STATE_AT : _STATE_AT + 8 * _STATE_WORDS].view(np.uint64)
        held[:] = words.view(np.uint32)[:_STATE_WORDS]
        generator.set_state(torch.as_tensor(state))
    return generator
