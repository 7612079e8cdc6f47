"""A variational autoencoder over coded rows.

Sources: Kingma, Welling, "Auto-Encoding Variational Bayes", ICLR 2014; Higgins et al., "beta-VAE", ICLR 2017 (the
weight of the divergence). Under differential privacy: trained by `DPSGD`, with an average of its weights.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from dpsynth.networks.extra import load_torch
from dpsynth.networks.layers import (
    from_arrays,
    log_likelihoods,
    one_hot,
    perceptron,
    probabilities,
    public_draws,
)
from dpsynth.networks.learner import Learner

if TYPE_CHECKING:
    import torch

Arrays = Mapping[str, npt.NDArray[Any]]


@dataclass(frozen=True)
class VaeTraining:
    """Settings of an autoencoder and of its training (see `dp_sgd.Training`).

    sizes: codes of each column. hidden: widths of the hidden layer. latent: numbers of the hidden code. beta: weight
    of the divergence from the prior. learning_rate: of Adam; it falls to a tenth along a half cosine over `steps`.
    decay: of the average of the weights. start: parameters to start with, by name, or None.
    """

    sizes: tuple[int, ...]
    hidden: int
    latent: int
    beta: float
    learning_rate: float
    steps: int
    decay: float = 0.99
    start_from: Arrays | None = None

    def start(self, device: str) -> VaeTrainee:
        """The autoencoder, ready for its first step."""
        return VaeTrainee(self, device)

    @property
    def coordinates(self) -> int:
        """How many parameters both halves have."""
        width, hidden, latent = sum(self.sizes), self.hidden, self.latent
        return (width + 1) * hidden + (hidden + 1) * 2 * latent + (latent + 1) * hidden + (hidden + 1) * width

    def describe(self) -> dict[str, Any]:
        """Kind, widths and rates."""
        names = ("hidden", "latent", "beta", "learning_rate", "decay")
        return {"kind": "variational autoencoder", **{name: getattr(self, name) for name in names}}


class VaeTrainee(Learner):
    """An autoencoder in training."""

    def __init__(self, settings: VaeTraining, device: str) -> None:
        torch = load_torch("vae")
        self.settings = settings
        width, draws = sum(settings.sizes), public_draws(0)
        halves = {
            "encoder": perceptron((width, settings.hidden, 2 * settings.latent), draws),
            "decoder": perceptron((settings.latent, settings.hidden, width), draws),
        }
        self.module: Any
        super().__init__(settings, torch.nn.ModuleDict(halves), device)

    def losses(self, codes: torch.Tensor, draws: torch.Generator) -> torch.Tensor:
        """Negative evidence bounds, shape (rows,), in nats."""
        torch = load_torch()
        inputs = one_hot(codes, self.settings.sizes)
        mean, log_variance = self.module["encoder"](inputs).chunk(2, dim=1)
        log_variance = log_variance.clamp(-8, 8)
        noise = torch.randn(mean.shape, generator=draws, device=mean.device)
        logits = self.module["decoder"](mean + noise * torch.exp(log_variance / 2))
        divergence = 0.5 * (mean**2 + log_variance.exp() - 1 - log_variance).sum(dim=1)
        return self.settings.beta * divergence - log_likelihoods(logits, codes, self.settings.sizes)


def decode(settings: VaeTraining, parameters: Arrays, latents: npt.NDArray[np.float32]) -> list[npt.NDArray[Any]]:
    """For each column the distributions at the given latents, shape (latents, codes)."""
    torch = load_torch("vae")
    network = VaeTrainee(settings, "cpu")
    from_arrays(network.module, parameters)
    with torch.no_grad():
        logits = network.module["decoder"](torch.as_tensor(latents))
        tables = probabilities(logits.double(), settings.sizes)
    return [np.asarray(part.numpy()) for part in torch.split(tables, list(settings.sizes), dim=1)]


def mean_spread(settings: VaeTraining, parameters: Arrays, codes: npt.NDArray[np.integer[Any]]) -> npt.NDArray[Any]:
    """The variance that the encoder gives to each latent number, on average over free rows, shape (latent,)."""
    torch = load_torch("vae")
    network = VaeTrainee(settings, "cpu")
    from_arrays(network.module, parameters)
    with torch.no_grad():
        shown = one_hot(torch.as_tensor(codes.astype(np.int64)), settings.sizes)
        log_variance = network.module["encoder"](shown)[:, settings.latent :].clamp(-8, 8)
        return np.asarray(log_variance.exp().double().mean(dim=0).numpy())
