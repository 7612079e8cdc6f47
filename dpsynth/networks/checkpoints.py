"""Checkpoints of a training that never forget a step: a step that may have been seen is never taken again.

Before the steps of a block begin, the file says that they will have been taken. After a crash in the block its steps
are lost, not repeated: the run goes on from the last saved state with the steps that are left, so that no more than
the steps that were paid for ever meet the rows.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import numpy.typing as npt

from dpsynth.errors import SettingError
from dpsynth.kept import read_kept, write_kept


class Stateful(Protocol):
    """What can be saved and restored."""

    def state(self) -> dict[str, npt.NDArray[Any]]:
        """Everything that later steps depend on."""
        ...

    def restore(self, state: Mapping[str, npt.NDArray[Any]]) -> None:
        """The inverse of `state`."""
        ...


@dataclass(frozen=True)
class Checkpoint:
    """Where a run is kept. path: a file, for its owner alone. every: steps between two savings."""

    path: Path
    every: int = 50


@dataclass
class Course:
    """The steps of one run. first: steps that were taken, or may have been, before it."""

    checkpoint: Checkpoint | None
    network: Stateful
    plan: str
    first: int = 0

    @classmethod
    def begin(cls, checkpoint: Checkpoint | None, network: Stateful, described: Mapping[str, Any]) -> Course:
        """The course of a run that is described so, restored when its file is there.

        Raises SettingError when the file is of another run: a state that was trained otherwise was paid for otherwise.
        """
        digest = hashlib.sha256(json.dumps(described, sort_keys=True).encode())
        for name, array in sorted(network.state().items()):  # what it starts from is part of what it is
            digest.update(f"{name} {array.dtype} {array.shape} ".encode() + array.tobytes())
        plan = digest.hexdigest()
        course = cls(checkpoint, network, plan)
        if checkpoint is not None and checkpoint.path.exists():
            course._restore(checkpoint.path)
        return course

    def steps(self, count: int) -> Iterator[int]:
        """The numbers of the steps still to be taken."""
        if self.checkpoint is None:
            yield from range(self.first, count)
            return
        for begin in range(self.first, count, self.checkpoint.every):
            end = min(begin + self.checkpoint.every, count)
            self._save(taken=end)
            yield from range(begin, end)
        self._save(taken=count)

    def _save(self, taken: int) -> None:
        """The state as it is now, in a file that says that the steps below `taken` are gone."""
        assert self.checkpoint is not None  # noqa: S101  # for the type checker
        write_kept(self.checkpoint.path, {"plan": self.plan, "taken": taken}, self.network.state())

    def _restore(self, path: Path) -> None:
        note, state = read_kept(path)
        if note.get("plan") != self.plan:
            raise SettingError(f"checkpoint ({path}) must be of this very run; got another one's; try a new file")
        self.network.restore(state)
        self.first = int(note["taken"])
