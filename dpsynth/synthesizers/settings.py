"""What several synthesizers demand of their settings, in the same words."""

from __future__ import annotations

import math

from dpsynth.errors import SettingError


def require_shares(settings: object, *names: str) -> None:
    """Raise SettingError unless each of these fields of `settings` is between 0 and 1."""
    for name in names:
        share = getattr(settings, name)
        if not 0 < share < 1:
            raise SettingError(f"{name} ({share}) must be between 0 and 1")


def require_not_negative(settings: object, *names: str) -> None:
    """Raise SettingError unless each of these fields of `settings` is finite and not negative."""
    for name in names:
        number = getattr(settings, name)
        if not 0 <= number < math.inf:
            raise SettingError(f"{name} ({number}) must be a number that is not negative")


def require_at_least_one(settings: object, *names: str) -> None:
    """Raise SettingError unless each of these fields of `settings` is at least 1 and below 2^31."""
    for name in names:
        number = getattr(settings, name)
        if not 1 <= number < 2**31:
            raise SettingError(f"{name} ({number}) must be at least 1 and below 2^31")
