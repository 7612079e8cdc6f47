"""One virtual environment for each peer, made when it is first asked for and kept in a cache folder."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

CACHE = Path(os.environ.get("DPSYNTH_PEERS") or Path.home() / ".cache" / "dpsynth" / "peers")
INSTALL_SECONDS = 3600


@dataclass(frozen=True)
class Peer:
    """A package of others: what to install, and the mechanisms that its adapter knows."""

    name: str
    requirements: tuple[str, ...]  # exact versions of the package and of what its numbers depend on
    mechanisms: tuple[str, ...]
    pythons: tuple[tuple[int, int], tuple[int, int]]  # first and last minor version that it supports


# dpmm itself names exact versions of numpy, pandas, scikit-learn and opendp. mbi is the library of private-pgm,
# which has no mechanisms of its own; smartnoise also brings torch (6 GB on Linux).
PEERS = {
    peer.name: peer
    for peer in (
        Peer("dpmm", ("dpmm==0.1.9",), ("mst", "privbayes", "aim"), ((3, 10), (3, 11))),
        Peer(
            "smartnoise",
            (
                "smartnoise-synth==1.0.8",
                "mbi==1.1.0",
                "jax==0.10.2",
                "numpy==2.4.6",
                "pandas==2.3.3",
                "torch==2.13.0",
                "packaging==26.3",
            ),  # which its GANs import and it does not name
            ("mst", "aim", "mst-drawn", "aim-drawn", "dpctgan", "patectgan"),
            ((3, 11), (3, 14)),
        ),
        Peer(
            "opendp",
            ("opendp[mbi]==0.16.0", "mbi==1.1.0", "jax==0.10.2", "numpy==2.4.6", "pandas==2.3.3"),
            ("mst", "aim"),
            ((3, 11), (3, 14)),
        ),
    )
}


class InstallError(Exception):
    """A peer's environment could not be made; the message fits in a row of the table."""


def python_of(peer: Peer, cache: Path = CACHE) -> Path:
    """The interpreter of the peer's environment, which is made if it is not there; raises InstallError."""
    folder = cache / f"{peer.name}-{peer.requirements[0].partition('==')[2]}"
    # Not `resolve`: the link in the environment is what makes the interpreter see its packages.
    python = folder / "bin" / "python"
    marker = folder / "installed.json"
    if marker.is_file() and json.loads(marker.read_text()) == list(peer.requirements):
        return python
    first, last = peer.pythons
    if not first <= sys.version_info[:2] <= last:
        ours = ".".join(map(str, sys.version_info[:2]))
        raise InstallError(f"needs Python {first[0]}.{first[1]} to {last[0]}.{last[1]}, not {ours}")
    print(f"making an environment for {peer.name} in {folder} (minutes): {', '.join(peer.requirements)}", flush=True)
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    log = folder / "install.log"
    with log.open("w") as output:
        for command in _commands(folder, python, peer):
            try:
                code = subprocess.run(
                    command, stdout=output, stderr=subprocess.STDOUT, check=False, timeout=INSTALL_SECONDS
                ).returncode
            except (OSError, subprocess.TimeoutExpired) as error:
                raise InstallError(f"{type(error).__name__}, see {log}") from error
            if code:
                raise InstallError(f"{Path(command[0]).name} exit code {code}, see {log}")
    marker.write_text(json.dumps(list(peer.requirements)))
    return python


def _commands(folder: Path, python: Path, peer: Peer) -> list[list[str]]:
    uv = shutil.which("uv")
    if uv:
        return [
            [uv, "venv", "--allow-existing", "--python", sys.executable, str(folder)],
            [uv, "pip", "install", "--python", str(python), *peer.requirements],
        ]
    return [
        [sys.executable, "-m", "venv", str(folder)],
        [str(python), "-m", "pip", "--disable-pip-version-check", "install", *peer.requirements],
    ]
