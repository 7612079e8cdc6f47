"""Small files of one note and some arrays, for their owner alone: written whole or not at all, and without pickle."""

from __future__ import annotations

import json
import os
import secrets
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from dpsynth.errors import SettingError

Arrays = dict[str, npt.NDArray[Any]]


def write_kept(path: Path, note: Mapping[str, Any], arrays: Mapping[str, npt.NDArray[Any]]) -> None:
    """Write note and arrays through to the disk under another name, and rename the file into place."""
    fresh = path.with_name(f".{path.name}.partial-{secrets.token_hex(8)}")
    text = np.frombuffer(json.dumps(note, allow_nan=False).encode(), np.uint8)
    try:
        descriptor = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(descriptor, "wb") as file:
            np.savez(file, allow_pickle=False, note=text, **{f"array {name}": each for name, each in arrays.items()})
            file.flush()
            os.fsync(file.fileno())
        fresh.replace(path)
    finally:
        fresh.unlink(missing_ok=True)


def read_kept(path: Path) -> tuple[dict[str, Any], Arrays]:
    """The note and the arrays of a file. Raises SettingError when it is no such file."""
    try:
        with np.load(path, allow_pickle=False) as stored:
            note = json.loads(bytes(stored["note"]).decode())
            return note, {name.removeprefix("array "): stored[name] for name in stored if name != "note"}
    except (OSError, ValueError, KeyError) as error:
        raise SettingError(f"file ({path}) must be what was kept of a run; got {type(error).__name__}") from None
