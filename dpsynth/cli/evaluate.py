"""`dpsynth evaluate`: how near a release is to the private table, for the steward alone."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from dpsynth.cli.options import Json, ShowProgress
from dpsynth.cli.output import print_json, print_table
from dpsynth.cli.progress import progress_bar
from dpsynth.cli.refusals import refusals

if TYPE_CHECKING:
    from dpsynth.evaluation.arms import Figure
    from dpsynth.evaluation.evaluation import Evaluation


def evaluate(
    release: Annotated[Path, typer.Argument(help="A release directory.")],
    private: Annotated[Path, typer.Option("--private", help="The private table that the release was made from.")],
    holdout: Annotated[
        Path | None, typer.Option("--holdout", help="Rows of the same population that took no part in the synthesis.")
    ] = None,
    label: Annotated[
        str | None, typer.Option("--label", metavar="COLUMN", help="Column that models learn to predict.")
    ] = None,
    positive: Annotated[
        str | None, typer.Option("--positive", metavar="VALUE", help="The label's value of interest, for gaps and AUC.")
    ] = None,
    protected: Annotated[
        str | None,
        typer.Option("--protected", metavar="COLUMNS", help="Columns whose groups are looked at: 'sex,race'."),
    ] = None,
    area: Annotated[
        str | None, typer.Option("--area", metavar="COLUMN", help="Take NIST's k-marginal score within its values.")
    ] = None,
    over: Annotated[
        str | None, typer.Option("--over", metavar="COLUMN", help="Follow the label over this column in each group.")
    ] = None,
    task: Annotated[
        list[str] | None,
        typer.Option("--task", metavar="MODULE:FUNCTION", help="Your own task(train, test); repeatable."),
    ] = None,
    direct: Annotated[
        bool, typer.Option("--direct/--no-direct", help="Train private models on the private rows too, to compare.")
    ] = True,
    repeats: Annotated[int, typer.Option("--repeats", min=1, help="Random splits of the private rows.")] = 3,
    seed: Annotated[int, typer.Option("--seed", min=0, help="The same seed gives the same figures.")] = 0,
    out: Annotated[
        Path | None, typer.Option("--out", metavar="FOLDER", help="Write evaluation.html and evaluation.json there.")
    ] = None,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace files that are there.")] = False,
    progress: ShowProgress = False,
    as_json: Json = False,
) -> None:
    """Compare a release with the private table, beside a floor and a ceiling for every number.

    What it prints and writes was computed on private rows without privacy: it is for the steward, and never published.
    """
    with refusals(as_json):
        import dpsynth
        from dpsynth.evaluation.files import require_apart

        if out is not None:
            require_apart(out, overwrite=overwrite)
        with progress_bar(progress) as show:
            found = dpsynth.evaluate(
                release,
                private,
                holdout=holdout,
                label=label,
                positive=positive,
                protected=[] if protected is None else [name.strip() for name in protected.split(",")],
                area=area,
                over=over,
                tasks=task or (),
                direct=direct,
                repeats=repeats,
                seed=seed,
                progress=show,
            )
        written = () if out is None else found.save(out, overwrite=overwrite)
        if as_json:
            print_json(found.to_json())
        else:
            _print(found, written)


def _print(found: Evaluation, written: tuple[Path, ...]) -> None:
    from dpsynth.evaluation import words
    from dpsynth.evaluation.evaluation import EDITION, SECTIONS
    from dpsynth.markup import visible

    typer.secho(EDITION, fg=typer.colors.YELLOW, bold=True)
    for line in words.headline(found):
        typer.echo(f"  {visible(line)}")
    for section, figures in found.figures.items():
        rows = [(visible(each.name), *_numbers(each), words.reached(each)) for each in figures]
        print_table((SECTIONS[section].lower(), "all rows", "synthetic", "floor", "ceiling", "reached"), rows)
    if found.direct:
        scores = list(found.direct[0].scores)
        table = [(each.model, *(words.number(each.scores[score].value) for score in scores)) for each in found.direct]
        print_table(("private model, trained directly", *scores), table)
    groups = [each for each in found.groups if len(each.levels) == 1 or each.verdict != "as private"][:20]
    if groups:
        table = [
            (
                visible(each.name),
                f"{each.rows:,}",
                f"{each.synthetic_rows:,}",
                *map(words.number, (each.log_disparity, each.error, each.chance)),
                each.verdict,
            )
            for each in groups
        ]
        print_table(("group", "private", "synthetic", "log disparity", "error", "two halves", "representation"), table)
    for note in found.notes:
        typer.echo(f"note:    {note}")
    for path in written:
        typer.echo(f"written: {path}")


def _numbers(each: Figure) -> list[str]:
    from dpsynth.evaluation.words import number

    return [number(value) for value in (each.whole, each.synthetic.value, each.floor.value, each.ceiling.value)]
