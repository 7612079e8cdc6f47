"""Settings that every synthesizer shares: how codes are found, and how a run uses the machine."""

from __future__ import annotations

import dataclasses
from typing import Any

from dpsynth.encoding import Encoding
from dpsynth.errors import SettingError

ENGINE_SETTINGS: dict[str, type[float] | type[int] | type[str]] = {
    **{field.name: str if field.name == "binning" else float for field in dataclasses.fields(Encoding)},
    "memory_limit_bytes": int,
    "rows_in": str,
}
"""Each setting, and how its text is read."""

RUN_SETTINGS = ("memory_limit_bytes", "rows_in")
"""Settings of the run on this machine, which no release depends on and no certificate names."""


def parted(settings: dict[str, Any]) -> tuple[dict[str, Any], dict[str, Any]]:
    """The shared settings as numbers and words, and those that are left for the synthesizer.

    Raises SettingError for text that is no number.
    """
    own: dict[str, Any] = {}
    for name, kind in ENGINE_SETTINGS.items():
        if name in settings:
            value = settings.pop(name)
            try:
                own[name] = value if kind is str else kind(float(value))
            except (TypeError, ValueError, OverflowError):
                raise SettingError(f"{name} ({value!r}) must be a number") from None
    return own, settings
