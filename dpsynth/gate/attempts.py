"""Which releases came before this gate: one entry of the ledger for each decision.

Trying again until something passes is a choice that looks at private rows, so tries are counted and can be capped.
The same release with the same audit counts once, however often a pipeline asks.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

from dpsynth.errors import DPSynthError
from dpsynth.gate.evidence import Unavailable
from dpsynth.ledger.entry import scopes_above

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

    from dpsynth.gate.settings import Rules


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


def counted_in(rules: Rules, scope: str) -> str | None:
    """The scope in which tries of a release of `scope` are counted; None when it lies outside that of the policy.

    Whoever charges a scope below gets no new tries: by default the highest scope of the rule `ledger` counts.
    """
    above = scopes_above(scope)
    if rules.attempts is not None and rules.attempts.scope is not None:
        return rules.attempts.scope if rules.attempts.scope in above else None
    return min((each for each in rules.ledger.scopes or () if each in above), key=len, default=scope)


def record(
    ledger: str,
    scope: str,
    decide: Callable[[tuple[Attempt, ...]], Attempt],
    *,
    within: str | None = None,
    sign_key: Ed25519PrivateKey | None = None,
) -> None:
    """Hand all earlier attempts at and below `within` to `decide`, and write the one that it returns to `scope`.

    within: by default `scope`. sign_key: of the new entry. Nobody comes between what was seen and what is written.

    Raises Unavailable when the ledger cannot be read or written, or is not what it was.
    """
    from dpsynth.ledger.open import open_ledger

    def written(earlier: tuple[Mapping[str, Any], ...]) -> Mapping[str, Any]:
        return asdict(decide(tuple(Attempt(**details) for details in earlier)))

    try:
        with open_ledger(ledger, sign_key=sign_key) as opened:
            opened.attempt(scope, written, within=within)
    except (DPSynthError, OSError, TypeError):
        raise Unavailable("the attempt could not be written to the ledger; try `dpsynth ledger verify`") from None


def used(earlier: tuple[Attempt, ...], release: str, audit: str) -> int:
    """How many different releases and audits were decided on, this one included."""
    return len({(each.release, each.audit) for each in earlier} | {(release, audit)})
