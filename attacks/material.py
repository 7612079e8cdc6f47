"""What an audit works on: the synthetic table, targets with their secret coins, reference rows, the claim."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import cached_property, partial
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

import dpsynth
from attacks.attack import Evidence
from attacks.claim import Claim
from attacks.copying import exact_matches
from attacks.generator import Generator
from attacks.published import published, release_cells
from attacks.report.records import software_versions
from attacks.statistics.binomial import at_least
from attacks.tables import Encoder, as_ticked, joined, rows_at
from attacks.trial import Trial, paired

# A hint that fair coins would give less often is one: the tables are not what they should be.
NO_CHANCE = 1e-6
# Pairs at most: beyond, the time grows and the bound hardly does.
MOST_PAIRS = 5_000


@dataclass(frozen=True, eq=False, repr=False)
class Material:
    """Everything that one audit needs, read and checked.

    targets: rows whose membership is to be guessed. trial: their coins; design: how these came about; targets_public:
    whether their number is. reference: rows of the population that are no targets. claim: None when nothing was
    claimed. release: when the synthetic table is one of dpsynth's. private: the whole private table.
    """

    schema: dpsynth.Schema
    synthetic: dpsynth.Ticked
    targets: dpsynth.Ticked
    trial: Trial
    reference: dpsynth.Ticked
    claim: Claim | None
    release: dpsynth.Release | None
    design: Literal["pool", "pool of pairs", "pairs"]
    private: dpsynth.Ticked
    targets_public: bool = False

    @cached_property
    def encoder(self) -> Encoder:
        """Codes from what an attacker has."""
        return Encoder.of(self.schema, [self.synthetic, self.reference])

    def evidence(self) -> Evidence:
        """All that the strongest of our attackers has."""
        found = Evidence(synthetic=self.encoder.encode(self.synthetic), reference=self.encoder.encode(self.reference))
        if self.release is None:
            return found
        generator = Generator(self.release, self.encoder)
        cells: Callable[[dpsynth.Ticked], Any] = partial(release_cells, self.release)
        return replace(
            found,
            published=published(self.release),
            synthetic_cells=cells(self.synthetic),
            target_cells=cells(self.targets),
            reference_cells=cells(self.reference),
            generate=generator.generate,
            select=generator.select,
        )


def gather(
    synthetic: Any,
    *,
    train: Any,
    holdout: Any,
    reference: Any,
    pool: dpsynth.AuditPool | None,
    schema: dpsynth.Schema | None,
    claim: Any,
    rng: np.random.Generator,
) -> Material:
    """Read the tables, and decide on targets and their coins.

    With a pool the targets are its rows, and the rest of the private table is the reference. Without one they are
    pairs of a random row of `train` and one of `holdout`; of what is left the same share of both is the reference. A
    `reference` of its own is used instead where given. Raises dpsynth.SettingError or dpsynth.DataError.
    """
    release = synthetic if isinstance(synthetic, dpsynth.Release) else None
    schema = _schema(release, synthetic, schema)
    table = as_ticked(release.table if release is not None else synthetic, schema)
    if not table.rows:
        raise dpsynth.DataError("synthetic must have rows; got an empty table")
    private = as_ticked(train, schema)
    stated = _claim(release, claim)
    if pool is not None:
        targets, trial, rest = _of_pool(private, pool, release)
    else:
        if holdout is None:
            raise dpsynth.SettingError(
                "holdout must be given: rows of the same population that took no part in the fit; or, for a release"
                " with an audit pool, the file of its coins (pool); try `dpsynth synthesize --audit-pool FILE`"
            )
        others = as_ticked(holdout, schema)
        targets, trial, rest = _of_pairs(private, others, reference is None, rng)
    known = rest if reference is None else as_ticked(reference, schema)
    if not known.rows:
        raise dpsynth.DataError("reference must have rows; got none; try more rows of train and holdout")
    _require_no_hint(targets, trial, known)
    design: Literal["pool", "pool of pairs", "pairs"] = "pool of pairs" if trial.pairs else "pool"
    record = None if pool is None or release is None else release.certificate.audit_pool
    return Material(
        schema=schema,
        synthetic=table,
        targets=targets,
        trial=trial,
        reference=known,
        claim=stated,
        release=release,
        design="pairs" if pool is None else design,
        private=private,
        targets_public=record is not None and record.units == len(trial.coins),
    )


def _of_pool(
    private: dpsynth.Ticked, pool: dpsynth.AuditPool, release: dpsynth.Release | None
) -> tuple[dpsynth.Ticked, Trial, dpsynth.Ticked]:
    record = None if release is None else release.certificate.audit_pool
    if record is None or record.commitment != pool.commitment:
        raise dpsynth.DataError(
            "pool must be the one that this release was made with; got other coins than its certificate commits to"
        )
    if private.rows != pool.table_rows:
        raise dpsynth.DataError(
            "train must be the private table that the release was made from, row by row; got another number of rows"
        )
    if private.digest(pool.rows, pool.salt) != pool.cells:
        raise dpsynth.DataError(
            "train must be the private table that the release was made from, row by row; got other cells in the rows of"
            " the pool; try the very file, with its rows in the same order"
        )
    rest = np.ones(private.rows, dtype=bool)
    rest[pool.rows] = False
    several = len(pool.rows) > len(pool.coins)
    trial = Trial(pool.coins, pairs=pool.pairs, units=pool.units if several else None)
    return rows_at(private, pool.rows), trial, rows_at(private, rest)


def _of_pairs(
    members: dpsynth.Ticked, others: dpsynth.Ticked, keep_half: bool, rng: np.random.Generator
) -> tuple[dpsynth.Ticked, Trial, dpsynth.Ticked]:
    fewer = min(members.rows, others.rows)
    at_most = min(MOST_PAIRS, fewer // 2 if keep_half else fewer)
    if at_most < 2:
        raise dpsynth.DataError("train and holdout must each have at least 4 rows; got fewer")
    places, trial = paired(members.rows, others.rows, at_most, rng)
    both = joined(members, others)
    rest = np.ones(both.rows, dtype=bool)
    rest[places] = False
    again = _matches(rows_at(both, places), rows_at(both, np.arange(members.rows))) - trial.coins
    if _lopsided(again > 0, trial, of_members=False):
        raise dpsynth.DataError(
            "holdout must hold other rows than train; got rows of holdout that are in train far more often than rows of"
            " train are there twice; try rows that took no part in the synthesis"
        )
    _even(rest, members.rows, rng)
    return rows_at(both, places), trial, rows_at(both, rest)


def _even(rest: npt.NDArray[np.bool_], members: int, rng: np.random.Generator) -> None:
    """Leave the same share of either table in the rest, which is to be the reference.

    People may have several rows, that are much alike. Whoever saw more of the one table's rows could tell by them which
    table a target is from.
    """
    sides = slice(0, members), slice(members, None)
    share = min(float(rest[side].mean()) for side in sides)
    for side in sides:
        places = rng.permutation(np.flatnonzero(rest[side]))
        rest[side][places[round(share * len(rest[side])) :]] = False


def _require_no_hint(targets: dpsynth.Ticked, trial: Trial, reference: dpsynth.Ticked) -> None:
    """Refuse reference rows that tell the coins: those of the holdout itself, or of the members."""
    both = joined(targets, reference)
    found = _matches(rows_at(both, np.arange(targets.rows)), rows_at(both, np.arange(targets.rows, both.rows))) > 0
    for of_members in (True, False):
        if _lopsided(found, trial, of_members=of_members):
            raise dpsynth.DataError(
                f"reference must not tell who was in; got rows of {'train' if of_members else 'holdout'} in it more"
                " often than chance has it; try other rows of the population, with all rows of a person in one table"
            )


def _matches(targets: dpsynth.Ticked, rows: dpsynth.Ticked) -> npt.NDArray[np.int64]:
    """How many rows equal each target, of two parts of one table."""
    wanted, cells = (np.column_stack([*table.ticks.values()]).astype(np.int64) for table in (targets, rows))
    return exact_matches(wanted, cells)


def _lopsided(found: npt.NDArray[np.bool_], trial: Trial, *, of_members: bool) -> bool:
    """Whether something was found of members (or of the others) alone, oftener than fair coins would have it."""
    share = trial.by_unit(found.astype(np.float64))
    if trial.pairs:
        gap = share[::2] - share[1::2]
        members = np.where(gap > 0, trial.coins[::2], trial.coins[1::2])[gap != 0]
    else:
        members = trial.coins[share > 0]
    return at_least(0.5, len(members), int((members == of_members).sum())) < NO_CHANCE


def _schema(release: dpsynth.Release | None, synthetic: Any, schema: dpsynth.Schema | None) -> dpsynth.Schema:
    if release is not None:
        return release.schema
    if schema is None:
        # From the synthetic table, which is public.
        return dpsynth.draft(synthetic).confirmed(by="the synthetic table")
    return schema


def _claim(release: dpsynth.Release | None, claim: Any) -> Claim | None:
    """The claim: of a certificate, of a pair (epsilon, delta), as it is, or none."""
    if claim is None and release is not None:
        promise, unit = release.certificate.promise, release.certificate.unit
        return Claim(promise.epsilon, promise.delta, promise.mu, promise.delta0, unit.relation)
    if isinstance(claim, dpsynth.Release):
        return _claim(claim, None)
    if claim is None or isinstance(claim, Claim):
        return claim
    epsilon, delta = claim
    return Claim(float(epsilon), float(delta))


def digest(material: Material) -> tuple[str, Literal["file bytes", "canonical table"]]:
    """SHA-256 of what was audited: the released file where there is one, else the table on its grid."""
    release = material.release
    if release is not None and release.stored is not None:
        content = release.stored.read("synthetic.parquet", release.stored.size("synthetic.parquet"))
        return hashlib.sha256(content).hexdigest(), "file bytes"
    return _sha256(material.synthetic), "canonical table"


def fingerprint(material: Material) -> str:
    """SHA-256 of all that the outcome of an attack depends on, besides its settings and its seed.

    Coins are in it, as the controls are made of them; versions, as attacks and their libraries change.
    """
    tables = material.synthetic, material.targets, material.reference
    published = "" if material.release is None else repr(material.release.certificate.to_json())
    parts = (
        repr(material.schema.to_json()),
        repr(sorted(software_versions().items())),
        material.trial.coins.tobytes().hex(),
    )
    return hashlib.sha256(" ".join([*map(_sha256, tables), published, *parts]).encode()).hexdigest()


def _sha256(table: dpsynth.Ticked) -> str:
    found = hashlib.sha256(repr([*table.ticks]).encode())
    for name, ticks in table.ticks.items():
        found.update(np.ascontiguousarray(ticks, dtype="<i8").tobytes())
        found.update(repr(table.labels.get(name)).encode())
    return found.hexdigest()
