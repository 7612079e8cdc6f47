"""The audit of one synthetic table: gather, attack, judge, control, conclude.

What makes the verdict sound: the coins that decided who is in are independent of everything (see `trial`); an attack
never sees them; each attack's guesses are judged under the claim by a test that holds however the guesses depend on
each other, since all come from one release (`statistics.one_run`); and the levels of all tests together are kept by
Holm's method. A pass is no proof of safety: it says that these attacks, which do see a leaky twin, refuted nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

import dpsynth
from attacks.attack import Attack, Criterion, Described, Evidence, Outcome
from attacks.catalogue import chosen
from attacks.claim import Claim
from attacks.controls import worlds
from attacks.diagnostics import diagnostics
from attacks.finding import ALL_TARGETS, Finding, failed, judge, not_run
from attacks.forecast import forecast, in_words
from attacks.material import Material, digest, fingerprint, gather
from attacks.membership.ensemble import Ensemble, rank_average
from attacks.report.document import AuditReport, new_report_id, utc_now
from attacks.report.records import AuditedClaim, Control, Diagnostic, FindingRecord, Identity, Levels, software_versions
from attacks.run import Ran, run_attack
from attacks.static_checks import static_checks
from attacks.statistics.holm import holm
from attacks.statistics.power import chance_of_rejection
from attacks.tables import Table, as_columns
from attacks.threat import strongest
from attacks.trial import Trial
from attacks.verdict import conclude, power_in_words, shares_of
from attacks.vulnerable import most_vulnerable

Progress = Callable[[str, float], None]
ENSEMBLE = "ensemble"
# The share of targets that stand most alone, judged as a group of their own.
VULNERABLE = 0.1
# A group of targets smaller than this cannot show anything.
LEAST_GROUP = 50


def audit(
    synthetic: Any,
    *,
    train: Any,
    holdout: Any = None,
    reference: Any = None,
    pool: dpsynth.AuditPool | Path | str | None = None,
    schema: dpsynth.Schema | None = None,
    claim: tuple[float, float] | Claim | dpsynth.Release | None = None,
    attacks: str | Sequence[str] | Mapping[str, Attack] = "release",
    confidence: float = 0.95,
    seed: int = 0,
    resume: Path | str | None = None,
    progress: Progress | None = None,
) -> AuditReport:
    """Attack a synthetic table, and say what that proves about the privacy of the rows it was made from.

    synthetic: a dpsynth release, or anybody's table (DataFrame, Arrow table, mapping of columns, path). train: the
    private table. pool: the coins of a release's audit pool; or holdout: rows of the same population that took no
    part. reference: what an attacker has, by default the other rows. schema: of a foreign table, by default drafted
    from it. claim: (epsilon, delta), a `Claim`, or a release; None tests whether anything at all was learned.
    attacks: "release" (minutes), "all", or names from `catalogue()`. confidence: of the verdict and of each bound.
    seed: of the attacks. resume: a folder in which outcomes are kept, so that an audit that was stopped goes on.
    progress: called with a stage and the fraction done.

    Returns the steward's edition; `report.public()` may be shown. Raises dpsynth.SettingError or dpsynth.DataError.

    Privacy: reads private rows and is not paid for: its numbers are for the steward alone.
    """
    if not 0.5 <= confidence < 1:
        raise dpsynth.SettingError(f"confidence ({confidence}) must be from 0.5 to below 1; try 0.95")
    tell: Progress = progress or (lambda stage, fraction: None)
    selected = chosen(attacks)
    rng = np.random.default_rng([seed, 0])
    tell("reading the tables", 0.0)
    material = gather(
        synthetic,
        train=train,
        holdout=holdout,
        reference=reference,
        pool=_pool(pool),
        schema=schema,
        claim=claim,
        rng=rng,
    )
    evidence, targets = material.evidence(), material.encoder.encode(material.targets)
    seconds = forecast(selected, len(evidence.synthetic), len(targets.names), len(targets))
    tell(f"forecast: {in_words(seconds)}", 0.01)
    run = _Run(
        material,
        (as_columns(synthetic.table if isinstance(synthetic, dpsynth.Release) else synthetic), as_columns(train)),
        selected,
        evidence,
        targets,
        confidence,
        seed,
        None if resume is None else Path(resume),
        tell,
    )
    findings = run.findings(evidence)
    return _report(run, findings, run.controls(rng), confidence, seed)


def _pool(pool: dpsynth.AuditPool | Path | str | None) -> dpsynth.AuditPool | None:
    if isinstance(pool, Path | str):
        return dpsynth.AuditPool.load(pool)
    return pool


@dataclass(frozen=True, eq=False)
class _Run:
    """One audit in progress. tables: the synthetic and the private one as they were given, identifiers included."""

    material: Material
    tables: tuple[Any, Any]
    selected: Mapping[str, Attack]
    evidence: Evidence
    targets: Table
    confidence: float
    seed: int
    keep: Path | None
    tell: Progress

    def findings(self, evidence: Evidence, world: str = "", part: tuple[float, float] = (0.01, 0.6)) -> list[Finding]:
        """What every attack found on all targets, the ensemble of the membership attacks, and the vulnerable group.

        world: a control's name. part: from where to where the progress goes.
        """
        key = "" if self.keep is None else fingerprint(self.material) + world
        ran: dict[str, Ran] = {}
        for number, (name, attack) in enumerate(self.selected.items()):
            self.tell(f"{world} {name}".strip(), part[0] + (part[1] - part[0]) * number / len(self.selected))
            ran[name] = run_attack(name, attack, evidence, self.targets, self.seed, self.keep, key)
        trial = self.material.trial
        found = [self._judged(name, attack, ran[name], trial) for name, attack in self.selected.items()]
        members = [
            name
            for name, one in ran.items()
            if one.outcome is not None and self.selected[name].criterion is Criterion.MEMBERSHIP
        ]
        if len(members) < 2:
            return found
        ensemble = Ensemble(strongest([self.selected[name].threat for name in members]))
        together = rank_average([one for name in members if (one := ran[name].outcome) is not None])
        found.append(self._judge(ENSEMBLE, ensemble, together, trial))
        if not world and evidence.reference is not None:
            mask = most_vulnerable(self.targets, evidence.reference, trial, VULNERABLE)
            if int(mask.sum()) >= LEAST_GROUP:
                group = f"most vulnerable {VULNERABLE:.0%}"
                few = together.take(trial.rows_of(mask))
                found.append(self._judge(ENSEMBLE, ensemble, few, trial.take(mask), group=group))
        return found

    def _judged(self, name: str, attack: Attack, ran: Ran, trial: Trial) -> Finding:
        if ran.outcome is not None:
            return self._judge(name, attack, ran.outcome, trial, seconds=ran.seconds)
        if ran.error is not None:
            return failed(name, attack, type(ran.error).__name__)  # its text may quote a cell
        return not_run(name, attack, ran.why)

    def _judge(
        self,
        name: str,
        attack: Described,
        outcome: Outcome,
        trial: Trial,
        *,
        group: str = ALL_TARGETS,
        seconds: float = 0.0,
    ) -> Finding:
        names = [*self.selected, ENSEMBLE, ENSEMBLE]
        share, claim = shares_of(names)[names.index(name)], self.material.claim or Claim()
        rng = np.random.default_rng([self.seed, 1])
        return judge(
            name, attack, outcome, trial, claim, self.confidence, rng, group=group, share=share, seconds=seconds
        )

    def controls(self, rng: np.random.Generator) -> tuple[Control, ...]:
        """The same attacks on the leaky twin and on the independent sample."""
        done = []
        for number, world in enumerate(worlds(self.evidence, self.targets, self.material.trial, rng)):
            part = 0.6 + 0.15 * number, 0.75 + 0.15 * number
            found = [one for one in self.findings(world.evidence, world.name, part) if one.status == "ran"]
            # The independent sample is judged at a tenth of the level, so that it seldom spoils a sound audit.
            level = (1 - self.confidence) * (1.0 if world.leaks else 0.1)
            adjusted = holm([one.p_value for one in found], shares_of([one.attack for one in found]))
            caught = tuple(one.attack for one, p in zip(found, adjusted, strict=True) if p <= level)
            passed = bool(found) and bool(caught) == world.leaks
            done.append(Control(world.name, world.expected, passed, tuple(dict.fromkeys(caught))))
        return tuple(done)


def _coins(trial: Trial) -> int:
    return len(trial.coins) // 2 if trial.pairs else len(trial.coins)


def _report(
    run: _Run, findings: Sequence[Finding], controls: tuple[Control, ...], confidence: float, seed: int
) -> AuditReport:
    material = run.material
    run.tell("static checks", 0.9)
    synthetic, private = run.tables
    checks = static_checks(material.release, synthetic, material.schema, material.claim, private=private)
    tested = [one for one in findings if one.status == "ran"]
    adjusted = iter(holm([one.p_value for one in tested], shares_of([one.attack for one in tested])))
    records = tuple(FindingRecord.of(one, float(next(adjusted)) if one.status == "ran" else None) for one in findings)
    levels = Levels(alpha=round(1 - confidence, 12), confidence=confidence)
    verdict, reasons = conclude(records, checks, controls, levels, _coins(material.trial))
    members = material.trial.coins if material.trial.units is None else material.trial.coins[material.trial.units]
    sha256, hashed = digest(material)
    release = material.release
    return AuditReport(
        identity=Identity(
            report_id=new_report_id(),
            created=utc_now(),
            sha256=sha256,
            hashed=hashed,
            rows=material.synthetic.rows,
            columns=run.targets.names,
            synthesizer="unknown" if release is None else release.certificate.synthesizer,
            vendor="" if release is None else "dpsynth",
            seed=seed,
            software=software_versions(),
        ),
        claim=AuditedClaim.of(
            material.claim,
            unit="one row" if release is None else release.certificate.unit.words,
            design=material.design,
            targets_public=material.targets_public,
        ),
        verdict=verdict,
        reasons=reasons,
        findings=records,
        checks=checks,
        controls=controls,
        diagnostics=tuple(
            Diagnostic(name, value)
            for name, value in diagnostics(
                run.evidence.synthetic,
                run.targets.take(members),
                run.targets.take(~members),
                run.evidence.reference,
            ).items()
        ),
        power=power_in_words(records, levels, _coins(material.trial)),
        power_curve=_power_curve(material, levels, len(tested)),
        levels=levels,
    )


def _power_curve(material: Material, levels: Levels, tests: int) -> tuple[tuple[float, float], ...]:
    """How likely a perfect attacker refutes the claim, by the true mu, in the claim's own terms."""
    trial, claim = material.trial, material.claim or Claim()
    steps = 2 if trial.pairs and claim.relation == "add-remove" else 1
    curve, level = claim.against(trial), levels.alpha / (2 * max(tests, 1))
    points = []
    for mu in np.linspace(0.0, 4.0, 41):
        chance = chance_of_rejection(curve, _coins(trial), trial.pairs, float(mu) * steps, level=level)
        points.append((round(float(mu), 6), chance))
        if chance > 0.999:
            break
    return tuple(points)
