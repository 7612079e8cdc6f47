"""The players of PATE-GAN: many small teachers in one tensor, a student, and the generator that it teaches.

Source: Jordon, Yoon, van der Schaar, "PATE-GAN: Generating Synthetic Data with Differential Privacy Guarantees",
ICLR 2019, algorithm 1. Other than there, a teacher votes for the half of the rows that it finds more real,
the student hears counts instead of majorities, its targets are shrunk by what is known of the noise, and the
generator starts as a trained decoder, from which it is not let go far without reason.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from dpsynth.networks.extra import load_torch
from dpsynth.networks.layers import Average, one_hot, perceptron, probabilities, public_draws, to_arrays
from dpsynth.networks.vae import VaeTrainee, VaeTraining

if TYPE_CHECKING:
    import torch

IntArray = npt.NDArray[np.int64]
Arrays = dict[str, npt.NDArray[Any]]


@dataclass(frozen=True)
class PateGame:
    """Settings of all players (see `teacher_votes.Game`).

    generator: the autoencoder whose decoder is the generator, with what it starts from. teacher_hidden,
    student_hidden: widths. teacher_rate, student_rate: of Adam. student_steps, generator_steps: after each round.
    memory: rounds whose votes the student still learns from. trust: weight of the generator's divergence from its
    start, in nats a row.
    """

    generator: VaeTraining
    teacher_hidden: int = 8
    student_hidden: int = 32
    teacher_rate: float = 1e-2
    student_rate: float = 3e-3
    student_steps: int = 20
    generator_steps: int = 10
    memory: int = 10
    trust: float = 0.5

    def teachers(self, count: int, device: str) -> Crowd:
        """That many teachers, all alike."""
        return Crowd(self, count, device)

    def student(self, teachers: int, device: str) -> Pupil:
        """Student and generator."""
        return Pupil(self, teachers, device)

    def describe(self) -> dict[str, Any]:
        """Kind, widths, rates and steps."""
        own = {name: value for name, value in vars(self).items() if name != "generator"}
        return {"kind": "PATE-GAN", **own, "generator": self.generator.describe()}


class Crowd:
    """Teachers with one hidden layer, all in one product: slice t of each tensor is teacher t's and no other's.

    Batched products, activations and Adam act on each slice alone, and all shapes are public. Losses are added up over
    teachers, so the gradient of one teacher's parameters has no part of another teacher's loss.
    """

    def __init__(self, game: PateGame, count: int, device: str) -> None:
        torch = load_torch("pategan")
        width, hidden, draws = sum(game.generator.sizes), game.teacher_hidden, public_draws(2)
        first = torch.randn((count, width, hidden), generator=draws) / len(game.generator.sizes) ** 0.5
        second = torch.randn((count, hidden, 1), generator=draws) / hidden**0.5
        starts = (first, torch.zeros(count, 1, hidden), second, torch.zeros(count, 1, 1))
        self.parts = [start.to(device).requires_grad_() for start in starts]
        self.sizes, self.device = game.generator.sizes, device
        self.optimizer = torch.optim.Adam(self.parts, lr=game.teacher_rate)

    def learn(self, rows: IntArray, held: npt.NDArray[np.bool_], made: IntArray) -> None:
        """One step of the logistic loss; a teacher without rows learns that nothing is real."""
        torch = load_torch()
        softplus = torch.nn.functional.softplus
        count, batch, columns = rows.shape
        real = one_hot(torch.as_tensor(rows.reshape(-1, columns), device=self.device), self.sizes)
        weight = torch.as_tensor(held, dtype=torch.float32, device=self.device)[:, None]
        on_real = self._logits(real.reshape(count, batch, -1))
        on_made = self._logits(self._made(made))
        loss = weight * softplus(-on_real).mean(dim=1, keepdim=True) + softplus(on_made).mean(dim=1, keepdim=True)
        self.optimizer.zero_grad()
        loss.sum().backward()
        self.optimizer.step()

    def votes(self, made: IntArray) -> npt.NDArray[np.bool_]:
        """Where the logit is above the teacher's own median, so that a teacher that trusts nothing still says which."""
        torch = load_torch()
        with torch.no_grad():
            logits = self._logits(self._made(made))
            return np.asarray((logits > logits.median(dim=1, keepdim=True).values).cpu().numpy())

    def _made(self, made: IntArray) -> torch.Tensor:
        torch = load_torch()
        shown = one_hot(torch.as_tensor(made, device=self.device), self.sizes)
        return shown.expand(len(self.parts[0]), *shown.shape)

    def _logits(self, shown: torch.Tensor) -> torch.Tensor:
        torch = load_torch()
        first, bias, second, offset = self.parts
        hidden = torch.nn.functional.gelu(torch.baddbmm(bias, shown, first))
        return torch.baddbmm(offset, hidden, second)[:, :, 0]


class Pupil:
    """The student and the generator: what they know of rows is noisy votes."""

    def __init__(self, game: PateGame, teachers: int, device: str) -> None:
        torch = load_torch("pategan")
        self.game, self.teachers, self.device, self.draws = game, teachers, device, public_draws(3)
        self.student = _student(game).to(device)
        self.generator = VaeTrainee(game.generator, device).module
        self.before = VaeTrainee(game.generator, device).module
        self.learning = torch.optim.Adam(self.student.parameters(), lr=game.student_rate, weight_decay=1e-4)
        self.making = torch.optim.Adam(self.generator["decoder"].parameters(), lr=game.generator.learning_rate)
        self.average = Average(self.generator, game.generator.decay)
        self.heard: deque[tuple[Any, Any]] = deque(maxlen=game.memory)

    def made(self, count: int) -> IntArray:
        """Rows of the generator as it is now."""
        torch = load_torch()
        with torch.no_grad():
            logits = self.generator["decoder"](self._latents(count))
            return np.asarray(self._drawn(logits).cpu().numpy())

    def learn(self, asked: IntArray, votes: IntArray, stddev: float) -> None:
        """Teach the student the shares of teachers, as far as they are no noise, and the generator to please it."""
        torch = load_torch()
        softplus, game = torch.nn.functional.softplus, self.game
        shown = one_hot(torch.as_tensor(asked, device=self.device), game.generator.sizes)
        self.heard.append((shown, torch.as_tensor(votes / self.teachers, dtype=torch.float32, device=self.device)))
        rows, shares = (torch.cat(parts) for parts in zip(*self.heard, strict=True))
        # Of the spread of the shares, what noise alone would bring is taken off (James and Stein).
        noise = (stddev / self.teachers) ** 2
        kept = max(0.0, 1 - noise / max(float(shares.var(correction=0)), 1e-12))
        targets = 0.5 + kept * (shares - shares.mean())
        for _ in range(game.student_steps):
            logits = self.student(rows)[:, 0]
            self.learning.zero_grad()
            (softplus(logits) - targets * logits).mean().backward()
            self.learning.step()
        for _ in range(game.generator_steps):
            self._please()

    def result(self) -> Arrays:
        """The averaged generator, by the names of an autoencoder's parameters, and the student's, marked so."""
        student = {f"student {name}": array for name, array in to_arrays(self.student).items()}
        return {**self.average.arrays(), **student}

    def _please(self) -> None:
        """One step of the generator against the student: drawn codes forward, probabilities backward."""
        torch = load_torch()
        sizes, latents = self.game.generator.sizes, self._latents(256)
        logits = self.generator["decoder"](latents)
        now = probabilities(logits, sizes)
        with torch.no_grad():
            before = probabilities(self.before["decoder"](latents), sizes)
            hard = one_hot(self._drawn(logits), sizes)
        shown = hard + now - now.detach()
        away = (now * (now.clamp_min(1e-9).log() - before.clamp_min(1e-9).log())).sum(dim=1)
        loss = torch.nn.functional.softplus(-self.student(shown)[:, 0]) + self.game.trust * away
        self.making.zero_grad()
        loss.mean().backward()
        self.making.step()
        self.average.take()

    def _latents(self, count: int) -> torch.Tensor:
        torch = load_torch()
        return torch.randn((count, self.game.generator.latent), generator=self.draws).to(self.device)

    def _drawn(self, logits: torch.Tensor) -> torch.Tensor:
        """Codes drawn by the softmax of each column's block, shape (rows, columns): the largest after Gumbel noise."""
        torch = load_torch()
        uniform = torch.rand(logits.shape, generator=self.draws).to(self.device).clamp(1e-12, 1 - 1e-7)
        noisy = logits - torch.log(-torch.log(uniform))
        parts = torch.split(noisy, list(self.game.generator.sizes), dim=1)
        return torch.stack([part.argmax(dim=1) for part in parts], dim=1)


def _student(game: PateGame) -> torch.nn.Sequential:
    return perceptron((sum(game.generator.sizes), game.student_hidden, 1), public_draws(4))
