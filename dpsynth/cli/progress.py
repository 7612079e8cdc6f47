"""Progress of a long command, on stderr, so that stdout stays clean for pipes."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager

Progress = Callable[[str, float], None]


@contextmanager
def progress_bar(wanted: bool) -> Iterator[Progress | None]:
    """A function that shows a stage's name and the fraction of it that is done, or None when nobody looks.

    wanted: show it even when stderr is no terminal. Fractions only: a count of rows would be private.
    """
    if not (wanted or sys.stderr.isatty()):
        yield None
        return
    from rich.console import Console
    from rich.progress import BarColumn, TextColumn, TimeElapsedColumn
    from rich.progress import Progress as Bar

    parts = (TextColumn("{task.description}"), BarColumn(), TextColumn("{task.percentage:>3.0f}%"), TimeElapsedColumn())
    with Bar(*parts, console=Console(stderr=True)) as bar:
        task = bar.add_task("starting", total=1.0)

        def show(stage: str, fraction: float) -> None:
            bar.update(task, description=stage, completed=min(max(fraction, 0.0), 1.0))

        yield show
