"""`dpsynth forecast`: how far off a release would be at several epsilons, and what it would take, before any data."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from dpsynth.cli.options import (
    FairnessText,
    Json,
    Label,
    MaxRows,
    RelationName,
    RelationOption,
    Settings,
    ShowProgress,
    SynthesizerName,
    UnitColumn,
    WorkloadText,
    parsed_numbers,
    parsed_settings,
)
from dpsynth.cli.output import print_json, print_table
from dpsynth.cli.plan import print_resources
from dpsynth.cli.progress import progress_bar
from dpsynth.cli.refusals import refusals

if TYPE_CHECKING:
    from dpsynth.forecast.error import ErrorForecast


def forecast(
    schema: Annotated[Path, typer.Argument(help="Schema file (YAML): what is public about each column.")],
    rows: Annotated[int, typer.Option(min=1, help="About how many rows the table has: a round public number.")],
    epsilon: Annotated[
        list[float] | None, typer.Option(help="Privacy loss epsilon; repeatable. By default 0.3, 1 and 3.")
    ] = None,
    delta: Annotated[
        float | None, typer.Option(help="Privacy loss delta; by default a thousandth of 1 over the rows.")
    ] = None,
    synthesizer: SynthesizerName = "auto",
    label: Label = None,
    workload: WorkloadText = None,
    fairness: FairnessText = None,
    unit: UnitColumn = None,
    max_rows_per_unit: MaxRows = None,
    relation: RelationOption = RelationName.add_remove,
    settings: Settings = None,
    draws: Annotated[int, typer.Option(min=1, help="Made-up tables to try it on.")] = 4,
    wanted: Annotated[
        float | None,
        typer.Option("--wanted-error", metavar="E", help="Total error that would do: which epsilon reaches it?"),
    ] = None,
    common_values: Annotated[
        list[str] | None,
        typer.Option(
            metavar="COLUMN=N",
            help="A public fact: a column of labels is as varied as N equally common values would be; repeatable.",
        ),
    ] = None,
    progress: ShowProgress = False,
    as_json: Json = False,
) -> None:
    """Forecast the error of a release from the schema alone, on made-up tables. Reads no data; costs no privacy."""
    chosen, common = parsed_settings(settings), parsed_numbers(common_values, "--common-values")
    options: dict[str, Any] = {
        "synthesizer": synthesizer, "label": label, "workload": workload, "fairness": fairness, "unit": unit,
        "max_rows_per_unit": max_rows_per_unit, "relation": relation.value, "settings": chosen,
    }  # fmt: skip
    with refusals(as_json):
        import dpsynth

        described = dpsynth.Schema.load(schema)
        with progress_bar(progress) as show:
            made = dpsynth.forecast_error(
                described,
                rows=rows,
                epsilons=epsilon or (0.3, 1.0, 3.0),
                delta=delta,
                draws=draws,
                common_values=common,
                progress=show,
                **options,
            )
        planned = dpsynth.plan(described, epsilon=made.at[-1].epsilon, delta=made.delta, **options)
        resources = dpsynth.forecast_resources(planned, len(described), rows).to_json()
        reaches = None if wanted is None else made.epsilon_for(wanted)
        if as_json:
            print_json({**made.to_json(), "wanted_error": wanted, "epsilon_for_it": reaches, "resources": resources})
            return
        _print(made)
        if wanted is not None:
            _print_wanted(made, wanted, reaches)
        print_resources(resources)


def _print(made: ErrorForecast) -> None:
    from dpsynth.forecast.error import HOW_NEAR

    stand = "" if made.simulated_rows == made.rows else f" of {made.simulated_rows:,} rows that stand for as many"
    print_table(
        ("epsilon", "one-way", "two-way", "three-way", "total", "likely", "count of a pair, off by"),
        [
            (
                f"{each.epsilon:g}",
                *(f"{part.mean:.3f}" for part in (each.one_way, each.two_way, each.three_way, each.total)),
                _range(*each.likely),
                f"{each.counts[1].mean:,.3g} rows",
            )
            for each in made.at
        ],
        title=f"Expected error of a release of {made.rows:,} rows, delta {made.delta:g}: mean total variation distance",
    )
    names = list(dict.fromkeys(each.synthesizer for each in made.at))
    typer.echo(f"tried on: {made.draws} made-up tables{stand}, with {', '.join(names)}; no data was read")
    typer.echo("means:    at 0.05, 5 of 100 rows would have to change for tables of counts to agree")
    typer.echo(f"near:     {HOW_NEAR}")


def _range(low: float, high: float) -> str:
    return f"{low:.3f}-{high:.3f}"


def _print_wanted(made: ErrorForecast, wanted: float, reaches: float | None) -> None:
    if reaches is None:
        typer.echo(f"wanted:   a total of {wanted:g} needs an epsilon above {made.at[-1].epsilon:g}; try larger ones")
    else:
        first = "at most " if reaches == made.at[0].epsilon else "about "
        typer.echo(f"wanted:   a total of {wanted:g} needs {first}epsilon {reaches:.2g}")
