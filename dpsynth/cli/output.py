"""Printing results: JSON for programs, plain text and tables for people."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import typer


def print_json(content: Any) -> None:
    """One JSON value on stdout, indented."""
    typer.echo(json.dumps(content, indent=2, ensure_ascii=False))


def print_table(headings: Sequence[str], rows: Sequence[Sequence[str]], *, title: str | None = None) -> None:
    """A table on stdout; the first column is left-aligned, the others hold numbers and are right-aligned."""
    from rich import box
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    table = Table(title=title, title_justify="left", box=box.SIMPLE_HEAD)
    for index, heading in enumerate(headings):
        table.add_column(heading, justify="left" if index == 0 else "right", overflow="fold")
    for row in rows:
        table.add_row(*(Text(cell) for cell in row))  # Text: names of columns are no markup
    console = Console(soft_wrap=True)
    with console.capture() as printed:  # rich has its own end for a closed pipe
        console.print(table)
    typer.echo(printed.get(), nl=False)


def in_bytes(size: float) -> str:
    """A memory size in the unit that people say.

    >>> in_bytes(1_500_000)
    '1.5 MB'
    """
    for unit in ("B", "kB", "MB", "GB"):
        if size < 1000:
            return f"{size:.3g} {unit}"
        size /= 1000
    return f"{size:.3g} TB"


def refuse_existing(out: Path | None) -> None:
    """Raises SettingError when there is a file already."""
    from dpsynth.errors import SettingError

    if out is not None and out.exists():
        raise SettingError(f"out ({out}) must not exist; got a file there; try another name")
