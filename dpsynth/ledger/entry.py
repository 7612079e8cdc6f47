"""One entry of a ledger: what it says, its canonical JSON, and the hash that chains it to the entry before."""

from __future__ import annotations

import base64
import hashlib
import json
import unicodedata
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from enum import Enum
from fractions import Fraction
from typing import TYPE_CHECKING, Any

from dpsynth.errors import LedgerError, SettingError
from dpsynth.keys import key_id
from dpsynth.privacy.cost import Cost

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

# Amounts are integers in these units, so that every database and every language adds them alike and exactly.
MU_SQUARED_UNITS = 2**48
DELTA_UNITS = 2**62
LARGEST_AMOUNT = 2**63 - 1

GENESIS = "0" * 64

Detail = str | int | bool


class Kind(str, Enum):
    """What an entry records: a cap, a reservation, what became of one, or a gate's decision on what came of it."""

    CAP = "CAP"
    RESERVE = "RESERVE"
    TOUCHED = "TOUCHED"
    MEASURED = "MEASURED"
    RELEASED = "RELEASED"
    VOID = "VOID"
    ATTEMPT = "ATTEMPT"


@dataclass(frozen=True)
class Amount:
    """A cost in the ledger's integer units: mu^2 in units of 2^-48, delta in units of 2^-62."""

    mu_squared: int = 0
    delta: int = 0

    @classmethod
    def charged(cls, cost: Cost) -> Amount:
        """What `cost` is charged: rounded up."""
        return cls(-(-cost.mu_squared * MU_SQUARED_UNITS // 1), -(-cost.delta * DELTA_UNITS // 1))

    @classmethod
    def granted(cls, cost: Cost) -> Amount:
        """What a cap of `cost` grants: rounded down, and at most what 63 bits hold."""
        mu_squared, delta = cost.mu_squared * MU_SQUARED_UNITS // 1, cost.delta * DELTA_UNITS // 1
        return cls(min(mu_squared, LARGEST_AMOUNT), min(delta, LARGEST_AMOUNT))

    def __add__(self, other: Amount) -> Amount:
        return Amount(self.mu_squared + other.mu_squared, self.delta + other.delta)

    def __sub__(self, other: Amount) -> Amount:
        return Amount(self.mu_squared - other.mu_squared, self.delta - other.delta)

    def fits(self, room: Amount) -> bool:
        """Whether `room` holds this amount in both parts."""
        return self.mu_squared <= room.mu_squared and self.delta <= room.delta

    @property
    def cost(self) -> Cost:
        """The exact cost that this amount stands for; a negative part counts as nothing."""
        return Cost(
            Fraction(max(self.mu_squared, 0), MU_SQUARED_UNITS),
            Fraction(max(self.delta, 0), DELTA_UNITS),
        )


NOTHING = Amount()


def whole_units(cost: Cost) -> Cost:
    """`cost` rounded down to what a ledger can write, so that a run planned with it is charged no more than it.

    A cap and a run of one and the same (epsilon, delta) then agree to the last unit.
    """
    return Amount.granted(cost).cost


@dataclass(frozen=True)
class Entry:
    """One event, never changed once written.

    seq: 1, 2, ... kind: a name of `Kind`. mu_squared_units, delta_units: the cap or the charge; 0 elsewhere.
    time: UTC, ISO 8601, whole seconds; for people only, because a clock may go back. previous: the hash of the entry
    before (64 zeros for the first). hash: SHA-256, hexadecimal, of the canonical JSON of every field but itself and the
    signature. signature: empty, or KEY_ID:BASE64, Ed25519 over the 32 bytes of the hash; the key is
    named as it is everywhere (`dpsynth.keys.key_id`).

    An entry holds no data value, no row count and no hash of private data.
    """

    seq: int
    kind: str
    scope: str
    request_id: str
    plan_hash: str
    mu_squared_units: int
    delta_units: int
    time: str
    actor: str
    reason: str
    version: str
    details: Mapping[str, Detail] = field(default_factory=dict)
    previous: str = GENESIS
    hash: str = ""
    signature: str = ""

    @property
    def amount(self) -> Amount:
        """What the entry grants or charges."""
        return Amount(self.mu_squared_units, self.delta_units)

    def computed_hash(self) -> str:
        """The hash that the content calls for; it equals `hash` unless somebody edited the entry."""
        content = {name: value for name, value in self.to_json().items() if name not in ("hash", "signature")}
        return hashlib.sha256(canonical_json(content).encode("ascii")).hexdigest()

    def signed(self, key: Ed25519PrivateKey) -> Entry:
        """The entry with the signature of a key, so that only its holder can write a chain anew."""
        signature = base64.b64encode(key.sign(bytes.fromhex(self.hash))).decode("ascii")
        return replace(self, signature=f"{key_id(key.public_key())}:{signature}")

    def signed_by(self, key: Ed25519PublicKey) -> bool:
        """Whether the signature is this key's, over the hash."""
        from cryptography.exceptions import InvalidSignature

        signer, _, signature = self.signature.partition(":")
        if signer != key_id(key):
            return False
        try:
            key.verify(base64.b64decode(signature, validate=True), bytes.fromhex(self.hash))
        except (InvalidSignature, ValueError):
            return False
        return True

    def to_json(self) -> dict[str, Any]:
        """The fields by name; JSON values throughout."""
        return asdict(self)

    def row(self) -> tuple[int | str, ...]:
        """The fields in their order (`FIELDS`) as a database keeps them; details become canonical JSON."""
        content = self.to_json()
        return tuple(canonical_json(content[name]) if name == "details" else content[name] for name in FIELDS)

    @classmethod
    def from_row(cls, row: Any) -> Entry:
        """The entry that a database row holds. Raises LedgerError on a row that no ledger wrote."""
        content = dict(zip(FIELDS, row, strict=True))
        where = f"entry {content['seq']}"
        if any(type(content[name]) is not (int if name in INTEGERS else str) for name in FIELDS):
            raise LedgerError(f"{where} must hold whole numbers and text; got something else: it was edited")
        try:
            content["details"] = json.loads(content["details"], parse_constant=_refuse_constant)
        except (ValueError, RecursionError):
            raise LedgerError(f"{where} must hold its details as JSON; got something else: it was edited") from None
        if not isinstance(content["details"], dict):
            raise LedgerError(f"{where} must hold its details as a JSON object; got something else: it was edited")
        return cls(**content)


FIELDS = tuple(Entry.__dataclass_fields__)
INTEGERS = frozenset({"seq", "mu_squared_units", "delta_units"})


def canonical_json(content: Mapping[str, Any]) -> str:
    r"""One text for one value: sorted keys, no spaces, ASCII; numbers are integers.

    >>> canonical_json({"b": 1, "a": "é"})
    '{"a":"\\u00e9","b":1}'
    """
    return json.dumps(content, sort_keys=True, separators=(",", ":"), ensure_ascii=True, allow_nan=False)


def _refuse_constant(_: str) -> None:
    raise ValueError("NaN and infinities are not JSON")


def checked_text(name: str, text: object, *, longest: int = 200, empty: bool = True) -> str:
    """`text` in Unicode normal form C; raises SettingError unless it is short, printable text."""
    if not isinstance(text, str):
        raise SettingError(f"{name} must be text; got {type(text).__name__}; try a short word")
    normal = unicodedata.normalize("NFC", text)
    if len(normal) > longest or not normal.isprintable() or (not empty and not normal.strip()):
        least = 0 if empty else 1
        raise SettingError(f"{name} must be {least} to {longest} printable characters; got {len(normal)}; try a word")
    return normal


def checked_scope(scope: object) -> str:
    """A scope's path in one spelling; raises SettingError on an empty part, spaces around one, or control characters.

    Two spellings of one name would have two budgets, so "é" as one character and as two are made the same.
    """
    path = checked_text("scope", scope, empty=False)
    parts = path.split("/")
    if any(not part or part != part.strip() for part in parts) or len(parts) > 8:
        raise SettingError(f"scope ({path}) must be 1 to 8 names joined by /; try 'population/dataset'")
    return path


def checked_details(details: Mapping[str, object] | None) -> dict[str, Detail]:
    """A copy of `details`; raises SettingError unless it is a small dict of text, whole numbers and truth values."""
    checked: dict[str, Detail] = {}
    for name, value in (details or {}).items():
        key = checked_text("details' name", name, empty=False)
        if isinstance(value, str):
            checked[key] = checked_text(f"details[{key!r}]", value, longest=500)
        elif isinstance(value, (bool, int)) and abs(value) <= LARGEST_AMOUNT:
            checked[key] = value
        else:
            raise SettingError(f"details[{key!r}] must be text, a whole number or a truth value; try str(...)")
    if len(checked) > 32:
        raise SettingError(f"details must hold at most 32 names; got {len(checked)}; try fewer")
    return checked


def scopes_above(scope: str) -> tuple[str, ...]:
    """The scope itself and every scope above it, the top one last.

    >>> scopes_above("people/visits/study")
    ('people/visits/study', 'people/visits', 'people')
    """
    parts = scope.split("/")
    return tuple("/".join(parts[:length]) for length in range(len(parts), 0, -1))
