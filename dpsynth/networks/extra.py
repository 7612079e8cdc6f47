"""The door to torch and Opacus: loaded when a network is made, and asked for by name where they are missing."""

from __future__ import annotations

from typing import Any

from dpsynth.errors import MissingExtraError, SettingError

DEVICES = ("cpu", "cuda", "auto")


def load_torch(what: str = "neural generators") -> Any:
    """The module `torch`. Raises MissingExtraError, which names `what` needs it and the extra `deep`."""
    try:
        import torch
    except ImportError:
        raise MissingExtraError(what, "deep") from None
    return torch


def chosen_device(asked: str) -> str:
    """The name of a device, "cpu" or "cuda"; "auto" is CUDA where there is one. Raises SettingError for none there."""
    if asked not in DEVICES:
        raise SettingError(f"device ({asked!r}) must be one of {list(DEVICES)}; try 'auto'")
    found: bool = asked != "cpu" and load_torch().cuda.is_available()
    if asked == "cuda" and not found:
        raise SettingError("device ('cuda') must be there; got none; try 'auto', or 'cpu'")
    return "cuda" if found else "cpu"
