"""Each rule of a policy that judges the release itself: promise, noise, ledger, signature, table, public facts."""

from __future__ import annotations

import math
import unicodedata
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING, Any

from dpsynth.gate import settings as asked
from dpsynth.gate.evidence import Case, Outcome, Unavailable
from dpsynth.release.certificate import EXACT_NOISE, SYSTEM_ENTROPY, public_items
from dpsynth.release.content import content_digest
from dpsynth.schema.provenance import DECLARED, OPEN

if TYPE_CHECKING:
    from dpsynth.ledger.balance import Reservation

CERTIFICATE = "certificate.json"


def within(what: str, got: float, at_most: float, file: str = CERTIFICATE, **more: Any) -> Outcome:
    """Pass when a number is at most so much, fail when it is above; undecided when it is no number."""
    if not (math.isfinite(got) and math.isfinite(at_most)):
        raise Unavailable(f"{what} is not a number")
    evidence = {"file": file, "got": got, "at_most": at_most, **more}
    if got <= at_most:
        return Outcome("pass", f"{what} is {got:.10g}; at most {at_most:.10g}", evidence)
    return Outcome("fail", f"{what} must be at most {at_most:.10g}; got {got:.10g}", evidence)


def among(what: str, got: str, allowed: tuple[str, ...]) -> Outcome:
    """Pass when a name is one of those allowed."""
    evidence = {"file": CERTIFICATE, "got": got, "allowed": list(allowed)}
    if got in allowed:
        return Outcome("pass", f"{what} is {got!r}", evidence)
    return Outcome("fail", f"{what} must be one of {', '.join(map(repr, allowed))}; got {got!r}", evidence)


def integrity(case: Case) -> Outcome:
    """Whether every file is as the manifest says, and certificate, model, schema and table are of one release."""
    case.directory  # noqa: B018  # Unavailable, before verify would call a missing release a broken one
    apart = ("audit", "attestation", "signature")  # rules of their own
    checks = [check for check in case.verification.checks if check.name not in apart]
    wrong = [check for check in checks if check.status == "fail"]
    evidence = {"file": "MANIFEST.json", "checks": {check.name: check.status for check in checks}}
    if wrong:
        return Outcome("fail", "; ".join(f"{check.name}: {check.words}" for check in wrong), evidence)
    return Outcome("pass", "every file is as the manifest says, and the promise follows from what was spent", evidence)


def epsilon(setting: asked.Epsilon, case: Case) -> Outcome:
    """Epsilon at the certificate's delta, or the smallest that it proves at the policy's delta."""
    promise = case.certificate.promise
    at_delta = promise.delta if setting.at_delta is None else setting.at_delta
    pairs = [(promise.delta, promise.epsilon), *promise.profile]
    # A promise at a smaller delta holds at a larger one.
    found = min((each for delta, each in pairs if delta <= at_delta), default=math.inf)
    if found == math.inf:
        if promise.delta0 >= at_delta:
            words = f"epsilon must exist at delta {at_delta:g}; got a promise that leaves {promise.delta0:g} uncovered"
            return Outcome("fail", words, {"file": CERTIFICATE, "at_delta": at_delta, "delta0": promise.delta0})
        raise Unavailable(f"the certificate names no epsilon at delta {at_delta:g} or below")
    return within(f"epsilon at delta {at_delta:g}", found, setting.at_most, at_delta=at_delta)


def delta(setting: asked.Delta, case: Case) -> Outcome:
    """The delta of the promise."""
    return within("delta", case.certificate.promise.delta, setting.at_most)


def mu(setting: asked.Mu, case: Case) -> Outcome:
    """mu, and the part that it does not cover."""
    promise = case.certificate.promise
    uncovered = within("delta0, which mu does not cover,", promise.delta0, setting.delta0_at_most)
    return uncovered if uncovered.status == "fail" else within("mu", promise.mu, setting.at_most)


def relation(setting: asked.Relation, case: Case) -> Outcome:
    """The neighbouring relation."""
    return among("relation", case.certificate.unit.relation, setting.allowed)


def unit(setting: asked.Unit, case: Case) -> Outcome:
    """Whose rows the promise protects."""
    unit = case.certificate.unit
    evidence = {"file": CERTIFICATE, "column": unit.column, "max_rows": unit.max_rows}
    if unit.column is not None:
        if setting.columns is not None and unit.column not in setting.columns:
            words = f"unit must be one of {', '.join(map(repr, setting.columns))}; got {unit.column!r}"
            return Outcome("fail", words, evidence)
        return Outcome("pass", f"the promise protects {unit.words}", evidence)
    identifiers = [column.name for column in case.schema.columns if column.type == "identifier"]
    if setting.columns is not None or setting.record_level == "forbidden":
        return Outcome("fail", "unit must be named by a column; got a promise about single rows", evidence)
    if setting.record_level == "without-identifier" and identifiers:
        words = f"unit must be named where identifiers are ({', '.join(map(repr, identifiers[:5]))}); got single rows"
        return Outcome("fail", words, evidence)
    return Outcome("pass", f"the promise protects {unit.words}", evidence)


def synthesizers(setting: asked.Synthesizers, case: Case) -> Outcome:
    """What made the model."""
    return among("synthesizer", case.certificate.synthesizer, setting.allowed)


def noise(_: asked.Noise, case: Case) -> Outcome:
    """Whether the noise was drawn exactly, with entropy of the operating system."""
    noise = case.certificate.noise
    evidence = {"file": CERTIFICATE, "law": noise.law, "entropy": noise.entropy, "private": noise.private}
    if noise.private and noise.entropy == SYSTEM_ENTROPY and noise.law == EXACT_NOISE:
        return Outcome("pass", f"{noise.law}; entropy: {noise.entropy}", evidence)
    words = f"noise must be an {EXACT_NOISE}, fed by the {SYSTEM_ENTROPY}; got {noise.law!r}, {noise.entropy!r}"
    return Outcome("fail", words, evidence)


def ledger(setting: asked.Ledger, case: Case) -> Outcome:
    """Whether the spending of this release stands in the ledger that was handed in, and its chain is whole."""
    record = case.certificate.ledger
    if record is None:
        if setting.needed == "optional" and setting.scopes is None and not (setting.ledger_ids or setting.key_ids):
            return Outcome("pass", "the release was recorded in no ledger, and needs none", {"file": CERTIFICATE})
        return Outcome("fail", "ledger must hold the spending; got a release recorded in none", {"file": CERTIFICATE})
    evidence = {"file": CERTIFICATE, "ledger_id": record.ledger_id, "scope": record.scope, "seq": record.seq}
    covered = [scope for scope in setting.scopes or () if f"{record.scope}/".startswith(f"{scope}/")]
    if setting.scopes is not None and not covered:
        words = f"scope must be in {', '.join(map(repr, setting.scopes))}; got {record.scope!r}"
        return Outcome("fail", words, evidence)
    if setting.ledger_ids and record.ledger_id not in setting.ledger_ids:
        words = f"ledger must be one of {', '.join(map(repr, setting.ledger_ids))}; got {record.ledger_id!r}"
        return Outcome("fail", words, evidence)
    if case.ledger is None and setting.needed == "optional" and not setting.key_ids:
        return Outcome("pass", "the certificate names a ledger; it was not handed in, and need not be", evidence)
    keys = [case.keys[each] for each in setting.key_ids if each in case.keys]
    charge = case.charge(record, keys)
    if charge.faults:
        shown = "; ".join(charge.faults[:3])
        return Outcome("fail", f"ledger must be whole and hold what the certificate names; {shown}", evidence)
    wrong = _uncharged(case, charge.reservation)
    if wrong:
        return Outcome("fail", f"ledger must hold the spending of this release; {wrong}", evidence)
    if setting.key_ids and not keys:
        raise Unavailable("entries must be signed by a key of the policy, and none of those was handed in; try --key")
    return Outcome("pass", f"entry {record.seq} charges {record.scope!r} with what was spent", evidence)


def _uncharged(case: Case, reservation: Reservation | None) -> str:
    """Why a reservation does not pay for this release; empty when it does."""
    record, spending = case.certificate.ledger, case.certificate.spending
    if record is None or reservation is None:
        return "got no such request"
    known = (record.ledger_id, record.scope, record.seq, record.hash)
    if (reservation.ledger_id, reservation.scope, reservation.entry.seq, reservation.entry.hash) != known:
        return "got another entry under this request"
    if reservation.state.value not in ("MEASURED", "RELEASED"):
        return f"got a request that is {reservation.state.value}, so that no release came of it"
    if reservation.digest != content_digest(case.directory.digests()):
        return "got another release than the one that was paid for"
    cost = reservation.cost
    slack = 1 - 2.0**-50  # floats of the certificate were rounded up from exact fractions
    if cost.mu_squared < spending.spent_mu_squared * slack:
        return "got a charge that is too small"
    if cost.delta < spending.spent_delta * slack:
        return "got a charge of too small a delta"
    if spending.granted_mu_squared < cost.mu_squared * slack or spending.granted_delta < cost.delta * slack:
        return "got a certificate that names a smaller grant than was charged"
    return ""


def signature(setting: asked.Signature, case: Case) -> Outcome:
    """Whether a key that was handed in signed these very files."""
    found, attested = case.verification["signature"], case.verification["attestation"]
    key = case.verification.key
    evidence = {
        "file": "attestation.json",
        "key_id": key,
        "checks": {"attestation": attested.status, "signature": found.status},
    }
    for check in (attested, found):
        if check.status == "fail":
            return Outcome("fail", f"{check.name}: {check.words}", evidence)
    if found.status == "absent":
        if setting.needed == "required" or (setting.key_ids and attested.status == "pass"):
            raise Unavailable(f"signature: {found.words}; try --key")
        return Outcome("pass", f"{found.words}; none is needed", evidence)
    if setting.key_ids and key not in setting.key_ids:
        return Outcome("fail", f"signature must be by a key of the policy; got one by {key}", evidence)
    return Outcome("pass", f"signed {found.words}", evidence)


def columns(setting: asked.Columns, case: Case) -> Outcome:
    """Whether the table holds a column that must not leave."""
    # Brackets are letters like others: a name that holds some must match itself.
    patterns = [_plain(pattern).replace("[", "[[]") for pattern in setting.denied]
    found = [name for name in case.columns if any(fnmatchcase(_plain(name), pattern) for pattern in patterns)]
    evidence = {"file": "synthetic.csv", "found": found, "columns": len(case.columns)}
    if found:
        return Outcome("fail", f"columns must not be in the table: {', '.join(map(repr, found[:10]))}", evidence)
    return Outcome("pass", f"none of {len(case.columns)} columns is denied", evidence)


def _plain(name: str) -> str:
    """A name without case, outer spaces, invisible characters and ways of writing one letter."""
    shown = "".join(letter for letter in name if unicodedata.category(letter) not in ("Cf", "Cc"))
    return unicodedata.normalize("NFKC", unicodedata.normalize("NFKC", shown).casefold()).strip()


def rows(setting: asked.Rows, case: Case) -> Outcome:
    """The number of synthetic rows; `integrity` compared it with the table."""
    return within("number of rows", case.certificate.rows, setting.at_most)


def metadata(setting: asked.Metadata, case: Case) -> Outcome:
    """Whether somebody stands behind every item that the promise takes as public."""
    items = case.certificate.public_metadata
    if items != public_items(case.schema):
        return Outcome("fail", "public items of the certificate must be those of the schema", {"file": CERTIFICATE})
    refused = OPEN | {""} | ({DECLARED} if setting.source == "named" else set())
    open_items = [f"{each.column}: {each.item}" for each in items if each.source.strip().casefold() in refused]
    evidence = {"file": CERTIFICATE, "items": len(items), "open": open_items[:20]}
    if open_items:
        shown = ", ".join(map(repr, open_items[:5])) + (" and more" if len(open_items) > 5 else "")
        return Outcome("fail", f"public items must be {setting.source}; got none who answers for {shown}", evidence)
    return Outcome("pass", f"all {len(items)} public items are {setting.source}", evidence)


def utility(setting: asked.Utility, case: Case) -> Outcome:
    """How far the model is off the noisy measurements, beyond what noise explains."""
    from dpsynth.gate.utility import distances

    if case.release.certificate != case.certificate:
        raise Unavailable("the release changed while it was judged")
    beyond, by_noise = distances(case.release)
    if setting.noise_tvd_at_most is not None and not by_noise <= setting.noise_tvd_at_most:
        raise Unavailable(f"noise alone moves a measured marginal by {by_noise:.3g}: too much to see the model's error")
    what = "mean distance of the model from the measured marginals, beyond noise,"
    return within(what, beyond, setting.mean_tvd_at_most, "measurements.json", by_noise=by_noise)
