"""Attacks: the audit package, which tries to break the synthetic table that any generator has made.

It sees a release as an outsider does: it imports only the names that `dpsynth` exports, and dpsynth
never imports it. `attacks.statistics` holds what scores prove: so far a lower bound on mu, for twin runs
of a mechanism. The attacks on a release arrive in a later version.
"""

__all__ = ()
