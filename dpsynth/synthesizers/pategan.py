"""`pategan`: a generator that learns from noisy votes of teachers, none of which has a row of another.

Source: Jordon, Yoon, van der Schaar, "PATE-GAN: Generating Synthetic Data with Differential Privacy Guarantees", ICLR
2019. The start: rows of a noisy tree (McKenna, Miklau, Sheldon, "Winning the NIST Contest", JPC 2021).
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial

from dpsynth.codec.codec import Codec
from dpsynth.domain import Domain
from dpsynth.mechanisms.teacher_votes import TeacherVotes, votes_stddev_within
from dpsynth.networks import vae
from dpsynth.networks.extra import chosen_device
from dpsynth.networks.pate import PateGame
from dpsynth.plan import PlannedStep, Resources
from dpsynth.privacy.cost import Cost
from dpsynth.privacy.unit import PrivacyUnit
from dpsynth.session import Door
from dpsynth.synthesizers import training
from dpsynth.synthesizers.settings import require_at_least_one, require_not_negative, require_shares
from dpsynth.synthesizers.synthesizer import Fitted, Progress


@dataclass(frozen=True)
class PATEGAN:
    """Teachers on disjoint rows vote on made rows; a generator learns from noisy counts of the votes (extra `deep`).

    warm_share: of the budget, for the tree whose rows the generator starts from; every vote pays for itself out of
    the rest. teachers: among whom the rows are divided. rounds, batch: how often votes are asked for, and on how many
    made rows each time. lessons, lesson: steps of the teachers before each round, and rows in each. trust: how much
    it costs the generator to leave its start. hidden, latent, warm_rows, epochs: of the generator and its start.
    components: latent points of the final model. device: cpu, cuda or auto.

    Noise on a count is about (rounds x batch)^1/2 / mu teachers. With a small epsilon that is as much as all teachers
    together say, and the generator rightly stays where it started, which cost only part of the budget: then a
    synthesizer that measures marginals with all of it does better.
    """

    warm_share: float = 0.6
    teachers: float = 200.0
    rounds: float = 10.0
    batch: float = 128.0
    lessons: float = 8.0
    lesson: float = 32.0
    trust: float = 1.0
    learning_rate: float = 1e-3
    hidden: float = 128.0
    latent: float = 16.0
    warm_rows: float = 40_000.0
    epochs: float = 5.0
    components: float = 8_000.0
    device: str = "cpu"

    def __post_init__(self) -> None:
        require_shares(self, "warm_share", "learning_rate")
        require_not_negative(self, "trust")
        require_at_least_one(self, "teachers", "rounds", "batch", "lessons", "lesson")
        require_at_least_one(self, "hidden", "latent", "warm_rows", "epochs", "components")

    def _generator(self, domain: Domain, steps: int, rate: float, start: vae.Arrays | None = None) -> vae.VaeTraining:
        return vae.VaeTraining(domain.sizes, int(self.hidden), int(self.latent), 1.0, rate, steps, start_from=start)

    def steps(self, domain: Domain, budget: Cost, unit: PrivacyUnit) -> tuple[PlannedStep, ...]:
        """Those of the tree, and all votes. Raises MissingExtraError without the extra `deep`, before any data."""
        training.require_ready("pategan", self.device)
        for_warm, for_votes = training.split(self.warm_share, domain, budget)
        warm = training.warm_steps(domain, for_warm, unit)
        if len(domain) < 2:
            return warm
        queries = int(self.rounds) * int(self.batch)
        stddev = votes_stddev_within(for_votes, unit, queries)
        return (*warm, PlannedStep("votes", "teacher votes", for_votes, (stddev, stddev), queries))

    def resources(self, domain: Domain) -> Resources:
        """The tree, the mixture, passes of rows through the generator, and lessons of all teachers."""
        coordinates = self._generator(domain, 1, 1.0).coordinates
        passes = self.warm_rows * self.epochs + 5_000 * self.rounds
        of_teachers = PateGame.teacher_hidden * sum(domain.sizes)
        passes += 4 * self.rounds * self.lessons * self.lesson * self.teachers * of_teachers / coordinates
        components = training.components_within(self.components, domain)
        found = training.resources(domain, components, coordinates, passes)
        cells = found.model_cells + int(self.teachers) * (of_teachers + int(self.lesson) * sum(domain.sizes))
        return Resources(found.marginals, found.counted_cells, cells, found.fit_seconds)

    def fit(self, door: Door, codec: Codec, budget: Cost, progress: Progress) -> Fitted:
        """Measure the tree, train a decoder on its rows, let teachers vote on what it makes, draw latent points."""
        for_warm, for_votes = training.split(self.warm_share, codec.domain, budget)
        warm = training.warm_start(door, codec, for_warm, progress)
        if len(codec.domain) < 2:
            return warm
        domain, rows = warm.codec.domain, training.warm_rows(warm, int(self.warm_rows))
        start = training.warm_weights(partial(self._generator, domain), rows, self.epochs, progress)
        generator = self._generator(domain, 1, self.learning_rate, start)
        rounds, batch = int(self.rounds), int(self.batch)
        mechanism = TeacherVotes(
            warm.codec,
            PateGame(generator, trust=self.trust),
            int(self.teachers),
            rounds,
            batch,
            int(self.lessons),
            int(self.lesson),
            votes_stddev_within(for_votes, door.unit, rounds * batch),
            chosen_device(self.device),
            partial(progress, "votes"),
        )
        released = door.run(mechanism, "votes")
        points = training.latent_points(training.components_within(self.components, domain), int(self.latent))
        return Fitted(training.calibrated(warm, vae.decode(generator, released, points)), warm.codec, warm.measurements)
