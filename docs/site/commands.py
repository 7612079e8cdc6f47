"""The reference of the command line, from the commands themselves: what `--help` says, as one page."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import typer

SITE = Path(__file__).resolve().parent


def write_commands(target: Path) -> None:
    """Write the page into `target`/reference."""
    (target / "reference" / "options.md").write_text(page(), encoding="utf-8")


def page() -> str:
    """Every command of `dpsynth` and `attacks` with its arguments and options."""
    sys.path[:0] = [str(SITE)]
    from dpsynth.cli.app import app
    from dpsynth.cli.audit import foreign

    sections = [
        section
        for name, commands in (("dpsynth", app), ("attacks", foreign))
        for section in _sections(name, typer.main.get_command(commands))
    ]
    return "# Every option\n\nWhat `--help` says, of every command.\n\n" + "\n".join(sections)


def _sections(path: str, command: Any) -> Iterator[str]:
    children: dict[str, Any] = getattr(command, "commands", {})
    if not children:
        yield _section(path, command)
    for name, child in children.items():
        yield from _sections(f"{path} {name}", child)


def _section(path: str, command: Any) -> str:
    from api import escaped

    words = [part.replace("\n", " ") for part in (command.help or "").strip().split("\n\n")]
    shown = [one for one in command.params if one.name != "help" and not getattr(one, "hidden", False)]
    rows = "".join(f"| {_names(one)} | {escaped(_help(one)).replace('|', '/')} |\n" for one in shown)
    table = f"\n| argument or option | meaning |\n| --- | --- |\n{rows}" if rows else ""
    return f"## {path}\n\n" + escaped("\n\n".join(words)) + f"\n{table}"


def _names(one: Any) -> str:
    if one.param_type_name == "argument":
        return f"`{(one.metavar or one.name or '').strip('[]').upper()}`" + ("" if one.required else " (optional)")
    names = " ".join(f"`{name}`" for name in [*one.opts, *one.secondary_opts])
    return names + (f" `{one.metavar}`" if one.metavar and not one.is_flag else "")


def _help(one: Any) -> str:
    words = " ".join((getattr(one, "help", None) or "").split())
    default = one.default
    plain = isinstance(default, int | float | str) and not isinstance(default, bool) and default != ""
    shown = f"{words.rstrip('.')}; by default {getattr(default, 'value', default)}." if plain and words else words
    return shown + (" Required." if one.required and one.param_type_name == "option" else "")
