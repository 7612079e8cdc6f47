"""Static checks: what can be seen without any attack, by reading and doing sums. Seconds, and the highest yield."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import dpsynth
from attacks.claim import Claim
from attacks.report.records import Check
from attacks.static_checks.accounting import accounting_checks
from attacks.static_checks.noise import noise_checks
from attacks.static_checks.rows import DOMAIN, PROVENANCE, row_checks

__all__ = ("Check", "static_checks")


def static_checks(
    release: dpsynth.Release | None,
    synthetic: Any,
    schema: dpsynth.Schema,
    claim: Claim | None = None,
    *,
    private: Any = None,
    others: Sequence[dpsynth.Release] = (),
) -> tuple[Check, ...]:
    """Every static check, in one order: of the sums, of the noise, of the rows.

    release: of dpsynth, as `dpsynth.load` gives it, or None for a table of anybody. synthetic, private: DataFrames,
    mappings of columns, or `dpsynth.Ticked`, which has no identifiers and only cells on the schema's grid. claim:
    anything with epsilon, delta, mu, delta0, relation. others: earlier releases from the same private table. What a
    check needs and has not got makes it "not applicable"; what cannot be decided is "unknown".

    Privacy: words may hold private numbers when `private` is given; they are for the steward. Checks that read the
    release alone are marked as public.
    """
    shown = (*accounting_checks(release, claim, others), *noise_checks(release, others))
    rows = row_checks(synthetic, schema, release, private, *_kept(release, claim))
    of_release = {check.name for check in shown} | {PROVENANCE[0], DOMAIN[0]}
    return tuple(replace(check, public=check.name in of_release) for check in (*shown, *rows))


def _kept(release: dpsynth.Release | None, claim: Claim | None) -> tuple[str, float | None]:
    """The relation, and the mu that is promised; epsilon stands for it where no mu is claimed, being larger."""
    if release is not None:
        return release.certificate.unit.relation, release.certificate.promise.mu
    if claim is None or claim.epsilon == 0:
        return "add-remove", None
    return str(getattr(claim.relation, "value", claim.relation)), claim.epsilon if claim.mu is None else claim.mu
