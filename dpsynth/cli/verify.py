"""`dpsynth verify`: check a release offline, and its signature by a public key.

Exit codes: 0 every check passed, and the signature where a key was given; 1 a check failed; 2 a key was given, but
the release is not signed.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from dpsynth.cli.options import Json
from dpsynth.cli.output import print_json
from dpsynth.cli.refusals import refusals

if TYPE_CHECKING:
    from dpsynth.release.verify import Verification

_COLOURS = {"pass": typer.colors.GREEN, "fail": typer.colors.RED, "absent": typer.colors.YELLOW}


def verify(
    directory: Annotated[Path, typer.Argument(help="A release directory.")],
    key: Annotated[
        Path | None, typer.Option("--key", metavar="FILE", help="Public key (PEM) of whoever signed the release.")
    ] = None,
    as_json: Json = False,
) -> None:
    """Check files, arithmetic, metadata, audit and signature of a release. Needs no network.

    Exit code 0 when every check passed (and the signature, with --key), 1 when one failed, 2 when --key was given
    and the release is not signed.
    """
    with refusals(as_json):
        from dpsynth.release.verify import verify as verify_release

        found = verify_release(directory, key)
        if as_json:
            print_json(found.to_json())
        else:
            _print(found)
    if found.exit_code:
        raise typer.Exit(found.exit_code)


def _print(found: Verification) -> None:
    width = max(len(check.name) for check in found.checks)
    for check in found.checks:
        typer.echo(f"{typer.style(check.status.ljust(6), fg=_COLOURS[check.status])}  ", nl=False)
        typer.echo(f"{check.name:<{width}}  {check.words}")
    if found.signed and found.unsigned:
        typer.echo(f"not covered by the signature: {', '.join(found.unsigned)}")
    if found.exit_code == 2:
        typer.secho("NOT VERIFIED: a key was given, but the release is not signed", fg=_COLOURS["fail"], bold=True)
    elif not found.passed:
        typer.secho("FAILED", fg=_COLOURS["fail"], bold=True)
    elif found.key is None:
        typer.echo("passed, but the signature was not checked: with --key, forgery is found as well as damage")
    else:
        typer.secho("passed", fg=_COLOURS["pass"], bold=True)
