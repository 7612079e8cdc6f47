"""Which releases came before this gate: one entry of the ledger for each decision.

Trying again until something passes is a choice that looks at private rows, so tries are counted and can be capped.
The same release with the same audit counts once, however often a pipeline asks.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from typing import Any

from dpsynth.errors import DPSynthError
from dpsynth.gate.evidence import Unavailable


@dataclass(frozen=True)
class Attempt:
    """One decision: SHA-256 of manifest, audit and policy, the day, and the verdict.

    Nothing in it is a function of private rows beyond what the release itself tells, but its verdict.
    """

    release: str
    audit: str
    policy: str
    at: str
    verdict: str


def record(ledger: str, scope: str, decide: Callable[[tuple[Attempt, ...]], Attempt]) -> None:
    """Hand all earlier attempts of a scope to `decide`, and write the one that it returns; nobody comes between.

    Raises Unavailable when the ledger cannot be read or written, or is not what it was.
    """
    from dpsynth.ledger.open import open_ledger

    def written(earlier: tuple[Mapping[str, Any], ...]) -> Mapping[str, Any]:
        return asdict(decide(tuple(Attempt(**details) for details in earlier)))

    try:
        with open_ledger(ledger) as opened:
            opened.attempt(scope, written)
    except (DPSynthError, OSError, TypeError):
        raise Unavailable("the attempt could not be written to the ledger; try `dpsynth ledger verify`") from None


def used(earlier: tuple[Attempt, ...], release: str, audit: str) -> int:
    """How many different releases and audits were decided on, this one included."""
    return len({(each.release, each.audit) for each in earlier} | {(release, audit)})
