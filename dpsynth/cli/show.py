"""`dpsynth show`, `dpsynth synthesizers` and `dpsynth selftest`: commands that read and report."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from dpsynth.cli.options import Json, ShowProgress
from dpsynth.cli.output import print_json
from dpsynth.cli.progress import progress_bar
from dpsynth.cli.refusals import REFUSED, refusals


def show(
    directory: Annotated[Path, typer.Argument(help="A release directory.")],
    as_json: Json = False,
) -> None:
    """Check a release's files and its certificate's arithmetic, and say what it promises."""
    with refusals(as_json):
        from dpsynth.release.plain_words import plain_words
        from dpsynth.release.release import load_certificate

        certificate = load_certificate(directory)
        if as_json:
            print_json(certificate.to_json())
        else:
            typer.echo(plain_words(certificate), nl=False)
            typer.echo("Checked now: every file is as MANIFEST.json says, and the promise follows from what was spent.")


def synthesizers(as_json: Json = False) -> None:
    """List the synthesizers by name."""
    with refusals(as_json):
        import dpsynth

        listed = dpsynth.synthesizers()
        if as_json:
            print_json(listed)
        else:
            width = max(map(len, listed), default=0)
            for name, summary in listed.items():
                typer.echo(f"{name:<{width}}  {summary}")


def selftest(progress: ShowProgress = False, as_json: Json = False) -> None:
    """Replay every mechanism on neighbouring tables and compare with what it was charged.

    Exit code 0 when every claim holds, 1 when one does not. Whether the error bars of a release hold is tried by
    `dpsynth estimate DIR REQUEST --trials 200`.
    """
    with refusals(as_json):
        from dpsynth import selftest as replays

        with progress_bar(progress) as shown:
            report = replays.selftest(progress=shown)
        if as_json:
            print_json(report.to_json())
        else:
            for line in report.lines:
                typer.echo(line)
            typer.echo("passed" if report.passed else "FAILED")
        if not report.passed:
            raise typer.Exit(REFUSED)
