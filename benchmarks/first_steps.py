"""Somebody new follows the first tutorial: a fresh environment, `pip install`, every block of the page, in seconds.

    python benchmarks/first_steps.py            # installs this checkout
    python benchmarks/first_steps.py --install dpsynth-engine

Needs a package index within reach. What it does not measure is reading: the page has about 1,100 words, five minutes.
"""

from __future__ import annotations

import argparse
import re
import subprocess
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
PAGE = ROOT / "docs" / "tutorials" / "first-release.md"
READING_WORDS_PER_MINUTE = 200
PREPARATION = ("python -m venv", "source ", "pip install")


def main() -> None:
    """Print seconds of each step, and the minutes of all with reading."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--install", default=f"{ROOT}[demo]", help="what pip is asked for")
    asked = parser.parse_args()
    page = PAGE.read_text(encoding="utf-8")
    with tempfile.TemporaryDirectory() as folder:
        binaries = Path(folder) / "lesson" / ("Scripts" if sys.platform == "win32" else "bin")
        total = timed("python -m venv", [sys.executable, "-m", "venv", Path(folder) / "lesson"], folder)
        total += timed("pip install", [binaries / "pip", "install", "--quiet", asked.install], folder)
        for language, block in re.findall(r"^```(\w+)\n(.*?)^```", page, re.MULTILINE | re.DOTALL):
            if language == "python":
                total += timed("python", [binaries / "python", "-c", block], folder)
            lines = block.replace("\\\n", " ").splitlines() if language == "sh" else []
            for line in lines:
                if not line.startswith(PREPARATION):
                    total += timed(line[:60], ["sh", "-c", f'PATH="{binaries}:$PATH"; {line}'], folder)
    minutes = total / 60 + len(page.split()) / READING_WORDS_PER_MINUTE
    print(f"{total:8.1f} s  in all; {minutes:.1f} minutes with reading at {READING_WORDS_PER_MINUTE} words a minute")


def timed(name: str, command: list[str | Path], folder: str) -> float:
    """Seconds by the clock of one step; raises CalledProcessError when it fails."""
    start = time.perf_counter()
    subprocess.run(command, cwd=folder, check=True, stdout=subprocess.DEVNULL)
    seconds = time.perf_counter() - start
    print(f"{seconds:8.1f} s  {name}", flush=True)
    return seconds


if __name__ == "__main__":
    main()
