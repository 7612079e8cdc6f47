"""Where an evaluation may lie: in a folder of the steward's, and never in a release."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

from dpsynth.errors import ReleaseError
from dpsynth.release.bundle import MANIFEST
from dpsynth.report.files import write

if TYPE_CHECKING:
    from dpsynth.evaluation.evaluation import Evaluation

PAGE, DOCUMENT = "evaluation.html", "evaluation.json"


def require_apart(folder: Path, *, overwrite: bool) -> None:
    """Check, before any work is done for it, that an evaluation may be written into a folder.

    Raises ReleaseError when the folder is a release or lies in one, and when a file is there and `overwrite` is false.
    """
    whole = folder.absolute().resolve()
    release = next((each for each in (whole, *whole.parents) if (each / MANIFEST).exists()), None)
    if release is not None:
        raise ReleaseError(
            f"out ({folder}) must not lie in a release: an evaluation holds private numbers; try another folder"
        )
    taken = [name for name in (PAGE, DOCUMENT) if (folder / name).exists()]
    if folder.exists() and not folder.is_dir():
        raise ReleaseError(f"out ({folder}) must be a folder; got a file there; try another name")
    if taken and not overwrite:
        raise ReleaseError(f"out ({folder}) must not hold {taken[0]} yet; try overwrite (--overwrite)")


def save(evaluation: Evaluation, folder: Path, *, overwrite: bool) -> tuple[Path, ...]:
    """Write page and document; see `Evaluation.save`."""
    require_apart(folder, overwrite=overwrite)
    document = json.dumps(evaluation.to_json(), indent=2, ensure_ascii=False, allow_nan=False) + "\n"
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    except OSError as error:
        raise ReleaseError(f"out ({folder}) must be a folder that can be made; got: {error.strerror}") from None
    files = ((PAGE, evaluation.to_html()), (DOCUMENT, document))
    return tuple(write(text.encode(), folder / name, edition="steward") for name, text in files)
