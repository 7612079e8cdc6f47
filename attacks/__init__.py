"""Attacks: an audit of every released dataset, whoever made it.

    report = attacks.audit(synthetic, train=train, holdout=holdout, schema=schema, claim=(1.0, 1e-6))
    report.verdict  # "pass", "fail" or "inconclusive"

It sees a release as an outsider does: it imports only the names that `dpsynth` exports, and of dpsynth only the
command line, when told to audit, imports it. It needs no torch.

>>> import attacks
>>> "copies" in attacks.catalogue()
True
"""

from attacks.attack import Attack, Criterion, Evidence, Outcome
from attacks.audit import audit
from attacks.catalogue import catalogue
from attacks.claim import Claim
from attacks.report.document import AuditReport
from attacks.threat import Threat

__all__ = [
    "Attack",
    "AuditReport",
    "Claim",
    "Criterion",
    "Evidence",
    "Outcome",
    "Threat",
    "audit",
    "catalogue",
]
