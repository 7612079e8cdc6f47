"""What every metadata format says of a release, said once: its files, and its promise in a sentence."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from dpsynth.release.bundle import digest_of

if TYPE_CHECKING:
    from dpsynth.release.certificate import Certificate

NAME = "dpsynth-release"
SOFTWARE_URL = "https://dpsynth.org"


@dataclass(frozen=True)
class File:
    """A written file of a release: its size in bytes and its SHA-256."""

    size: int
    sha256: str


def described(folder: Path, names: Sequence[str], known: dict[str, File]) -> dict[str, File]:
    """Size and digest of files that were written already, by name; each is read once and then `known`."""
    for name in names:
        if name not in known:
            with (folder / name).open("rb") as stream:
                known[name] = File((folder / name).stat().st_size, digest_of(stream))
    return {name: known[name] for name in names}


def promise_in_a_sentence(certificate: Certificate) -> str:
    """What is promised, to whom, or that nothing is."""
    promise = certificate.promise
    if not certificate.noise.private:
        return "NOT PRIVATE: this table was made with test noise and promises nothing."
    return (
        f"Synthetic rows, made under differential privacy with epsilon {promise.epsilon:g} and delta"
        f" {promise.delta:g} for {certificate.unit.words}. The rows were drawn from a model; none is copied."
        " certificate.txt says what this promises and what it does not."
    )
