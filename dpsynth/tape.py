"""The tape of a run: every noisy answer is kept as it is given, so that a run that was cut off goes on where it was.

A run that starts anew with its tape gets the answers that it was given before, and nothing is asked a second time;
what it asks beyond them is asked for the first time. All that ever leaves is one answer for each mechanism, as in a
run that was never cut off, so the price is that of one run. An answer is on the disk before anybody sees it. The tape
holds noisy answers alone; some of them, such as networks in training, are no part of a release: keep it as secret as
the rows.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from dpsynth.errors import SettingError
from dpsynth.kept import Arrays, read_kept, write_kept
from dpsynth.marginal import Basis, NoisyMarginal


class Tape:
    """The answers of one run in a folder of their own; one program at a time may have it open.

    goes_on: whether the folder was that of a run that had begun before.

    Raises SettingError when the folder is another run's, open elsewhere, or can be looked into by others.
    """

    def __init__(self, folder: Path, plan: Mapping[str, Any]) -> None:
        self.folder = folder
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        if folder.is_symlink() or folder.stat().st_mode & 0o077:
            raise SettingError(f"checkpoint ({folder}) must be a folder that its owner alone can open; try chmod 700")
        self._lock = (folder / "lock").open("a+b")
        self._take_lock()
        digest = hashlib.sha256(json.dumps(plan, sort_keys=True, allow_nan=False).encode()).hexdigest()
        begun = folder / "run.npz"
        self.goes_on = begun.exists()
        if self.goes_on:
            if read_kept(begun)[0] != {"plan": digest}:
                self.close()
                raise SettingError(f"checkpoint ({folder}) must be of this very run; got another one's; try a new one")
        elif any(path.name != "lock" for path in folder.iterdir()):
            self.close()
            raise SettingError(f"checkpoint ({folder}) must be empty or a run's; got other files; try a new folder")
        else:
            write_kept(begun, {"plan": digest}, {})

    def _take_lock(self) -> None:
        try:
            import fcntl
        except ImportError:  # no such locks here: then the folder's owner has to run one program at a time
            return
        try:
            fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            self._lock.close()
            raise SettingError(f"checkpoint ({self.folder}) must be free; got one that another run has open") from None

    def place(self, number: int) -> Path:
        """Where mechanism `number` of the run may keep its own state while it runs."""
        return self.folder / f"state-{number}.npz"

    def answered(self, number: int, label: str, described: Mapping[str, Any], ask: Callable[[], Any]) -> Any:
        """The answer of mechanism `number`: the one on the tape, or what `ask` gives, which is then on the tape.

        Raises SettingError when the tape holds the answer of another mechanism there.
        """
        path = self.folder / f"answer-{number}.npz"
        asked = {"label": label, "described": json.loads(json.dumps(dict(described)))}
        if path.exists():
            note, arrays = read_kept(path)
            if note["asked"] != asked:
                raise SettingError(f"checkpoint ({self.folder}) must hold the answers of this run; got another's")
            return decoded(note["answer"], arrays)
        answer = ask()
        arrays = {}
        write_kept(path, {"asked": asked, "answer": encoded(answer, arrays)}, arrays)
        self.place(number).unlink(missing_ok=True)
        return answer

    def close(self) -> None:
        """Let another program have it."""
        self._lock.close()


def encoded(value: Any, arrays: Arrays) -> Any:
    """An answer as JSON values, with its arrays put into `arrays`. Raises SettingError for what has no such form."""
    match value:
        case None | bool() | int() | float() | str():
            return value
        case np.ndarray() if value.dtype.kind in "biufc":
            arrays[str(len(arrays))] = value
            return {"array": str(len(arrays) - 1)}
        case tuple() | list():
            kind = "tuple" if isinstance(value, tuple) else "list"
            return {kind: [encoded(each, arrays) for each in value]}
        case dict():
            return {"dict": [[encoded(key, arrays), encoded(each, arrays)] for key, each in value.items()]}
        case NoisyMarginal():
            parts = (value.clique, value.values, value.stddev, value.basis.value, value.groups)
            return {"marginal": [encoded(part, arrays) for part in parts]}
        case np.generic():
            arrays[str(len(arrays))] = np.asarray(value)
            return {"scalar": str(len(arrays) - 1)}
    raise SettingError(f"answer must be numbers, text, arrays or marginals to be kept; got {type(value).__name__}")


def decoded(stored: Any, arrays: Mapping[str, Any]) -> Any:
    """The inverse of `encoded`."""
    if not isinstance(stored, dict):
        return stored
    ((kind, held),) = stored.items()
    match kind:
        case "array":
            return arrays[held]
        case "scalar":
            return arrays[held][()]
        case "dict":
            return {decoded(key, arrays): decoded(each, arrays) for key, each in held}
        case "marginal":
            clique, values, stddev, basis, groups = (decoded(part, arrays) for part in held)
            return NoisyMarginal(clique, values, stddev, Basis(basis), groups)
    parts = [decoded(each, arrays) for each in held]
    return tuple(parts) if kind == "tuple" else parts
