"""Membership: was this target in the private table? One attack per file, and ways to combine their scores."""

__all__ = ()
