"""`dpsynth estimate`: numbers with error bars from a release, at no cost in privacy."""

from __future__ import annotations

from enum import Enum
from pathlib import Path
from typing import Annotated

import typer

from dpsynth.cli.options import Json, ShowProgress
from dpsynth.cli.output import print_json, print_table
from dpsynth.cli.progress import progress_bar
from dpsynth.cli.refusals import refusals


class About(str, Enum):
    """Whose truth the intervals are to hold, by the names that users type."""

    population = "population"
    table = "table"


def estimate(
    directory: Annotated[Path, typer.Argument(help="A release directory.")],
    request: Annotated[
        str,
        typer.Argument(help="'mean(age) by sex', 'share(income)', 'count(sex, income)' or 'income ~ age + sex'."),
    ],
    about: Annotated[
        About, typer.Option(help="Count the error of sampling a population, or only what the noise did to the table.")
    ] = About.population,
    level: Annotated[float, typer.Option(help="How often intervals hold the truth, between 0 and 1.")] = 0.95,
    trials: Annotated[
        int, typer.Option(min=0, help="Try the intervals on so many tables drawn from the model; 200 is a good number.")
    ] = 0,
    progress: ShowProgress = False,
    as_json: Json = False,
) -> None:
    """Estimate a number with its error bars. Reads no private data: it costs no privacy.

    Beside each interval stands the naive one, of somebody who takes the synthetic rows for real ones. The last lines
    say whether the interval is valid, and why not. --trials adds the share of intervals that held the truth.
    """
    with refusals(as_json):
        from dpsynth.inference.coverage import coverage
        from dpsynth.release.release import load

        release = load(directory)
        with progress_bar(progress) as shown:
            found = release.estimate(request, about=about.value, level=level, progress=shown)
            tried = coverage(release, request, repetitions=trials, level=level, progress=shown) if trials else None
        if as_json:
            print_json(found.to_json() | ({} if tried is None else {"trials": tried.to_json()}))
            return
        print_table(found.headings, found.cells(), title=found.title)
        typer.echo(found.words)
        if tried is not None:
            typer.echo(f"\n{tried}")
