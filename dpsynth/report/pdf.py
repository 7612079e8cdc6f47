"""The page on paper: a PDF printed by a browser that is installed already, without any PDF library."""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
from pathlib import Path

from dpsynth.errors import ReleaseError

BROWSERS = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "chrome", "msedge")
TIME_LIMIT_SECONDS = 120


def browser() -> str | None:
    """The first browser of `BROWSERS` that is installed, or None."""
    return next(filter(None, map(shutil.which, BROWSERS)), None)


def printed(page: str) -> bytes:
    """A page that fetches nothing as a PDF file, tagged and with an outline.

    Raises ReleaseError when no browser is installed, or the browser does not print.
    """
    found = browser()
    if found is None:
        raise ReleaseError(
            "a PDF must be printed by Chromium, Chrome or Edge; got none on the path;"
            " try opening the HTML page in any browser and printing it to a file"
        )
    with tempfile.TemporaryDirectory(prefix="dpsynth-report-") as folder:
        source, target = Path(folder) / "report.html", Path(folder) / "report.pdf"
        source.write_text(page, encoding="utf-8")
        _print(found, source, target)
        return target.read_bytes()


def _print(found: str, source: Path, target: Path) -> None:
    command = [found, "--headless=new", "--disable-gpu", "--disable-extensions", "--no-first-run"]
    command += ["--disable-background-networking", f"--user-data-dir={source.parent / 'profile'}"]
    if hasattr(os, "geteuid") and os.geteuid() == 0:
        command.append("--no-sandbox")  # Chromium refuses to run as root otherwise; the page cannot run anything
    command += ["--no-pdf-header-footer", "--generate-pdf-document-outline", f"--print-to-pdf={target}"]
    try:
        subprocess.run([*command, source.as_uri()], capture_output=True, timeout=TIME_LIMIT_SECONDS, check=False)
    except (OSError, subprocess.TimeoutExpired) as error:
        raise ReleaseError(f"a PDF must be printed by {found}; got {type(error).__name__}") from None
    if not target.is_file() or not target.stat().st_size:
        raise ReleaseError(f"a PDF must be printed by {found}; got no file from it; try printing the HTML page")
