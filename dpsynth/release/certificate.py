"""The certificate: what a release promises, to whom, at what price, and what lies outside the promise.

A certificate holds public numbers only. It never holds the exact number of private rows, nor a hash,
size, date or path of the private table: each of those is a function of the data that nobody paid for.
"""

from __future__ import annotations

import json
import math
import platform
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from fractions import Fraction
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from dpsynth._version import __version__
from dpsynth.errors import ReleaseError, SettingError
from dpsynth.release.arithmetic import arithmetic_faults

if TYPE_CHECKING:
    from dpsynth.audit_pool import AuditPool, PoolSize
    from dpsynth.privacy.calibration import Guarantee
    from dpsynth.privacy.cost import Cost
    from dpsynth.privacy.unit import PrivacyUnit
    from dpsynth.schema.schema import Schema

FORMAT = "dpsynth-certificate"
VERSION = 1

EXACT_NOISE = "exact discrete Gaussian on the integers"
SYSTEM_ENTROPY = "operating system"
TEST_ENTROPY = "TEST ENTROPY: NOT PRIVATE"

PROFILE_DELTAS = (1e-5, 1e-6, 1e-7, 1e-8, 1e-9, 1e-10, 1e-11, 1e-12)
FALSE_ALARMS = (0.001, 0.01, 0.05, 0.1)

EXCLUSIONS = (
    "how long the run took and how much memory it used",
    "everything declared public in the schema: column names, categories, bounds, steps, missing-value rules",
    "whatever the steward looked at beside this release, such as the private table itself or a draft of the schema",
    "rows refused at ingest: that a run stopped, or did not stop, because a row broke the schema",
    "numbers that the steward chose by looking at the data, such as a number of synthetic rows",
    "other releases about the same people: promises add up, and this certificate speaks of this release alone",
)
KNOWN_LIMITS = (
    "only the measured marginals have a known error; any other relation between columns is modelled, and may be wrong",
    "small groups drown in noise: a count below a few standard deviations of the noise says nothing",
    "the rows are no sample of the population: intervals computed as if they were leave out noise and model error",
    "identifiers are made anew, one for each row: rows of one person cannot be told together",
    "numbers measured once stay measured: drawing more synthetic rows adds no information",
    "gradients of networks are summed in floating point: noise is exact, and rounding has a margin that is no proof",
)
HOW_TO_VERIFY = (
    "run `dpsynth verify DIRECTORY --key FILE`: it checks every file, redoes the arithmetic, and checks who signed",
    "run `dpsynth selftest` where the release was made: it replays the mechanisms on neighbouring tables",
    "MANIFEST.json finds damage, a signature finds forgery: get the key by a way you trust",
)

_STRICT: dict[str, Any] = {"extra": "forbid", "strict": True, "allow_inf_nan": False}


@dataclass(frozen=True)
class Promise:
    """The guarantee in numbers.

    epsilon, delta: as asked for. mu, delta0: as paid for; the release is delta0-approximately mu-GDP.
    rho: zCDP parameter, None when delta0 > 0 (pure zCDP does not hold then).
    profile: pairs (delta, epsilon), every one of which holds at once.
    attack_odds: pairs (false-alarm rate, largest possible rate of finds) of any membership attack.
    """

    epsilon: float
    delta: float
    mu: float
    delta0: float
    rho: float | None
    profile: tuple[tuple[float, float], ...]
    attack_odds: tuple[tuple[float, float], ...]
    __pydantic_config__: ClassVar[dict[str, Any]] = _STRICT

    @classmethod
    def of(cls, guarantee: Guarantee, *, epsilon: float, delta: float) -> Promise:
        """The promise of a guarantee, with the (epsilon, delta) that was asked for."""
        return cls(
            epsilon=float(epsilon),
            delta=float(delta),
            mu=float(guarantee.mu),
            delta0=float(guarantee.delta0),
            rho=guarantee.rho if guarantee.delta0 == 0 else None,
            profile=guarantee.profile([each for each in PROFILE_DELTAS if each > guarantee.delta0]),
            attack_odds=guarantee.attack_odds(FALSE_ALARMS),
        )


@dataclass(frozen=True)
class Unit:
    """Whom the promise is about: the neighbouring relation, the column of the unit, its row bound, plain words."""

    relation: str
    column: str | None
    max_rows: int
    words: str
    __pydantic_config__: ClassVar[dict[str, Any]] = _STRICT

    @classmethod
    def of(cls, unit: PrivacyUnit) -> Unit:
        """The unit of a run."""
        return cls(unit.relation.value, unit.column, unit.max_rows, unit.describe())


@dataclass(frozen=True)
class MechanismRecord:
    """One mechanism that ran.

    label: the step. kind: the mechanism. parameters: public numbers (stddev in rows, cells, cliques).
    mu_squared: its cost, rounded up; delta: its delta0; share: its part of the granted mu_squared.
    """

    label: str
    kind: str
    parameters: dict[str, Any]
    mu_squared: float
    delta: float
    share: float
    __pydantic_config__: ClassVar[dict[str, Any]] = _STRICT

    def __post_init__(self) -> None:
        object.__setattr__(self, "parameters", _as_json("parameters", self.parameters))

    @classmethod
    def of(cls, label: str, parameters: Mapping[str, Any], cost: Cost, granted: Cost) -> MechanismRecord:
        """The record of one mechanism; `parameters` are its public numbers, its `kind` among them."""
        others = {name: value for name, value in parameters.items() if name != "kind"}
        share = float(cost.mu_squared / granted.mu_squared) if granted.mu_squared else 0.0
        kind = str(parameters.get("kind", "mechanism"))
        return cls(label, kind, others, _rounded_up(cost.mu_squared), _rounded_up(cost.delta), share)


@dataclass(frozen=True)
class Spending:
    """What the run was granted and what its mechanisms spent, in mu^2 and delta0."""

    granted_mu_squared: float
    granted_delta: float
    spent_mu_squared: float
    spent_delta: float
    __pydantic_config__: ClassVar[dict[str, Any]] = _STRICT

    @classmethod
    def of(cls, *, granted: Cost, spent: Cost) -> Spending:
        """The totals of a run, each rounded up."""
        totals = (granted.mu_squared, granted.delta, spent.mu_squared, spent.delta)
        return cls(*(_rounded_up(total) for total in totals))


@dataclass(frozen=True)
class Noise:
    """The class of the noise, where its entropy came from, and whether that makes the release private."""

    law: str = EXACT_NOISE
    entropy: str = SYSTEM_ENTROPY
    private: bool = True
    __pydantic_config__: ClassVar[dict[str, Any]] = _STRICT

    @classmethod
    def of(cls, private: bool) -> Noise:
        """The noise of a run whose entropy source says of itself that it is `private`, or that it is not."""
        return cls(entropy=SYSTEM_ENTROPY if private else TEST_ENTROPY, private=private)


@dataclass(frozen=True)
class PoolRecord:
    """The audit pool of a release: how many units were asked for, in pairs or not, and a salted hash of its coins."""

    units: int
    pairs: bool
    commitment: str
    __pydantic_config__: ClassVar[dict[str, Any]] = _STRICT

    @classmethod
    def of(cls, size: PoolSize, pool: AuditPool) -> PoolRecord:
        """What may be said of a pool in public. Its true size is private in a table that is smaller."""
        return cls(size.units, size.pairs, pool.commitment)


@dataclass(frozen=True)
class LedgerRecord:
    """Where a release was charged.

    ledger_id: of the ledger. scope: whose budget was charged, a path such as "patients/visits". request_id: of the
    charge. seq, hash: of its entry, in the ledger's chain. head_seq, head_hash: the newest entry at that time: a ledger
    that does not hold it any more is not the one it was.
    """

    ledger_id: str
    scope: str
    request_id: str
    seq: int
    hash: str
    head_seq: int
    head_hash: str
    __pydantic_config__: ClassVar[dict[str, Any]] = _STRICT


@dataclass(frozen=True)
class PublicItem:
    """One item of the schema that the promise takes as public: which column, what, and who says so."""

    column: str
    item: str
    source: str
    __pydantic_config__: ClassVar[dict[str, Any]] = _STRICT


@dataclass(frozen=True)
class Software:
    """Versions of dpsynth, Python and numpy that made the release."""

    dpsynth: str
    python: str
    numpy: str
    __pydantic_config__: ClassVar[dict[str, Any]] = _STRICT

    @classmethod
    def here(cls) -> Software:
        """The versions of this process."""
        return cls(__version__, platform.python_version(), np.__version__)


@dataclass(frozen=True)
class Certificate:
    """What was promised, to whom, what it cost, and what the promise leaves out.

    reason: why `auto` chose the synthesizer; None when the steward named it.
    rows: synthetic rows released. estimated_total: the noisy estimate of the private number of rows.
    seed: governs only the drawing of synthetic rows from the model; no seed reaches the noise.
    created: UTC date and time of the run, ISO 8601. audit_pool: what is public of the pool that audits it, or None.
    Raises SettingError when the spending does not fit the grant or the promise does not cover the spending.

    Privacy: every field is public, chosen by the steward, or computed from paid-for noisy answers.
    """

    synthesizer: str
    settings: dict[str, Any]
    promise: Promise
    unit: Unit
    mechanisms: tuple[MechanismRecord, ...]
    spending: Spending
    noise: Noise
    public_metadata: tuple[PublicItem, ...]
    rows: int
    estimated_total: float
    seed: int
    created: str
    software: Software
    reason: str | None = None
    audit_pool: PoolRecord | None = None
    ledger: LedgerRecord | None = None
    exclusions: tuple[str, ...] = EXCLUSIONS
    known_limits: tuple[str, ...] = KNOWN_LIMITS
    how_to_verify: tuple[str, ...] = HOW_TO_VERIFY
    __pydantic_config__: ClassVar[dict[str, Any]] = _STRICT

    def __post_init__(self) -> None:
        object.__setattr__(self, "settings", _as_json("settings", self.settings))
        faults = arithmetic_faults(self)
        if faults:
            raise SettingError("certificate must add up; got " + "; ".join(faults))

    def to_json(self) -> dict[str, Any]:
        """A JSON object with `format` and `version`; `from_json` is its inverse."""
        return {"format": FORMAT, "version": VERSION, **_as_json("certificate", asdict(self))}

    @classmethod
    def from_json(cls, document: Mapping[str, Any]) -> Certificate:
        """The certificate in a JSON object. Raises ReleaseError on anything that is not one of this version."""
        from pydantic import TypeAdapter, ValidationError

        fields = dict(document)
        if (fields.pop("format", None), fields.pop("version", None)) != (FORMAT, VERSION):
            raise ReleaseError(
                f"certificate must say format {FORMAT!r} and version {VERSION}; got something else;"
                " try the version of dpsynth that wrote it"
            )
        try:
            return TypeAdapter(cls).validate_json(json.dumps(fields, allow_nan=False))
        except ValidationError as error:
            raise ReleaseError(
                f"certificate must be whole and add up; got {_faults_in_words(error.errors())}"
            ) from None
        except (SettingError, ValueError, TypeError, RecursionError) as error:
            raise ReleaseError(f"certificate must be readable; got {error}") from None


def utc_now() -> str:
    """The date and time now, UTC, to the second: what `Certificate.created` holds."""
    return datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def public_items(schema: Schema) -> tuple[PublicItem, ...]:
    """Every item of a schema that the promise takes as public, with who declared it so."""
    of_all = {"public_rows": schema.public_rows is not None, "missing_values": bool(schema.missing_values)}
    shared = [PublicItem("(all columns)", item, "declared") for item, given in of_all.items() if given]
    return (*(PublicItem(*triple) for triple in schema.provenance()), *shared)


def _faults_in_words(faults: Iterable[Mapping[str, Any]]) -> str:
    """Our own reasons where there are any, else where the faults are; never the values."""
    own = [str(fault["ctx"]["error"]) for fault in faults if fault["type"] == "value_error"]
    places = sorted({".".join(str(part) for part in fault["loc"]) for fault in faults})
    return "; ".join(own) or f"faults at {places[:5]}"


def _as_json(name: str, values: Mapping[str, Any]) -> dict[str, Any]:
    """The values as they will come back from a file: lists for tuples, texts for keys."""
    try:
        plain: dict[str, Any] = json.loads(json.dumps(dict(values), allow_nan=False))
    except (TypeError, ValueError) as error:
        raise SettingError(f"{name} must be plain JSON values; got {error}") from None
    return plain


def _rounded_up(value: Fraction) -> float:
    nearest = float(value)
    return nearest if nearest >= value else math.nextafter(nearest, math.inf)
