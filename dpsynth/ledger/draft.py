"""An entry before it has its place in the chain, and what a cap was asked to be."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from dpsynth._version import __version__
from dpsynth.errors import SettingError
from dpsynth.ledger.entry import NOTHING, Amount, Detail, Entry, Kind, checked_details, checked_text
from dpsynth.privacy.calibration import budget_from, budget_from_mu
from dpsynth.privacy.cost import Cost

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

CapAsked = Cost | float | Sequence[float]


@dataclass(frozen=True)
class Draft:
    """What an entry will say; raises SettingError on text that is too long or not printable."""

    kind: Kind
    scope: str
    request_id: str = ""
    plan_hash: str = ""
    amount: Amount = NOTHING
    actor: str = ""
    reason: str = ""
    details: Mapping[str, Detail] = field(default_factory=dict)

    def __post_init__(self) -> None:
        object.__setattr__(self, "actor", checked_text("actor", self.actor))
        object.__setattr__(self, "reason", checked_text("reason", self.reason, longest=1000))
        object.__setattr__(self, "details", checked_details(self.details))

    def sealed(self, seq: int, previous: str, time: datetime, key: Ed25519PrivateKey | None) -> Entry:
        """The entry number `seq`, chained to the hash `previous`, and signed where there is a key.

        The time is in whole seconds: finer ones would tell how long a run on private rows took.
        """
        entry = Entry(
            seq=seq,
            kind=self.kind.value,
            scope=self.scope,
            request_id=self.request_id,
            plan_hash=self.plan_hash,
            mu_squared_units=self.amount.mu_squared,
            delta_units=self.amount.delta,
            time=time.astimezone(UTC).isoformat(timespec="seconds"),
            actor=self.actor,
            reason=self.reason,
            version=__version__,
            details=self.details,
            previous=previous,
        )
        entry = replace(entry, hash=entry.computed_hash())
        return entry if key is None else entry.signed(key)


def cap_amount(cap: CapAsked) -> tuple[Amount, dict[str, Detail]]:
    """What a cap grants, rounded down, and how it was asked for, for the entry's details.

    cap: (epsilon, delta), (epsilon, delta, reserved_delta), mu, or a Cost. Raises SettingError on anything else.

    >>> cap_amount((1.0, 1e-6))[1]
    {'epsilon': '1.0', 'delta': '1e-06'}
    """
    details: dict[str, Detail]
    if isinstance(cap, Cost):
        granted, details = cap, {}
    elif isinstance(cap, (int, float)):
        granted, details = budget_from_mu(cap), {"mu": repr(float(cap))}
    elif isinstance(cap, (tuple, list)) and len(cap) in (2, 3):
        granted = budget_from(*cap)
        details = dict(zip(("epsilon", "delta", "reserved_delta"), (repr(float(part)) for part in cap), strict=False))
    else:
        raise SettingError(f"cap must be (epsilon, delta), a mu or a Cost; got {type(cap).__name__}; try (1.0, 1e-6)")
    amount = Amount.granted(granted)
    if amount.mu_squared <= 0 and amount.delta <= 0:
        raise SettingError(f"cap ({granted}) must be above 0; got nothing to grant; try (1.0, 1e-6)")
    return amount, details
