"""What an audit works on: the synthetic table, targets with their secret coins, reference rows, the claim."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import cached_property, partial
from typing import Any, Literal

import numpy as np

import dpsynth
from attacks.attack import Evidence
from attacks.claim import Claim
from attacks.generator import Generator
from attacks.published import published, release_cells
from attacks.tables import Encoder, as_ticked, joined, rows_at
from attacks.trial import Trial, paired

# Pairs at most: beyond, the time grows and the bound hardly does.
MOST_PAIRS = 5_000


@dataclass(frozen=True, eq=False, repr=False)
class Material:
    """Everything that one audit needs, read and checked.

    targets: rows whose membership is to be guessed. trial: their coins; design: how these came about. reference: rows
    of the population that are no targets. claim: None when nothing was claimed. release: when the synthetic table is
    one of dpsynth's. private: the whole private table.
    """

    schema: dpsynth.Schema
    synthetic: dpsynth.Ticked
    targets: dpsynth.Ticked
    trial: Trial
    reference: dpsynth.Ticked
    claim: Claim | None
    release: dpsynth.Release | None
    design: Literal["pool", "pairs"]
    private: dpsynth.Ticked

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
    pairs of a random row of `train` and one of `holdout`; what is left of both is the reference. A `reference` of
    its own is used instead where given. Raises dpsynth.SettingError or dpsynth.DataError.
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
    return Material(schema, table, targets, trial, known, stated, release, "pairs" if pool is None else "pool", private)


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
    return rows_at(both, places), trial, rows_at(both, rest)


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
    """SHA-256 of all that the outcome of an attack depends on, besides its settings and its seed."""
    tables = material.synthetic, material.targets, material.reference
    published = "" if material.release is None else material.release.certificate.created
    return hashlib.sha256(" ".join([*map(_sha256, tables), published]).encode()).hexdigest()


def _sha256(table: dpsynth.Ticked) -> str:
    found = hashlib.sha256(repr([*table.ticks]).encode())
    for name, ticks in table.ticks.items():
        found.update(np.ascontiguousarray(ticks, dtype="<i8").tobytes())
        found.update(repr(table.labels.get(name)).encode())
    return found.hexdigest()
