"""Threat models: what an attacker knows besides the release. An attack is handed that, and nothing else."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields


@dataclass(frozen=True)
class Threat:
    """What the attacker has besides everything that was released.

    reference: rows of the same population, none of them a target. generator: may run the synthesizer on tables of
    their own. model: sees the answers of every mechanism, and knows all other rows (the promise's own attacker).
    """

    reference: bool = False
    generator: bool = False
    model: bool = False

    @property
    def words(self) -> str:
        """Plain words, for reports."""
        further = [
            name
            for known, name in (
                (self.reference, "rows of the same population"),
                (self.generator, "the program that made the release"),
                (self.model, "every noisy answer and all other rows"),
            )
            if known
        ]
        return " + ".join(["the release", *further])

    def within(self, other: Threat) -> bool:
        """Whether an attacker of the other kind knows all that this one knows."""
        return not (
            (self.reference and not other.reference)
            or (self.generator and not other.generator)
            or (self.model and not other.model)
        )


RELEASE = Threat()
REFERENCE = Threat(reference=True)
GENERATOR = Threat(reference=True, generator=True)
MODEL = Threat(reference=True, generator=True, model=True)


def strongest(threats: Sequence[Threat]) -> Threat:
    """An attacker who knows what any of these know."""
    return Threat(*(any(getattr(each, known.name) for each in threats) for known in fields(Threat)))
