"""Attacks: the audit package, which tries to break the synthetic table that any generator has made.

It sees a release as an outsider does: it imports only the names that `dpsynth` exports, and dpsynth
never imports it. This version ships the empty package, so that its place and its rules are fixed;
the first attacks arrive in a later version.
"""

__all__ = ()
