"""A generative adversarial network over coded rows, whose critic alone sees rows.

The critic's gradient has two parts: that of the private rows, which `DPSGD` clips and noises, and that of made-up
rows, which is public and added afterwards (Torkzadehmahani, Kairouz, Paten, "DP-CGAN", CVPR workshops 2019). The
generator learns from the critic, so it costs nothing; it takes a step after several of the critic's (Bie, Kamath,
Zhang, "Private GANs, Revisited", TMLR 2023). Losses: Wasserstein with clipped weights (Arjovsky, Chintala, Bottou,
2017; private: Xie et al., "DPGAN", 2018), or logistic (Goodfellow et al., 2014).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from dpsynth.networks.extra import load_torch
from dpsynth.networks.layers import (
    Average,
    from_arrays,
    log_likelihoods,
    one_hot,
    optimizer_state,
    perceptron,
    probabilities,
    public_draws,
    restore_optimizer,
    to_arrays,
)

if TYPE_CHECKING:
    import torch

Arrays = Mapping[str, npt.NDArray[Any]]

LOSSES = ("wasserstein", "logistic")
_LIKELIHOOD_RATE = 3e-3
_TEMPERATURE = 0.5  # of the relaxed draws that the critic is shown


@dataclass(frozen=True)
class GanTraining:
    """Settings of critic and generator, and of their training (see `dp_sgd.Training`).

    sizes: codes of each column. hidden: width of the hidden layers. latent: numbers behind a row. label: place of the
    column that the generator is told, or None; label_shares: how often it is told each of its codes, from noisy counts.
    loss: one of LOSSES. weight_limit: of the critic's weights under the Wasserstein loss. critic_steps: for each step
    of the generator. fakes: made-up rows a step. start_from: parameters to start with, by name, or None.
    """

    sizes: tuple[int, ...]
    hidden: int
    latent: int
    label: int | None
    label_shares: tuple[float, ...]
    loss: str
    critic_rate: float
    generator_rate: float
    critic_steps: int
    weight_limit: float
    fakes: int
    decay: float = 0.98
    start_from: Arrays | None = None

    def start(self, device: str) -> GanTrainee:
        """Both networks, ready for the critic's first step."""
        return GanTrainee(self, device)

    @property
    def coordinates(self) -> int:
        """Parameters of the critic: the generator never has a gradient by rows."""
        return (sum(self.sizes) + 1) * self.hidden + self.hidden + 1

    def describe(self) -> dict[str, Any]:
        """Kind, widths, rates and loss."""
        names = ("hidden", "latent", "label", "loss", "critic_rate", "generator_rate", "critic_steps", "weight_limit")
        return {"kind": "generative adversarial network", **{name: getattr(self, name) for name in names}}


class GanTrainee:
    """Critic and generator in training. `module` is the critic."""

    def __init__(self, settings: GanTraining, device: str) -> None:
        torch = load_torch("gan")
        self.settings, self.device = settings, device
        width, draws = sum(settings.sizes), public_draws(0)
        told = 0 if settings.label is None else settings.sizes[settings.label]
        self.module = perceptron((width, settings.hidden, 1), draws).to(device)
        self.generator = perceptron((settings.latent + told, settings.hidden, settings.hidden, width), draws).to(device)
        if settings.start_from is not None:
            from_arrays(self.module, _part("critic", settings.start_from))
            from_arrays(self.generator, _part("generator", settings.start_from))
        rates = (settings.critic_rate, settings.generator_rate)
        self.critic_optimizer, self.generator_optimizer = (
            torch.optim.Adam(module.parameters(), lr=rate, betas=(0.5, 0.9))
            for module, rate in zip((self.module, self.generator), rates, strict=True)
        )
        self.average = Average(self.generator, settings.decay)
        self.public, self.taken = public_draws(2, device), 0

    def losses(self, codes: torch.Tensor, draws: torch.Generator) -> torch.Tensor:
        """What the critic loses on each row, shape (rows,): it shall be large on rows."""
        score = self.module(one_hot(codes, self.settings.sizes))[:, 0]
        return self._lost(score)

    def update(self, step: int) -> None:
        """One step of the critic, with the public gradient by made-up rows added; then perhaps one of the generator."""
        torch = load_torch()
        noisy = [parameter.grad.clone() for parameter in self.module.parameters()]
        self.module.zero_grad(set_to_none=True)
        with torch.no_grad():
            fakes = self.made_up(self.settings.fakes)
        fakes.requires_grad_()  # or the hooks, which watch rows alone, remark that nothing flows into the input
        self._lost(-self.module(fakes)[:, 0]).mean().backward()
        for parameter, part in zip(self.module.parameters(), noisy, strict=True):
            parameter.grad += part
        self.critic_optimizer.step()
        self._limit()
        if (step + 1) % self.settings.critic_steps == 0:
            self.generator_step()

    def generator_step(self) -> None:
        """One step of the generator against the critic as it is."""
        self.generator.zero_grad(set_to_none=True)
        self._lost(self.module(self.made_up(self.settings.fakes))[:, 0]).mean().backward()
        self.generator_optimizer.step()
        self.average.take()

    def made_up(self, rows: int) -> torch.Tensor:
        """Rows of the generator as zeros and ones, through which gradients pass; shape (rows, width)."""
        torch = load_torch()
        shape = (rows, self.settings.latent)
        inputs = torch.randn(shape, generator=self.public, device=self.device)
        told = None
        if self.settings.label is not None:
            shares = torch.as_tensor(self.settings.label_shares, device=self.device)
            told = torch.multinomial(shares, rows, replacement=True, generator=self.public)
            inputs = torch.cat([inputs, torch.nn.functional.one_hot(told, len(shares)).to(inputs.dtype)], dim=1)
        blocks = []
        for place, logits in enumerate(torch.split(self.generator(inputs), list(self.settings.sizes), dim=1)):
            if place == self.settings.label:
                blocks.append(torch.nn.functional.one_hot(told, logits.shape[1]).to(inputs.dtype))
                continue
            uniform = torch.rand(logits.shape, generator=self.public, device=self.device).clamp(1e-9, 1 - 1e-7)
            soft = torch.softmax((logits - torch.log(-torch.log(uniform))) / _TEMPERATURE, dim=1)
            hard = torch.zeros_like(soft).scatter_(1, soft.argmax(dim=1, keepdim=True), 1.0)
            blocks.append(hard + soft - soft.detach())  # drawn codes forward, relaxed ones backward
        return torch.cat(blocks, dim=1)

    def _lost(self, score: torch.Tensor) -> torch.Tensor:
        return -score if self.settings.loss == "wasserstein" else load_torch().nn.functional.softplus(-score)

    def _limit(self) -> None:
        if self.settings.loss == "wasserstein":
            limit = self.settings.weight_limit
            with load_torch().no_grad():
                for parameter in self.module.parameters():
                    parameter.clamp_(-limit, limit)

    def state(self) -> dict[str, npt.NDArray[Any]]:
        """Both networks, the average, all moments, and the stream of made-up rows."""
        kept = {**_named("critic", to_arrays(self.module)), **_named("generator", to_arrays(self.generator))}
        kept |= _named("average", self.average.arrays())
        kept |= _named("critic moment", dict(optimizer_state(self.critic_optimizer)))
        kept |= _named("generator moment", dict(optimizer_state(self.generator_optimizer)))
        stream = self.public.get_state().cpu().numpy().copy()
        return {**kept, "stream": stream, "taken": np.array(self.average.taken)}

    def restore(self, state: Arrays) -> None:
        """The inverse of `state`."""
        torch = load_torch()
        from_arrays(self.module, _part("critic", state))
        from_arrays(self.generator, _part("generator", state))
        self.average.held = {
            name: torch.tensor(array, device=self.device) for name, array in _part("average", state).items()
        }
        self.average.taken = int(state["taken"])
        restore_optimizer(self.critic_optimizer, _part("critic moment", state))
        restore_optimizer(self.generator_optimizer, _part("generator moment", state))
        self.public.set_state(torch.tensor(state["stream"]))

    def result(self) -> dict[str, npt.NDArray[Any]]:
        """The averaged generator, and the critic as it is."""
        averaged = self.average.arrays() if self.average.taken else to_arrays(self.generator)
        return {**_named("critic", to_arrays(self.module)), **_named("generator", averaged)}


def decode(settings: GanTraining, parameters: Arrays, latents: npt.NDArray[np.float32]) -> list[npt.NDArray[Any]]:
    """For each column the distributions at the given latents, shape (latents, codes).

    Where a label is told, it is told to parts of the latents by its shares, rounded to whole latents.
    """
    torch = load_torch("gan")
    network = GanTrainee(settings, "cpu")
    from_arrays(network.generator, _part("generator", parameters))
    inputs = torch.as_tensor(latents)
    if settings.label is not None:
        edges = np.floor(np.cumsum(settings.label_shares) / np.sum(settings.label_shares) * len(latents) + 0.5)
        told = torch.as_tensor(np.searchsorted(edges, np.arange(len(latents)), side="right"))
        told = told.clamp(max=settings.sizes[settings.label] - 1)
        known = torch.nn.functional.one_hot(told, settings.sizes[settings.label])
        inputs = torch.cat([inputs, known.to(inputs.dtype)], dim=1)
    with torch.no_grad():
        tables = probabilities(network.generator(inputs).double(), settings.sizes)
    parts = [np.asarray(part.numpy()) for part in torch.split(tables, list(settings.sizes), dim=1)]
    if settings.label is not None:
        parts[settings.label] = np.asarray(known.numpy(), dtype=np.float64)
    return parts


def pretrained(
    settings: GanTraining, codes: npt.NDArray[np.integer[Any]], batch: int, decoder_steps: int, steps: int
) -> GanTrainee:
    """Both networks trained without noise on rows that cost nothing any more, such as those of a released model.

    The generator first learns likelihood, as the decoder of an autoencoder, and only then meets the critic: a game
    alone leaves out what is rare, and what it has left out a noisy critic will not bring back.
    """
    torch = load_torch("gan")
    network, draws = GanTrainee(settings, "cpu"), public_draws(1)
    rows = torch.as_tensor(codes.astype(np.int64))
    _learn_likelihood(network, rows, batch, decoder_steps, draws)
    network.average = Average(network.generator, settings.decay)
    for step in range(steps):
        some = torch.randint(len(rows), (batch,), generator=draws)
        network.module.zero_grad(set_to_none=True)
        network.losses(rows[some], draws).mean().backward()
        network.update(step)
    return network


def _learn_likelihood(network: GanTrainee, rows: torch.Tensor, batch: int, steps: int, draws: torch.Generator) -> None:
    """The generator as decoder, with an encoder that is thrown away (Kingma, Welling, ICLR 2014)."""
    torch, settings = load_torch(), network.settings
    encoder = perceptron((sum(settings.sizes), settings.hidden, 2 * settings.latent), draws)
    optimizer = torch.optim.Adam([*encoder.parameters(), *network.generator.parameters()], lr=_LIKELIHOOD_RATE)
    for step in range(steps):
        some = rows[torch.randint(len(rows), (batch,), generator=draws)]
        mean, log_variance = encoder(one_hot(some, settings.sizes)).chunk(2, dim=1)
        log_variance = log_variance.clamp(-8, 8)
        inputs = mean + torch.randn(mean.shape, generator=draws) * torch.exp(log_variance / 2)
        if settings.label is not None:
            told = torch.nn.functional.one_hot(some[:, settings.label], settings.sizes[settings.label])
            inputs = torch.cat([inputs, told.to(inputs.dtype)], dim=1)
        divergence = 0.5 * (mean**2 + log_variance.exp() - 1 - log_variance).sum(dim=1)
        likelihood = log_likelihoods(network.generator(inputs), some, settings.sizes)
        for group in optimizer.param_groups:
            group["lr"] = _LIKELIHOOD_RATE * (1 - 0.9 * step / steps)
        optimizer.zero_grad(set_to_none=True)
        (divergence - likelihood).mean().backward()
        optimizer.step()


def _named(kind: str, arrays: Arrays) -> dict[str, npt.NDArray[Any]]:
    return {f"{kind}: {name}": array for name, array in arrays.items()}


def _part(kind: str, arrays: Arrays) -> dict[str, npt.NDArray[Any]]:
    return {name.removeprefix(f"{kind}: "): array for name, array in arrays.items() if name.startswith(f"{kind}: ")}
