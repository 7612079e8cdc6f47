"""Running attacks: each in its own chance and under its own threat model, kept on disk where asked, never lost."""

from __future__ import annotations

import hashlib
import io
import json
import os
import tempfile
import time
import zipfile
import zlib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from attacks.attack import Attack, Evidence, Outcome
from attacks.tables import Table


@dataclass(frozen=True)
class Ran:
    """What became of one attack: an outcome; or why it could not be run, or the error it broke with."""

    outcome: Outcome | None
    why: str = ""
    error: Exception | None = None
    seconds: float = 0.0


def run_attack(
    name: str, attack: Attack, evidence: Evidence, targets: Table, seed: int, keep: Path | None = None, key: str = ""
) -> Ran:
    """Run one attack on the evidence that its threat model grants.

    seed: with the attack's name, all the chance there is: the same result whatever else is run. keep: a folder in which
    the outcome is kept, and found again by an audit with the same `key` (a digest of all that it depends on).
    """
    granted = evidence.under(attack.threat)
    why = attack.missing(granted, targets)
    if why is not None:
        return Ran(None, why)
    file = None if keep is None else keep / f"{name}-{_digest(name, repr(attack), str(seed), key)}.npz"
    found = _kept(file, len(targets))
    if found is not None:
        return found
    started = time.perf_counter()
    try:
        outcome = attack.run(granted, targets, np.random.default_rng([seed, zlib.crc32(name.encode())]))
        if outcome.scores.shape != (len(targets),):
            raise ValueError("one score for each target")
    except Exception as error:  # noqa: BLE001  # a broken attack must end as a finding, never as a pass
        return Ran(None, error=error, seconds=time.perf_counter() - started)
    done = Ran(outcome, seconds=time.perf_counter() - started)
    if file is not None:
        _keep(file, outcome, done.seconds)
    return done


def _digest(*parts: str) -> str:
    return hashlib.sha256("\0".join(parts).encode()).hexdigest()[:24]


def _keep(file: Path, outcome: Outcome, seconds: float) -> None:
    """Scores tell about members: the file is for its owner alone, and appears whole or not at all."""
    arrays: dict[str, np.ndarray] = {"scores": outcome.scores}
    for name in ("success", "weights", "named"):
        if (given := getattr(outcome, name)) is not None:
            arrays[name] = given
    text = json.dumps({"seconds": seconds, "details": dict(outcome.details)})
    arrays["document"] = np.frombuffer(text.encode(), dtype=np.uint8)
    file.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    descriptor, fresh = tempfile.mkstemp(prefix=".kept-", dir=file.parent)
    try:
        with os.fdopen(descriptor, "wb") as stream:
            np.savez(stream, **arrays)  # type: ignore[arg-type]  # arrays by name
        Path(fresh).replace(file)
    except BaseException:
        Path(fresh).unlink(missing_ok=True)
        raise


def _kept(file: Path | None, targets: int) -> Ran | None:
    """An outcome that was kept; None when there is none, or it is not whole."""
    if file is None or not file.exists():
        return None
    try:
        with np.load(io.BytesIO(file.read_bytes()), allow_pickle=False) as arrays:
            document: Mapping[str, object] = json.loads(arrays["document"].tobytes())
            given = {name: arrays[name] for name in ("scores", "success", "weights", "named") if name in arrays}
        details = document["details"]
        if given["scores"].shape != (targets,) or not isinstance(details, dict):
            return None
        return Ran(Outcome(**given, details=details), seconds=float(str(document["seconds"])))
    except (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile):
        return None
