"""Audits of a generator as such: real runs on made neighbours, held against what it promises."""

from attacks.mechanism_audit.black_box import audit_callable
from attacks.mechanism_audit.twins import audit_generator
from attacks.mechanism_audit.verdict import TwinAudit

__all__ = ("TwinAudit", "audit_callable", "audit_generator")
