"""The command `dpsynth`: every subcommand by name. Heavy imports wait inside the commands."""

from __future__ import annotations

from typing import Annotated

import typer

from dpsynth._version import __version__
from dpsynth.cli import ledger, schema
from dpsynth.cli.audit import audit
from dpsynth.cli.demo import demo
from dpsynth.cli.estimate import estimate
from dpsynth.cli.evaluate import evaluate
from dpsynth.cli.explain import explain
from dpsynth.cli.forecast import forecast
from dpsynth.cli.gate import gate
from dpsynth.cli.plan import plan
from dpsynth.cli.report import report
from dpsynth.cli.sample import sample
from dpsynth.cli.show import selftest, show, synthesizers
from dpsynth.cli.sign import sign
from dpsynth.cli.synthesize import synthesize
from dpsynth.cli.verify import verify

app = typer.Typer(
    name="dpsynth",
    no_args_is_help=True,
    pretty_exceptions_enable=False,  # its tracebacks print local variables, and those may hold private rows
    help="Synthetic tables with a differential-privacy promise.",
)


def _version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"dpsynth {__version__}")
        raise typer.Exit


@app.callback()
def _options(
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Print the version and stop.")
    ] = False,
) -> None:
    pass


app.command()(synthesize)
app.command()(plan)
app.command()(explain)
app.command()(forecast)
app.command()(audit)
app.command()(evaluate)
app.command()(sign)
app.command()(verify)
app.command()(gate)
app.command()(report)
app.add_typer(ledger.app, name="ledger")
app.command()(show)
app.command()(sample)
app.command()(estimate)
app.add_typer(schema.app, name="schema")
app.command()(synthesizers)
app.command()(selftest)
app.command()(demo)
