"""Where the shared data sets are: the folder that holds data/ and bench/, beside the checkout or in DPSYNTH_SHARED."""

from __future__ import annotations

import os
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
SHARED = Path(os.environ.get("DPSYNTH_SHARED") or ROOT.parent / "shared").resolve()
ABSENT = "needs the shared data sets (set DPSYNTH_SHARED to the folder that holds data/ and bench/)"
