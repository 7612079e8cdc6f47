"""Build the documentation site: `python docs/site/build.py --out site`. Every warning is an error.

Needs the extra `docs` (Sphinx, MyST and furo).
"""

from __future__ import annotations

import argparse
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
SITE = Path(__file__).resolve().parent


def sources(root: Path, target: Path) -> None:
    """Everything that Sphinx reads, in the folder `target`."""
    sys.path[:0] = [str(root), str(SITE)]
    from api import write_api
    from pages import project_index, stage

    stage(root, target)
    project_index(target)
    write_api(target)
    reference = target / "reference" / "index.md"
    text = reference.read_text(encoding="utf-8")
    toctree = "\n\n```{toctree}\n:hidden:\n\napi/index\n```\n"
    reference.write_text(text + toctree, encoding="utf-8")


def build(target: Path, out: Path) -> int:
    """Run Sphinx on the sources; returns its exit status, which is not 0 after any warning."""
    command = [sys.executable, "-m", "sphinx", "-W", "--keep-going", "-q", "-b", "dirhtml", "-c", str(SITE)]
    return subprocess.run([*command, str(target), str(out)], check=False).returncode


def main() -> int:
    """Make sources and site; the sources are thrown away."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path, default=Path("site"))
    parser.add_argument("--sources", type=Path, help="keep the sources here")
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        target = asked.sources or Path(folder) / "sources"
        shutil.rmtree(target, ignore_errors=True)
        sources(ROOT, target)
        status = build(target, asked.out)
    if status == 0:
        sys.stdout.write(f"site: {asked.out / 'index.html'}\n")
    return status


if __name__ == "__main__":
    raise SystemExit(main())
