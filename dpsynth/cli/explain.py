"""`dpsynth explain`: what an epsilon and a delta mean, in odds, words and a picture."""

from __future__ import annotations

import math
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from dpsynth.cli.options import Delta, Epsilon, Json, MaxRows, RelationName, RelationOption, UnitColumn
from dpsynth.cli.output import print_json, print_table
from dpsynth.cli.refusals import refusals

if TYPE_CHECKING:
    from dpsynth.report.explanation import Explanation

_PEOPLE, _ACROSS = 1000, 50


def explain(
    epsilon: Epsilon,
    delta: Delta,
    relation: RelationOption = RelationName.add_remove,
    unit: UnitColumn = None,
    max_rows_per_unit: MaxRows = None,
    out: Annotated[
        Path | None, typer.Option("--out", metavar="FILE.html", help="Write a page with pictures, too.")
    ] = None,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace a file that is there.")] = False,
    as_json: Json = False,
) -> None:
    """Say what epsilon and delta mean: the odds of the best attacker. Reads no data and costs no privacy."""
    with refusals(as_json):
        import dpsynth

        made = dpsynth.explain(
            epsilon=epsilon, delta=delta, relation=relation.value, unit=unit, max_rows_per_unit=max_rows_per_unit
        )
        if out is not None:
            from dpsynth.report.files import require_new, write

            require_new(out, overwrite=overwrite)
            write(made.page().encode(), out, edition="public")
        if as_json:
            print_json(made.to_json())
            return
        _print(made)
        if out is not None:
            typer.echo(f"written: {out}")


def _print(made: Explanation) -> None:
    from dpsynth.release.plain_words import in_percent, rounded_up
    from dpsynth.report.deployments import DEPLOYMENTS, finds_at_most

    typer.echo(made.words())
    print_table(
        ("false alarms", "found by guessing", "found at most", "right at most, of those accused"),
        [
            (in_percent(each.false_alarms),) * 2 + (in_percent(each.finds, up=True), in_percent(each.right, up=True))
            for each in made.odds
        ],
        title="The best attacker (the last column: when half of all suspects are in the table)",
    )
    _print_people(made)
    print_table(
        ("releases", f"epsilon at delta {made.promise.delta:g}", "found at 1% false alarms"),
        [(f"{each.releases}", rounded_up(each.epsilon, 4), in_percent(each.finds, up=True)) for each in made.sums],
        title="Releases like this about the same people, together",
    )
    others = [
        (
            f"{each.name} ({each.whom}, {each.every})",
            f"{each.epsilon:g}",
            f"{each.delta:g}",
            in_percent(finds_at_most(each.epsilon, each.delta, 0.01), up=True),
        )
        for each in DEPLOYMENTS
    ]
    own = ("this promise", f"{made.promise.epsilon:g}", f"{made.promise.delta:g}", in_percent(made.alone, up=True))
    print_table(
        ("published promises", "epsilon", "delta", "found at 1%, by these alone"),
        [own, *others],
        title="What others promise (their noise may leave less); sources: --json or --out",
    )


def _print_people(made: Explanation) -> None:
    """A thousand of those in the table, one letter each: found by guessing, found more, not found."""
    from rich.console import Console
    from rich.text import Text

    from dpsynth.report import words

    finds = next(each.finds for each in made.odds if each.false_alarms == 0.01)
    by_chance, at_most = _PEOPLE // 100, min(_PEOPLE, math.ceil(_PEOPLE * finds - 1e-9))
    letters = Text()
    letters.append("o" * by_chance, "bold")
    letters.append("#" * (at_most - by_chance), "bold red")
    letters.append("." * (_PEOPLE - at_most), "dim")
    typer.echo(f"In a picture: {words.gained(made)}")
    typer.echo(
        f"  o  {by_chance} found by guessing   #  at most {at_most - by_chance} more with the release   .  the others"
    )
    console = Console(soft_wrap=True)
    with console.capture() as printed:
        for start in range(0, _PEOPLE, _ACROSS):
            console.print("  ", letters[start : start + _ACROSS], sep="")
    typer.echo(printed.get(), nl=False)
